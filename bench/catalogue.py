"""What knowing every operation costs: loading the catalogue, one look-up. Run: ``python -m bench.catalogue``"""

from __future__ import annotations

import statistics
import time
from importlib.resources import files
from typing import Final

from bench.log import Row, row
from keyturn.providers.aws import catalogue, plans

ROUNDS: Final = 7
LOAD_MS_MAX: Final = 60.0
LOOKUP_MS_MAX: Final = 0.1
BYTES_MAX: Final = 500_000


def measure() -> list[Row]:
    """The load anew each time; look-ups of all operations once, none of them remembered."""
    loads = []
    for _ in range(ROUNDS):
        catalogue._load.cache_clear()  # noqa: SLF001  # the load is what is measured
        begun = time.perf_counter()
        catalogue.identity()
        loads.append((time.perf_counter() - begun) * 1_000)
    every = catalogue.every()
    catalogue.lookup.cache_clear()
    begun = time.perf_counter()
    for service, name in every:
        catalogue.lookup(service, name)
    each = (time.perf_counter() - begun) * 1_000 / len(every)
    home = files("keyturn.providers.aws.catalogue")
    size = sum(len(home.joinpath(name).read_bytes()) for name in ("effects.bin", "resources.bin"))
    plans.known("s3", "DeleteBucket")
    load = statistics.median(loads)
    return [
        row("load the catalogue", load, "ms", goal=f"<= {LOAD_MS_MAX:.0f} ms", met=load <= LOAD_MS_MAX),
        row("look an operation up", each, "ms", goal=f"<= {LOOKUP_MS_MAX} ms", met=each <= LOOKUP_MS_MAX),
        row("the catalogue, packed", size, "bytes", goal=f"<= {BYTES_MAX:,} bytes", met=size <= BYTES_MAX),
    ]


if __name__ == "__main__":
    for line in measure():
        print(line)
