"""The agent's side: launching it without credentials, and trying to reach AWS around the plane."""
