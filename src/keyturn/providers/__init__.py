"""What the outside world's operations mean: pure knowledge behind `core.ports.Provider`."""
