"""Objects pass by: whatever their size, the gateway's memory stays where it was. In a process of its own, which is looked at."""

from __future__ import annotations

import base64
import json
import os
import socket
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Self

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

HOME: Final = Path(__file__).parents[2]
MB: Final = 1024 * 1024
LARGE_MB: Final = int(os.environ.get("KEYTURN_LARGE_MB", "512"))
"""5,120 is what one PUT may have; docs/internals/gateway.md has the figures of that."""

GROWTH_MB_MAX: Final = 32.0
"""What is held of an object is under one; the rest is what Python's allocator keeps."""

PIECE: Final = b"x" * MB
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


class Plane:
    """A gateway that observes, so that an upload asks nobody: its bytes take the same way."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        self.pid, self.port = process.pid, int(told["port"])
        self.key = Credentials(told["access_key_id"], told["secret"])
        self.client = self.boto3("s3")

    def boto3(self, service: str) -> Any:
        return boto3.client(
            service,
            region_name="eu-central-1",
            endpoint_url=f"http://127.0.0.1:{self.port}",
            aws_access_key_id=self.key.access_key,
            aws_secret_access_key=self.key.secret_key,
            config=Config(retries={"max_attempts": 0}, s3={"addressing_style": "path"}, read_timeout=300),
        )

    def private_mb(self) -> float:
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon:")) / 1024


class Grown:
    """By how much the process's own memory grew within the block, at its most."""

    def __init__(self, plane: Plane) -> None:
        self._plane, self._over = plane, threading.Event()
        self.mb = 0.0

    def __enter__(self) -> Self:
        self._before = self._plane.private_mb()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()
        return self

    def _look(self) -> None:
        while not self._over.wait(0.05):
            self.mb = max(self.mb, self._plane.private_mb() - self._before)

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plane]:
    """Warm: one small object each way has passed."""
    if not Path("/proc/self/status").exists():
        pytest.skip("LEFT OUT: memory of a process is read from /proc, which is Linux's")
    with subprocess.Popen(
        [sys.executable, "-m", "bench.upstream"], stdout=subprocess.PIPE, text=True, cwd=HOME
    ) as upstream:
        assert upstream.stdout is not None
        port = upstream.stdout.readline().strip()
        command = [sys.executable, "-m", "bench.installation", str(tmp_path_factory.mktemp("memory")), port, "observe"]  # fmt: skip
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=HOME) as process:
            made = Plane(process)
            made.client.put_object(Bucket="b", Key="warm", Body=b"x" * MB)
            down(made, 1)
            yield made
            made.client.close()
            process.terminate()
        upstream.terminate()


def down(plane: Plane, megabytes: int, **given: str) -> int:
    body, size = plane.client.get_object(Bucket="large", Key=str(megabytes), **given)["Body"], 0
    while piece := body.read(MB):
        size += len(piece)
    return size


def up_in_chunks(plane: Plane, megabytes: int) -> bytes:
    """As an SDK sends what it does not sign as a whole: chunks, and a checksum behind them (STREAMING-UNSIGNED-PAYLOAD-TRAILER)."""
    chunk = b"%x\r\n%s\r\n" % (MB, PIECE)
    crc = 0
    for _ in range(megabytes):
        crc = zlib.crc32(PIECE, crc)
    trailer = b"0\r\nx-amz-checksum-crc32:" + base64.b64encode(crc.to_bytes(4, "big")) + b"\r\n\r\n"
    length = len(chunk) * megabytes + len(trailer)
    request = AWSRequest(
        "PUT",
        f"http://127.0.0.1:{plane.port}/b/chunks",
        headers={
            "Host": f"127.0.0.1:{plane.port}",
            "Content-Encoding": "aws-chunked",
            "X-Amz-Content-SHA256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
            "X-Amz-Decoded-Content-Length": str(megabytes * MB),
            "X-Amz-Trailer": "x-amz-checksum-crc32",
        },
    )
    SigV4Auth(plane.key, "s3", "eu-central-1").add_auth(request)
    lines = ["PUT /b/chunks HTTP/1.1", *(f"{name}: {value}" for name, value in request.headers.items())]
    with socket.create_connection(("127.0.0.1", plane.port), 300) as connection:
        connection.sendall("\r\n".join([*lines, f"content-length: {length}", "", ""]).encode())
        for _ in range(megabytes):
            connection.sendall(chunk)
        connection.sendall(trailer)
        return connection.recv(65_536)


def test_a_large_object_comes_down_in_little_memory(plane: Plane) -> None:
    """Whole, and a range of it."""
    begun_s = time.monotonic()
    with Grown(plane) as grown:
        assert down(plane, LARGE_MB) == LARGE_MB * MB
    print(f"{LARGE_MB} MB down: {grown.mb:.1f} MB more, {LARGE_MB / (time.monotonic() - begun_s):.0f} MB/s")
    assert grown.mb < GROWTH_MB_MAX
    with Grown(plane) as grown:
        assert down(plane, LARGE_MB, Range=f"bytes=1000-{LARGE_MB * MB // 2}") == LARGE_MB * MB // 2 - 999
    assert grown.mb < GROWTH_MB_MAX


def test_a_large_object_goes_up_in_little_memory(plane: Plane, tmp_path: Path) -> None:
    """As boto3 sends a file: signed as a whole."""
    with (tmp_path / "large").open("w+b") as file, Grown(plane) as grown:
        file.truncate(LARGE_MB * MB)
        begun_s = time.monotonic()
        stored = plane.client.put_object(Bucket="b", Key="large", Body=file)
    print(f"{LARGE_MB} MB up: {grown.mb:.1f} MB more, {LARGE_MB / (time.monotonic() - begun_s):.0f} MB/s")
    assert stored["ETag"] == f'"{LARGE_MB * MB}"'
    assert grown.mb < GROWTH_MB_MAX


def test_chunks_with_a_trailer_go_up_in_little_memory(plane: Plane) -> None:
    """What reaches the service is as long as the object, or as its chunks: all of it came."""
    begun_s = time.monotonic()
    with Grown(plane) as grown:
        heard = up_in_chunks(plane, LARGE_MB)
    print(
        f"{LARGE_MB} MB in chunks: {grown.mb:.1f} MB more, {LARGE_MB / (time.monotonic() - begun_s):.0f} MB/s"
    )
    assert heard.startswith(b"HTTP/1.1 200"), heard
    stored = int(heard.partition(b'etag: "')[2].partition(b'"')[0])
    assert LARGE_MB * MB <= stored < LARGE_MB * MB * 1.01
    assert grown.mb < GROWTH_MB_MAX


def test_a_long_answer_of_a_change_passes_in_little_memory(plane: Plane) -> None:
    """As a function says it: all of it reaches the agent, and of what is too long to be kept nothing is."""
    client, size = plane.boto3("lambda"), 0
    begun_s = time.monotonic()
    with Grown(plane) as grown:
        body = client.invoke(FunctionName=str(LARGE_MB), Payload=b"{}")["Payload"]
        while piece := body.read(MB):
            size += len(piece)
    client.close()
    print(
        f"{LARGE_MB} MB of a change: {grown.mb:.1f} MB more, {LARGE_MB / (time.monotonic() - begun_s):.0f} MB/s"
    )
    assert size == LARGE_MB * MB
    assert grown.mb < GROWTH_MB_MAX
