"""A stand-in AWS account on loopback: moto's server, with the gaps filled that Keyturn's users would meet.

It is not AWS, and it says so: at start, and in a header of every response (`SAYS`). It needs no network.
What is filled, and the sentence of AWS it follows, is listed in `keyturn.testing.standin_gaps`; everything else is moto's own.

    with StandIn() as account:
        boto3.client("dynamodb", endpoint_url=account.endpoint, ...)

It runs in a process of its own, so that its work is not counted as somebody's latency, and it ends with the process that
started it, however that ends.
"""

from __future__ import annotations

import argparse
import gc
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
from typing import IO, Any, Final, Self

READY_S_MAX: Final = 90.0
"""moto imports for half a second; a busy machine takes longer."""

STOP_S_MAX: Final = 5.0
"""It has nothing to save: what does not end by then is killed."""

SAID_BYTES_MAX: Final = 2_000
"""So much of what it wrote last is quoted when it does not start."""

SAYS: Final = ("x-keyturn-standin", "moto, not AWS")
"""The header of every response."""


class StandIn:
    """A stand-in account in a process of its own. Use it as a context manager, or `start` and `stop` it.

    `port` 0 means any free one; it is known once `start` has returned. `account` is its number, where it is not to be moto's own;
    such a one knows the policies that AWS itself manages.
    """

    def __init__(self, port: int = 0, *, account: str = "") -> None:
        self.port, self._account = port, account
        self._process: subprocess.Popen[bytes] | None = None
        self._said: IO[bytes] | None = None

    @property
    def endpoint(self) -> str:
        """The URL to give to a client. Raises `RuntimeError` while no port is known."""
        if not self.port:
            raise RuntimeError("the stand-in account has no endpoint before it is started")
        return f"http://127.0.0.1:{self.port}"

    def __repr__(self) -> str:
        return f"<StandIn 127.0.0.1:{self.port} {'running' if self._process else 'stopped'}>"

    def start(self) -> Self:
        """Start it and return once it answers. Raises `RuntimeError` with what it said when it does not."""
        if self._process is not None:
            raise RuntimeError(f"{self!r} was started already")
        command = [sys.executable, "-m", "keyturn.testing.standin", "--port", str(self.port), "--child"]
        # Its words go to a file: nobody reads a pipe while it runs, and a full pipe would stop it.
        self._said = tempfile.TemporaryFile()  # noqa: SIM115  # closed by `stop`
        self._process = subprocess.Popen(  # noqa: S603  # our own module
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said, env=self._environment()
        )
        told = self._announcement()
        if not told.isdigit():
            said = self._words()
            self.stop()
            raise RuntimeError(f"the stand-in account did not start within {READY_S_MAX:.0f} s: {said}")
        self.port = int(told)
        return self

    def _environment(self) -> dict[str, str]:
        """Both are read when moto is imported (docs.getmoto.org, environment variables)."""
        told = {"MOTO_ACCOUNT_ID": self._account, "MOTO_IAM_LOAD_MANAGED_POLICIES": "true"}
        return {**os.environ, **(told if self._account else {})}

    def _announcement(self) -> str:
        """The port that the child listens on by now; empty where it ended or took too long."""
        out = self._process.stdout if self._process else None
        if out is None or not select.select([out], [], [], READY_S_MAX)[0]:
            return ""
        return out.readline().decode().strip()

    def _words(self) -> str:
        if self._said is None:
            return ""
        self._said.seek(max(0, self._said.seek(0, os.SEEK_END) - SAID_BYTES_MAX))
        return self._said.read().decode(errors="replace").strip()

    def stop(self) -> None:
        """End it; safe to call twice."""
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            try:
                process.wait(timeout=STOP_S_MAX)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()
        if self._said is not None:
            self._said.close()
            self._said = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


# --- the server process ----------------------------------------------------------------------------------------------


def main() -> None:
    """``python -m keyturn.testing.standin --port 5000``: a stand-in account for people."""
    parser = argparse.ArgumentParser(description="A stand-in AWS account on loopback (moto). It is not AWS.")
    parser.add_argument("--port", type=int, default=5000, help="0 for any free one")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    gc.disable()  # a fifth of the time that moto takes to import
    try:
        from keyturn.testing.standin_gaps import make_server
    except ImportError as error:
        sys.exit(f"the stand-in account needs moto: pip install 'moto[server]' ({error})")
    gc.freeze()
    gc.enable()
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))  # nothing to save, and no second to lose
    server: Any = make_server(given.port)
    sys.stderr.write(f"This is a stand-in account (moto), not AWS: http://127.0.0.1:{server.port}\n")
    if given.child:
        threading.Thread(target=_end_with_parent, daemon=True).start()
        sys.stdout.write(f"{server.port}\n")
        sys.stdout.flush()
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        sys.exit(130)


def _end_with_parent() -> None:
    """Nobody writes to this standard input: it ends when the one who started us does, killed or not."""
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    main()
