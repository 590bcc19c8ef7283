"""Keyturn: the change-control plane between AI agents and live infrastructure."""

__version__ = "0.1.0"
