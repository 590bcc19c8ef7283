"""Everything that somebody may do to a bundle before he hands it on, and the one line of the report that fails for it."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from keyturn.core.receipts import challenge, statement_of
from keyturn.model import record as r
from keyturn.model.decision import Obligations, Verdict
from keyturn.model.record import Draft, Entry
from keyturn.model.review import Receipt
from keyturn.stores.bundle import Part
from keyturn.stores.verifying import Report, verify_bundle
from keyturn.testing.passkey import SoftPasskey
from tests.stores.exported_log import (
    ANOTHER,
    HELD,
    ORIGIN,
    REQUEST,
    SIGNER,
    chained,
    decision,
    exported,
    review,
    signed,
    story,
)

PAGE: Final = "https://keyturn.example"
GRACE, EDSGER = (SoftPasskey(PAGE, "keyturn.example") for _ in range(2))
SIGNED: Final = msgspec.structs.replace(REQUEST, signed=True)
KEY: Final = SIGNER.public.hex()


def receipt(key: SoftPasskey, who: str, nonce: str, **more: Any) -> Receipt:
    """Her passkey's signature under what was shown to her."""
    statement = statement_of(
        SIGNED, reviewer=who, note="", nonce=nonce, expires_at_ms=90, rp_id=key.rp_id, origin=PAGE
    )
    made = key.sign(challenge(statement))
    answer = made["response"]
    given = Receipt(
        statement=statement,
        credential=made["id"],
        public_key=key.public_key,
        authenticator_data=answer["authenticatorData"],
        client_data=answer["clientDataJSON"],
        signature=answer["signature"],
    )
    return msgspec.structs.replace(given, **more)


def has(who: str, key: SoftPasskey, what: str = "added") -> Draft:
    credential = key.sign(b"\x00" * 32)["id"]
    event = r.PasskeyChanged(
        at_ms=0, by=who, user=who, credential=credential, what=what, public_key=key.public_key
    )
    return Draft(case_id="", event=event)


def log(first: Receipt | None = None, by: str = "grace", **held: Any) -> list[Entry]:
    """As `story`, with two signed approvals; the first receipt and reviewer may be others."""
    obliged = Obligations(quorum=2, backup=True, signed=True)
    events = list(HELD)
    events[2] = r.Decided(at_ms=3, decision=decision(Verdict.HOLD, obligations=obliged), request=SIGNED)
    events[3] = review(by, binding=SIGNED.digest, receipt=first or receipt(GRACE, "grace", "one"))
    events[4] = review("edsger", binding=SIGNED.digest, receipt=receipt(EDSGER, "edsger", "two"))
    return chained([has("grace", GRACE), has("edsger", EDSGER), has("ada", GRACE, "renamed"), *story(events)])


LOG: Final = log()
COUNTS: Final = {"C-1": 8, "C-2": 12}
PART: Final = Part(COUNTS, frozenset({"S-1"}), {"cases": "C-1 C-2"})


def part_of(entries: list[Entry], **more: Any) -> bytes:
    return exported(entries, signed(entries, 5, len(entries)), part=PART, in_log=3, **more)


def whole_of(entries: list[Entry]) -> bytes:
    return exported(entries, signed(entries, 5, len(entries)))


def members(bundle: bytes, change: Callable[[dict[str, bytes]], None]) -> bytes:
    """The bundle with its members changed."""
    with zipfile.ZipFile(io.BytesIO(bundle)) as archive:
        held = {name: archive.read(name) for name in archive.namelist()}
    change(held)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in held.items():
            archive.writestr(name, data)
    return out.getvalue()


def lines(name: str, change: Callable[[list[bytes]], list[bytes]]) -> Callable[[dict[str, bytes]], None]:
    def changed(held: dict[str, bytes]) -> None:
        held[name] = b"\n".join(change(held[name].split(b"\n")[:-1])) + b"\n"

    return changed


def read(bundle: bytes, folder: Path, key: str = KEY) -> Report:
    path = folder / "bundle.zip"
    path.write_bytes(bundle)
    return verify_bundle(path, public_key=key)


def failed(report: Report) -> list[str]:
    return [check.name for check in report.checks if not check.passed]


# --- as they were made -----------------------------------------------------------------------------------------------


def test_a_part_of_a_log_passes_and_says_what_it_is(tmp_path: Path) -> None:
    """Two cases of three: each entry proved, the plane's word for how many there are, the cases judged as ever."""
    assert str(read(part_of(LOG), tmp_path)).splitlines() == [
        "PASS  entries: 24, each of them what was hashed",
        "PASS  checkpoints: 1 signed by the key you gave",
        "PASS  inclusion: each entry is in the log of 27 that was signed last",
        "PASS  consistency: each checkpoint's log begins with the one before",
        "PASS  selection: 2 of 3 cases, whole, as the plane says: cases C-1 C-2",
        "PASS  events: 24 decode",
        "PASS  verdicts: 2 calls left: 1 allowed by policy, 1 held",
        "PASS  approvals: 1 approved in time, by enough people who do not run the agent",
        "PASS  same change: what was approved is what was sent, as it was shown",
        "PASS  proofs: 2 numbered before their calls, every step held",
        "PASS  backups: 1 obliged, taken and verified before the call",
        "PASS  sent once: every call by one claim; no operation and no approval twice",
        "PASS  order: nothing happened to a case after its end, nor before its claim",
        "PASS  receipts: 2 approvals signed by a passkey of who gave them, 0 by login alone, as policy let them",
        "PASS  policies: 2 decisions by 1 sets of policies, whose texts are here",
    ]


def test_a_bundle_is_read_without_anything_else(tmp_path: Path) -> None:
    """It explains itself, and what it names is in it."""
    with zipfile.ZipFile(io.BytesIO(part_of(LOG))) as archive:
        assert "keyturn verify" in archive.read("README.md").decode()
        names = set(archive.namelist())
    assert {"about.json", "selection.json", "log.jsonl", "checkpoints.jsonl", "inclusion.jsonl"} < names


# --- what may be done to it ------------------------------------------------------------------------------------------


def other_receipt(held: dict[str, bytes]) -> None:
    """Nobody can do this without hashing the log anew, so it is the chain that tells."""
    held["log.jsonl"] = held["log.jsonl"].replace(b'"credential":"', b'"credential":"x', 1)


def another_policy(held: dict[str, bytes]) -> None:
    name = next(name for name in held if name.startswith("policies/"))
    held[name] = held[name].replace(b"sources", b"Sources")


def no_policy(held: dict[str, bytes]) -> None:
    del held[next(name for name in held if name.startswith("policies/"))]


def said_otherwise(held: dict[str, bytes]) -> None:
    told = json.loads(held["selection.json"])
    told["selection"]["cases"] = {"C-1": 8}
    held["selection.json"] = json.dumps(told).encode()


def another_log(held: dict[str, bytes]) -> None:
    """A checkpoint by the same key, of a log of another name."""
    more = signed(LOG, 10, origin="another.example/log")
    held["checkpoints.jsonl"] += msgspec.json.encode(more[0]) + b"\n"


def another_history(held: dict[str, bytes]) -> None:
    """A checkpoint by the same key over a second history of the same length: the plane has told two stories."""
    other = chained([Draft("", r.HaltLifted(at_ms=1, by="x"))] * 10)
    held["checkpoints.jsonl"] = msgspec.json.encode(signed(other, 10)[0]) + b"\n" + held["checkpoints.jsonl"]
    held["consistency.jsonl"] = b'{"old":10,"size":27,"path":["%s"]}\n' % (b"00" * 32)


def dropped(lines: list[bytes]) -> list[bytes]:
    return lines[:9] + lines[10:]


def swapped(lines: list[bytes]) -> list[bytes]:
    return [*lines[:9], lines[10], lines[9], *lines[11:]]


def altered(lines: list[bytes]) -> list[bytes]:
    return [line.replace(b'"reviewer":"edsger"', b'"reviewer":"barbara"') for line in lines]


def cut(lines: list[bytes]) -> list[bytes]:
    return lines[:-2]


def rehashed(held: dict[str, bytes]) -> None:
    """One entry of a part changed, and hashed anew: what it says of itself is right, and it is not in the tree."""
    rows = [json.loads(line) for line in held["log.jsonl"].splitlines()]
    entries = [Entry(row["seq"], row["writer"], row["case"], row["prev"], row["hash"], b"") for row in rows]
    place = next(
        index
        for index, row in enumerate(rows)
        if row["body"]["event"]["event"] == "verify_begun" or index == 6
    )
    raw = held["log.jsonl"].splitlines()
    body = raw[place].partition(b'"body":')[2][:-1].replace(b'"at_ms":', b'"at_ms":1', 1)
    from keyturn.core.chain import entry_hash

    changed = entry_hash(entries[place].prev, body)
    raw[place] = raw[place].replace(entries[place].hash.encode(), changed.encode())
    raw[place] = raw[place].partition(b'"body":')[0] + b'"body":' + body + b"}"
    held["log.jsonl"] = b"\n".join(raw) + b"\n"


Change = Callable[[dict[str, bytes]], None]

TAMPERED: Final[dict[str, tuple[Change, str, str]]] = {
    "an entry altered": (lines("log.jsonl", altered), "chain", "entries"),
    "an entry dropped": (lines("log.jsonl", dropped), "chain", "selection"),
    "two entries swapped": (lines("log.jsonl", swapped), "chain", "entries"),
    "a receipt swapped": (other_receipt, "chain", "entries"),
    "the end cut off": (lines("log.jsonl", cut), "signed to the end", "selection"),
    "a policy's text changed": (another_policy, "policies", "policies"),
    "a policy's text taken out": (no_policy, "policies", "policies"),
    "another selection claimed": (said_otherwise, "selection", "selection"),
    "a checkpoint of another log": (another_log, "checkpoint 10", "checkpoint 10"),
    "a checkpoint of another history": (another_history, "checkpoint 10", "consistency"),
    "an entry altered and hashed anew": (rehashed, "chain", "inclusion"),
}
"""What is done -> the line that fails in a whole log, and in a part."""


@pytest.mark.parametrize("name", TAMPERED)
def test_what_was_done_is_the_line_that_fails(name: str, tmp_path: Path) -> None:
    """Exactly one line, in a whole log and in a part of it."""
    change, whole, part = TAMPERED[name]
    assert failed(read(members(whole_of(LOG), change), tmp_path)) == [whole]
    assert failed(read(members(part_of(LOG), change), tmp_path)) == [part]


FORGED: Final[dict[str, tuple[list[Entry], str, str]]] = {
    "another's receipt": (
        log(receipt(EDSGER, "edsger", "three")),
        "receipts",
        "was signed for edsger, not grace",
    ),
    "a receipt used before": (
        log(receipt(GRACE, "grace", "two")),
        "receipts",
        "this signature was used before",
    ),
    "a receipt with another's key": (
        log(receipt(EDSGER, "grace", "one")),
        "receipts",
        "the passkey is not one of grace's",
    ),
    "a receipt for other words": (
        log(receipt(GRACE, "grace", "one", signature=receipt(GRACE, "grace", "five").signature)),
        "receipts",
        "the signature is not this passkey's over these bytes",
    ),
    "an approval by the operator": (
        log(receipt(GRACE, "ada", "one"), by="ada"),
        "approvals",
        "1 of 2 approvals",
    ),
}
"""The plane itself signed these: a log that is whole, and wrong."""


@pytest.mark.parametrize("name", FORGED)
def test_what_the_plane_itself_did_wrong_is_seen(name: str, tmp_path: Path) -> None:
    """No signature of its makes an approval good that is none."""
    entries, line, said = FORGED[name]
    if name == "an approval by the operator":
        entries = chained([has("ada", GRACE), *[Draft(e.case_id, e.event()) for e in entries[1:]]])
    for report in (read(whole_of(entries), tmp_path), read(part_of(entries), tmp_path)):
        assert failed(report) == [line]
        assert said in str(report)


def test_a_missing_receipt_is_no_approval(tmp_path: Path) -> None:
    """Policy wanted it signed; a login alone is not enough."""
    events = list(HELD)
    events[2] = r.Decided(at_ms=3, decision=decision(Verdict.HOLD), request=SIGNED)
    events[3] = review("grace", binding=SIGNED.digest)
    events[4] = review("edsger", binding=SIGNED.digest, receipt=receipt(EDSGER, "edsger", "two"))
    report = read(whole_of(chained([has("edsger", EDSGER), *story(events)])), tmp_path)
    assert failed(report) == ["receipts"]
    assert "grace: an approval of C-2 has to be signed with a passkey" in str(report)


def test_a_passkey_that_was_taken_away_signs_nothing(tmp_path: Path) -> None:
    """Once removed, or found to be cloned, its signature is nobody's."""
    for what in ("removed", "cloned"):
        drafts = [Draft(entry.case_id, entry.event()) for entry in LOG]
        report = read(whole_of(chained([*drafts[:3], has("grace", GRACE, what), *drafts[3:]])), tmp_path)
        assert failed(report) == ["receipts"]


def test_a_policy_that_the_plane_has_no_text_of_is_said(tmp_path: Path) -> None:
    """Older than the texts were kept: it passes, since the plane says so under its key, and the reader is told."""
    held = [*HELD]
    held[2] = r.Decided(at_ms=3, decision=decision(Verdict.HOLD, policy_digest="sha256:old"), request=REQUEST)
    report = read(whole_of(chained(story(held))), tmp_path)
    assert report.passed, str(report)
    assert "2 decisions by 1 sets of policies, whose texts are here; of 1 the plane has no text" in str(
        report
    )


def test_another_key_is_another_plane(tmp_path: Path) -> None:
    """Whoever wrote the bundle anew with a key of his own has only himself to vouch for it; the reader's pin tells."""
    report = read(part_of(LOG), tmp_path, ANOTHER.public.hex())
    assert failed(report) == ["checkpoint 27", "selection"]
    own = read(part_of(LOG), tmp_path, "")
    assert (own.passed, own.pinned, own.key) == (True, False, KEY)
    assert ORIGIN
