"""A log with a session, an allowed case, a held one and a denied one, exported, and read by a stranger."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from keyturn.core.chain import GENESIS, Tree, make_entry, sign_checkpoint
from keyturn.model import record as r
from keyturn.model.assessment import Assessment, Reversibility
from keyturn.model.change import Change, Effect, Operation, Principal, ResourceRef
from keyturn.model.decision import Decision, Obligations, Verdict
from keyturn.model.execution import Backup, Call, Outcome, OutcomeStatus, ProofStep, Role
from keyturn.model.record import Checkpoint, Draft, Entry
from keyturn.model.review import Review, ReviewRequest
from keyturn.stores.bundle import Author, Part, pieces
from keyturn.stores.memory import MemoryStore
from keyturn.stores.vault import Signer
from keyturn.stores.verifying import Report, verify_bundle

SIGNER: Final = Signer(b"\x07" * 32)
ANOTHER: Final = Signer(b"\x08" * 32)
ORIGIN: Final = "keyturn.example/log"
POLICY: Final = "sha256:" + hashlib.sha256(b'{"facts":[],"sources":[]}').hexdigest()

TABLE = ResourceRef("aws", "aws", "123456789012", "eu-central-1", "dynamodb:table", "costs")
ASSESSMENT = Assessment(
    effect=Effect.DELETE,
    effects=(Effect.DELETE,),
    reversibility=Reversibility.R3,
    environment="production",
    state_digest="sha256:" + "5a" * 32,
)
BACKUP = Backup(TABLE, "d", {}, "arn", "vault:manifest:1", 1, verified_at_ms=2, verified_by="compared")
HOLDS = (ProofStep(number=1, name="decision in force", holds=True, detail=""),)


def change(action: str, session: str = "S-1") -> Change:
    operation = Operation(
        "aws", f"dynamodb:{action}", {}, (TABLE,), Effect.DELETE, "aws", "123456789012", "eu-central-1"
    )
    principal = Principal(agent="kiro", session=session, operator="ada")
    return Change(principal=principal, surface="test", operations=(operation,), received_at_ms=1)


def decision(verdict: Verdict, **more: Any) -> Decision:
    obligations = Obligations(quorum=2, backup=True) if verdict is Verdict.HOLD else Obligations()
    return msgspec.structs.replace(Decision(verdict, (), obligations, POLICY), **more)


REQUEST = ReviewRequest(
    case_id="C-2",
    revision=1,
    change_digest=change("DeleteTable").digest,
    state_digest=ASSESSMENT.state_digest,
    assessment_digest=ASSESSMENT.digest,
    policy_digest=POLICY,
    requesters=("ada", "kiro", "S-1"),
    excluded=("ada", "mallory"),
    quorum=2,
    deadline_ms=100,
    nonce="n-2",
)


def review(who: str, **more: Any) -> r.Reviewed:
    given = Review(reviewer=who, approve=True, binding=REQUEST.digest, at_ms=50)
    return r.Reviewed(at_ms=50, review=msgspec.structs.replace(given, **more))


def sent(nonce: str, operation: int = 0) -> tuple[r.CaseEvent, ...]:
    outcome = Outcome(status=OutcomeStatus.SUCCEEDED)
    return (
        r.Sent(at_ms=60, nonce=nonce, operation=operation),
        r.Answered(at_ms=61, outcome=outcome, operation=operation),
    )


ALLOWED: Final[tuple[r.CaseEvent, ...]] = (
    r.Received(at_ms=1, change=change("UpdateTable")),
    r.Assessed(at_ms=2, assessment=ASSESSMENT),
    r.Decided(at_ms=3, decision=decision(Verdict.ALLOW)),
    r.Claimed(at_ms=4, nonce="n-1", verdict=Verdict.ALLOW),
    r.BackedUp(at_ms=5, backups=()),
    r.Proved(at_ms=6, steps=HOLDS),
    *sent("n-1"),
)

HELD: Final[tuple[r.CaseEvent, ...]] = (
    r.Received(at_ms=1, change=change("DeleteTable")),
    r.Assessed(at_ms=2, assessment=ASSESSMENT),
    r.Decided(at_ms=3, decision=decision(Verdict.HOLD), request=REQUEST),
    review("grace"),
    review("edsger"),
    r.Claimed(at_ms=51, nonce="n-2", verdict=Verdict.HOLD),
    r.StepIntended(
        at_ms=52, recipe="backup", step=1, call=Call("dynamodb:CreateBackup", {}, "1", "r", Role.BACKUP)
    ),
    r.StepEnded(at_ms=53, recipe="backup", step=1, status="succeeded"),
    r.BackedUp(at_ms=54, backups=(BACKUP,)),
    r.Proved(at_ms=55, steps=HOLDS),
    *sent("n-2"),
)

DENIED: Final[tuple[r.CaseEvent, ...]] = (
    r.Received(at_ms=1, change=change("DeleteBackup")),
    r.Assessed(at_ms=2, assessment=ASSESSMENT),
    r.Decided(at_ms=3, decision=decision(Verdict.DENY)),
)

OPENED = r.SessionOpened(
    at_ms=0,
    session="S-1",
    agent="kiro",
    operator="ada",
    owner="linus",
    access_key_id="KTSESS1",
    expires_at_ms=9,
)


def story(held: Sequence[r.CaseEvent] = HELD, *, allowed: Sequence[r.CaseEvent] = ALLOWED) -> list[Draft]:
    """A session, an allowed case, a held one that two people approved, a denied one."""
    return [
        Draft(case_id="", event=OPENED),
        *(Draft(case_id="C-1", event=event) for event in allowed),
        *(Draft(case_id="C-2", event=event) for event in held),
        *(Draft(case_id="C-3", event=event) for event in DENIED),
    ]


def chained(drafts: Sequence[Draft]) -> list[Entry]:
    entries: list[Entry] = []
    for seq, draft in enumerate(drafts, start=1):
        prev = entries[-1].hash if entries else GENESIS
        entries.append(make_entry(draft, seq=seq, writer="w1", prev=prev))
    return entries


def signed(
    entries: Sequence[Entry], *sizes: int, signer: Signer = SIGNER, origin: str = ORIGIN
) -> list[Checkpoint]:
    """Checkpoints over the first so many entries."""
    found = []
    for size in sizes or (5, len(entries)):
        tree = Tree()
        for entry in entries[:size]:
            tree.add(bytes.fromhex(entry.hash))
        found.append(sign_checkpoint(origin, tree, at_ms=size, public_key=signer.public, sign=signer.sign))
    return found


class Exported(MemoryStore):
    """A store that says what it is told to say."""

    def __init__(self, entries: Sequence[Entry], checkpoints: Sequence[Checkpoint]) -> None:
        super().__init__()
        self._entries = list(entries)
        self.told = tuple(checkpoints)

    def checkpoints(self) -> tuple[Checkpoint, ...]:
        return self.told


AUTHOR: Final = Author(ORIGIN, SIGNER.public, SIGNER.sign, at_ms=1)
TEXT: Final = b'{"facts":[],"sources":[]}'
"""Policies as they are kept; their digest is what the decisions here name."""


def checked(
    folder: Path,
    entries: Sequence[Entry],
    checkpoints: Sequence[Checkpoint] | None = None,
    *,
    public_key: str = "",
    part: Part | None = None,
    in_log: int = 0,
) -> Report:
    """Exported, and read by a stranger."""
    path = folder / "log.zip"
    path.write_bytes(exported(entries, checkpoints, part=part, in_log=in_log))
    return verify_bundle(path, public_key=public_key)


def exported(
    entries: Sequence[Entry],
    checkpoints: Sequence[Checkpoint] | None = None,
    *,
    part: Part | None = None,
    in_log: int = 0,
) -> bytes:
    """The bundle, as the plane writes it."""
    store = Exported(entries, signed(entries) if checkpoints is None else checkpoints)
    asyncio.run(store.put_row("policy", POLICY, TEXT))
    return b"".join(pieces(store, AUTHOR, part, in_log=in_log))


def failures(report: Report) -> str:
    assert not report.passed
    return "\n".join(str(check) for check in report.checks if not check.passed)
