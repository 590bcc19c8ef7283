"""The gateway beside the same upstream without it, and beside mitmproxy. Run: ``python -m bench.gateway``

Read lane: a 1 KB DynamoDB GetItem, signed, verified, identified, decided, signed anew, forwarded, logged. Change lane: an allowed
CreateTable, with every stage of its case, beside what the disk takes to make one frame durable. Memory: 64 MB each way.
Everything is on loopback; rounds are interleaved; the load comes from this process.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

from bench.log import Row, _fsync_ms, row
from bench.upstream import LARGE_BYTES

ROUNDS: Final = 5
REQUESTS: Final = 1600
CONNECTIONS: Final = 16
CORES: Final = frozenset(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else frozenset({0})
LATENCY_REQUESTS: Final = 200
CHANGES: Final = 40
MITM_RATIO_MIN: Final = 10.0
GROWTH_MB_MAX: Final = 32.0
REGION, NUMBER = "eu-central-1", "123456789012"
BODY: Final = b'{"TableName":"t","Key":{"id":{"S":"1"}}}'
HERE: Final = Path(__file__).parent


def measure() -> list[Row]:
    """About half a minute; a minute more the first time, while mitmproxy is installed."""
    with tempfile.TemporaryDirectory(dir=HERE, prefix=".gateway-") as name:  # not a RAM disk
        folder = Path(name)
        with beside(), upstream() as up:
            return [*_reads(up, folder), *_changes(up, folder), *_memory(up, folder)]


# --- processes -------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def child(*command: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """A process of ours, ended when the block ends."""
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, **environment}, cwd=HERE.parent
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(5)
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def alone(pid: int) -> None:
    """Give what is measured a core of its own, all its threads: else it takes turns with the load and its upstream."""
    if len(CORES) > 1:
        for thread in Path(f"/proc/{pid}/task").iterdir():
            os.sched_setaffinity(int(thread.name), {min(CORES)})


@contextlib.contextmanager
def beside() -> Iterator[None]:
    """The load, and what it starts in the block, leave one core alone."""
    if len(CORES) < 2:
        yield
        return
    os.sched_setaffinity(0, CORES - {min(CORES)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, CORES)


@contextlib.contextmanager
def upstream() -> Iterator[int]:
    with child(sys.executable, "-m", "bench.upstream") as process:
        assert process.stdout is not None
        yield int(process.stdout.readline())


class Keyturn:
    """A running installation with one session."""

    def __init__(self, process: subprocess.Popen[str], told: dict[str, Any]) -> None:
        self.pid, self.port = process.pid, int(told["port"])
        self.key = Credentials(told["access_key_id"], told["secret"])

    def resident_mb(self) -> float:
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


@contextlib.contextmanager
def keyturn(up: int, folder: Path, *, observe: bool = False) -> Iterator[Keyturn]:
    command = (sys.executable, "-m", "bench.installation", str(folder), str(up), "observe" if observe else "")
    with child(*command) as process:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        alone(process.pid)
        yield Keyturn(process, told)


@contextlib.contextmanager
def mitmproxy(up: int) -> Iterator[int | None]:
    """Mitmdump with an addon that does nothing, in an environment of its own; None where it cannot be had."""
    place = HERE / ".mitmproxy"
    binary = place / "bin" / "mitmdump"
    if not binary.exists():
        print("installing mitmproxy, to measure beside it ...", file=sys.stderr)
        made = subprocess.run([sys.executable, "-m", "venv", str(place)], check=False)
        got = subprocess.run(
            [str(place / "bin" / "pip"), "install", "-q", "mitmproxy"], check=False, stderr=subprocess.DEVNULL
        )
        if made.returncode or got.returncode:
            shutil.rmtree(place, ignore_errors=True)
            yield None
            return
    addon = place / "nothing.py"
    addon.write_text("class Nothing:\n    def request(self, flow): pass\n\n\naddons = [Nothing()]\n")
    port = _free_port()
    mode = f"reverse:http://127.0.0.1:{up}"
    command = (
        str(binary),
        "-q",
        "--mode",
        mode,
        "--listen-host",
        "127.0.0.1",
        "-p",
        str(port),
        "-s",
        str(addon),
    )
    with child(*command) as process:
        for _ in range(200):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.1):
                alone(process.pid)
                yield port
                return
            time.sleep(0.1)
        yield None


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


# --- load ------------------------------------------------------------------------------------------------------------


def signed(key: Credentials, port: int) -> bytes:
    """One signed GetItem as bytes; good for fifteen minutes, and as often as one likes."""
    request = AWSRequest(
        "POST",
        f"http://127.0.0.1:{port}/",
        data=BODY,
        headers={
            "Content-Type": "application/x-amz-json-1.0",
            "X-Amz-Target": "DynamoDB_20120810.GetItem",
            "User-Agent": "bench",
        },
    )
    SigV4Auth(key, "dynamodb", REGION).add_auth(request)
    lines = [f"POST / HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\ncontent-length: {len(BODY)}"]
    lines += [f"{name}: {value}" for name, value in request.headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + BODY


class _Asker:
    """One connection that asks again as soon as it is answered."""

    def __init__(self, port: int, request: bytes, count: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._request, self._left = request, count
        self._heard = b""
        self._whole = 0  # bytes of an answer, once one was read
        self.costs_ms: list[float] = []

    def fileno(self) -> int:
        return self._socket.fileno()

    def ask(self) -> None:
        self._begun = time.perf_counter()
        self._socket.sendall(self._request)

    def hear(self) -> bool:
        """Take what came; False when that was the last answer."""
        self._heard += self._socket.recv(65_536)
        if not self._whole:
            head, end, _ = self._heard.partition(b"\r\n\r\n")
            if not end:
                return True
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
            self._whole = len(head) + 4 + length
        if len(self._heard) < self._whole:
            return True
        assert self._heard.startswith(b"HTTP/1.1 200"), self._heard[:400]
        self._heard, self._whole = b"", 0
        self.costs_ms.append((time.perf_counter() - self._begun) * 1000)
        self._left -= 1
        if self._left:
            self.ask()
            return True
        self._socket.close()
        return False


def load(port: int, request: bytes, *, connections: int, each: int) -> tuple[float, float]:
    """(requests a second, median milliseconds of one). As little work as can be: it shares the machine with what it measures."""
    askers = {}
    with select.epoll() as ready:
        begun = time.perf_counter()
        for _ in range(connections):
            asker = _Asker(port, request, each)
            askers[asker.fileno()] = asker
            ready.register(asker.fileno(), select.EPOLLIN)
            asker.ask()
        busy = connections
        while busy:
            for number, _ in ready.poll(120):
                busy -= not askers[number].hear()
        took = time.perf_counter() - begun
    return connections * each / took, statistics.median(
        cost for asker in askers.values() for cost in asker.costs_ms
    )


def _reads(up: int, folder: Path) -> list[Row]:
    with keyturn(up, folder / "reads") as plane, mitmproxy(up) as mitm:
        ports = {"direct": up, "keyturn": plane.port} | ({"mitmproxy": mitm} if mitm else {})
        requests = {name: signed(plane.key, port) for name, port in ports.items()}
        for name, port in ports.items():  # warm
            load(port, requests[name], connections=1, each=20)
        rates: dict[str, list[float]] = {name: [] for name in ports}
        latency: dict[str, list[float]] = {name: [] for name in ports}
        for _ in range(ROUNDS):
            for name, port in ports.items():
                each = REQUESTS // CONNECTIONS // (6 if name == "mitmproxy" else 1)
                rates[name].append(load(port, requests[name], connections=CONNECTIONS, each=each)[0])
                count = LATENCY_REQUESTS // (4 if name == "mitmproxy" else 1)
                latency[name].append(load(port, requests[name], connections=1, each=count)[1])
    rate = {name: statistics.median(values) for name, values in rates.items()}
    one = {name: statistics.median(values) for name, values in latency.items()}
    rows = [
        row("gateway: a read, one at a time", one["keyturn"], "ms", baseline=one["direct"]),
        row("gateway: latency it adds to a read", one["keyturn"] - one["direct"], "ms"),
        row("gateway: reads a second", rate["keyturn"], "1/s", baseline=rate["direct"]),
    ]
    goal = f">= {MITM_RATIO_MIN:g}x mitmproxy with an addon that does nothing"
    if "mitmproxy" not in rate:
        rows.append(
            row(
                "gateway: reads a second beside mitmproxy",
                rate["keyturn"],
                "1/s",
                goal=f"{goal}: SKIPPED, it cannot be installed here",
            )
        )
        return rows
    ratio = statistics.median(a / b for a, b in zip(rates["keyturn"], rates["mitmproxy"], strict=True))
    beside = row(
        "gateway: reads a second beside mitmproxy",
        rate["keyturn"],
        "1/s",
        baseline=rate["mitmproxy"],
        goal=goal,
    )
    beside["ratio"], beside["met"] = round(ratio, 2), ratio >= MITM_RATIO_MIN
    mitm_one = row("mitmproxy: a read, one at a time", one["mitmproxy"], "ms", baseline=one["direct"])
    return [*rows, beside, mitm_one]


def _changes(up: int, folder: Path) -> list[Row]:
    with keyturn(up, folder / "changes") as plane:
        client = boto3.client(
            "dynamodb",
            region_name=REGION,
            endpoint_url=f"http://127.0.0.1:{plane.port}",
            aws_access_key_id=plane.key.access_key,
            aws_secret_access_key=plane.key.secret_key,
            config=Config(retries={"max_attempts": 0}),
        )
        costs, floor = [], []
        for number in range(CHANGES):
            begun = time.perf_counter()
            client.create_table(
                TableName=f"t{number}",
                KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
                BillingMode="PAY_PER_REQUEST",
            )
            costs.append((time.perf_counter() - begun) * 1000)
            if number % 10 == 0:
                floor.append(_fsync_ms(folder / "floor"))
    fsync_ms, change_ms = statistics.median(floor), statistics.median(costs[5:])
    return [
        row("gateway: an allowed change, all stages, durable", change_ms, "ms", baseline=fsync_ms),
        row("gateway: the disk's own fsync", fsync_ms, "ms"),
    ]


def _memory(up: int, folder: Path) -> list[Row]:
    """Observing, so that the upload needs nobody's approval: the bytes take the same way."""
    with keyturn(up, folder / "memory", observe=True) as plane:
        client = boto3.client(
            "s3",
            region_name=REGION,
            endpoint_url=f"http://127.0.0.1:{plane.port}",
            aws_access_key_id=plane.key.access_key,
            aws_secret_access_key=plane.key.secret_key,
            config=Config(retries={"max_attempts": 0}, s3={"addressing_style": "path"}),
        )
        client.put_object(Bucket="small", Key="one", Body=b"x")
        client.get_object(Bucket="small", Key="one")["Body"].read()
        before, most = plane.resident_mb(), 0.0
        body, size = client.get_object(Bucket="large", Key="one")["Body"], 0
        while chunk := body.read(1024 * 1024):
            size += len(chunk)
            most = max(most, plane.resident_mb() - before)
        assert size == LARGE_BYTES
        down = most
        with tempfile.TemporaryFile(dir=folder) as file:
            file.truncate(LARGE_BYTES)
            client.put_object(Bucket="small", Key="two", Body=file)
        up_mb = plane.resident_mb() - before
    goal = f"<= {GROWTH_MB_MAX:g} MB while 64 MB stream"
    return [
        row("gateway: memory it grows by, 64 MB down", down, "MB", goal=goal, met=down <= GROWTH_MB_MAX),
        row("gateway: memory it grows by, 64 MB up", up_mb, "MB", goal=goal, met=up_mb <= GROWTH_MB_MAX),
    ]


if __name__ == "__main__":
    for line in measure():
        print(json.dumps(line))
