"""The plane at work, as conversations: an agent asks, people answer, the account is looked at afterwards."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

import msgspec
import pytest

from keyturn.core.case import Case, Phase
from keyturn.core.freezing import Freezes
from keyturn.core.ports import Captures, Inquiry, Scope
from keyturn.errors import OperatorError, ReviewError
from keyturn.executors.interface import NotSentError, Sending
from keyturn.model import record as r
from keyturn.model.change import Change
from keyturn.model.decision import Decision, Obligations, Verdict
from keyturn.model.execution import Backup, Outcome, OutcomeStatus
from keyturn.runtime.interface import ReplyKind
from keyturn.runtime.settings import Settings
from tests.runtime.calm import SETTINGS, Calm, talk


def test_an_allowed_change_goes_through_and_its_story_is_whole() -> None:
    """Assessed, allowed, claimed, proved, intended, sent, answered, verified: each on record, in this order."""

    async def story(world: Calm) -> None:
        reply = await world.ask(world.change("Set", "t1", value=7))
        assert (reply.kind, reply.response and reply.response.status) == (ReplyKind.SENT, 200)
        await world.settle_down()
        assert world.case().phase is Phase.CONFIRMED
        assert world.story() == [
            "Received",
            "Assessed",
            "Decided",
            "Claimed",
            "BackedUp",
            "Proved",
            "Sent",
            "Answered",
            "VerifyBegun",
            "Verified",
        ]

    world = talk(story)
    assert world.account.things["t1"] == 7
    assert world.happened("took") == [("C-1", "t1")]


def test_a_held_call_waits_and_is_answered_when_two_have_approved() -> None:
    """The client that still waits gets the service's own response; a backup was taken before."""

    async def story(world: Calm) -> None:
        waiting = world.asking(world.change("Delete", "p1"))
        await world.settle_down()
        assert world.case().phase is Phase.HELD
        assert (await world.review("anna")).phase is Phase.HELD
        assert not waiting.done()
        await world.review("ben")
        reply = await waiting
        assert (reply.kind, reply.response and reply.response.status) == (ReplyKind.SENT, 200)
        assert [step.holds for step in world.case().proof] == [True] * 7

    world = talk(story)
    assert world.account.things["p1"] is None
    assert world.happened("step") == [("C-1", "p1")]
    assert list(world.account.backups.values()) == [("p1", 100)]


def test_a_client_that_waits_too_long_is_told_and_asks_again() -> None:
    """It is told case, page, reason; nothing was executed; after approval the same request executes, once."""

    async def story(world: Calm) -> None:
        asked = world.change("Delete", "p1")
        reply = await world.ask(asked)
        assert (reply.kind, reply.case_id) == (ReplyKind.HELD, "C-1")
        assert "https://keyturn.test/c/C-1" in reply.text
        assert "2 reviewers who do not run this agent" in reply.text
        await world.review("anna")
        await world.review("ben")
        await world.settle_down()
        assert world.case().phase is Phase.APPROVED  # not behind the agent's back
        assert not world.happened("left")
        assert (await world.ask(asked)).kind is ReplyKind.SENT
        again = await world.ask(asked)  # the recorded response, not another call
        assert (again.kind, again.case_id) == (ReplyKind.SENT, "C-1")

    assert talk(story).happened("left") == [("C-1", "p1")]


def test_a_no_reaches_the_agent_with_its_reason_and_stays_a_no() -> None:
    """In other words it gets the same answer; a person may have said what to do instead."""

    async def story(world: Calm) -> None:
        waiting = world.asking(world.change("Delete", "p1"))
        await world.settle_down()
        await world.review("anna", approve=False, note="run the narrow patch")
        reply = await waiting
        assert reply.kind is ReplyKind.DENIED
        assert "denied by anna: run the narrow patch" in reply.text
        variant = await world.ask(world.change("Delete", "p1", force=True))
        assert (variant.kind, variant.case_id, variant.code) == (ReplyKind.DENIED, "C-1", "denied-before")
        assert "run the narrow patch" in variant.text

    assert not talk(story).happened("left")


def test_the_operator_cannot_approve_and_the_attempt_is_on_record() -> None:
    """Nobody approves their own agent."""

    async def story(world: Calm) -> None:
        await world.ask(world.change("Delete", "p1"))
        assert "runs or owns the agent" in world.plane.may_review(world.case(), "olga")
        with pytest.raises(ReviewError, match="runs or owns the agent"):
            await world.review("olga")
        assert world.story()[-1] == "ReviewRefused"
        assert world.plane.may_review(world.case(), "anna") == ""

    talk(story)


def test_what_policy_denies_never_becomes_reviewable() -> None:
    """DENY is an answer, at once."""

    async def story(world: Calm) -> None:
        reply = await world.ask(world.change("Wipe", "t1"))
        assert (reply.kind, world.case().phase) == (ReplyKind.DENIED, Phase.DENIED)
        assert "do not ask again in other words" in reply.text
        with pytest.raises(ReviewError, match="nothing to review"):
            await world.review("anna")

    assert not talk(story).happened("left")


def test_a_suggest_only_session_never_executes() -> None:
    """What it asks is recorded as a proposal."""

    async def story(world: Calm) -> None:
        reply = await world.ask(world.change("Set", "t1", value=7))
        assert (reply.kind, world.case().phase) == (ReplyKind.SUGGESTED, Phase.SUGGESTED)

    assert not talk(story, session={"suggest_only": True}).happened("left")


def test_observing_records_what_it_would_have_done_and_forwards() -> None:
    """The way teams start: the decision is on record, marked as not enforced, and everything goes through."""

    async def story(world: Calm) -> None:
        assert (await world.ask(world.change("Delete", "p1"))).kind is ReplyKind.SENT
        assert (await world.ask(world.change("Wipe", "t1"))).kind is ReplyKind.SENT
        decisions = [world.case(case_id).decision for case_id in ("C-1", "C-2")]
        assert [(one and one.verdict, one and one.enforced) for one in decisions] == [
            (Verdict.HOLD, False),
            (Verdict.DENY, False),
        ]

    settings = msgspec.structs.replace(SETTINGS, observe=True)
    assert talk(story, settings=settings).happened("took") == [("C-1", "p1"), ("C-2", "t1")]


def test_a_halt_stops_what_is_on_its_way_and_an_approval_survives_it() -> None:
    """New requests are refused by name of who halted; what was approved waits for the plane to be resumed."""

    async def story(world: Calm) -> None:
        asked = world.change("Delete", "p1")
        await world.ask(asked)
        await world.review("anna")
        await world.review("ben")
        await world.plane.halt(by="anna", reason="looks odd")
        reply = await world.ask(world.change("Set", "t1", value=7))
        assert (reply.kind, reply.code) == (ReplyKind.REFUSED, "halted")
        assert "anna has halted everything" in reply.text
        assert (await world.ask(asked)).kind is ReplyKind.REFUSED
        assert not world.happened("left")
        await world.plane.resume(by="anna")
        assert (await world.ask(asked)).kind is ReplyKind.SENT

    talk(story)


def test_state_that_moved_after_the_approval_voids_it() -> None:
    """The state is read again after the claim; the agent is told, and nothing left."""

    async def story(world: Calm) -> None:
        asked = world.change("Delete", "t1")
        await world.ask(asked)
        await world.review("anna")
        world.account.things["t1"] = 555
        reply = await world.ask(asked)
        assert (reply.kind, world.case().phase) == (ReplyKind.REFUSED, Phase.INVALIDATED)
        assert "changed since it was assessed: sim:thing/t1" in reply.text

    assert not talk(story).happened("left")


def test_a_yes_for_what_moved_meanwhile_is_not_taken() -> None:
    """Before a yes counts the state is read again."""

    async def story(world: Calm) -> None:
        await world.ask(world.change("Delete", "p1"))
        shown = world.case().request
        assert shown is not None
        world.account.things["p1"] = 555
        fresh = await world.plane.freshness("C-1")
        assert fresh["unchanged"] is False
        with pytest.raises(ReviewError, match="nothing to review"):
            await world.plane.review(
                "C-1", by="anna", approve=True, binding=shown.digest, note="", via="test"
            )
        assert world.case().phase is Phase.INVALIDATED

    talk(story)


def test_another_change_of_the_same_thing_voids_what_is_held() -> None:
    """What was shown is no longer what is there."""

    async def story(world: Calm) -> None:
        await world.ask(world.change("Delete", "t1"))
        assert (await world.ask(world.change("Set", "t1", value=7))).kind is ReplyKind.SENT
        await world.settle_down()
        assert world.case("C-1").phase is Phase.INVALIDATED
        assert "C-2 changed" in world.case("C-1").reason

    talk(story)


def test_delete_and_create_are_one_replace() -> None:
    """The create joins the held delete; one approval is for both; they are executed in order, each once."""

    async def story(world: Calm) -> None:
        await world.ask(world.change("Delete", "p1"))
        await world.review("anna")
        reply = await world.ask(world.change("Create", "p1", value=9))
        assert (reply.kind, reply.case_id) == (ReplyKind.HELD, "C-1")
        case = world.case()
        assert (case.revision, case.approvals, case.assessment and case.assessment.effect) == (
            2,
            (),
            "replace",
        )
        await world.review("anna")
        await world.review("ben")
        await world.plane.execute("C-1", by="anna")
        await world.settle_down()
        assert world.case().phase is Phase.CONFIRMED

    world = talk(story)
    assert [one.detail for one in world.account.journal if one.what == "took"] == ["Delete", "Create"]
    assert world.account.things["p1"] == 9


def test_equal_requests_at_the_same_moment_are_one_case() -> None:
    """The second waits for the decision on the first."""

    async def story(world: Calm) -> None:
        asked = world.change("Delete", "p1")
        first, second = world.asking(asked), world.asking(asked)
        await world.settle_down()
        assert [case.id for case in world.plane.cases()] == ["C-1"]
        await world.review("anna")
        await world.review("ben")
        assert [(await one).kind for one in (first, second)] == [ReplyKind.SENT, ReplyKind.SENT]

    assert talk(story).happened("left") == [("C-1", "p1")]


def test_what_certainly_did_not_leave_failed() -> None:
    """And is said so."""

    async def story(world: Calm) -> None:
        async def unsent(*_args: object, **_look: object) -> Sending:
            raise NotSentError("refused", "no connection could be made")

        world.executor.send = unsent  # type: ignore[method-assign]
        reply = await world.ask(world.change("Set", "t1", value=7))
        assert (reply.kind, world.case().phase) == (ReplyKind.REFUSED, Phase.FAILED)
        assert "nothing was sent: no connection could be made" in reply.text

    talk(story)


def test_a_backup_that_cannot_be_proved_stops_everything() -> None:
    """No backup, no call, whoever approved."""

    async def story(world: Calm) -> None:
        def unproved(*_args: object, **_kwargs: object) -> Inquiry[tuple[Backup, ...]]:
            raise RuntimeError("the backup service is down")
            yield ()

        world.provider.backup = unproved  # type: ignore[method-assign]
        waiting = world.asking(world.change("Delete", "p1"))
        await world.settle_down()
        await world.review("anna")
        await world.review("ben")
        reply = await waiting
        assert (reply.kind, world.case().phase) == (ReplyKind.REFUSED, Phase.FAILED)
        assert "could not be prepared: RuntimeError: the backup service is down" in reply.text

    assert not talk(story).happened("left")


def test_a_capture_that_policy_obliges_is_asked_for() -> None:
    """Allowed, but to be captured first; without the capture nothing leaves."""

    async def story(world: Calm) -> None:
        usual = world.policy._usual

        def capturing(*args: object) -> tuple[Verdict, Obligations]:
            return Verdict.ALLOW, Obligations(capture=True)

        world.policy._usual = capturing  # type: ignore[assignment,method-assign]
        assert (await world.ask(world.change("Set", "t1", value=7))).kind is ReplyKind.SENT
        take = world.provider._take
        world.provider._take = lambda _change: _nothing()  # type: ignore[assignment,method-assign]
        reply = await world.ask(world.change("Set", "t2", value=7))
        assert (reply.kind, world.case("C-2").phase) == (ReplyKind.REFUSED, Phase.FAILED)
        assert "policy wants the state captured first" in reply.text
        world.provider._take, world.policy._usual = take, usual  # type: ignore[method-assign]

    assert talk(story).happened("left") == [("C-1", "t1")]


def _nothing() -> Inquiry[Captures]:
    yield ()
    return Captures(states={})


def test_a_credential_that_cannot_be_scoped_stops_everything() -> None:
    """The proof's fifth step."""

    async def story(world: Calm) -> None:
        def none(_change: Change) -> Scope:
            raise OperatorError("no-role", "the change role cannot be assumed")

        world.provider.scope = none  # type: ignore[assignment,method-assign]
        reply = await world.ask(world.change("Set", "t1", value=7))
        assert (reply.kind, world.case().phase) == (ReplyKind.REFUSED, Phase.FAILED)
        assert "(5) grant scoped: the change role cannot be assumed" in reply.text

    assert not talk(story).happened("left")


def test_policy_is_asked_again_before_the_call() -> None:
    """What was allowed to be approved yesterday may be forbidden today."""

    async def story(world: Calm) -> None:
        asked = world.change("Delete", "t1")
        await world.ask(asked)
        await world.review("anna")
        world.policy.strict = True
        reply = await world.ask(asked)
        assert (reply.kind, world.case().phase) == (ReplyKind.REFUSED, Phase.INVALIDATED)
        assert "policy says deny now, hold when it was decided" in reply.text

    assert not talk(story).happened("left")


def _freeze(world: Calm) -> None:
    """Somebody sets a freeze: it is on the log at once."""
    until = world.loop.now_ms() + 60_000
    world.plane.book.plane.apply(
        r.FreezeSet(at_ms=world.loop.now_ms(), by="anna", until_ms=until, environment="")
    )


def _cap(world: Calm) -> None:
    """Stricter policies come into force."""
    world.policy.strict = True


def _halt(world: Calm) -> None:
    """Somebody stops everything."""
    world.plane.book.plane.apply(r.HaltRaised(at_ms=world.loop.now_ms(), by="anna"))


BETWEEN = {
    # what happens, and how the case ends where it comes before the claim, and where it comes after the proof
    "a freeze": (
        _freeze,
        Phase.INVALIDATED,
        Phase.FAILED,
        "policy asks 3 reviewers now, 1 when it was decided",
    ),
    "a cap": (_cap, Phase.INVALIDATED, Phase.FAILED, "policy says deny now, hold when it was decided"),
    "a halt": (_halt, Phase.APPROVED, Phase.HALTED, "halted by anna"),
}


@pytest.mark.parametrize("name", BETWEEN)
def test_what_comes_between_policys_last_word_and_the_claim_stops_approved_work(name: str) -> None:
    """Approved by people and taken for sending: policy has just said yes again, and that moment somebody sets a freeze."""
    happens, ends, _, why = BETWEEN[name]

    async def story(world: Calm) -> None:
        asked = world.change("Delete", "t1")
        await world.ask(asked)
        answer = world.plane.work._answer

        def answered(case: Case) -> Decision:
            decision = answer(case)
            if case.phase is Phase.APPROVED:
                world.plane.work._answer = answer  # type: ignore[method-assign]
                happens(world)
            return decision

        world.plane.work._answer = answered  # type: ignore[method-assign]
        await world.review("anna")
        client = world.asking(asked)
        await world.settle_down()
        assert world.case().phase is ends
        if ends is not Phase.APPROVED:  # an approved case waits for the plane to be resumed
            assert why in world.case().reason
        client.cancel()

    assert talk(story).happened("left") == []


@pytest.mark.parametrize("name", BETWEEN)
def test_what_comes_between_the_proof_and_the_intent_stops_it_too(name: str) -> None:
    """It was proved, and the call is still to be written down: then the proof is made again, and says why nothing leaves."""
    happens, _, ends, why = BETWEEN[name]

    async def story(world: Calm) -> None:
        asked = world.change("Delete", "t1")
        await world.ask(asked)
        record = world.plane.book.record

        async def recorded(case_id: str, *events: r.CaseEvent) -> Case:
            after = await record(case_id, *events)
            if isinstance(events[0], r.Proved):
                happens(world)
            return after

        world.plane.book.record = recorded  # type: ignore[method-assign]
        await world.review("anna")
        reply = await world.ask(asked)
        assert (reply.kind, world.case().phase) == (ReplyKind.REFUSED, ends)
        assert why in world.case().reason

    assert talk(story).happened("left") == []


def test_a_freeze_that_ends_meanwhile_stops_nothing() -> None:
    """The proof is made again on what is so by then, and the call leaves."""

    async def story(world: Calm) -> None:
        _freeze(world)
        asked = world.change("Set", "t1", value=7)
        await world.ask(asked)
        record, proofs = world.plane.book.record, 0

        async def recorded(case_id: str, *events: r.CaseEvent) -> Case:
            nonlocal proofs
            after = await record(case_id, *events)
            if isinstance(events[0], r.Proved):
                proofs += 1
                world.plane.book.plane.freezes = Freezes()
            return after

        world.plane.book.record = recorded  # type: ignore[method-assign]
        for who in ("anna", "ben", "cleo"):
            await world.review(who)
        await world.ask(asked)
        await world.settle_down()
        assert (world.case().phase, proofs) == (Phase.CONFIRMED, 2)

    assert len(talk(story).happened("left")) == 1


def test_an_error_of_policy_is_a_no() -> None:
    """Fail closed, and say so."""

    async def story(world: Calm) -> None:
        def broken(*_args: object) -> tuple[Verdict, Obligations]:
            raise ZeroDivisionError("policy is broken")

        world.policy._usual = broken  # type: ignore[assignment,method-assign]
        reply = await world.ask(world.change("Set", "t1", value=7))
        assert reply.kind is ReplyKind.DENIED
        assert "fails closed: ZeroDivisionError: policy is broken" in reply.text

    assert not talk(story).happened("left")


def test_an_assessment_that_fails_is_the_worst_one() -> None:
    """What could not be assessed is held like a loss for ever."""

    async def story(world: Calm) -> None:
        def broken(*_args: object, **_kwargs: object) -> Inquiry[Captures]:
            raise KeyError("a fact")
            yield ()

        world.provider.assess = broken  # type: ignore[assignment,method-assign]
        reply = await world.ask(world.change("Set", "t1", value=7))
        assert reply.kind is ReplyKind.HELD
        assessment = world.case().assessment
        assert assessment is not None
        assert (assessment.reversibility, assessment.environment) == ("R4", "unknown")
        assert "could not be assessed" in reply.text

    talk(story)


def test_undo_gives_back_what_was_taken() -> None:
    """A case of its own; the original says by which; once."""

    async def story(world: Calm) -> None:
        await world.ask(world.change("Set", "t1", value=7))
        await world.settle_down()
        undo = await world.plane.undo("C-1", by="anna")
        assert (undo.id, undo.phase, undo.outcome and undo.outcome.detail) == (
            "C-2",
            Phase.CONFIRMED,
            "everything is as it was",
        )
        assert world.case("C-1").undone_by == "C-2"
        with pytest.raises(ReviewError, match="taken back already, by C-2"):
            await world.plane.undo("C-1", by="anna")

    assert talk(story).account.things["t1"] == 120


def test_an_undo_in_production_is_reviewed_and_then_runs_by_itself() -> None:
    """Who asked for it waits for it; another person approves."""

    async def story(world: Calm) -> None:
        waiting = world.asking(world.change("Delete", "p1"))
        await world.settle_down()
        await world.review("anna")
        await world.review("ben")
        await waiting
        await world.settle_down()
        undo = await world.plane.undo("C-1", by="anna")
        assert undo.phase is Phase.HELD
        with pytest.raises(ReviewError, match="runs or owns"):
            await world.review("anna", "C-2")
        await world.review("ben", "C-2")
        await world.settle_down()
        assert world.case("C-2").phase is Phase.CONFIRMED

    assert talk(story).account.things["p1"] == 100


def test_there_is_nothing_to_take_back_of_what_never_happened() -> None:
    """And it is said why."""

    async def story(world: Calm) -> None:
        await world.ask(world.change("Delete", "p1"))
        with pytest.raises(ReviewError, match="C-1 is held; there is nothing to take back"):
            await world.plane.undo("C-1", by="anna")
        with pytest.raises(ReviewError, match="there is no case C-9"):
            await world.plane.undo("C-9", by="anna")

    talk(story)


def test_withdrawing_is_for_who_asked() -> None:
    """Others deny."""

    async def story(world: Calm) -> None:
        waiting = world.asking(world.change("Delete", "p1"))
        await world.settle_down()
        with pytest.raises(ReviewError, match="deny it instead"):
            await world.plane.withdraw("C-1", by="anna", reason="")
        await world.plane.withdraw("C-1", by="olga", reason="a mistake")
        reply = await waiting
        assert reply.kind is ReplyKind.REFUSED
        assert "withdrawn by olga: a mistake" in reply.text

    talk(story)


def test_time_runs_out_for_holds_and_for_approvals() -> None:
    """Each by its own limit, and says which."""

    async def story(world: Calm) -> None:
        await world.ask(world.change("Delete", "p1"))
        await world.ask(world.change("Delete", "p2"))
        await world.review("anna", "C-2")
        await world.review("ben", "C-2")
        await world.settle_down(40)
        assert (world.case("C-2").phase, world.case("C-2").reason) == (
            Phase.EXPIRED,
            "the approval ran out of time",
        )
        await world.settle_down(30)
        assert (world.case("C-1").phase, world.case("C-1").reason) == (
            Phase.EXPIRED,
            "the review ran out of time",
        )

    assert not talk(story).happened("left"), "what nobody answered, or nobody used in time, is not sent"


def test_executing_is_for_approved_cases_and_not_for_the_operator() -> None:
    """A reviewer may execute without the agent; the operator may not."""

    async def story(world: Calm) -> None:
        await world.ask(world.change("Delete", "t1"))
        with pytest.raises(ReviewError, match="only an approved case"):
            await world.plane.execute("C-1", by="anna")
        await world.review("anna")
        with pytest.raises(ReviewError, match="runs the agent"):
            await world.plane.execute("C-1", by="olga")
        await world.plane.execute("C-1", by="anna")
        await world.settle_down()
        assert world.case().phase is Phase.CONFIRMED

    assert talk(story).happened("took") == [("C-1", "t1")]


def test_a_session_ends_and_its_key_with_it() -> None:
    """At once when ended, by itself when its time is over."""

    async def story(world: Calm) -> None:
        second = await world.plane.open_session(operator="olga", agent="q", ttl_s=60)
        assert world.plane.session(world.key.access_key_id) == world.key
        await world.plane.end_session(world.key.session, by="olga", reason="done")
        assert world.plane.session(world.key.access_key_id) is None
        assert [key.session for key in world.plane.sessions()] == [second.session]
        await world.settle_down(61)
        assert world.plane.session(second.access_key_id) is None
        assert world.plane.sessions() == ()
        with pytest.raises(OperatorError, match="60 to 43200 seconds"):
            await world.plane.open_session(operator="olga", agent="q", ttl_s=5)

    talk(story)


def test_a_restart_changes_nothing_that_was_said() -> None:
    """Sessions, held cases, approvals and numbers are as they were; what waits goes on."""

    async def story(world: Calm) -> None:
        asked = world.change("Delete", "p1")
        await world.ask(asked)
        await world.review("anna")
        before = repr(world.case())
        await world.plane.close()
        await world.boot()
        assert repr(world.case()) == before
        assert world.plane.session(world.key.access_key_id) == world.key
        await world.review("ben")
        assert (await world.ask(asked)).kind is ReplyKind.SENT
        await world.ask(world.change("Set", "t1", value=1))
        assert world.case("C-2").id == "C-2"

    talk(story)


def test_a_start_from_a_snapshot_is_a_start_from_the_log() -> None:
    """The snapshot is a shortcut, never another truth."""

    async def story(world: Calm) -> None:
        await world.ask(world.change("Delete", "p1"))
        await world.plane.book.save_snapshot()
        saved = world.store.load_snapshot()
        await world.review("anna")
        await world.ask(world.change("Set", "t1", value=3))
        await world.settle_down()
        await world.plane.book.store.append(())
        whole = await world.boot()
        fresh = {case.id: case for case in whole.cases()}
        second = await world.boot()
        second.book.cases.clear()
        world.store._snapshot = saved
        second.book.load()
        assert {case.id: case for case in second.cases()} == fresh

    talk(story)


def test_who_listens_hears_everything_once() -> None:
    """First what the log holds since then, then what comes."""

    async def story(world: Calm) -> None:
        heard: list[tuple[str, str]] = []

        async def listen() -> None:
            async for notice in world.plane.subscribe(after=1):
                heard.append((notice.case_id, notice.event))  # noqa: PERF401  # it is looked at while it grows

        listening = asyncio.ensure_future(listen())
        await world.ask(world.change("Set", "t1", value=3))
        await world.settle_down()
        listening.cancel()
        assert ("", "session_opened") in heard
        assert [event for case_id, event in heard if case_id == "C-1"][:3] == [
            "received",
            "assessed",
            "decided",
        ]

    talk(story)


def test_a_body_without_a_digest_cannot_be_held() -> None:
    """No approval could be bound to what nobody can see: it is denied with advice."""

    async def body() -> AsyncIterator[bytes]:
        yield b"x"

    async def story(world: Calm) -> None:
        change, request = world.change("Delete", "p1")
        bare = msgspec.structs.replace(change.operations[0], payload_sha256=None)
        streamed = msgspec.structs.replace(request, streamed=True)
        reply = await world.plane.submit(
            msgspec.structs.replace(change, operations=(bare,)), (streamed,), body()
        )
        assert reply.kind is ReplyKind.DENIED
        assert "send it with x-amz-content-sha256" in reply.text

    talk(story)


def test_a_held_body_has_to_be_there_when_it_is_sent() -> None:
    """It is not kept: the client that brings it again makes the call."""

    async def body() -> AsyncIterator[bytes]:
        yield b"x"

    async def story(world: Calm) -> None:
        change, request = world.change("Delete", "t1")
        streamed = msgspec.structs.replace(request, streamed=True)
        await world.plane.submit(change, (streamed,), body())
        await world.review("anna")
        await world.plane.execute("C-1", by="anna")
        await world.settle_down()
        assert world.case().phase is Phase.FAILED
        assert "the client has left with the body" in world.case().reason

    assert not talk(story).happened("left")


def test_a_store_that_fails_forwards_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """The log comes first: what cannot be written down does not happen."""

    async def story(world: Calm) -> None:
        from keyturn.errors import StoreError

        append = world.store.append

        async def full(drafts: object) -> tuple[object, ...]:
            raise StoreError("full", "the disk is full")

        world.store.append = full  # type: ignore[assignment,method-assign]
        waiting = world.asking(world.change("Set", "t1", value=3))
        await world.settle_down(3)
        assert not waiting.done()
        assert not world.happened("left")
        world.store.append = append  # type: ignore[method-assign]
        waiting.cancel()

    with caplog.at_level(logging.CRITICAL, logger="keyturn"):
        talk(story)


def test_the_outcome_of_verification_is_said() -> None:
    """A change whose verification fails where policy obliges it is given back at once."""

    async def story(world: Calm) -> None:
        waiting = world.asking(world.change("Set", "p1", value=7))
        await world.settle_down()

        def failed(*_args: object) -> Inquiry[Outcome]:
            yield ()
            return Outcome(OutcomeStatus.FAILED, "the alarm is ringing")

        world.provider.verify = failed  # type: ignore[assignment,method-assign]
        await world.review("anna")
        await waiting
        await world.settle_down(10)
        case: Case = world.case()
        assert (case.phase, case.reason) == (Phase.RESTORED, "everything is as it was")

    assert talk(story).account.things["p1"] == 100


def test_status_says_what_an_operator_asks_first() -> None:
    """Mode, halts, counts, head, policy."""

    async def story(world: Calm) -> None:
        await world.ask(world.change("Delete", "p1"))
        status = world.plane.status()
        assert (status["mode"], status["held_cases"], status["open_cases"]) == ("advisory", 1, 1)
        assert status["log_head"] == world.store.head[1]
        assert status["policy_digest"] == "policy:usual"

    talk(story, settings=Settings(hold_wait_s=1))


def test_a_session_that_never_came_on_record_is_forgotten() -> None:
    """The process ended between its key and its record: nobody was given the key, and nothing trips over it."""

    async def story(world: Calm) -> None:
        ref = await world.plane.vault.put(msgspec.json.encode(world.key), "session")
        await world.store.put_row("session", "S-never", ref.encode())
        await world.plane.close()
        await world.boot()
        assert [row.key for row in world.store.rows("session")] == [world.key.session]
        await world.settle_down(60)
        assert [key.session for key in world.plane.sessions()] == [world.key.session]

    talk(story)
