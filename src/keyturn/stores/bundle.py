"""The log as one file that a stranger can check: entries as they were hashed, signed checkpoints, the public key.

A bundle is a zip with ``log.jsonl`` (one entry a line: seq, writer, case, prev, hash, body as it was hashed), ``checkpoints.jsonl``
and ``about.json``. `verify_bundle` needs nothing else: no server, no database, no key of ours but the public one, which the
reader may pin (`public_key`).
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any, Final

import msgspec

from keyturn.core.chain import GENESIS, Tree, broken_at, checkpoint_wrong
from keyturn.errors import OperatorError
from keyturn.model import record as r
from keyturn.model.decision import Verdict
from keyturn.model.record import Checkpoint, Entry
from keyturn.stores.interface import Store
from keyturn.stores.vault import signature_holds

FORMAT: Final = "keyturn-log-1"
CHUNK: Final = 10_000


class _Line(msgspec.Struct, frozen=True):
    seq: int
    writer: str
    case: str
    prev: str
    hash: str
    body: msgspec.Raw


class Check(msgspec.Struct, frozen=True):
    """One line of the report."""

    name: str
    passed: bool
    detail: str

    def __str__(self) -> str:
        return f"{'PASS' if self.passed else 'FAIL'}  {self.name}: {self.detail}"


class Report(msgspec.Struct, frozen=True):
    """All checks; `passed` only when there are some and every one did."""

    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        return bool(self.checks) and all(check.passed for check in self.checks)


def bundle(store: Store, *, public_key: str) -> bytes:
    """The whole log as a zip."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("log.jsonl", "w") as file:
            for entry in store.entries():
                line = _Line(
                    entry.seq, entry.writer, entry.case_id, entry.prev, entry.hash, msgspec.Raw(entry.body)
                )
                file.write(msgspec.json.encode(line) + b"\n")
        archive.writestr(
            "checkpoints.jsonl",
            b"".join(msgspec.json.encode(checkpoint) + b"\n" for checkpoint in store.checkpoints()),
        )
        archive.writestr("about.json", msgspec.json.encode({"format": FORMAT, "public_key": public_key}))
    return out.getvalue()


def verify_bundle(path: Path, *, public_key: str = "") -> Report:
    """Check everything that can be checked without the plane. Raises `OperatorError` only when there is no bundle to read.

    `public_key` (hex) pins the key the checkpoints must be signed with; without it the bundle's own is used, and said.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            lines = archive.read("log.jsonl").splitlines()
            checkpoint_lines = archive.read("checkpoints.jsonl").splitlines()
            about: dict[str, Any] = msgspec.json.decode(archive.read("about.json"))
    except (OSError, KeyError, ValueError, zipfile.BadZipFile, msgspec.DecodeError) as error:
        raise OperatorError(
            "no-bundle", f"{path} is no exported log: {error}", help="make one with: keyturn export FILE"
        ) from error
    try:
        decoder = msgspec.json.Decoder(_Line)
        entries = [
            Entry(line.seq, line.writer, line.case, line.prev, line.hash, bytes(line.body))
            for line in map(decoder.decode, lines)
        ]
        checkpoints = [msgspec.json.decode(line, type=Checkpoint) for line in checkpoint_lines]
    except msgspec.DecodeError as error:
        return Report((Check("format", False, f"a line is not what was exported: {error}"),))
    key = public_key or str(about.get("public_key", ""))
    events = _decoded(entries)
    return Report(
        (
            _chain(entries),
            *_checkpoints(entries, checkpoints, key, pinned=bool(public_key)),
            events if isinstance(events, Check) else Check("events", True, f"{len(events):,} decode"),
            *(() if isinstance(events, Check) else _cases(events)),
        )
    )


def _chain(entries: list[Entry]) -> Check:
    wrong = broken_at(entries, seq=0, prev=GENESIS)
    return Check("chain", not wrong, wrong or f"{len(entries):,} entries, each on the hash of the one before")


def _checkpoints(
    entries: list[Entry], checkpoints: list[Checkpoint], key: str, *, pinned: bool
) -> list[Check]:
    if not checkpoints:
        return [Check("checkpoints", False, "there is none: nothing says that the end was not cut off")]
    try:
        public = bytes.fromhex(key)
    except ValueError:
        return [Check("checkpoints", False, "the public key is not hexadecimal")]
    tree, checks = Tree(), []
    whose = "the key you gave" if pinned else "the bundle's own key (give --key to pin it)"
    for checkpoint in sorted(checkpoints, key=lambda checkpoint: checkpoint.size):
        for entry in entries[tree.size : checkpoint.size]:
            tree.add(bytes.fromhex(entry.hash))
        wrong = checkpoint_wrong(
            checkpoint,
            public_key=public,
            verify=lambda signature, message: signature_holds(public, signature, message),
        )
        if not wrong and (tree.size != checkpoint.size or tree.root().hex() != checkpoint.root):
            wrong = f"the log's root at {checkpoint.size} is another one"
        if wrong:
            checks.append(Check(f"checkpoint {checkpoint.size}", False, wrong))
    last = max(checkpoint.size for checkpoint in checkpoints)
    if not checks:
        checks.append(Check("checkpoints", True, f"{len(checkpoints)} signed by {whose}"))
    covered = last == len(entries)
    rest = (
        "every entry is under a signature"
        if covered
        else f"{len(entries) - last} entries came after the last one"
    )
    checks.append(Check("signed to the end", last <= len(entries), rest))
    return checks


def _decoded(entries: list[Entry]) -> list[r.EntryBody] | Check:
    decoder = msgspec.json.Decoder(r.EntryBody)
    events = []
    for entry in entries:
        try:
            body = decoder.decode(entry.body)
        except msgspec.DecodeError as error:
            return Check("events", False, f"entry {entry.seq} is no event we know: {error}")
        if (body.seq, body.writer, body.case) != (entry.seq, entry.writer, entry.case_id):
            return Check("events", False, f"entry {entry.seq} is filed under another number, writer or case")
        events.append(body)
    return events


def _cases(bodies: list[r.EntryBody]) -> list[Check]:
    """Every call that left: decided to allow, or approved by enough people who did not run the agent, on this very request.

    Written from the events alone, on purpose without the core: it is the second opinion.
    """
    decided: dict[str, r.Decided] = {}
    reviews: dict[str, list[r.Reviewed]] = {}
    sent: dict[str, set[int]] = {}
    problems: list[str] = []
    calls = 0
    for body in bodies:
        event = body.event
        if isinstance(event, r.Decided):
            decided[body.case] = event
            reviews[body.case] = []
        elif isinstance(event, r.Reviewed):
            reviews.setdefault(body.case, []).append(event)
        elif isinstance(event, r.Sent):
            calls += 1
            if event.operation in sent.setdefault(body.case, set()):
                problems.append(f"{body.case}: operation {event.operation} was sent twice")
            sent[body.case].add(event.operation)
            wrong = _not_approved(decided.get(body.case), reviews.get(body.case, []))
            if wrong:
                problems.append(f"{body.case}: {wrong}")
    detail = (
        "; ".join(problems[:5])
        or f"{calls:,} calls left, each allowed or approved by people who do not run the agent"
    )
    return [Check("approvals", not problems, detail)]


def _not_approved(decided: r.Decided | None, reviews: list[r.Reviewed]) -> str:
    if decided is None:
        return "was sent without a decision"
    if not decided.decision.enforced:
        return ""
    if decided.decision.verdict is Verdict.ALLOW:
        return ""
    request = decided.request
    if request is None:
        return f"was sent though policy said {decided.decision.verdict}"
    if any(not event.review.approve for event in reviews):
        return "was sent though a reviewer said no"
    people = {
        event.review.reviewer
        for event in reviews
        if event.review.binding == request.digest and event.review.reviewer not in request.excluded
    }
    return (
        "" if len(people) >= request.quorum else f"was sent with {len(people)} of {request.quorum} approvals"
    )
