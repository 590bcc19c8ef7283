"""The command line. It speaks only to the console's API, and imports nothing heavy before it has to."""
