"""Data about every AWS operation, generated from registry packages by `make catalogue`, with overlays of our own."""
