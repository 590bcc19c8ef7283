"""An exported log, as a stranger reads it: what is right passes, and whatever was done to it is named."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from keyturn.core.chain import GENESIS, Tree, entry_hash, make_entry, sign_checkpoint
from keyturn.model import record as r
from keyturn.model.assessment import Assessment, Reversibility
from keyturn.model.change import Change, Effect, Operation, Principal, ResourceRef
from keyturn.model.decision import Decision, Obligations, Verdict
from keyturn.model.execution import Backup, Call, Outcome, OutcomeStatus, ProofStep, Role
from keyturn.model.record import Checkpoint, Draft, Entry
from keyturn.model.review import Review, ReviewRequest
from keyturn.stores.bundle import Report, bundle, verify_bundle
from keyturn.stores.memory import MemoryStore
from keyturn.stores.vault import Signer

SIGNER: Final = Signer(b"\x07" * 32)
ANOTHER: Final = Signer(b"\x08" * 32)
ORIGIN: Final = "keyturn.example/log"

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
    return msgspec.structs.replace(Decision(verdict, (), obligations, "policy"), **more)


REQUEST = ReviewRequest(
    case_id="C-2",
    revision=1,
    change_digest=change("DeleteTable").digest,
    state_digest=ASSESSMENT.state_digest,
    assessment_digest=ASSESSMENT.digest,
    policy_digest="policy",
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


def checked(
    folder: Path,
    entries: Sequence[Entry],
    checkpoints: Sequence[Checkpoint] | None = None,
    *,
    public_key: str = "",
    own_key: str = SIGNER.public.hex(),
) -> Report:
    """Exported, and read by a stranger."""
    store = Exported(entries, signed(entries) if checkpoints is None else checkpoints)
    path = folder / "log.zip"
    path.write_bytes(bundle(store, public_key=own_key))
    return verify_bundle(path, public_key=public_key)


def failures(report: Report) -> str:
    assert not report.passed
    return "\n".join(str(check) for check in report.checks if not check.passed)


# --- what is right ---------------------------------------------------------------------------------------------------


def test_a_log_as_it_was_exported_passes(tmp_path: Path) -> None:
    """Every check is made, passes, and says what it found."""
    report = checked(tmp_path, chained(story()), public_key=SIGNER.public.hex())
    assert str(report).splitlines() == [
        "PASS  chain: 24 entries, each on the hash of the one before",
        "PASS  checkpoints: 2 signed by the key you gave",
        "PASS  signed to the end: every entry is under a signature",
        "PASS  events: 24 decode",
        "PASS  approvals: 2 calls left: 1 allowed by policy, 1 approved by people who do not run the agent",
    ]
    assert report.passed


def test_entries_after_the_last_checkpoint_are_counted_aloud(tmp_path: Path) -> None:
    """They pass, since a plane signs every now and then; and the reader is told how many are not yet signed."""
    entries = chained(story())
    report = checked(tmp_path, entries, signed(entries, 7))
    assert report.passed
    assert "17 entries came after the last checkpoint" in str(report)
    assert "bundle's own key (give --key to pin it)" in str(report)


def test_a_log_of_many_pieces(tmp_path: Path) -> None:
    """More entries than are worked on at a time, signed inside a piece, at its edge and at the end."""
    entries = chained([Draft(case_id="", event=r.HaltLifted(at_ms=1, by="x"))] * 20_500)
    report = checked(tmp_path, entries, signed(entries, 1, 9_999, 10_000, 10_001, 20_000, 20_500))
    assert report.passed, str(report)
    moved = [*entries[:15_000], entries[15_001], entries[15_000], *entries[15_002:]]
    assert "after entry 15000 comes entry 15002" in failures(
        checked(tmp_path, moved, signed(entries, 20_500))
    )


def test_observe_mode_is_said(tmp_path: Path) -> None:
    """Calls forwarded while nothing is enforced pass, and are counted apart: they are no approvals."""
    observing = list(ALLOWED)
    observing[2] = r.Decided(at_ms=3, decision=decision(Verdict.DENY, enforced=False))
    report = checked(tmp_path, chained(story(allowed=observing)))
    assert report.passed
    assert "0 allowed by policy, 1 approved" in str(report)
    assert "1 in observe mode, where nothing is enforced" in str(report)


# --- the chain and the checkpoints -----------------------------------------------------------------------------------

Tamper = Callable[[list[Entry]], list[Entry]]


def edit(index: int, **fields: Any) -> Tamper:
    def tamper(entries: list[Entry]) -> list[Entry]:
        entries[index] = msgspec.structs.replace(entries[index], **fields)
        return entries

    return tamper


def rewritten(entries: list[Entry]) -> list[Entry]:
    """An entry changed and every hash after it made anew: only the signatures can tell."""
    drafts = [Draft(case_id=entry.case_id, event=entry.event()) for entry in entries]
    drafts[2] = Draft(case_id="C-1", event=r.Withdrawn(at_ms=1, by="nobody"))
    return chained(drafts)


def refiled(entries: list[Entry]) -> list[Entry]:
    return edit(12, case_id="C-3")(entries)


LOGS: Final[dict[str, tuple[Tamper, str]]] = {
    "a body changed": (
        edit(3, body=b'{"case":"","event":{},"seq":4,"writer":"w1"}'),
        "entry 4 is not what was hashed",
    ),
    "a hash changed": (edit(3, hash="00" * 32), "entry 4 is not what was hashed"),
    "a hash that is none": (edit(3, hash="zz"), "entry 4 is not what was hashed"),
    "a previous hash changed": (edit(3, prev="00" * 32), "entry 4 does not follow on the hash of entry 3"),
    "a number changed": (edit(3, seq=9), "after entry 3 comes entry 9"),
    "filed under another case": (refiled, "entry 13 is filed under another number, writer or case"),
    "filed under another writer": (
        edit(3, writer="w2"),
        "entry 4 is filed under another number, writer or case",
    ),
    "the first taken out": (lambda entries: entries[1:], "after entry 0 comes entry 2"),
    "one taken out": (lambda entries: entries[:3] + entries[4:], "after entry 3 comes entry 5"),
    "the end cut off": (lambda entries: entries[:-3], "24 entries were signed, 21 are here"),
    "everything cut off": (lambda _: [], "24 entries were signed, 0 are here"),
    "one twice": (lambda entries: entries[:4] + entries[3:], "after entry 4 comes entry 4"),
    "written anew": (rewritten, "FAIL  checkpoint 5: the log's root at this size is another one"),
}


@pytest.mark.parametrize("name", LOGS)
def test_a_log_that_was_changed_is_found_out(name: str, tmp_path: Path) -> None:
    """Whatever is done to the entries, a line of the report says where."""
    tamper, said = LOGS[name]
    entries = chained(story())
    assert said in failures(checked(tmp_path, tamper(list(entries)), signed(entries)))


def test_checkpoints_of_another_log_or_key_count_for_nothing(tmp_path: Path) -> None:
    """Another key, another log, a root written anew in the note or beside it, a size that is none: each is named."""
    entries = chained(story())
    good = signed(entries)
    key = SIGNER.public.hex()
    table: list[tuple[Sequence[Checkpoint], str, str]] = [
        ([], key, "there is none"),
        (signed(entries, signer=ANOTHER), key, "no signature of this key holds"),
        (good, ANOTHER.public.hex(), "no signature of this key holds"),
        (good, "not hex", "the public key is not hexadecimal"),
        (good, "00", "no signature of this key holds"),
        (
            [good[0], *signed(entries, 24, origin="another.example/log")],
            key,
            "speaks of the log another.example",
        ),
        (
            [msgspec.structs.replace(good[0], root="00" * 32)],
            key,
            "the note speaks of another log, size or root",
        ),
        ([msgspec.structs.replace(good[0], root="xx")], key, "checkpoint 5: it is not one"),
        ([msgspec.structs.replace(good[0], size=6)], key, "the note speaks of another log, size or root"),
        ([msgspec.structs.replace(good[0], size=-1)], key, "the log's root at this size is another one"),
        ([msgspec.structs.replace(good[0], note="")], key, "the note has no signature part"),
        (
            [msgspec.structs.replace(good[0], note=good[0].note.replace("— ", "- "))],
            key,
            "no signature of this key",
        ),
    ]
    for checkpoints, pinned, said in table:
        assert said in failures(checked(tmp_path, entries, checkpoints, public_key=pinned))


# --- the second opinion ----------------------------------------------------------------------------------------------


def held(change_at: dict[int, r.CaseEvent | None], *more: r.CaseEvent) -> list[Draft]:
    """The held case with some of its events replaced, or left out; and events after it."""
    events = [change_at.get(index, event) for index, event in enumerate(HELD)]
    return story([event for event in events if event is not None] + list(more))


def asked(**fields: Any) -> dict[int, r.CaseEvent | None]:
    """Something else asked of reviewers, who answer exactly that."""
    request = msgspec.structs.replace(REQUEST, **fields)
    return {
        2: r.Decided(at_ms=3, decision=decision(Verdict.HOLD), request=request),
        3: review("grace", binding=request.digest),
        4: review("edsger", binding=request.digest),
    }


STORIES: Final[dict[str, tuple[list[Draft], str]]] = {
    "one approval of two": (held({4: None}), "was sent with 1 of 2 approvals that count"),
    "one person twice": (held({4: review("grace")}), "was sent with 1 of 2 approvals that count"),
    "the operator's own": (held({4: review("ada")}), "was sent with 1 of 2 approvals that count"),
    "the owner's, whom the request forgot": (
        held({4: review("linus")}),
        "was sent with 1 of 2 approvals that count",
    ),
    "one who was excluded": (held({4: review("mallory")}), "was sent with 1 of 2 approvals that count"),
    "of something else": (held({4: review("edsger", binding="sha256:00")}), "was sent with 1 of 2 approvals"),
    "too late": (held({4: review("edsger", at_ms=100)}), "was sent with 1 of 2 approvals that count"),
    "a no overlooked": (held({4: review("edsger", approve=False)}), "was sent though a reviewer said no"),
    "nobody was asked": (
        held({2: r.Decided(at_ms=3, decision=decision(Verdict.HOLD))}),
        "nothing was asked of reviewers",
    ),
    "fewer asked than policy said": (held(asked(quorum=1)), "fewer reviewers were asked than policy said"),
    "another change shown": (
        held(asked(change_digest="sha256:00")),
        "the change that was sent is not the one",
    ),
    "another assessment shown": (
        held(asked(assessment_digest="sha256:00")),
        "the assessment that was shown is not",
    ),
    "never decided": (held({2: None}), "was sent without a decision on it"),
    "grown after the decision": (
        held({5: r.Joined(at_ms=51, change=change("DeleteTable")), 6: HELD[5]}),
        "was sent without a decision on it",
    ),
    "assessed anew after the decision": (
        held({4: r.Assessed(at_ms=4, assessment=ASSESSMENT)}),
        "was sent without a decision on it",
    ),
    "decided anew, approvals kept": (
        held({5: HELD[2], 6: HELD[5]}),
        "was sent with 0 of 2 approvals that count",
    ),
    "denied": (
        held({2: r.Decided(at_ms=3, decision=decision(Verdict.DENY), request=REQUEST)}),
        "was sent though policy said deny",
    ),
    "only suggested": (
        held({2: r.Decided(at_ms=3, decision=decision(Verdict.SUGGEST), request=REQUEST)}),
        "was sent though policy said suggest",
    ),
    "allowed in doubt": (
        story(
            allowed=[
                *ALLOWED[:2],
                r.Decided(at_ms=3, decision=decision(Verdict.ALLOW, errors=("x",))),
                *ALLOWED[3:],
            ]
        ),
        "was allowed though policy could not be evaluated",
    ),
    "of no case at all": (
        [*story(), Draft(case_id="", event=r.Sent(at_ms=70, nonce="n-2"))],
        "no case: was sent without its claim",
    ),
    "never claimed": (held({5: None, 6: None}), "was sent without its claim"),
    "claimed as another": (held({10: r.Sent(at_ms=60, nonce="n-9")}), "was sent without its claim"),
    "claimed with a used nonce": (
        held({5: r.Claimed(at_ms=51, nonce="n-1", verdict=Verdict.HOLD)}),
        "used twice",
    ),
    "a step before the claim": (
        held({5: HELD[6], 6: HELD[5]}),
        "step 1 of its backup was taken before the claim",
    ),
    "no backup": (held({8: r.BackedUp(at_ms=54, backups=())}), "without the verified backup"),
    "a backup nobody verified": (
        held({8: r.BackedUp(at_ms=54, backups=(msgspec.structs.replace(BACKUP, verified_by=""),))}),
        "without the verified backup",
    ),
    "no proof": (held({9: None}), "was sent without its proof"),
    "an empty proof": (held({9: r.Proved(at_ms=55, steps=())}), "was sent without its proof"),
    "a proof that does not hold": (
        held({9: r.Proved(at_ms=55, steps=(msgspec.structs.replace(HOLDS[0], holds=False),))}),
        "was sent without its proof",
    ),
    "halted before": (held({7: r.Halted(at_ms=53, by="grace")}), "was sent after it was halted"),
    "invalidated before": (
        held({7: r.Invalidated(at_ms=53, what="state", detail="")}),
        "after it was invalidated",
    ),
    "sent twice": (held({}, *sent("n-2")), "operation 0 was sent twice"),
    "answered, never sent": (
        held({}, r.Answered(at_ms=70, outcome=Outcome(OutcomeStatus.FAILED), operation=1)),
        "was never sent",
    ),
}


@pytest.mark.parametrize("name", STORIES)
def test_a_call_that_should_not_have_left_is_found_out(name: str, tmp_path: Path) -> None:
    """The chain is whole and well signed, so it is the plane itself that did wrong: the events alone show it."""
    drafts, said = STORIES[name]
    report = checked(tmp_path, chained(drafts))
    assert [check.name for check in report.checks if not check.passed] == ["approvals"]
    assert said in failures(report)


def test_of_many_problems_some_are_named_and_all_are_counted(tmp_path: Path) -> None:
    """A report is read by a person."""
    drafts = [
        Draft(case_id=f"C-{number}", event=event) for number in range(9) for event in sent(f"n-{number}")[:1]
    ]
    assert "C-4: was sent without its claim; and 4 more" in failures(checked(tmp_path, chained(drafts)))


def test_an_event_from_the_future_is_not_passed_over(tmp_path: Path) -> None:
    """What this version cannot read it cannot vouch for."""
    entries = chained(story())
    body = entries[-1].body.replace(b'"event":"decided"', b'"event":"teleported"')
    entries[-1] = msgspec.structs.replace(entries[-1], body=body, hash=entry_hash(entries[-1].prev, body))
    assert "entry 24 is no event we know: Invalid value 'teleported'" in failures(checked(tmp_path, entries))
