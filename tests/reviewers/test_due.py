"""A case that nobody decides: who looks is left in peace, then it is said aloud, then reminded of, then over; each told to people once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from keyturn import config as settings
from tests.console.running_plane import Plane, guarded, written_pack
from tests.reviewers.test_slack import Mailbox, held_update, serving

PACK = """
@id("soon.looks-at-updates")
@outcome("hold")
@quorum("1")
@escalate("3")
@message("somebody looks at every update, soon")
forbid (principal, action, resource)
when { context.effect == "update" };
"""
PACK_TESTS = """
[[case]]
name = "an update is held, and not for long"
given = { effect = "update", environment = "test" }
expect = { verdict = "hold", escalate = 3 }
"""


@pytest.fixture(scope="module")
def mailbox() -> Iterator[Mailbox]:
    with serving(Mailbox()) as server:
        yield server


@pytest.fixture(scope="module")
def plane(mailbox: Mailbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plane]:
    """One on which what is held is held for seconds."""
    folder = tmp_path_factory.mktemp("soon")
    (folder / "urls").write_text(mailbox.url + "\n")
    with guarded(
        folder,
        written_pack(folder, "soon", PACK, PACK_TESTS),
        channels=settings.Channels(digest_s=0, urls_file=str(folder / "urls")),
        holds=settings.Holds(wait_s=0.05, cooldown_s=1, review_deadline_s=12, remind_s=6),
    ) as made:
        yield made


def story(plane: Plane, case: str) -> list[str]:
    """What happened to it, without the clients that came and went."""
    found: list[dict[str, Any]] = plane.case(case)["story"]
    return [one["event"] for one in found if one["event"] not in {"attached", "detached"}]


def test_nobody_looks(plane: Plane, mailbox: Mailbox) -> None:
    """Held, said aloud, reminded of, expired: once each, in this order, by message too; and its row says that nobody has it."""
    case = held_update(plane, "ignored")
    end = time.monotonic() + 60
    while "escalated" not in story(plane, case):
        assert time.monotonic() < end
        time.sleep(0.1)
    (row,) = [one for one in plane.inbox() if one["id"] == case]
    assert (row["escalated"], row["claimed_by"]) == (True, "")
    assert plane.until(case, "expired")["phase"] == "expired"
    assert story(plane, case) == ["received", "assessed", "decided", "escalated", "reminded", "expired"]
    while not any("ran out of time" in one and f"/c/{case}" in one for one in mailbox.messages):
        assert time.monotonic() < end, mailbox.messages
        time.sleep(0.1)
    heard = [one.splitlines()[0] for one in mailbox.messages if f"/c/{case}" in one]
    said = ("waits for you", "is looked at by nobody", "will expire undecided", "needs no decision any more")
    assert len(heard) == len(said), heard
    for title, words in zip(heard, said, strict=True):
        assert words in title
    late = {"approve": True, "binding": row["binding"], "note": ""}
    with plane.api("dana") as dana:
        assert dana.post(f"/cases/{case}/review", json=late).json()["error"]["code"] == "not-open"


def test_who_looks_is_left_in_peace(plane: Plane) -> None:
    """What dana has claimed is not said to be looked at by nobody; once she lets it go, it is."""
    case = held_update(plane, "looked-at")
    with plane.api("dana") as dana:
        dana.post(f"/cases/{case}/claim", json={}).raise_for_status()
        time.sleep(4.5)
        assert "escalated" not in story(plane, case)
        dana.post(f"/cases/{case}/release", json={}).raise_for_status()
    plane.until(case, "expired")
    assert story(plane, case)[3:] == [
        "review_claimed",
        *(name for name in story(plane, case)[4:-1]),
        "expired",
    ]
    assert {"review_released", "escalated", "reminded"} <= set(story(plane, case))
