"""Where a change belongs: a case of its own, a repeat, the second half of a replace, or nowhere."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from keyturn.core.advance import advance
from keyturn.core.case import Case, Phase
from keyturn.core.plane import NONCE_KEPT_S, SESSION_KEPT_S, Plane, from_snapshot, snapshot
from keyturn.core.routing import Attach, Await, Join, New, Refuse, Replay, Route
from keyturn.model import record as r
from keyturn.model.change import Change, Effect, Principal, ResourceRef
from keyturn.model.decision import Verdict
from keyturn.testing.simulation import play
from tests.core import core_world as w

DELETE = w.operation()
CREATE = w.operation("dynamodb:CreateTable", Effect.CREATE, BillingMode="PAY_PER_REQUEST")
UPDATE = w.operation("dynamodb:UpdateTable", Effect.UPDATE, BillingMode="PAY_PER_REQUEST")


def _with(case: Case, **fields: Any) -> Plane:
    """A plane that knows this one case."""
    plane = Plane()
    plane.apply(r.Attached(at_ms=1, waiter=""), msgspec.structs.replace(case, **fields))
    return plane


def _route(plane: Plane, change: Change, at_ms: int = 100) -> Route:
    return plane.route(change, at_ms=at_ms)


OPEN = [
    (Phase.RECEIVED, Await("C-1")),
    (Phase.ASSESSED, Await("C-1")),
    (Phase.SUPERSEDED, Await("C-1")),
    (Phase.HELD, Attach("C-1")),
    (Phase.APPROVED, Attach("C-1")),
    (Phase.EXECUTING, Attach("C-1")),
    (Phase.UNCERTAIN, Attach("C-1")),
    (Phase.INCONCLUSIVE, Attach("C-1")),
]


@pytest.mark.parametrize(("phase", "route"), OPEN, ids=[row[0] for row in OPEN])
def test_the_same_request_again_while_it_is_open(phase: Phase, route: Route) -> None:
    """It waits for the decision, then for the case: never a second one."""
    assert _route(_with(w.held(DELETE), phase=phase), w.change(DELETE)) == route


def test_what_was_executed_is_given_again_and_never_asked_for_again() -> None:
    """Within the window; afterwards the same words are a new wish."""
    for phase in (Phase.CONFIRMED, Phase.FAILED, Phase.RESTORED, Phase.RESTORE_FAILED):
        plane = _with(w.held(DELETE), phase=phase, ended_at_ms=1_000)
        assert _route(plane, w.change(DELETE), at_ms=2_000) == Replay("C-1", 0), phase
        assert _route(plane, w.change(DELETE), at_ms=1_000 + 300_001) == New(), phase


def test_allowed_calls_never_join() -> None:
    """Two equal calls that policy allows are two calls."""
    for phase in (Phase.ALLOWED, Phase.EXECUTING, Phase.CONFIRMED):
        plane = _with(w.held(UPDATE), phase=phase, was_held=False)
        assert _route(plane, w.change(UPDATE)) == New()


def test_another_session_is_another_wish() -> None:
    """Holds are per session: what one agent was held for says nothing to another's client."""
    other = Principal(agent="kiro", session="S-2", operator="olga")
    assert _route(_with(w.held(DELETE)), w.change(DELETE, principal=other)) == New()


def test_a_create_that_meets_the_held_delete_joins_it() -> None:
    """The second half of a replace; a later create takes the earlier one's place."""
    route = _route(_with(w.held(DELETE)), w.change(CREATE))
    assert isinstance(route, Join)
    assert [one.name for one in route.change.operations] == ["dynamodb:DeleteTable", "dynamodb:CreateTable"]
    again = w.operation("dynamodb:CreateTable", Effect.CREATE, BillingMode="PROVISIONED")
    route = _route(_with(w.held(DELETE, CREATE)), w.change(again))
    assert isinstance(route, Join)
    assert route.change.operations == (DELETE, again)


def test_a_create_waits_for_a_delete_that_is_not_decided() -> None:
    """Otherwise it would slip past the hold by a moment."""
    assert _route(_with(w.received(DELETE)), w.change(CREATE)) == Await("C-1")


def test_the_narrow_patch_does_not_join() -> None:
    """The in-place update that was offered goes its own way; so does a create of something else."""
    assert _route(_with(w.held(DELETE)), w.change(UPDATE)) == New()
    elsewhere = msgspec.structs.replace(CREATE, resources=(msgspec.structs.replace(w.TABLE, id="invoices"),))
    assert _route(_with(w.held(DELETE)), w.change(elsewhere)) == New()


@pytest.mark.parametrize("phase", [Phase.APPROVED, Phase.EXECUTING, Phase.REJECTED, Phase.WITHDRAWN])
def test_nothing_joins_what_is_no_longer_held(phase: Phase) -> None:
    """An approval was for what was shown."""
    plane = _with(w.held(DELETE), phase=phase, ended_at_ms=None)
    assert _route(plane, w.change(CREATE)) == New()


def test_no_means_no_for_a_while_and_in_other_words() -> None:
    """The same operation on the same thing with another parameter gets the same answer, for a quarter of an hour."""
    plane = _with(w.held(DELETE), phase=Phase.REJECTED, ended_at_ms=60_000)
    variant = w.operation(Force=True)
    refused = _route(plane, w.change(variant), at_ms=61_000)
    assert isinstance(refused, Refuse)
    assert (refused.code, refused.case_id) == ("denied-before", "C-1")
    assert "not asked again for 14 min" in refused.reason
    assert _route(plane, w.change(variant), at_ms=60_000 + 900_001) == New()
    assert _route(plane, w.change(UPDATE), at_ms=61_000) == New()


def test_a_denied_create_does_not_come_back_by_joining_a_held_delete() -> None:
    """No means no by this way too: a new delete of the same identity does not open the door for it."""
    plane = _with(w.held(CREATE), phase=Phase.REJECTED, ended_at_ms=60_000)
    plane.apply(r.Attached(at_ms=1, waiter=""), msgspec.structs.replace(w.held(DELETE), id="C-2"))
    refused = _route(plane, w.change(CREATE), at_ms=61_000)
    assert isinstance(refused, Refuse)
    assert (refused.code, refused.case_id) == ("denied-before", "C-1")
    later = _route(plane, w.change(CREATE), at_ms=60_000 + 900_001)
    assert isinstance(later, Join)


def test_a_halt_refuses_everything_or_one_agent() -> None:
    """And says who halted what."""
    plane = Plane()
    plane.apply(r.HaltRaised(at_ms=1, by="anna", agent="q"))
    assert _route(plane, w.change(UPDATE)) == New()
    plane.apply(r.HaltRaised(at_ms=1, by="anna"))
    refused = _route(plane, w.change(UPDATE))
    assert refused == Refuse("halted", "anna has halted everything")
    plane.apply(r.HaltLifted(at_ms=2, by="anna"))
    assert _route(plane, w.change(UPDATE)) == New()
    plane.apply(r.HaltRaised(at_ms=3, by="ben", agent="kiro"))
    assert _route(plane, w.change(UPDATE)) == Refuse("halted", "ben has halted this agent")


def test_a_resource_is_locked_while_a_case_works_on_it() -> None:
    """From the claim until its outcome is known; uncertain keeps the lock."""
    plane = Plane()
    at_work = w.claimed(DELETE)
    other = w.approved(UPDATE)
    other = msgspec.structs.replace(other, id="C-2")
    for phase, locked in [
        (Phase.CLAIMED, True),
        (Phase.EXECUTING, True),
        (Phase.UNCERTAIN, True),
        (Phase.EXECUTED, False),
        (Phase.RESTORING, True),
        (Phase.CONFIRMED, False),
    ]:
        plane.apply(r.Attached(at_ms=1, waiter=""), msgspec.structs.replace(at_work, phase=phase))
        assert plane.locked_by(other) == ("C-1" if locked else ""), phase
        assert plane.locked_by(at_work) == ""


def test_what_may_still_be_given_back_stays_locked() -> None:
    """Where the decision obliges a restore, nobody builds on the change before it is verified."""
    plane, at_work = Plane(), w.claimed(DELETE)
    assert at_work.decision is not None
    obliged = msgspec.structs.replace(at_work.decision.obligations, restore_on_failure=True)
    at_work = msgspec.structs.replace(
        at_work, decision=msgspec.structs.replace(at_work.decision, obligations=obliged)
    )
    other = msgspec.structs.replace(w.approved(UPDATE), id="C-2")
    for phase, locked in [
        (Phase.EXECUTED, True),
        (Phase.VERIFYING, True),
        (Phase.INCONCLUSIVE, False),
        (Phase.RESTORING, True),
        (Phase.RESTORED, False),
    ]:
        plane.apply(r.Attached(at_ms=1, waiter=""), msgspec.structs.replace(at_work, phase=phase))
        assert plane.locked_by(other) == ("C-1" if locked else ""), phase


def test_a_session_ends_or_runs_out() -> None:
    """Its key is worth nothing afterwards."""
    plane = Plane()
    plane.apply(
        r.SessionOpened(
            at_ms=1,
            session="S-1",
            agent="kiro",
            operator="olga",
            owner="olga",
            access_key_id="KT1",
            expires_at_ms=1_000,
        )
    )
    assert plane.open_session("S-1", 999) is not None
    assert plane.open_session("S-1", 1_000) is None
    plane.apply(r.SessionEnded(at_ms=5, session="S-1"))
    assert plane.open_session("S-1", 6) is None
    assert plane.open_session("S-2", 6) is None


def _session(session: str, at_ms: int) -> r.SessionOpened:
    return r.SessionOpened(
        at_ms=at_ms,
        session=session,
        agent="kiro",
        operator="olga",
        owner="olga",
        access_key_id="KT-" + session,
        expires_at_ms=at_ms + 1_000,
    )


def test_ended_sessions_are_forgotten_when_nothing_of_theirs_is_open() -> None:
    """Not at once, since what came in before the end is still decided; not one that has only run out, since its key is kept."""
    plane = Plane()
    for session in ("S-1", "S-2", "S-3"):
        plane.apply(_session(session, 1))
    plane.apply(r.Attached(at_ms=2, waiter=""), w.held(DELETE))  # of S-1
    plane.apply(r.SessionEnded(at_ms=10, session="S-1"))
    plane.apply(r.SessionEnded(at_ms=10, session="S-2"))
    plane.apply(_session("S-4", 10 + SESSION_KEPT_S * 1000))
    assert set(plane.sessions) == {"S-1", "S-2", "S-3", "S-4"}
    plane.apply(_session("S-5", 11 + SESSION_KEPT_S * 1000))
    assert set(plane.sessions) == {"S-1", "S-3", "S-4", "S-5"}
    ended = msgspec.structs.replace(w.held(DELETE), phase=Phase.REJECTED, ended_at_ms=20)
    plane.apply(r.Attached(at_ms=20, waiter=""), ended)
    plane.apply(_session("S-6", 12 + SESSION_KEPT_S * 1000))
    assert "S-1" not in plane.sessions


def test_a_used_approval_is_remembered_for_as_long_as_it_could_be_used() -> None:
    """And for days beyond; then its nonce is forgotten. A call that nobody approved has none to remember."""
    plane = Plane()
    first, allowed = w.claimed(DELETE), msgspec.structs.replace(w.claimed(UPDATE), id="C-2", request=None)
    assert first.request is not None
    plane.apply(r.Claimed(at_ms=5, nonce="n-1", verdict=Verdict.HOLD), first)
    plane.apply(r.Claimed(at_ms=6, nonce="n-2", verdict=Verdict.ALLOW), allowed)
    assert set(plane.nonces) == {"n-1"}
    over = first.request.deadline_ms + NONCE_KEPT_S * 1000
    plane.apply(r.Claimed(at_ms=over - 1, nonce="n-3", verdict=Verdict.HOLD), first)
    assert set(plane.nonces) == {"n-1", "n-3"}
    plane.apply(r.Claimed(at_ms=over, nonce="n-4", verdict=Verdict.HOLD), first)
    assert set(plane.nonces) == {"n-3", "n-4"}


def test_a_snapshot_of_an_earlier_version_is_understood() -> None:
    """It lists nonces without saying until when, and the change of every case: nothing of it is dropped."""
    plane = _with(w.claimed(DELETE))
    written = msgspec.json.decode(snapshot(plane))
    written["nonces"] = ["n-1", "n-2"]
    again = from_snapshot(msgspec.json.encode(written))
    assert repr(again) == repr(plane)
    again.apply(r.Claimed(at_ms=10**13, nonce="n-3", verdict=Verdict.HOLD), w.claimed(DELETE))
    assert set(again.nonces) == {"n-1", "n-2", "n-3"}


def test_what_has_ended_is_remembered_without_its_parameters() -> None:
    """Repeats and variants are told by key and resource; a snapshot carries no more than that."""
    long = w.operation(Policy="x" * 50_000)
    open_bytes = len(snapshot(_with(w.held(long))))
    plane = _with(w.held(long), phase=Phase.REJECTED, ended_at_ms=60_000)
    assert open_bytes > 50_000
    assert len(snapshot(plane)) < 5_000
    assert isinstance(_route(plane, w.change(long), at_ms=61_000), Refuse)


FREEZES: dict[str, tuple[dict[str, Any], str, set[str], bool]] = {
    # what the freeze says, environment and accounts of a change, whether it is covered
    "its environment": ({"environment": "production"}, "production", {"1"}, True),
    "another one": ({"environment": "production"}, "test", {"1"}, False),
    "one that is not known": ({"environment": "test"}, "unknown", {"1"}, True),
    "every environment": ({"environment": ""}, "test", {"1"}, True),
    "its account": ({"environment": "", "account": "1"}, "test", {"1", "2"}, True),
    "another account": ({"environment": "", "account": "1"}, "production", {"2"}, False),
    "an account that is not known": ({"environment": "", "account": "1"}, "test", {""}, True),
    "no account that is named": ({"environment": "", "account": "1"}, "test", set(), True),
    "environment and account, both": ({"environment": "test", "account": "1"}, "test", {"1"}, True),
    "environment and account, one": ({"environment": "test", "account": "1"}, "production", {"1"}, False),
    "before it begins": ({"environment": "", "from_ms": 51}, "test", {"1"}, False),
    "from its first moment": ({"environment": "", "from_ms": 50}, "test", {"1"}, True),
    "at its end": ({"environment": "", "until_ms": 50}, "test", {"1"}, False),
}


@pytest.mark.parametrize("name", FREEZES)
def test_what_a_freeze_covers(name: str) -> None:
    """At moment 50: what is not known counts as frozen."""
    said, environment, accounts, covered = FREEZES[name]
    plane = Plane()
    plain: dict[str, Any] = {"at_ms": 1, "by": "anna", "until_ms": 100, "freeze": "F-1"}
    plane.apply(r.FreezeSet(**plain | said))
    found = plane.frozen(environment, accounts, 50)
    assert [one.id for one in found] == (["F-1"] if covered else [])


def test_a_freeze_is_lifted_by_its_name_and_its_number_is_never_given_again() -> None:
    """Two that say the same are two; what has ended is forgotten."""
    plane = Plane()
    for number in (1, 2):
        plane.apply(r.FreezeSet(at_ms=1, by="anna", until_ms=100, environment="", freeze=f"F-{number}"))
    plane.apply(r.FreezeLifted(at_ms=2, by="anna", freeze="F-1"))
    assert [one.id for one in plane.frozen("test", (), 50)] == ["F-2"]
    plane.apply(r.FreezeLifted(at_ms=200, by="anna", freeze="F-9"))
    assert (plane.freezes.on, plane.freezes.next_number) == ((), 3)


@pytest.mark.parametrize("seed", range(12))
def test_a_plane_is_the_same_from_its_snapshot(seed: int) -> None:
    """At every twentieth entry of a history: the bytes say all that the plane knows."""
    plane, cases = Plane(), dict[str, Case]()
    for count, entry in enumerate(play(seed).entries):
        event = entry.event()
        case = None
        if entry.case_id:
            case, _ = advance(cases.get(entry.case_id, Case(id=entry.case_id)), event)
            cases[entry.case_id] = case
        plane.apply(event, case)
        if count % 20 == 0:
            again = from_snapshot(snapshot(plane))
            assert snapshot(again) == snapshot(plane)
            assert repr(again) == repr(plane)


def test_the_oldest_ended_cases_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Open ones never."""
    monkeypatch.setattr("keyturn.core.plane.RECENT_CASES_MAX", 3)
    plane = Plane()
    for number in range(1, 8):
        case = w.held(DELETE, case_id=f"C-{number}")
        phase = Phase.HELD if number == 1 else Phase.REJECTED
        ended = msgspec.structs.replace(case, phase=phase, ended_at_ms=number)
        plane.apply(r.Received(at_ms=number, change=w.change(DELETE)), ended)
    assert repr(plane).startswith("<Plane [1 open of 4 known cases")
    assert plane.next_number == 8
    assert plane.known(ended_max=2) == ("C-1", "C-6", "C-7")
    assert plane.known(ended_max=0) == ("C-1",)


def test_who_touches_what(monkeypatch: pytest.MonkeyPatch) -> None:
    """Held and approved cases on a resource of the change, but for its own."""
    plane = _with(w.held(DELETE))
    assert plane.touching(w.change(UPDATE), but="C-2") == ("C-1",)
    assert plane.touching(w.change(UPDATE), but="C-1") == ()
    other = ResourceRef(provider="aws", partition="aws", account="1", region="x", kind="s3:bucket", id="b")
    elsewhere = msgspec.structs.replace(UPDATE, resources=(other,))
    assert plane.touching(w.change(elsewhere), but="C-2") == ()
