"""The console under load: when a new case stands in three hundred open inboxes, and how fast ten thousand cases are paged.

Run: ``python -m bench.console``. The plane runs in a process of its own; the viewers are another. A case is new when its events are
about to be written: what is measured has the log's own commit in it, the drawing, the sending and the reading.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final, Self

from bench.log import Row, row
from keyturn import config as settings
from keyturn import footprint
from keyturn.app import App
from keyturn.model import record as r
from keyturn.model.assessment import Assessment, Dependent, Finding, Kind, Recoverable, Reversibility
from keyturn.model.change import Change, Effect, Operation, Principal, ResourceRef
from keyturn.model.decision import Decision, Obligations, Reason, Verdict
from keyturn.pipeline import ask_reviewers
from keyturn.runtime.book import Book

HELD: Final = 2_000
VIEWERS: Final = 300
ROUNDS: Final = 60
EVERY_S: Final = 0.25
SEEN_MS_MAX: Final = 100
MANY: Final = 10_000
PAGES: Final = 40
PAGE_MS_MAX: Final = 200
DAY_MS: Final = 24 * 3_600_000


# --- the plane -------------------------------------------------------------------------------------------------------


async def serve(folder: Path, held: int, viewers: int) -> None:
    """A plane with so many held cases and people; a line on its input makes one more, and says when."""
    config = settings.Config(
        data_dir=str(folder),
        gateway=settings.Gateway(port=0),
        console=settings.Console(port=0),
        aws=settings.Aws(
            account="123456789012",
            region="eu-central-1",
            endpoint_url="http://127.0.0.1:9",
            access_key_id="AKIAPLANE",
            secret_access_key="plane",
        ),
    )
    app = App(config)
    await app.start()
    app.runtime.book.act = lambda _case, _command: (
        None
    )  # what is held waits for people; nobody asks the account
    for number in range(held):
        await hold(app.runtime.book, number)
    tokens = []
    for number in range(viewers):
        invite = await app.identity.add(f"viewer-{number}", ("reviewer",), by="bench")
        tokens.append(await app.identity.login(invite))
    async with footprint.kept_small():
        told = {"url": app.runtime.about["console_url"], "tokens": tokens, "after": app.runtime.head()}
        print(json.dumps(told), flush=True)
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
        )
        number = held
        while await reader.readline():
            at_ns = time.time_ns()
            case_id = await hold(app.runtime.book, number)
            print(json.dumps({"case": case_id, "at_ns": at_ns}), flush=True)
            number += 1
    await app.stop()


async def hold(book: Book, number: int) -> str:
    """One held case, as the plane writes it."""
    now = time.time_ns() // 1_000_000
    change, assessment, decision = _judged(number, now)
    case_id = await book.open_case(lambda: r.Received(at_ms=now, change=change))
    asked = ask_reviewers(
        case_id,
        1,
        change,
        assessment,
        decision,
        requesters=("olga",),
        excluded=("olga",),
        at_ms=now,
        deadline_ms=now + DAY_MS,
        nonce=f"{number:032x}",
    )
    await book.record(
        case_id,
        r.Assessed(at_ms=now, assessment=assessment),
        r.Decided(at_ms=now, decision=decision, request=asked),
    )
    return case_id


def _judged(number: int, now: int) -> tuple[Change, Assessment, Decision]:
    table = ResourceRef("aws", "aws", "123456789012", "eu-central-1", "dynamodb:table", f"orders-{number}")
    reader = ResourceRef("aws", "aws", "123456789012", "eu-central-1", "lambda:function", f"api-{number}")
    operation = Operation(
        "aws",
        "dynamodb:DeleteTable",
        {"TableName": table.id},
        (table,),
        Effect.DELETE,
        "aws",
        "123456789012",
        "eu-central-1",
    )
    principal = Principal(agent=f"agent-{number % 40}", session=f"S-{number % 40:012d}", operator="olga")
    change = Change(principal, "aws_gateway", (operation,), now)
    found = Finding(
        "DDB001",
        Kind.DATA_LOSS,
        f"The table {table.id} and its items would be deleted.",
        Effect.DELETE,
        Reversibility.R3,
        (table,),
    )
    assessment = Assessment(
        effect=Effect.DELETE,
        effects=(Effect.DELETE,),
        reversibility=Reversibility.R3,
        environment=("production", "staging")[number % 2],
        state_digest="sha256:" + "5a" * 32,
        findings=(found,),
        data_at_risk="10,000 items",
        blast_radius=(Dependent(reader, "reads", table),),
        recoverable=(Recoverable(table, backup=True, inverse=False, recover_s=900),),
    )
    decision = Decision(
        Verdict.HOLD,
        (Reason("seatbelt.destroys-in-production", "it destroys something in production"),),
        Obligations(quorum=2, backup=True),
        "sha256:" + "6b" * 32,
    )
    return change, assessment, decision


# --- who looks -------------------------------------------------------------------------------------------------------


class Plane:
    """The other process."""

    def __init__(self, folder: str, held: int, viewers: int) -> None:
        self._given = (folder, str(held), str(viewers))

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "bench.console", "serve", *self._given),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=1 << 24,
        )
        self.told = await self.line()
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()

    async def line(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        found: dict[str, Any] = json.loads(await self._process.stdout.readline())
        return found

    async def hold(self) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        return await self.line()

    def worked_ms(self) -> float:
        """Processor time of the plane so far: what else the machine does is not in it."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")

    async def get(self, number: int, path: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A request as a browser of this viewer sends it; the answer's body is next to be read."""
        host, _, port = self.told["url"].removeprefix("http://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port), limit=1 << 22)
        token = self.told["tokens"][number]
        writer.write(
            f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nCookie: keyturn={token}\r\nConnection: close\r\n\r\n".encode()
        )
        head = await reader.readuntil(b"\r\n\r\n")
        assert b" 200 " in head.partition(b"\r\n")[0], head
        return reader, writer


async def _watch(plane: Plane, number: int, seen: dict[str, list[int]]) -> None:
    """An open inbox: notes when each case's line has arrived."""
    after = plane.told["after"]
    reader, writer = await plane.get(number, f"/events?view=inbox&tab=needs&q=&after={after}")
    try:
        row_coming = False
        while line := await reader.readline():
            if line == b"event: row\n":
                row_coming = True
            elif row_coming and line.startswith(b"data: "):
                now = time.time_ns()
                row_coming = False
                case_id = line[14 : line.index(b'"', 14)].decode()
                seen.setdefault(case_id, []).append(now)
    finally:
        writer.close()


async def _seen(plane: Plane) -> list[float]:
    """Milliseconds from each new case to its line on each open inbox."""
    seen: dict[str, list[int]] = {}
    watching = [asyncio.create_task(_watch(plane, number, seen)) for number in range(VIEWERS)]
    for _ in range(3):  # until everybody is there, and what is made once is made
        await asyncio.sleep(2)
        await plane.hold()
    made = []
    begun = plane.worked_ms()
    for _ in range(ROUNDS):
        await asyncio.sleep(EVERY_S)
        made.append(await plane.hold())
    await asyncio.sleep(2)
    plane.told["worked_ms"] = (plane.worked_ms() - begun) / ROUNDS
    for task in watching:
        task.cancel()
    await asyncio.gather(*watching, return_exceptions=True)
    took = [(at - one["at_ns"]) / 1e6 for one in made for at in seen.get(one["case"], [])[:VIEWERS]]
    assert len(took) == ROUNDS * VIEWERS, f"{len(took)} of {ROUNDS * VIEWERS} lines arrived"
    return took


async def _paged(plane: Plane) -> dict[str, list[float]]:
    """Milliseconds for the first page, one that a filter finds, the page of a case, and the twin."""
    took: dict[str, list[float]] = {}
    paths = {
        "inbox": "/",
        "inbox, filtered": "/?q=env:production+agent:agent-7+effect:delete",
        "one case": "/c/C-77",
        "decided": "/?tab=decided",
        "activity": "/activity",
        "activity, nothing found": "/activity?q=nothing-of-this-name",
        "evidence": "/evidence",
        "agents": "/agents",
        "policy": "/policy",
        "attention": "/attention",
    }
    for name, path in paths.items():
        for number in range(PAGES + 2):
            if number == 2:  # what is made once is made
                worked = plane.worked_ms()
            begun = time.perf_counter()
            reader, writer = await plane.get(0, path)
            body = await reader.read()
            if number >= 2:
                took.setdefault(name, []).append((time.perf_counter() - begun) * 1000)
            writer.close()
            assert b"</html>" in body
        plane.told[name] = (plane.worked_ms() - worked) / PAGES
    return took


def measure() -> list[Row]:
    """Both, one after the other."""
    return asyncio.run(_measure())


async def _measure() -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        async with Plane(folder, HELD, VIEWERS) as plane:
            took = sorted(await _seen(plane))
            worked = plane.told["worked_ms"]
    p99 = took[int(len(took) * 0.99)]
    rows = [
        row(
            f"console: a new case among {HELD:,} on {VIEWERS} open inboxes, p99",
            p99,
            "ms",
            goal=f"under {SEEN_MS_MAX} ms",
            met=p99 < SEEN_MS_MAX,
        ),
        row("console: the same, p50", statistics.median(took), "ms"),
        row("console: the same, processor time of the plane for each case", worked, "ms"),
    ]
    with tempfile.TemporaryDirectory() as folder:
        async with Plane(folder, MANY, 1) as plane:
            pages = await _paged(plane)
    for name, values in pages.items():
        p95 = sorted(values)[int(len(values) * 0.95)]
        rows.append(
            row(
                f"console: {name} over {MANY:,} held cases, p95",
                p95,
                "ms",
                goal=f"under {PAGE_MS_MAX} ms",
                met=p95 < PAGE_MS_MAX,
            )
        )
        rows.append(row(f"console: {name}, processor time of the plane", plane.told[name], "ms"))
    return rows


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        import uvloop

        uvloop.run(serve(Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])))
    else:
        print(json.dumps(measure(), indent=2))
