"""People hear of what waits for them, once; what is not urgent waits for its digest; a restart and a channel that is down leave nothing out."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from keyturn.core.advance import advance
from keyturn.core.case import Case
from keyturn.core.gravity import grave
from keyturn.core.people import on_duty
from keyturn.core.proposals import Proposals
from keyturn.core.proposals import said as proposed
from keyturn.errors import OperatorError
from keyturn.model import record as r
from keyturn.model import reviewing as v
from keyturn.model.assessment import Reversibility
from keyturn.model.change import Effect
from keyturn.model.decision import Verdict
from keyturn.model.execution import Outcome, OutcomeStatus
from keyturn.model.notice import Notice, NoticeKind
from keyturn.model.people import Wanted
from keyturn.model.record import Entry
from keyturn.reviewers.apprised import Apprised
from keyturn.reviewers.calm import WAITING, Calm, night
from keyturn.reviewers.telling import CURSORS, TRIES_MAX, Telling
from keyturn.runtime.notices import notice_of, plain
from keyturn.stores.memory import MemoryStore
from tests.core import core_world as w

MINUTE_MS = 60_000


def said(event: r.Event, case: Case | None) -> Notice | None:
    """What is told of this event, the case standing as given."""
    body = msgspec.json.encode({"seq": 7, "writer": "w", "case": case.id if case else "", "event": event})
    entry = Entry(seq=7, writer="w", case_id=case.id if case else "", prev="", hash="", body=body)
    return notice_of(entry, case, lambda name: f"https://k/c/{name}")


def mild(**fields: Any) -> Case:
    """A held update in place that one person decides."""
    change = w.change(w.operation("lambda:UpdateFunctionConfiguration", Effect.UPDATE))
    assessment = w.assessment(effect=Effect.UPDATE, effects=(Effect.UPDATE,), reversibility=Reversibility.R1)
    case = w.told(
        Case(id="C-1"), r.Received(at_ms=1, change=change), r.Assessed(at_ms=2, assessment=assessment)
    )
    decided = r.Decided(at_ms=3, decision=w.decision(quorum=1), request=w.asked(case, quorum=1))
    return msgspec.structs.replace(w.told(case, decided), **fields)


def decided(case: Case) -> r.Decided:
    assert case.decision is not None
    return r.Decided(at_ms=3, decision=case.decision, request=case.request)


def test_a_held_delete_says_what_a_person_gets_up_for() -> None:
    """Effect, resource, environment, whether it comes back, who asks, why it is held; it is urgent, and decided on the page alone."""
    case = w.held()
    assert said(decided(case), case) == Notice(
        id="7",
        kind=NoticeKind.HELD,
        title="C-1 waits for you: delete dynamodb:table/orders in production",
        lines=(
            "dynamodb:DeleteTable; comes back only in part, as the page says",
            "asked for by kiro, which olga runs",
            "held because deletes in production need two reviewers",
        ),
        case_id="C-1",
        url="https://k/c/C-1",
        urgent=True,
    )


def test_a_mild_case_can_be_decided_where_it_is_read() -> None:
    """It names the request that was shown; and it can wait for a digest."""
    case = mild()
    found = said(decided(case), case)
    assert found is not None
    assert case.request is not None
    assert (found.urgent, found.binding) == (False, case.request.digest)


GRAVE: list[tuple[str, dict[str, Any]]] = [
    ("destroys", {"effect": Effect.DELETE}),
    ("would also delete", {"effects": (Effect.UPDATE, Effect.DELETE)}),
    ("does not come back in place", {"reversibility": Reversibility.R3}),
    ("risks data", {"data_at_risk": "10 items"}),
    ("was not read whole", {"unknowns": ("a fact",)}),
]


@pytest.mark.parametrize("fields", [row[1] for row in GRAVE], ids=[row[0] for row in GRAVE])
def test_what_is_decided_on_its_page_alone(fields: dict[str, Any]) -> None:
    """One reason is enough; without any it is mild."""
    case = mild()
    assert not grave(case)
    assert case.assessment is not None
    assert grave(msgspec.structs.replace(case, assessment=msgspec.structs.replace(case.assessment, **fields)))


def test_two_people_a_signature_or_no_request_want_the_page_too() -> None:
    """Whatever the assessment says."""
    case = mild()
    assert case.decision is not None
    for obliged in ({"quorum": 2}, {"signed": True}):
        obligations = msgspec.structs.replace(case.decision.obligations, **obliged)
        assert grave(
            msgspec.structs.replace(
                case, decision=msgspec.structs.replace(case.decision, obligations=obligations)
            )
        )
    assert grave(msgspec.structs.replace(case, request=None))


def _ended(event: r.CaseEvent) -> tuple[NoticeKind, str] | None:
    """What is told when this happens to a case that was held, approved and sent."""
    case, _ = advance(w.sent(), event)
    found = said(event, case)
    return (found.kind, found.title.partition(":")[0]) if found else None


def test_what_became_of_it_is_told_in_one_line() -> None:
    """Of a call that left: done is not said before it was verified; what needs a person is."""
    refused = r.Answered(at_ms=30, outcome=Outcome(status=OutcomeStatus.FAILED, detail="Throttled"))
    lost = r.Answered(at_ms=30, outcome=Outcome(status=OutcomeStatus.UNCERTAIN, detail="no answer"))
    assert _ended(refused) == (NoticeKind.FAILED, "C-1 was refused by the service")
    assert _ended(lost) == (NoticeKind.UNCERTAIN, "C-1 may or may not have taken effect")
    assert _ended(r.Answered(at_ms=30, outcome=Outcome(status=OutcomeStatus.SUCCEEDED))) is None


def test_nobody_is_told_of_what_asked_nobody_or_is_settled_already() -> None:
    """Allowed calls; a hold that was decided before the channel came to it; a reminder of what is approved."""
    case = w.held()
    approved = w.approved()
    assert said(decided(case), approved) is None
    assert said(v.Reminded(at_ms=5, deadline_ms=9), approved) is None
    assert said(v.Reminded(at_ms=5, deadline_ms=9), case) is not None
    allowed = r.Decided(at_ms=3, decision=w.decision(Verdict.ALLOW, quorum=0))
    assert (
        said(allowed, w.told(w.received(), r.Assessed(at_ms=2, assessment=w.assessment()), allowed)) is None
    )
    assert said(r.HaltRaised(at_ms=1, by="anna", reason="odd"), None) == Notice(
        id="7", kind=NoticeKind.HALT, title="anna halted everything", lines=("odd",), urgent=True
    )


def test_a_freeze_is_told_and_wakes_nobody() -> None:
    """What waits longer from now on is worth knowing in the morning; what it covers is said as everywhere else."""
    begun = r.FreezeSet(
        at_ms=1,
        by="anna",
        until_ms=1_800_000_000_000,
        environment="production",
        reason="year's end",
        freeze="F-1",
    )
    later = r.FreezeSet(
        at_ms=1,
        by="anna",
        until_ms=1_800_000_000_000,
        environment="",
        freeze="F-2",
        from_ms=1_700_000_000_000,
    )
    lifted = r.FreezeLifted(at_ms=1, by="dana", freeze="F-1", reason="we are done")
    until = "until 2027-01-15 08:00 UTC, for what is approved already too"
    assert [said(event, None) for event in (begun, later, lifted)] == [
        Notice("7", NoticeKind.FREEZE, "anna set freeze F-1: production", ("year's end", f"counts {until}")),
        Notice(
            "7",
            NoticeKind.FREEZE,
            "anna set freeze F-2: everything",
            (f"counts from 2023-11-14 22:13 UTC {until}",),
        ),
        Notice("7", NoticeKind.FREEZE, "dana lifted freeze F-1", ("we are done",)),
    ]


def test_no_letter_that_nobody_sees_is_in_a_message() -> None:
    """Names are an agent's to choose."""
    assert plain("a\u202egnp.exe\u200b\x07") == "a\ufffdgnp.exe\ufffd\ufffd"


class Wall:
    """A channel that remembers; down for as many times as it is told."""

    name = "wall"

    def __init__(self) -> None:
        self.told: list[Notice] = []
        self.down = 0

    async def tell(self, notice: Notice) -> None:
        if self.down:
            self.down -= 1
            raise OSError("nobody there")
        self.told.append(notice)


def calm(
    wall: Wall, store: MemoryStore, *, settled: bool = False, quiet: str = "", digest_s: float = 900
) -> Calm:
    nights = night(quiet)
    return Calm(
        wall,
        store,
        digest_s=digest_s,
        quiet=lambda at_ms: nights is not None and on_duty(nights, at_ms),
        settled=lambda _case: settled,
        inbox="https://k",
    )


def notice(number: int, *, urgent: bool = False, kind: NoticeKind = NoticeKind.HELD) -> Notice:
    return Notice(id=str(number), kind=kind, title=f"C-{number} waits", case_id=f"C-{number}", urgent=urgent)


def test_what_is_not_urgent_is_told_together() -> None:
    """Nothing before the digest is due, then all of it once; urgent things at once; and a restart forgets none."""

    async def told() -> None:
        wall, store = Wall(), MemoryStore()
        channel = calm(wall, store)
        for number in (1, 2):
            await channel.tell(notice(number), at_ms=0)
        await channel.tell(notice(3, urgent=True), at_ms=0)
        assert [one.id for one in wall.told] == ["3"]
        assert await channel.due(14 * MINUTE_MS) == 0
        again = calm(wall, store)  # after a restart
        assert await again.due(15 * MINUTE_MS) == 2
        assert wall.told[1] == Notice(
            id="2",
            kind=NoticeKind.HELD,
            title="2 things from Keyturn, 2 to decide",
            lines=("- C-1 waits", "- C-2 waits"),
            url="https://k",
        )
        assert await again.due(99 * MINUTE_MS) == 0
        assert store.rows(WAITING) == ()

    asyncio.run(told())


def test_what_was_settled_meanwhile_is_not_in_the_digest() -> None:
    """Nobody opens a page for a decision that was made."""

    async def told() -> None:
        wall, store = Wall(), MemoryStore()
        channel = calm(wall, store, settled=True)
        await channel.tell(notice(1), at_ms=0)
        assert await channel.due(15 * MINUTE_MS) == 0
        assert (wall.told, store.rows(WAITING)) == ([], ())

    asyncio.run(told())


def test_at_night_only_what_is_urgent_is_told() -> None:
    """22:00 to 07:00 by the clock of a place; the digest waits for the morning. A channel that is down keeps its digest."""

    async def told() -> None:
        wall, store = Wall(), MemoryStore()
        channel = calm(wall, store, quiet="22:00-07:00 UTC")
        night_ms, morning_ms = 23 * 60 * MINUTE_MS, (24 + 7) * 60 * MINUTE_MS
        await channel.tell(notice(1), at_ms=night_ms)
        assert await channel.due(night_ms + 60 * MINUTE_MS) == 0
        wall.down = 1
        with pytest.raises(OSError, match="nobody there"):
            await channel.due(morning_ms)
        assert await channel.due(morning_ms) == 1
        assert [one.id for one in wall.told] == ["1"]

    asyncio.run(told())


@pytest.mark.parametrize(
    "wrong", ["always", "22-7 UTC", "22:00-07:00", "25:00-07:00 UTC", "22:00-07:00 Nowhere/At_All"]
)
def test_hours_that_are_none_are_refused_at_the_start(wrong: str) -> None:
    """In the night it is too late."""
    with pytest.raises(OperatorError, match="no span of hours"):
        night(wrong)


async def _no_wait(_seconds: float) -> None:
    return


def test_a_channel_is_told_from_its_place_in_the_log_on() -> None:
    """A new one hears nothing of the past; after a restart it goes on where it was; one that is down for a moment is told again."""

    async def told() -> None:
        wall, store = Wall(), MemoryStore()
        store._entries.extend(_entries(3))  # a log as it stands

        def telling() -> Telling:
            channel = calm(wall, store, digest_s=0)
            return Telling(store, channel, lambda entry: notice(entry.seq), lambda: 0, sleep=_no_wait)

        await telling().begin()
        assert await telling().round() == 0
        assert wall.told == []
        store._entries.extend(_entries(2, after=3))  # two more
        wall.down = TRIES_MAX - 1
        assert await telling().round() == 2
        assert [one.id for one in wall.told] == ["4", "5"]
        assert await telling().round() == 0

    asyncio.run(told())


def test_nothing_is_said_of_an_entry_before_its_case_has_moved() -> None:
    """The log ends further than what is known here: that is left for the next time."""

    async def told() -> None:
        wall, store = Wall(), MemoryStore()
        known = 1
        await store.put_row(CURSORS, "wall", b"0")
        store._entries.extend(_entries(2))  # a log as it stands
        telling = Telling(
            store,
            calm(wall, store, digest_s=0),
            lambda entry: notice(entry.seq) if entry.seq <= known else None,
            lambda: 0,
            known=lambda: known,
        )
        assert (await telling.round(), await telling.round()) == (1, 0)
        assert [one.id for one in wall.told] == ["1"]
        known = 2
        assert await telling.round() == 1
        assert [one.id for one in wall.told] == ["1", "2"]

    asyncio.run(told())


def test_one_that_never_arrives_does_not_hold_back_the_next(caplog: pytest.LogCaptureFixture) -> None:
    """It is given up aloud: people need the next one more."""

    async def told() -> None:
        wall, store = Wall(), MemoryStore()
        store._entries.extend(_entries(2))  # a log as it stands
        await store.put_row(CURSORS, "wall", b"0")
        wall.down = TRIES_MAX
        channel = calm(wall, store, digest_s=0)
        await Telling(store, channel, lambda entry: notice(entry.seq), lambda: 0, sleep=_no_wait).round()
        assert [one.id for one in wall.told] == ["2"]

    asyncio.run(told())
    assert "notice 1 never reached wall" in caplog.text


def _entries(count: int, after: int = 0) -> list[Entry]:
    return [
        Entry(seq=after + n + 1, writer="w", case_id="", prev="", hash="", body=b"{}") for n in range(count)
    ]


def test_the_name_of_a_channel_says_nothing_of_its_secret() -> None:
    """URLs of apprise hold passwords; what it does not understand is refused at the start, and not repeated either."""
    channel = Apprised("mailto://ops:t0p-secret@example.org")
    assert channel.name.startswith("mailto-")
    assert "t0p" not in channel.name
    with pytest.raises(OperatorError) as refused:
        Apprised("nonsense://t0p-secret")
    assert "t0p" not in str(refused.value)


def test_who_decided_alone_is_told_with_what_she_changed() -> None:
    """A number says nothing at night: what was changed, by whom, and that it was not looked at; what was decided is not asked for any more."""
    wanted = Wanted(kind="user", name="eve", roles=("reviewer",))
    asked = v.Proposed(
        at_ms=1, by="ada", id="P-3", wanted=wanted, before="nobody", after="reviewer", until_ms=9
    )
    done = v.ProposalDecided(at_ms=1, by="ada", id="P-3", approved=True, unreviewed="there was no second one")
    entries = [
        Entry(
            seq=seq,
            writer="w",
            case_id="",
            prev="",
            hash="",
            body=msgspec.json.encode({"seq": seq, "writer": "w", "case": "", "event": event}),
        )
        for seq, event in enumerate((asked, done), start=7)
    ]
    settled = Proposals().after(asked).after(done)
    told = [notice_of(one, None, str, proposals=settled, wanted=proposed(asked)) for one in entries]
    assert told == [
        None,
        Notice(
            id="8",
            kind=NoticeKind.PEOPLE,
            title="ada changed alone: user eve: nobody -> reviewer",
            lines=("there was no second one", "nobody else has looked at it; it stays under Attention"),
            urgent=True,
        ),
    ]
    waits = notice_of(entries[0], None, str, proposals=Proposals().after(asked))
    assert waits is not None
    assert waits.title == "ada wants P-3: user eve: nobody -> reviewer"
