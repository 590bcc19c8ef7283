"""The heart: a case's life as a table, and what follows from each event. No I/O, no clock, no randomness, no logging."""
