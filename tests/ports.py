"""Ports that a test may name beforehand and still has when it comes to listen on them."""

from __future__ import annotations

import itertools
import os
import socket
from typing import Final

FIRST: Final = 20_000
"""Below what Linux hands out by itself from 32768 on (ip_local_port_range): no other socket gets one of these by chance."""

OF_A_WORKER: Final = 1_000
WORKERS_MAX: Final = 12

_WORKER: Final = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % WORKERS_MAX
_NUMBERS: Final = itertools.cycle(range(OF_A_WORKER))


def free_port() -> int:
    """One that nobody listens on, and that no other test of this run is given."""
    for number in itertools.islice(_NUMBERS, OF_A_WORKER):
        port = FIRST + _WORKER * OF_A_WORKER + (number + os.getpid()) % OF_A_WORKER
        try:
            with socket.create_server(("127.0.0.1", port)):
                return port
        except OSError:
            continue
    raise AssertionError("no port is free")
