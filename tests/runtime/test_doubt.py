"""Calls whose answer was lost: the world is read, the client hears what it says, and nothing is sent a second time."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from keyturn.core.case import Phase
from keyturn.errors import ReviewError
from keyturn.executors.interface import Sending
from keyturn.model.change import Request
from keyturn.runtime.interface import ReplyKind
from tests.runtime.calm import SETTINGS, Calm, talk
from tests.runtime.cutting import Cut, or_died


def losing_answers(
    world: Calm, *, takes_effect: bool = True, odd: int | None = None, silent: float = 0
) -> None:
    """No call is answered; `odd` is what the thing becomes instead of what was asked for, `silent` the account afterwards."""

    async def lost(request: Request, credentials: object, body: object = None, **_look: object) -> Sending:
        if odd is not None:
            world.account.things["t1"] = odd
        elif takes_effect:
            world.executor._take(request, "C-1", request.parameters["name"])
        world.executor.about = msgspec.structs.replace(world.about, silent=silent)
        return Sending(response=None, uncertain="the connection broke")

    world.executor.send = lost  # type: ignore[method-assign]


def test_a_lost_answer_is_looked_up_in_the_world() -> None:
    """The client waits for what the world says, and hears that it was done; there is no answer of the provider's to give."""

    async def story(world: Calm) -> None:
        losing_answers(world)
        reply = await world.ask(world.change("Set", "t1", value=7))
        assert (reply.kind, reply.code, reply.response) == (ReplyKind.DONE, "done", None)
        assert "this took effect as case C-1 (read back)" in reply.text
        assert "Do not ask for it again" in reply.text
        await world.settle_down()
        assert (world.case().phase, world.story().count("Sent")) == (Phase.CONFIRMED, 1)

    talk(story)


def test_a_lost_call_that_changed_nothing_was_not_executed() -> None:
    """Said once the world has been read for long enough; the client may ask again."""

    async def story(world: Calm) -> None:
        losing_answers(world, takes_effect=False)
        reply = await world.ask(world.change("Set", "t1", value=7))
        assert (reply.kind, reply.code) == (ReplyKind.REFUSED, "not-executed")
        assert "nothing changed" in reply.text

    talk(story, settings=msgspec.structs.replace(SETTINGS, hold_wait_s=20))


def test_what_is_not_known_while_the_client_waits_is_said_to_be_in_doubt() -> None:
    """Nobody may say that it failed. Of a case that was held the client hears more when it asks again."""

    async def story(world: Calm) -> None:
        losing_answers(world, silent=1.0)
        asked = world.change("Delete", "t1")
        waiting = world.asking(asked)
        await world.settle_down()
        await world.review("anna")
        reply = await waiting
        assert (reply.kind, reply.code) == (ReplyKind.UNCERTAIN, "uncertain")
        assert "It may have taken effect" in reply.text
        world.executor.about = world.about
        await world.settle_down(30)
        again = await world.ask(asked)
        assert (again.kind, again.case_id) == (ReplyKind.DONE, "C-1")
        assert world.story().count("Sent") == 1

    talk(story)


def test_an_inconclusive_case_is_settled_by_a_person_who_does_not_run_the_agent() -> None:
    """Neither as before nor as asked: a person looks and says what it is."""

    async def story(world: Calm) -> None:
        losing_answers(world, odd=12345)
        await world.ask(world.change("Set", "t1", value=7))
        await world.settle_down(600)
        assert world.case().phase is Phase.INCONCLUSIVE
        with pytest.raises(ReviewError, match="cannot settle"):
            await world.plane.settle("C-1", by="olga", succeeded=True, note="")
        settled = await world.plane.settle("C-1", by="anna", succeeded=False, note="somebody else did it")
        assert (settled.phase, settled.reason) == (Phase.FAILED, "settled by anna: somebody else did it")
        with pytest.raises(ReviewError, match="only an inconclusive case"):
            await world.plane.settle("C-1", by="anna", succeeded=True, note="")

    talk(story)


@pytest.mark.parametrize("took", [True, False])
def test_what_a_person_settled_is_what_the_client_is_told(took: bool) -> None:
    """She looked: no doubt is left, and the request is not made again."""

    async def story(world: Calm) -> None:
        losing_answers(world, odd=12345)
        asked = world.change("Delete", "t1")
        waiting = world.asking(asked)
        await world.settle_down()
        await world.review("anna")
        assert (await waiting).kind is ReplyKind.UNCERTAIN
        await world.settle_down(600)
        await world.plane.settle("C-1", by="ben", succeeded=took, note="I looked")
        again = await world.ask(asked)
        assert again.kind is (ReplyKind.DONE if took else ReplyKind.REFUSED)
        assert "settled by ben: I looked" in again.text
        assert world.story().count("Sent") == 1

    talk(story)


def test_what_was_given_back_is_told_as_that() -> None:
    """It was done, found undone, and restored: asking again neither repeats it nor claims that it stands."""

    async def story(world: Calm) -> None:
        asked = world.change("Set", "p1", value=7)
        waiting = world.asking(asked)
        await world.settle_down()
        await world.review("anna")
        assert (await waiting).kind is ReplyKind.SENT
        await world.settle_down(10)
        assert world.case().phase is Phase.RESTORED
        again = await world.ask(asked)
        assert (again.kind, again.code) == (ReplyKind.REFUSED, "restored")
        assert "case C-1 is restored (everything is as it was)" in again.text
        assert world.story().count("Sent") == 1

    assert talk(story, reverts=1.0).account.things["p1"] == 100


def test_a_backup_that_goes_on_after_a_crash_is_asked_for_by_the_same_name() -> None:
    """Names of snapshots hold a time, and by its name one is found again: a backup that is gone on with has the time of its claim."""

    async def story(world: Calm) -> None:
        times: list[int] = []

        provider = world.plane.work.providers["sim"]
        backup = provider.backup

        def timed(*given: Any, at_ms: int, **named: Any) -> Any:
            times.append(at_ms)
            return backup(*given, at_ms=at_ms, **named)

        provider.backup = timed  # type: ignore[method-assign]
        waiting = world.asking(world.change("Delete", "p1"))
        await world.settle_down()
        await world.review("anna")
        cut = Cut(world, 4)
        approving = asyncio.ensure_future(or_died(world.review("berta")))
        await world.settle_down(10)
        assert cut.came
        assert (len(times), world.case().phase) == (1, Phase.CLAIMED)
        approving.cancel()
        waiting.cancel()
        await cut.start_again()
        await world.settle_down(120)
        assert times == [times[0]] * 2
        assert world.case().phase is Phase.CONFIRMED

    talk(story)
