"""Where the log, the vault's sealed blobs and the tables of people and sessions live."""
