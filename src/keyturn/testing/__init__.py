"""Public test tools: a stand-in account, suites that every adapter passes, the simulation."""
