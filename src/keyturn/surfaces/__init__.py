"""Doors an agent comes through. A surface turns its protocol into a change and a reply back into its protocol."""
