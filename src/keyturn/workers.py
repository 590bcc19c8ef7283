"""Several processes of one start: a parent that has nothing to do but to look after them.

The parent forks its workers before anything is open, passes signals on, and starts again whoever dies, but not for ever. A worker
whose parent is gone ends, too.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from keyturn.errors import KeyturnError

WORKERS_MAX: Final = 64
"""More than any machine that writes one SQLite file has a use for."""

DEATHS_MAX: Final = 5
DEATHS_S: Final = 60.0
"""A worker that dies this often in this time will do so again: then everything ends, aloud, and whoever started it is told."""

AGAIN_S: Final = 1.0
"""Before a dead worker is started again, so that an error at the start does not fill the disk with its own message."""

END_S_MAX: Final = 30.0
"""A worker that has not ended this long after it was asked to is ended; a drain is bounded well below."""

READY_S_MAX: Final = 60.0

Work = Callable[[int, int, Callable[[str], None]], None]
"""(number, life, ready): `life` is a file that ends when the parent does; `ready` is told what to say when everything listens."""


class Supervisor:
    """`run` returns the exit status when all workers have ended."""

    def __init__(self, count: int, work: Work, say: Callable[[str], None]) -> None:
        self._count, self._work, self._say = count, work, say
        self._pids: dict[int, int] = {}  # process -> worker
        self._deaths: dict[int, deque[float]] = {number: deque() for number in range(1, count + 1)}
        self._again: dict[int, float] = {}  # worker -> when
        self._stopping_s = 0.0
        self._status = 0
        self._told: dict[int, int] = {}  # the pipe of a worker that is not ready yet -> worker
        self._ready: set[int] = set()
        self._signals: list[int] = []

    def run(self) -> int:
        self._life, self._alive = os.pipe()  # nobody writes: it ends with this process
        wakes, waker = os.pipe()
        os.set_blocking(waker, False)
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(number, lambda number, _frame: self._signals.append(number))
        for worker in range(1, self._count + 1):
            self._start(worker)
        while self._pids or (self._again and not self._stopping_s):
            self._wait(wakes)
            self._pass_on()
            self._reap()
            self._restart()
            self._end_the_slow()
        return self._status

    def _start(self, worker: int) -> None:
        told, tells = os.pipe()
        sys.stdout.flush()
        pid = os.fork()
        if pid:
            os.close(tells)
            self._pids[pid] = worker
            self._told[told] = worker
            return
        status = 1
        try:
            self._become(worker, told, tells)
            status = 0
        except KeyturnError as error:
            help_ = f"\n  help: {error.help}" if error.help else ""
            os.write(2, f"keyturn: worker {worker}: {error.message} [{error.code}]{help_}\n".encode())
        except BaseException:  # noqa: BLE001  # it ends here, aloud, whatever it was
            import traceback  # noqa: PLC0415  # only now

            os.write(2, traceback.format_exc().encode())
        finally:
            sys.stdout.flush()
            os._exit(status)

    def _become(self, worker: int, told: int, tells: int) -> None:
        """In the new process: nothing of the parent's stays but what it listens to."""
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        os.close(self._alive)
        os.close(told)

        def ready(text: str) -> None:
            os.write(tells, text.encode()[:60_000] or b" ")
            os.close(tells)

        self._work(worker, self._life, ready)

    def _wait(self, wakes: int) -> None:
        ready, _, _ = select.select([wakes, *self._told], [], [], 0.25)
        for file in ready:
            if file == wakes:
                os.read(file, 512)
                continue
            worker, text = self._told.pop(file), os.read(file, 65_536)
            os.close(file)
            if text:
                self._heard(worker, text.decode())

    def _heard(self, worker: int, text: str) -> None:
        """What the first says is said when all are ready."""
        before = len(self._ready)
        self._ready.add(worker)
        if len(self._ready) == self._count and before < self._count:
            self._say(text)

    def _pass_on(self) -> None:
        signals, self._signals = self._signals, []
        for number in signals:
            if number == signal.SIGHUP:
                self._send(signal.SIGHUP)
            elif number in {signal.SIGTERM, signal.SIGINT} and not self._stopping_s:
                self._stop()

    def _stop(self) -> None:
        self._stopping_s = time.monotonic()
        self._send(signal.SIGTERM)

    def _send(self, number: int) -> None:
        for pid in self._pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def _reap(self) -> None:
        for pid, worker in tuple(self._pids.items()):
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                del self._pids[pid]
                self._died(worker, os.waitstatus_to_exitcode(status))

    def _died(self, worker: int, status: int) -> None:
        if self._stopping_s:
            self._status = self._status or (1 if status > 0 else 0)
            return
        now_s = time.monotonic()
        deaths = self._deaths[worker]
        deaths.append(now_s)
        while deaths and now_s - deaths[0] > DEATHS_S:
            deaths.popleft()
        never = worker not in self._ready and status > 0
        if never or len(deaths) >= DEATHS_MAX:
            why = "could not start" if never else f"died {len(deaths)} times in {DEATHS_S:g} s"
            os.write(2, f"keyturn: worker {worker} {why}; all of them end\n".encode())
            self._status = 1
            self._stop()
            return
        how = f"by signal {-status}" if status < 0 else f"with status {status}"
        os.write(2, f"keyturn: worker {worker} ended {how}; it is started again\n".encode())
        self._again[worker] = now_s + AGAIN_S

    def _restart(self) -> None:
        for worker, at_s in tuple(self._again.items()):
            if time.monotonic() >= at_s and not self._stopping_s:
                del self._again[worker]
                self._start(worker)

    def _end_the_slow(self) -> None:
        if self._stopping_s and time.monotonic() - self._stopping_s > END_S_MAX:
            self._send(signal.SIGKILL)
