"""Languages inside of requests: what the text that a call carries would do. Pure and total: a text that cannot be read is unknown."""
