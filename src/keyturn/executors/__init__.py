"""All I/O towards providers."""
