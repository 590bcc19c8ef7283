"""How long a person waits for ``keyturn --help``, and an agent for the gateway. Run: ``python -m bench.startup``"""

from __future__ import annotations

import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from bench.log import Row, row

ROUNDS: Final = 15
HELP_MS_MAX: Final = 150.0
READY_S_MAX: Final = 2.0
INDEX_MS_MAX: Final = 20.0
HERE: Final = Path(__file__).parent


def measure() -> list[Row]:
    """Interleaved with a bare Python, since machines are noisy."""
    bare, told = [], []
    for _ in range(ROUNDS):
        bare.append(_took_ms(sys.executable, "-c", "pass"))
        told.append(_took_ms(sys.executable, "-m", "keyturn.cli.main", "--help"))
    over = statistics.median(b - a for a, b in zip(bare, told, strict=True))
    ready = [_ready_s() for _ in range(3)]
    ready_s = statistics.median(ready)
    return [
        row(
            "keyturn --help, over bare Python",
            over,
            "ms",
            baseline=statistics.median(bare),
            goal=f"<= {HELP_MS_MAX:g} ms over it",
            met=over <= HELP_MS_MAX,
        ),
        row("gateway ready", ready_s, "s", goal=f"<= {READY_S_MAX:g} s", met=ready_s <= READY_S_MAX),
        _index(),
    ]


def _index() -> Row:
    """The wire table's index, in processor time, each time in a process of its own."""
    code = (
        "import time; from keyturn.providers.aws.wire_table import load; "
        "begun = time.process_time(); load(); print((time.process_time() - begun) * 1000)"
    )
    took = [
        float(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout)
        for _ in range(5)
    ]
    index_ms = statistics.median(took)
    goal = f"<= {INDEX_MS_MAX:g} ms"
    return row("wire table: its index loaded", index_ms, "ms", goal=goal, met=index_ms <= INDEX_MS_MAX)


def _took_ms(*command: str) -> float:
    begun = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return (time.perf_counter() - begun) * 1000


def _ready_s() -> float:
    """From the start of ``keyturn up`` to the line that says it listens."""
    with tempfile.TemporaryDirectory(dir=HERE, prefix=".ready-") as name:
        home = Path(name)
        environment = {**os.environ, "HOME": name, "KEYTURN_CONFIG": str(home / "keyturn.toml")}
        base = [sys.executable, "-m", "keyturn.cli.main"]
        ports = ["--gateway-port", "0", "--console-port", str(_free_port())]
        made = [*base, "init", "--account", "123456789012", "--data-dir", str(home / "data"), *ports]
        subprocess.run(made, check=True, env=environment, stdout=subprocess.DEVNULL)
        begun = time.perf_counter()
        with subprocess.Popen([*base, "up"], env=environment, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            process.stdout.readline()
            took = time.perf_counter() - begun
            process.send_signal(signal.SIGTERM)
            process.wait(10)
    return took


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


if __name__ == "__main__":
    for line in measure():
        print(json.dumps(line))
