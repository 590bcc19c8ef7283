"""What a request would do, and what policy says to it, without anything running: the assessment and the decision of the gateway.

explainer = Explainer(load(["seatbelt"]))
explainer.explain(asked_of_line('{"command": "aws rds delete-db-instance --db-instance-identifier orders"}'))

Facts of live state are what comes along; what the assessment asks for beyond them is unknown. Nothing here does I/O.
"""

from keyturn.explaining.asked import Asked, NotAskedError, asked_of, asked_of_bytes, asked_of_line
from keyturn.explaining.explained import Explained
from keyturn.explaining.explainer import Explainer
from keyturn.explaining.live import Live
from keyturn.explaining.sessions import Sessions

__all__ = [
    "Asked",
    "Explained",
    "Explainer",
    "Live",
    "NotAskedError",
    "Sessions",
    "asked_of",
    "asked_of_bytes",
    "asked_of_line",
]
