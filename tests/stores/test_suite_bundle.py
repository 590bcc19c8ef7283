"""An exported log, as a stranger reads it: what is right passes, and whatever was done to it is named."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from keyturn.model import record as r
from keyturn.model.decision import Verdict
from keyturn.model.record import Checkpoint, Draft, Entry
from tests.stores.exported_log import (
    ALLOWED,
    ANOTHER,
    SIGNER,
    chained,
    checked,
    decision,
    failures,
    signed,
    story,
)

# --- what is right ---------------------------------------------------------------------------------------------------


def test_a_log_as_it_was_exported_passes(tmp_path: Path) -> None:
    """Every check is made, passes, and says what it found."""
    report = checked(tmp_path, chained(story()), public_key=SIGNER.public.hex())
    assert str(report).splitlines() == [
        "PASS  chain: 24 entries, each on the hash of the one before",
        "PASS  checkpoints: 2 signed by the key you gave",
        "PASS  signed to the end: every entry is under a signature",
        "PASS  selection: the plane says that this is the whole log",
        "PASS  events: 24 decode",
        "PASS  verdicts: 2 calls left: 1 allowed by policy, 1 held",
        "PASS  approvals: 1 approved in time, by enough people who do not run the agent",
        "PASS  same change: what was approved is what was sent, as it was shown",
        "PASS  proofs: 2 numbered before their calls, every step held",
        "PASS  backups: 1 obliged, taken and verified before the call",
        "PASS  sent once: every call by one claim; no operation and no approval twice",
        "PASS  order: nothing happened to a case after its end, nor before its claim",
        "PASS  receipts: 0 approvals signed by a passkey of who gave them, 2 by login alone, as policy let them",
        "PASS  policies: 3 decisions by 1 sets of policies, whose texts are here",
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
    assert "0 allowed by policy, 1 held" in str(report)
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
