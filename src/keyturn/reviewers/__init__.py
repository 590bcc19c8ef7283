"""Channels: how people hear that something waits for them, or became of something. What is decided is decided in the plane."""
