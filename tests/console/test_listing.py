"""Lists of the inbox over many cases: whose turn, order, filter, groups, pages; and what is made once."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import msgspec
import pytest

from keyturn.console.identity import User
from keyturn.console.listing import Filter, Listing, Tab
from keyturn.console.live import Live
from keyturn.console.risk import Risk, risk
from keyturn.console.turns import Turns
from keyturn.core.case import Case, Phase
from keyturn.core.people import People
from keyturn.model.assessment import Assessment, Finding, Kind, Reversibility
from keyturn.model.change import Change, Effect, Operation, Principal, ResourceRef
from keyturn.model.people import DAYS, Member, Window
from keyturn.model.review import ReviewRequest
from keyturn.runtime.interface import Desk

if TYPE_CHECKING:
    from keyturn.console.site import Site

DANA, BOB, ADA = User("dana", ("reviewer",)), User("bob", ("reviewer",)), User("ada", ("auditor",))


def assessed(effect: Effect, environment: str = "production", **more: Any) -> Assessment:
    back = Reversibility.R3 if effect is Effect.DELETE else Reversibility.R1
    given: dict[str, Any] = {"reversibility": back, "state_digest": "s"} | more
    return Assessment(effect=effect, effects=(effect,), environment=environment, **given)


def case(
    number: int,
    *,
    phase: Phase = Phase.HELD,
    effect: Effect = Effect.DELETE,
    environment: str = "production",
    agent: str = "",
    expires_at_ms: int = 1_000_000,
) -> Case:
    """One of `agent`; without it of an agent of its own, so that it is like no other."""
    table = ResourceRef("aws", "aws", "1", "r", "dynamodb:table", f"table-{number}")
    operation = Operation("aws", "dynamodb:DeleteTable", {}, (table,), effect, "aws", "1", "r")
    name = agent or f"agent-{number}"
    return Case(
        f"C-{number}",
        phase=phase,
        change=Change(Principal(name, "S-1", "bob"), "aws_gateway", (operation,), 1),
        assessment=assessed(effect, environment),
        request=ReviewRequest(
            f"C-{number}", 1, "c", "s", "a", "p", ("bob",), ("bob",), 1, expires_at_ms, "n"
        ),
        opened_at_ms=number,
        changed_at_ms=number,
        seq=number,
    )


class Cases:
    """A desk that has these cases, and counts how often it is asked whether somebody may review."""

    def __init__(self, *cases: Case) -> None:
        self.kept = {one.id: one for one in cases}
        self.asked = 0
        self.people = People()

    def folded(self) -> int:
        return max((one.seq for one in self.kept.values()), default=0)

    def cases(self, *, open_only: bool = False, limit: int = 200) -> tuple[Case, ...]:
        over = {Phase.REJECTED, Phase.CONFIRMED}
        found = [one for one in self.kept.values() if not open_only or one.phase not in over]
        return tuple(reversed(found))[:limit]

    def may_review(self, case: Case, user: str) -> str:
        self.asked += 1
        return "own-agent" if case.request and user in case.request.excluded else ""


def listing(*cases: Case) -> Listing:
    return Listing(cast("Desk", Cases(*cases)))


def ids(found: Listing, user: User, tab: Tab, words: str = "", after: str = "") -> list[str]:
    return [row["id"] for row in found.find(user, tab, Filter(words), after).rows]


def test_whose_turn_a_case_is() -> None:
    """Held and not her own: hers. Approved, or of her own agent, or she is no reviewer: others'. Ended: decided."""
    made = listing(case(1), case(2, phase=Phase.APPROVED), case(3, phase=Phase.REJECTED))
    table = {
        user.name: [ids(made, user, tab) for tab in (Tab.NEEDS, Tab.WAITING, Tab.DECIDED)]
        for user in (DANA, BOB, ADA)
    }
    assert table == {
        "dana": [["C-1"], ["C-2"], ["C-3"]],
        "bob": [[], ["C-1", "C-2"], ["C-3"]],
        "ada": [[], ["C-1", "C-2"], ["C-3"]],
    }
    assert [made.needs(user) for user in (DANA, BOB, ADA)] == [1, 0, 0]
    assert made.counts(BOB) == {"needs": 0, "waiting": 2}


def test_what_destroys_stands_first_then_risk_then_what_expires() -> None:
    """A delete before an update; in production before elsewhere; sooner before later. What is decided stands newest first."""
    made = listing(
        case(1, effect=Effect.UPDATE),
        case(2, environment="staging"),
        case(3, expires_at_ms=9_000),
        case(4, expires_at_ms=8_000),
    )
    assert ids(made, DANA, Tab.NEEDS) == ["C-4", "C-3", "C-2", "C-1"]
    ended = listing(*(case(number, phase=Phase.REJECTED) for number in (1, 2, 3)))
    assert ids(ended, DANA, Tab.DECIDED) == ["C-3", "C-2", "C-1"]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("", ["C-1", "C-2", "C-3"]),
        ("effect:delete", ["C-1", "C-2"]),
        ("EFFECT:DELETE Env:prod", ["C-1"]),
        ("env:prod -effect:delete", ["C-3"]),
        ("agent:agent-2", ["C-2"]),
        ("operator:bob table-3", ["C-3"]),
        ("kind:dynamodb:table op:deletetable risk:high", ["C-1"]),
        ("case:c-2", ["C-2"]),
        ('"table-1" phase:held', ["C-1"]),
        ("unknown:word", []),
        ("-", ["C-1", "C-2", "C-3"]),
        ("table-9", []),
    ],
)
def test_the_filter(words: str, found: list[str]) -> None:
    """Every word must be found, where its key says or anywhere; a dash before it leaves out; an unknown key is a word."""
    made = listing(case(1), case(2, environment="staging"), case(3, effect=Effect.UPDATE))
    assert sorted(ids(made, DANA, Tab.NEEDS, words)) == found


def test_every_page_once_and_none_twice() -> None:
    """One hundred and twenty cases are read in three pages, in order, each once; with what moves meanwhile nothing is skipped."""
    made = listing(*(case(number) for number in range(1, 121)))
    seen: list[str] = []
    after, pages = "", 0
    while True:
        found = made.find(DANA, Tab.NEEDS, Filter(""), after)
        seen += [row["id"] for row in found.rows]
        pages += 1
        if not (after := found.following):
            break
    assert (pages, found.total) == (3, 120)
    assert seen == [f"C-{number}" for number in range(1, 121)]


def test_pages_of_what_is_decided() -> None:
    """Newest first, each once."""
    made = listing(*(case(number, phase=Phase.REJECTED) for number in range(1, 121)))
    first = made.find(DANA, Tab.DECIDED, Filter(""))
    second = made.find(DANA, Tab.DECIDED, Filter(""), first.following)
    assert [row["number"] for row in (*first.rows, *second.rows)] == list(range(120, 20, -1))


def test_what_is_alike_is_one_line_and_can_be_opened_whole() -> None:
    """Of two hundred that are alike five are drawn; the link under them finds all. Two that are alike stay apart."""
    made = listing(
        *(case(number, agent="sweeper") for number in range(1, 201)),
        case(201, agent="x"),
        case(202, agent="x"),
    )
    found = made.find(DANA, Tab.NEEDS, Filter(""))
    assert (found.sizes, [len(group) for group in found.groups]) == ((200, 1, 1), [5, 1, 1])
    whole = made.find(DANA, Tab.NEEDS, Filter(f"like:{found.groups[0][0]['like']}"))
    assert (whole.total, len(whole.rows), set(whole.sizes)) == (200, 50, {1})


def test_what_is_known_of_a_case_is_made_once() -> None:
    """Ten pages over a hundred cases ask a hundred times, and her neighbour's none; who is named is asked for; after one case moved,
    once more; after people changed, all of it.
    """
    desk = Cases(*(case(number) for number in range(1, 101)))
    made = Listing(cast("Desk", desk))
    erin = User("erin", ("reviewer",))
    asked = []
    for user in (*[DANA] * 10, erin, BOB, erin):
        made.find(user, Tab.NEEDS, Filter(""))
        asked.append(desk.asked)
    assert asked == [*[100] * 11, 200, 200]
    desk.kept["C-7"] = msgspec.structs.replace(desk.kept["C-7"], seq=500)
    assert "C-7" in [row["id"] for row in made.find(DANA, Tab.NEEDS, Filter("case:C-7")).rows]
    assert desk.asked == 201
    desk.people = People(teams={"night": (Member("dana"),)})
    assert (made.counts(DANA), desk.asked) == ({"needs": 100, "waiting": 0}, 301)
    assert (made.counts(erin), desk.asked) == ({"needs": 100, "waiting": 0}, 401)


def test_her_turn_comes_with_her_hours() -> None:
    """Nothing happens but that time passes: a case that waits for who is on duty is hers when her hours begin, and no more when they end."""
    minutes = [0]
    desk = Cases(case(1))
    now = datetime.now(tz=UTC)
    duty = Window(DAYS, f"{now:%H:%M}", f"{now + timedelta(minutes=2):%H:%M}", "UTC")
    seen = []

    def may_review(_case: Case, user: str) -> str:
        return "" if made.turns.place(User(user, ("reviewer",))).kind == on_duty else "nobody on duty"

    made = Listing(cast("Desk", desk))
    made.turns = Turns(cast("Desk", desk), clock=lambda: minutes[0] * 60.0)
    desk.may_review = may_review  # type: ignore[assignment]  # by her place alone
    desk.people = People(teams={"night": (Member("dana", (), (duty,)),)})
    on_duty = made.turns.place(DANA).kind
    for minutes[0] in range(3):
        with pytest.MonkeyPatch.context() as patch:
            passed_ns = minutes[0] * 120 * 10**9 + time.time_ns()
            patch.setattr("keyturn.console.turns.time.time_ns", lambda at=passed_ns: at)
            seen.append(made.counts(DANA)["needs"])
    assert seen == [1, 0, 0]


def test_an_inbox_is_opened_from_her_neighbours() -> None:
    """Whoever comes after somebody in the same place has the same cases before her, but for those that name one of the two."""
    cases = [case(number) for number in range(1, 9)]
    out = cases[2].request
    assert out is not None
    cases[2] = msgspec.structs.replace(
        cases[2], request=msgspec.structs.replace(out, excluded=("erin",), requesters=("erin",))
    )
    cases[5] = msgspec.structs.replace(
        cases[5], request=msgspec.structs.replace(out, excluded=("dana", "fay"), requesters=("dana",))
    )
    desk = Cases(*cases, case(9, phase=Phase.APPROVED), case(10, phase=Phase.REJECTED))
    made = Listing(cast("Desk", desk))
    live = Live(cast("Site", SimpleNamespace(desk=desk, listing=made)), lambda _request: None)
    people = [DANA, *(User(name, ("reviewer",)) for name in ("erin", "fay", "gus")), BOB, ADA]
    for user in people:
        live._turns[user] = live._turn(user)
    found = {user.name: (sorted(turn.needs), sorted(turn.waiting)) for user, turn in live._turns.items()}
    fresh = Listing(cast("Desk", desk))
    assert found == {
        user.name: tuple(
            sorted(one.id for one in desk.cases() if fresh.tab(one, user) is tab)
            for tab in (Tab.NEEDS, Tab.WAITING)
        )
        for user in people
    }
    assert (found["erin"], found["gus"]) != (found["dana"], found["dana"])


LOSS = Finding("T1", Kind.DATA_LOSS, "gone", Effect.DELETE, Reversibility.R4)


@pytest.mark.parametrize(
    ("assessment", "weight"),
    [
        (assessed(Effect.READ), Risk.LOW),
        (assessed(Effect.UPDATE, "staging"), Risk.LOW),
        (assessed(Effect.CREATE, "production"), Risk.MEDIUM),
        (assessed(Effect.DELETE, "staging"), Risk.MEDIUM),
        (assessed(Effect.DELETE, reversibility=Reversibility.R1), Risk.LOW),  # it does not stand
        (assessed(Effect.DELETE, "staging", reversibility=Reversibility.R4), Risk.HIGH),
        (assessed(Effect.PERMISSION, "production"), Risk.HIGH),
        (assessed(Effect.DELETE, "production"), Risk.HIGH),
        (assessed(Effect.DELETE, "unknown", reversibility=Reversibility.R4), Risk.SEVERE),
        (assessed(Effect.UPDATE, "unknown", reversibility=Reversibility.R4, unknowns=("x",)), Risk.SEVERE),
        (
            assessed(Effect.UPDATE, "production", reversibility=Reversibility.R4, findings=(LOSS,)),
            Risk.SEVERE,
        ),
    ],
)
def test_how_bad_it_would_be(assessment: Assessment, weight: Risk) -> None:
    """What is not known counts as production, and as what does not come back."""
    assert risk(assessment) is weight
