from keyturn.testing.simulation.history import History
def check(h: History) -> list[str]: return []
