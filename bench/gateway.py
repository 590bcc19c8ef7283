"""The gateway beside the same upstream without it, beside a relay that reads nothing, and beside mitmproxy. Run: ``python -m bench.gateway``

Read lane: a 1 KB DynamoDB GetItem, signed, verified, identified, decided, signed anew, forwarded, logged. Change lane: an allowed
CreateTable, with every stage of its case, beside what the disk takes to make one frame durable. Memory: 64 MB each way, and 1 GB.
Everything is on loopback; rounds are interleaved; the load comes from this process.

Rates: what is measured has a core of its own and is kept busy. *A core* means its own processor time, user and system, from /proc:
on a quiet machine that is the clock's second, and where others take turns on the core it still is. Latency: load, gateway and
upstream share one core, so that with the gateway and without it the same kind of switch is made. Of many short rounds the best
counts, for everybody: neighbours only ever add.
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
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

from bench.log import Row, _fsync_ms, row
from bench.upstream import LARGE_MB
from keyturn import footprint

ROUNDS: Final = 12
REQUESTS: Final = 960
CONNECTIONS: Final = 16
CORES: Final = frozenset(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else frozenset({0})
LATENCY_ROUNDS: Final = 15
LATENCY_REQUESTS: Final = 60
CHANGES: Final = 40
MITM_RATIO_MIN: Final = 10.0
PER_CORE_MIN: Final = 8_000.0
ADDED_US_MAX: Final = 100.0
RESIDENT_MB_MAX: Final = 60.0
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
    _put(pid, {min(CORES)})


def among(pid: int) -> None:
    """On a core of the load and its upstream."""
    _put(pid, CORES - {min(CORES)})


def _put(pid: int, cores: frozenset[int] | set[int]) -> None:
    if len(CORES) > 1:
        for thread in Path(f"/proc/{pid}/task").iterdir():
            os.sched_setaffinity(int(thread.name), cores)


def processor_s(pid: int) -> float:
    """Seconds of processor time it has had, all its threads, to the nanosecond (Linux: schedstat)."""
    spent = [int((task / "schedstat").read_text().split()[0]) for task in Path(f"/proc/{pid}/task").iterdir()]
    return sum(spent) / 1e9


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


class Upstream(NamedTuple):
    pid: int
    port: int


@contextlib.contextmanager
def upstream() -> Iterator[Upstream]:
    with child(sys.executable, "-m", "bench.upstream") as process:
        assert process.stdout is not None
        yield Upstream(process.pid, int(process.stdout.readline()))


@contextlib.contextmanager
def relay(up: int) -> Iterator[Upstream]:
    with child(sys.executable, "-m", "bench.relay", str(up)) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        alone(process.pid)
        yield Upstream(process.pid, port)


class Keyturn:
    """A running installation with one session."""

    def __init__(self, process: subprocess.Popen[str], told: dict[str, Any]) -> None:
        self.pid, self.port, self.console = process.pid, int(told["port"]), str(told["console"])
        self.key = Credentials(told["access_key_id"], told["secret"])

    def private_mb(self) -> float:
        """What is its alone: without the pages of files, which the system takes back and shares as it likes."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon:")) * 1024 / 1e6

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
def mitmproxy(up: int) -> Iterator[tuple[int, int] | None]:
    """(pid, port) of mitmdump with an addon that does nothing, in an environment of its own; None where it cannot be had."""
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
                yield process.pid, port
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


class _Read:
    """How reads go one way: straight to the upstream, through the gateway, through mitmproxy."""

    def __init__(self, pid: int, port: int, key: Credentials, share: int = 1) -> None:
        self.pid, self.port, self.request = pid, port, signed(key, port)
        self._share = share  # of the requests: what is slow is asked fewer times
        self.rates: list[float] = []
        self.costs_us: list[float] = []  # processor time of a request
        self.latencies_us: list[float] = []

    def burst(self) -> None:
        """As many connections as there are, each as fast as it is answered."""
        alone(self.pid)
        each = REQUESTS // CONNECTIONS // self._share
        begun_s = processor_s(self.pid)
        self.rates.append(load(self.port, self.request, connections=CONNECTIONS, each=each)[0])
        self.costs_us.append((processor_s(self.pid) - begun_s) / (each * CONNECTIONS) * 1e6)

    def one_by_one(self) -> None:
        among(self.pid)
        count = LATENCY_REQUESTS // self._share
        self.latencies_us.append(load(self.port, self.request, connections=1, each=count)[1] * 1000)


def _reads(up: Upstream, folder: Path) -> list[Row]:
    with keyturn(up.port, folder / "reads") as plane, mitmproxy(up.port) as mitm, relay(up.port) as passing:
        direct, bare, ours = (
            _Read(up.pid, up.port, plane.key),
            _Read(*passing, plane.key),
            _Read(plane.pid, plane.port, plane.key),
        )
        theirs = _Read(*mitm, plane.key, share=5) if mitm else None
        ways = [way for way in (direct, bare, ours, theirs) if way is not None]
        for way in ways:  # warm
            load(way.port, way.request, connections=1, each=50)
        for way in ways * LATENCY_ROUNDS:
            way.one_by_one()
        among(up.pid)
        for way in ways * ROUNDS:
            if way is not direct:
                way.burst()
    one_us, added_us = min(ours.latencies_us), min(ours.latencies_us) - min(direct.latencies_us)
    cost_us = min(ours.costs_us)
    rows = [
        row("gateway: a read, one at a time", one_us, "us", baseline=min(direct.latencies_us)),
        row(
            "gateway: p50 it adds to a read",
            added_us,
            "us",
            goal=f"<= {ADDED_US_MAX:g} us",
            met=added_us <= ADDED_US_MAX,
        ),
        row(
            "gateway: reads a second, per core",
            1e6 / cost_us,
            "1/s",
            goal=f">= {PER_CORE_MIN:,.0f}/s of its processor time",
            met=1e6 / cost_us >= PER_CORE_MIN,
        ),
        row("gateway: processor time of a read", cost_us, "us", baseline=min(bare.costs_us)),
        row(
            "a relay that reads nothing: p50 it adds", min(bare.latencies_us) - min(direct.latencies_us), "us"
        ),
    ]
    return [*rows, *_beside(ours, theirs, direct)]


def _beside(ours: _Read, theirs: _Read | None, direct: _Read) -> list[Row]:
    """The gateway and mitmproxy, in the same rounds."""
    cost_us, name = min(ours.costs_us), "gateway: reads a second, per core, beside mitmproxy"
    goal = f">= {MITM_RATIO_MIN:g}x mitmproxy with an addon that does nothing"
    if theirs is None:
        return [row(name, 1e6 / cost_us, "1/s", goal=f"{goal}: SKIPPED, it cannot be installed here")]
    their_us = min(theirs.costs_us)
    return [
        row(
            name,
            1e6 / cost_us,
            "1/s",
            baseline=1e6 / their_us,
            goal=goal,
            met=their_us / cost_us >= MITM_RATIO_MIN,
        ),
        row(
            "gateway: reads a second by the clock, beside mitmproxy",
            max(ours.rates),
            "1/s",
            baseline=max(theirs.rates),
        ),
        row(
            "mitmproxy: a read, one at a time",
            min(theirs.latencies_us),
            "us",
            baseline=min(direct.latencies_us),
        ),
    ]


def _changes(up: Upstream, folder: Path) -> list[Row]:
    with keyturn(up.port, folder / "changes") as plane:
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


def _memory(up: Upstream, folder: Path) -> list[Row]:
    """Observing, so that the upload needs nobody's approval: the bytes take the same way."""
    with keyturn(up.port, folder / "memory", observe=True) as plane:
        rest, private = plane.resident_mb(), plane.private_mb()
        client = boto3.client(
            "s3",
            region_name=REGION,
            endpoint_url=f"http://127.0.0.1:{plane.port}",
            aws_access_key_id=plane.key.access_key,
            aws_secret_access_key=plane.key.secret_key,
            config=Config(retries={"max_attempts": 0}, s3={"addressing_style": "path"}),
        )

        def down(megabytes: int) -> float:
            body, size, most = client.get_object(Bucket="large", Key=str(megabytes))["Body"], 0, 0.0
            while chunk := body.read(1024 * 1024):
                size += len(chunk)
                most = max(most, plane.resident_mb())
            assert size == megabytes * 1024 * 1024
            return most

        down(1)
        time.sleep(footprint.EVERY_S + 1)  # a first decision reads more of Cedar's library than any later one
        before = plane.resident_mb()
        small, large = down(LARGE_MB), down(16 * LARGE_MB)
        client.put_object(
            Bucket="small", Key="one", Body=b"x"
        )  # what an upload needs beside its bytes is here
        time.sleep(footprint.EVERY_S + 1)
        known = plane.resident_mb()
        with tempfile.TemporaryFile(dir=folder) as file:
            file.truncate(LARGE_MB * 1024 * 1024)
            client.put_object(Bucket="small", Key="two", Body=file)
            time.sleep(footprint.EVERY_S + 1)
            stored = plane.resident_mb()
            file.truncate(16 * LARGE_MB * 1024 * 1024)
            client.put_object(Bucket="small", Key="three", Body=file)
        most = plane.resident_mb()
        urllib.request.urlopen(f"{plane.console}/login", timeout=30).read()  # noqa: S310  # http, and ours
        time.sleep(footprint.EVERY_S + 1)
        opened = plane.resident_mb()
    grown = {
        f"{LARGE_MB} MB down": small - before,
        f"{16 * LARGE_MB:,} MB down": large - before,
        f"{LARGE_MB} MB up": stored - known,
        f"{16 * LARGE_MB:,} MB up": most - known,
    }
    whole = {
        "at rest": rest,
        f"while {16 * LARGE_MB:,} MB pass down": large,
        f"after {LARGE_MB} MB passed up, as a change": stored,
    }
    rows = [_at_most(f"gateway: memory it grows by, {what}", mb, GROWTH_MB_MAX) for what, mb in grown.items()]
    name = "gateway: memory, with policies, before anybody opens the console"
    rows += [_at_most(f"{name}, {what}", mb, RESIDENT_MB_MAX) for what, mb in whole.items()]
    return [
        *rows,
        row("gateway: of it not pages of files, at rest", private, "MB"),
        row("gateway: memory, after all of that and with the console open", opened, "MB"),
    ]


def _at_most(name: str, mb: float, most: float) -> Row:
    return row(name, mb, "MB", goal=f"<= {most:g} MB", met=mb <= most)


if __name__ == "__main__":
    for line in measure():
        print(json.dumps(line))
