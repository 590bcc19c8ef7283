"""How parameters stand in a request, per protocol. Parsers are strict: what the model does not account for is an error."""
