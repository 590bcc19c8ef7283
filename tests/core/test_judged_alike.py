"""Who stands in the same place is judged alike: what hundreds of inboxes rest on when they ask once for many people."""

from __future__ import annotations

import itertools
import random
from typing import Final

import msgspec
import pytest

from keyturn.core.case import Case
from keyturn.core.people import People
from keyturn.core.quorum import parse
from keyturn.core.review import as_person, judge, named
from keyturn.model.people import DAYS, Delegation, Member, Window
from keyturn.model.review import Accepted, Review
from tests.core import core_world as w

NAMES: Final = ("ann", "ben", "cleo", "dan", "eve", "fay", "gus", "hal", "ida", "jo", "o-ben", "o-dan")
NEEDS: Final = (
    *(
        "",
        "2 of a",
        "1 of a and 1 of b",
        "1 of reviewers outside b",
        "1 of a in staging",
        "1 of c or 2 of reviewers",
    ),
    "1 of reviewers in production outside a",
)
NIGHT: Final = Window(DAYS, "22:00", "06:00")
HOUR_MS: Final = 3_600_000


def world(seed: int) -> tuple[Case, People, int]:
    """A held case, people, and a time; all different by the seed."""
    rng = random.Random(seed)

    def some(of: tuple[str, ...], most: int) -> tuple[str, ...]:
        return tuple(rng.sample(of, rng.randint(0, most)))

    def member(name: str) -> Member:
        return Member(name, some(("production", "staging"), 1), (NIGHT,) if rng.random() < 0.3 else ())

    people = People(
        roles={name: ("reviewer",) if rng.random() < 0.85 else () for name in NAMES[:8]},
        teams={team: tuple(member(name) for name in some(NAMES[:10], 6)) for team in "abc"},
        aliases={name: name.removeprefix("o-") for name in some(NAMES[10:], 2)},
        delegations=tuple(
            Delegation(one, other, 0, rng.choice((HOUR_MS, 40 * HOUR_MS)))
            for one, other in itertools.pairwise(some(NAMES[:10], 4))
        ),
        mapped=dict.fromkeys(some(NAMES[:10], 2), ("b:staging",)),
    )
    case = w.held(quorum=2)
    assert case.request is not None
    needs = rng.choice(NEEDS)
    request = msgspec.structs.replace(
        case.request,
        needs=(parse(needs),) if needs else (),
        excluded=people.excluded(some(NAMES, 2)),
        environment=rng.choice(("production", "staging", "unknown")),
        deadline_ms=100 * HOUR_MS,
    )
    case = msgspec.structs.replace(case, request=request)
    at_ms = rng.choice((2, 12, 30)) * HOUR_MS
    for name in some(NAMES, 1):
        given = as_person(case, review(case, name, at_ms), people)
        case = msgspec.structs.replace(case, reviews=(*case.reviews, given))
    return case, people, at_ms


def review(case: Case, name: str, at_ms: int) -> Review:
    assert case.request is not None
    return Review(reviewer=name, approve=True, binding=case.request.digest, at_ms=at_ms)


def judged(case: Case, name: str, people: People, at_ms: int) -> str:
    found = judge(case, as_person(case, review(case, name, at_ms), people), people)
    return "counts" if isinstance(found, Accepted) else found.code


@pytest.mark.parametrize("part", range(4))
def test_two_in_the_same_place_are_judged_alike(part: int) -> None:
    """Whoever the case names neither of; with teams, hours, other names, places lent and taken, in hundreds of worlds."""
    compared, answers = 0, set()
    for seed in range(part * 200, part * 200 + 200):
        case, people, at_ms = world(seed)
        out = named(case, people)
        by_place: dict[object, set[str]] = {}
        for name in NAMES:
            if not {name, people.person(name)} & out:
                by_place.setdefault(people.place(name, at_ms), set()).add(judged(case, name, people, at_ms))
                compared += 1
        for found in by_place.values():
            answers |= found
            assert len(found) == 1, f"seed {seed}: {found}"
        assert people.by_the_clock or all(
            people.place(name, at_ms) == people.place(name, at_ms + 12 * HOUR_MS) for name in NAMES
        ), seed
    assert compared > 1_000  # else the test compares nothing
    assert answers >= {"counts", "not-asked", "no-reviewer"}


def test_who_is_named_is_judged_by_herself() -> None:
    """Of those in one place, one runs the agent and another has approved: their answers are others', so they are named."""
    case, people = w.held(quorum=2), People(aliases={"night-olga": "olga"})
    assert case.request is not None
    case = msgspec.structs.replace(
        case,
        request=msgspec.structs.replace(case.request, excluded=people.excluded(("olga",))),
    )
    case = msgspec.structs.replace(case, reviews=(review(case, "dana", 10),))
    assert named(case, people) == {"olga", "night-olga", "dana"}
    assert {
        name: judged(case, name, people, 10) for name in ("olga", "night-olga", "dana", "erin", "fred")
    } == {"olga": "own-agent", "night-olga": "own-agent", "dana": "twice", "erin": "counts", "fred": "counts"}
    assert len({people.place(name, 10) for name in ("olga", "dana", "erin", "fred")}) == 1
