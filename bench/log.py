"""The log against the disk's own floor, and how fast a stranger checks it. Run: ``python -m bench.log``

Ratios are taken within one run and round by round, since disks and neighbours are noisy: in every round the floor, one writer
and 32 writers are measured one after the other, and the medians of the rounds are reported.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final, TypedDict

from keyturn.core.chain import Tree, broken_at, sign_checkpoint
from keyturn.model import record as r
from keyturn.model.assessment import Assessment, Finding, Kind, Reversibility
from keyturn.model.change import Change, Effect, Operation, Principal, ResourceRef
from keyturn.model.decision import Decision, Obligations, Reason, Verdict
from keyturn.model.execution import Outcome, OutcomeStatus, ProofStep
from keyturn.model.record import Draft, Entry
from keyturn.stores.bundle import Author, write_bundle
from keyturn.stores.memory import MemoryStore
from keyturn.stores.sqlite import SqliteStore
from keyturn.stores.vault import Signer
from keyturn.stores.verifying import verify_bundle

ROUNDS: Final = 7
WRITERS: Final = 32
APPENDS_ALONE: Final = 60
APPENDS_EACH: Final = 15
FRAME_BYTES: Final = 2 * (4096 + 24)
"""What SQLite's write-ahead log writes for a small commit: two pages with their frame headers."""

CASES: Final = 8_000
FSYNC_COUNTS_MS: Final = 1.0
"""Where an fsync costs less, waiting together gains little, and no gain is promised."""


class Row(TypedDict):
    """One line of `bench/latest.json`. `baseline` has the unit of `value`; a row without a goal is there to be read."""

    name: str
    value: float
    unit: str
    baseline: float | None
    ratio: float | None
    goal: str
    met: bool


def row(
    name: str, value: float, unit: str, *, baseline: float | None = None, goal: str = "", met: bool = True
) -> Row:
    ratio = None if not baseline else round(value / baseline, 2)
    rounded = None if baseline is None else round(baseline, 3)
    return Row(name=name, value=round(value, 3), unit=unit, baseline=rounded, ratio=ratio, goal=goal, met=met)


def measure() -> list[Row]:
    """The issue's Log line: group commit beside one writer and the floor; verification. About ten seconds."""
    with tempfile.TemporaryDirectory(dir=Path(__file__).parent, prefix=".log-") as folder:  # not a RAM disk
        return asyncio.run(_group_commit(Path(folder))) + asyncio.run(_verification(Path(folder)))


# --- writing ---------------------------------------------------------------------------------------------------------


async def _group_commit(folder: Path) -> list[Row]:
    store = SqliteStore(folder / "keyturn.db")
    drafts = _case(1)
    floor, alone, together, ratios = [], [], [], []
    try:
        await _appends(store, drafts, writers=1, each=20)  # the file exists and is warm
        for _ in range(ROUNDS):
            floor.append(_fsync_ms(folder / "floor"))
            alone.append(await _appends(store, drafts, writers=1, each=APPENDS_ALONE))
            together.append(await _appends(store, drafts, writers=WRITERS, each=APPENDS_EACH))
            ratios.append(together[-1] / alone[-1])
    finally:
        await store.close()
    fsync_ms, one, many = map(statistics.median, (floor, alone, together))
    gain = statistics.median(ratios)
    goal = f"at least 8x one writer where an fsync costs over {FSYNC_COUNTS_MS:g} ms (here {fsync_ms:.2f} ms)"
    shared = row(f"log: {WRITERS} writers, group commit", many, "appends/s", baseline=one, goal=goal)
    shared["ratio"], shared["met"] = round(gain, 2), gain >= 8 or fsync_ms <= FSYNC_COUNTS_MS
    return [
        row("log: the disk's own fsync", fsync_ms, "ms"),
        row("log: one writer, durable append", 1000 / one, "ms", baseline=fsync_ms),
        shared,
        row(f"log: {WRITERS} writers against the fsync floor", many, "appends/s", baseline=1000 / fsync_ms),
    ]


def _fsync_ms(path: Path) -> float:
    """The median cost of appending one frame and making it durable, without any database."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    frame, costs = os.urandom(FRAME_BYTES), []
    try:
        for _ in range(APPENDS_ALONE):
            begun = time.perf_counter()
            os.write(handle, frame)
            os.fdatasync(handle)
            costs.append((time.perf_counter() - begun) * 1000)
    finally:
        os.close(handle)
    return statistics.median(costs)


async def _appends(store: SqliteStore, drafts: Sequence[Draft], *, writers: int, each: int) -> float:
    """Appends a second, each durable before its writer goes on."""

    async def write(first: int) -> None:
        for number in range(first, first + each):
            await store.append([drafts[number % len(drafts)]])

    begun = time.perf_counter()
    await asyncio.gather(*(write(number) for number in range(writers)))
    return writers * each / (time.perf_counter() - begun)


# --- checking --------------------------------------------------------------------------------------------------------


async def _verification(folder: Path) -> list[Row]:
    store, signer, tree = MemoryStore(), Signer(b"\x01" * 32), Tree()
    for number in range(1, CASES + 1):
        await store.append(_case(number))
    entries = list(store.entries())
    body_bytes = sum(len(entry.body) for entry in entries) // len(entries)
    for entry in entries:
        tree.add(bytes.fromhex(entry.hash))
    await store.add_checkpoint(
        sign_checkpoint("bench", tree, at_ms=1, public_key=signer.public, sign=signer.sign)
    )
    path = folder / "log.zip"
    with path.open("wb") as file:
        write_bundle(store, file, Author("bench", signer.public, signer.sign, at_ms=1))

    async def whole() -> None:
        if not verify_bundle(path).passed:
            raise AssertionError("the log that was measured is wrong")

    chain = await _rate(len(entries), lambda: _chain_and_tree(entries, tree))
    everything = await _rate(len(entries), whole)
    goal = "at least 150,000 entries/s"
    return [
        row(
            f"log: chain and Merkle tree, {body_bytes:,} B entries",
            chain,
            "entries/s",
            baseline=150_000,
            goal=goal,
            met=chain >= 150_000,
        ),
        row(
            "log: verify an exported log, with signatures, events, approvals",
            everything,
            "entries/s",
            baseline=chain,
        ),
    ]


async def _chain_and_tree(entries: list[Entry], expected: Tree) -> None:
    tree = Tree()
    wrong = broken_at(entries)
    for entry in entries:
        tree.add(bytes.fromhex(entry.hash))
    if wrong or tree.root() != expected.root():
        raise AssertionError(wrong or "another root")


async def _rate(count: int, work: Callable[[], Awaitable[None]]) -> float:
    """The median of three."""
    rates = []
    for _ in range(3):
        begun = time.perf_counter()
        await work()
        rates.append(count / (time.perf_counter() - begun))
    return statistics.median(rates)


# --- what is written -------------------------------------------------------------------------------------------------


def _case(number: int) -> list[Draft]:
    """An allowed change as the plane writes it: eight events of 100 to 1,500 bytes."""
    table = ResourceRef(
        "aws", "aws", "123456789012", "eu-central-1", "dynamodb:table", f"cost-report-{number % 50}"
    )
    operation = Operation(
        provider="aws",
        name="dynamodb:UpdateTable",
        parameters={"TableName": table.id, "BillingMode": "PAY_PER_REQUEST"},
        resources=(table,),
        floor=Effect.UPDATE,
        partition=table.partition,
        account=table.account,
        region=table.region,
        request=f"vault:request:{number:040d}",
    )
    finding = Finding(
        code="DDB010",
        kind=Kind.NOTE,
        message="the billing mode of a table can be changed once in 24 hours",
        effect=Effect.UPDATE,
        reversibility=Reversibility.R1,
        resources=(table,),
        source="https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateTable.html",
    )
    assessment = Assessment(
        effect=Effect.UPDATE,
        effects=(Effect.UPDATE,),
        reversibility=Reversibility.R1,
        environment="staging",
        state_digest="sha256:" + "5a" * 32,
        findings=(finding,),
        captures=f"vault:assessing:{number:040d}",
    )
    decision = Decision(
        verdict=Verdict.ALLOW,
        reasons=(Reason("seatbelt.update-outside-production", "an update that can be put back"),),
        obligations=Obligations(capture=True),
        policy_digest="sha256:" + "6b" * 32,
    )
    principal = Principal(agent="kiro", session=f"S-{number % 20:012d}", operator="ada")
    names = (
        "decision in force",
        "quorum on this digest",
        "state unchanged",
        "backup verified",
        "grant scoped",
    )
    steps = tuple(ProofStep(at, name, True, "as decided") for at, name in enumerate(names, start=1))
    nonce = f"{number:032x}"
    events: tuple[r.CaseEvent, ...] = (
        r.Received(
            at_ms=number,
            change=Change(
                principal=principal, surface="aws_gateway", operations=(operation,), received_at_ms=number
            ),
        ),
        r.Assessed(at_ms=number, assessment=assessment),
        r.Decided(at_ms=number, decision=decision),
        r.Claimed(at_ms=number, nonce=nonce, verdict=Verdict.ALLOW),
        r.BackedUp(at_ms=number, backups=()),
        r.Proved(at_ms=number, steps=steps),
        r.Sent(at_ms=number, nonce=nonce),
        r.Answered(at_ms=number, outcome=Outcome(status=OutcomeStatus.SUCCEEDED, http_status=200)),
    )
    return [Draft(case_id=f"C-{number}", event=event) for event in events]


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))
