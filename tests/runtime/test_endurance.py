"""Days that do not go well: a halt at the wrong moment, an error of ours, half a replace. Nothing hangs, nothing stays locked."""

from __future__ import annotations

import asyncio
import logging

import pytest

from keyturn import runtime
from keyturn.core.case import Phase
from keyturn.core.ports import Scope
from keyturn.errors import ReviewError
from keyturn.executors.interface import Credentials, NotSentError, Sending
from keyturn.model.change import Change, Request
from keyturn.model.decision import Obligations, Verdict
from keyturn.runtime import _round
from keyturn.runtime.interface import ReplyKind
from tests.runtime.calm import Calm, talk


def test_what_was_to_be_executed_during_a_halt_is_executed_once_it_is_lifted() -> None:
    """Whoever chose to execute need not choose again, and it happens once."""

    async def story(world: Calm) -> None:
        await world.ask(world.change("Delete", "t1"))
        await world.review("anna")
        await world.plane.halt(by="ben", reason="looks odd")
        await world.plane.execute("C-1", by="anna")
        await world.settle_down()
        assert world.case().phase is Phase.APPROVED
        await world.plane.resume(by="ben")
        await world.plane.resume(by="ben")
        await world.settle_down()
        assert world.case().phase is Phase.CONFIRMED

    assert talk(story).happened("left") == [("C-1", "t1")]


def test_an_error_of_ours_before_the_call_ends_the_case_and_frees_what_it_locked(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The client is told at once; the next change of the same thing goes through."""

    async def story(world: Calm) -> None:
        def broken(_change: Change) -> Scope:
            raise KeyError("not for the agent's eyes")

        sound = world.provider.scope
        world.provider.scope = broken  # type: ignore[assignment,method-assign]
        waiting = world.asking(world.change("Delete", "p1"))
        await world.settle_down()
        await world.review("anna")
        await world.review("ben")
        reply = await waiting
        assert reply.kind is ReplyKind.REFUSED
        assert "an error of Keyturn's own, prove: KeyError" in reply.text
        assert "eyes" not in reply.text
        assert "Nothing was executed" in reply.text
        assert world.plane.book.plane.locks == {}
        world.provider.scope = sound  # type: ignore[method-assign]
        again = world.asking(world.change("Delete", "p1", force=True))
        await world.settle_down()
        await world.review("anna", "C-2")
        await world.review("ben", "C-2")
        assert (await again).kind is ReplyKind.SENT

    with caplog.at_level(logging.CRITICAL, logger="keyturn"):
        assert talk(story).happened("left") == [("C-2", "p1")]


async def test_a_rhythm_that_fails_once_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    """Deadlines, batches and checkpoints are tried again; the failure is said."""

    async def failing() -> None:
        raise OSError("for a moment")

    await _round(failing)
    assert "failing failed; it is tried again" in caplog.text


def test_half_a_replace_can_be_taken_back() -> None:
    """The delete took effect and the create did not: of all cases this one has to be undone, and what stood is given back."""

    async def story(world: Calm) -> None:
        send = world.executor.send

        async def second_fails(
            request: Request, credentials: Credentials, body: object = None, **_look: object
        ) -> Sending:
            if request.operation == "Create":
                raise NotSentError("refused", "no connection could be made")
            return await send(request, credentials)

        world.executor.send = second_fails  # type: ignore[method-assign]
        await world.ask(world.change("Delete", "p1"))
        await world.ask(world.change("Create", "p1", value=9))
        await world.review("anna")
        await world.review("ben")
        await world.plane.execute("C-1", by="anna")
        await world.settle_down()
        assert (world.case().phase, world.account.things["p1"]) == (Phase.FAILED, None)
        done: Change | None = world.case().done
        assert done is not None
        assert [operation.action for operation in done.operations] == ["Delete"]
        undo = await world.plane.undo("C-1", by="anna")
        await world.review("ben", undo.id)
        await world.settle_down()
        assert world.case(undo.id).phase is Phase.CONFIRMED
        assert world.case("C-1").undone_by == undo.id

    assert talk(story).account.things["p1"] == 100


def test_what_failed_as_a_whole_has_nothing_to_take_back() -> None:
    """And its client, when it asks again, hears why it failed."""

    async def story(world: Calm) -> None:
        async def unsent(*_args: object, **_look: object) -> Sending:
            raise NotSentError("refused", "no connection could be made")

        world.executor.send = unsent  # type: ignore[method-assign]
        asked = world.change("Delete", "t1")
        waiting = world.asking(asked)
        await world.settle_down()
        await world.review("anna")
        await waiting
        assert world.case().phase is Phase.FAILED
        with pytest.raises(ReviewError, match="nothing to take back"):
            await world.plane.undo("C-1", by="anna")
        again = await world.ask(asked)
        assert (again.kind, again.case_id) == (ReplyKind.REFUSED, "C-1")
        assert "nothing was sent: no connection could be made" in again.text

    talk(story)


def test_a_backup_that_policy_asks_for_since_stops_the_call() -> None:
    """Approved without one, it is not executed without one once the policy wants it."""

    async def story(world: Calm) -> None:
        asked = world.change("Delete", "t1")
        await world.ask(asked)
        await world.review("anna")
        later = (Verdict.HOLD, Obligations(quorum=1, backup=True))
        world.policy._usual = lambda *_args: later  # type: ignore[method-assign]
        reply = await world.ask(asked)
        assert (reply.kind, world.case().phase) == (ReplyKind.REFUSED, Phase.INVALIDATED)
        assert "backup" in reply.text

    assert not talk(story).happened("left")


def test_a_long_log_is_signed_in_passing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first checkpoint after a start reads everything; others get their turn meanwhile, and it covers the whole log."""
    monkeypatch.setattr(runtime, "CHECKPOINT_BATCH", 5)

    async def story(world: Calm) -> None:
        for value in range(3):
            await world.ask(world.change("Set", "t1", value=value))
        await world.settle_down()
        turns = 0

        async def other() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        running = asyncio.ensure_future(other())
        await asyncio.gather(world.plane.checkpoint(), world.plane.checkpoint())
        running.cancel()
        size = world.store.head[0]
        assert turns >= size // 5
        assert [one.size for one in world.store.checkpoints()][-1] == size

    talk(story)


def test_no_credential_is_kept_longer_than_its_case() -> None:
    """What was scoped for a call is forgotten once nothing of it is sent any more."""

    async def story(world: Calm) -> None:
        for value in range(3):
            await world.ask(world.change("Set", "t1", value=value))
        await world.settle_down()
        assert world.plane.work._credentials == {}
        assert world.plane.work._assessed_at_ms == {}

    talk(story)
