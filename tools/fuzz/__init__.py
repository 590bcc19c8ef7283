"""Coverage-guided fuzzing of everything that reads an agent's bytes (`make fuzz`)."""
