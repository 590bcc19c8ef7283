"""People folded from the log: teams and hours, places that are lent, names; and who is kept out whatever she is called."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Final

import msgspec
import pytest

from keyturn.core.case import Case
from keyturn.core.evidence import looked_at
from keyturn.core.people import People, check_delegation, check_team, on_duty
from keyturn.core.quorum import parse
from keyturn.core.review import as_person, fallen, judge, met, unfilled, unmet
from keyturn.errors import OperatorError
from keyturn.model import record as r
from keyturn.model import reviewing as rv
from keyturn.model.people import Delegation, Member, Window
from keyturn.model.quorum import Of
from keyturn.model.review import Accepted, NotAccepted, Review
from keyturn.stores.people_opinion import PeopleOpinion
from tests.core import core_world as w

OF = Of(1, ("platform",))
PEOPLE = ("anna", "ben", "cleo", "dora", "olga")


def known(*events: r.Event) -> People:
    """Everybody is a reviewer; anna and ben are platform, cleo security."""
    people = People()
    for name in PEOPLE:
        people = people.after(r.UserChanged(at_ms=0, by="root", user=name, roles=("reviewer",), what="added"))
    people = people.after(rv.TeamChanged(0, "root", "platform", (Member("anna"), Member("ben"))))
    people = people.after(rv.TeamChanged(0, "root", "security", (Member("cleo"),)))
    for event in events:
        people = people.after(event)
    return people


def lent(person: str, to: str, from_ms: int = 0, until_ms: int = 1_000) -> rv.Delegated:
    return rv.Delegated(0, person, Delegation(person, to, from_ms, until_ms))


def alias(name: str, person: str) -> rv.AliasChanged:
    return rv.AliasChanged(0, "root", name, person)


# --- hours -----------------------------------------------------------------------------------------------------------


def _ms(text: str) -> int:
    return int(dt.datetime.fromisoformat(text).timestamp() * 1000)


HOURS: list[tuple[str, Window, str, bool]] = [
    ("by day", Window(("mon",), "09:00", "17:00", "Europe/Berlin"), "2026-11-30T08:00Z", True),
    ("before it opens", Window(("mon",), "09:00", "17:00", "Europe/Berlin"), "2026-11-30T07:59Z", False),
    ("when it closes", Window(("mon",), "09:00", "17:00", "Europe/Berlin"), "2026-11-30T16:00Z", False),
    ("another day", Window(("tue",), "09:00", "17:00"), "2026-11-30T10:00Z", False),
    ("over midnight, before", Window(("mon",), "22:00", "06:00"), "2026-11-30T23:00Z", True),
    ("over midnight, after", Window(("mon",), "22:00", "06:00"), "2026-12-01T05:59Z", True),
    ("the morning before", Window(("mon",), "22:00", "06:00"), "2026-11-30T05:00Z", False),
    ("a whole day", Window(("sun",), "08:00", "08:00"), "2026-11-30T07:59Z", True),
    ("in summer", Window(("mon",), "09:00", "17:00", "Europe/Berlin"), "2026-07-06T07:00Z", True),
    (
        "the night clocks go back",
        Window(("sat",), "22:00", "06:00", "Europe/Berlin"),
        "2026-10-25T04:30Z",
        True,
    ),
    ("a zone nobody knows", Window(("mon",), "00:00", "00:00", "Mars/Base"), "2026-11-30T10:00Z", False),
]


@pytest.mark.parametrize(("what", "window", "at", "open_"), HOURS, ids=[row[0] for row in HOURS])
def test_hours_are_by_the_clock_on_the_wall(what: str, window: Window, at: str, open_: bool) -> None:
    """A zone that is not known opens nothing."""
    assert on_duty(window, _ms(at)) is open_


# --- who is of which group -------------------------------------------------------------------------------------------

NIGHT = Member("anna", windows=(Window(("mon",), "22:00", "06:00"),))
STAGING = Member("anna", environments=("staging",))


def vouched(user: str, *teams: str) -> r.IdentityMapped:
    return r.IdentityMapped(0, "https://id", f"s-{user}", user, ("reviewer",), teams)


GROUPS: list[tuple[str, tuple[r.Event, ...], str, Of, bool]] = [
    ("by the provider's groups", (vouched("dora", "platform"),), "dora", OF, True),
    ("by its groups, for elsewhere", (vouched("dora", "platform:staging"),), "dora", OF, False),
    (
        "by its groups, for a place of several",
        (vouched("dora", "platform:staging,production"),),
        "dora",
        OF,
        True,
    ),
    ("who left the group", (vouched("dora", "platform"), vouched("dora")), "dora", OF, False),
    (
        "kept out by a group of the provider's",
        (vouched("anna", "vendors"),),
        "anna",
        Of(1, ("platform",), "", ("vendors",)),
        False,
    ),
    (
        "for another environment that is named, in any team",
        (rv.TeamChanged(0, "root", "platform", (STAGING,)),),
        "anna",
        Of(1, (), "production"),
        False,
    ),
    ("a member", (), "anna", OF, True),
    ("a member of another", (), "cleo", OF, False),
    ("under another name of hers", (alias("anna-cli", "anna"),), "anna-cli", OF, True),
    ("by way of an alias of an alias", (alias("a1", "anna"), alias("a2", "a1")), "a2", OF, True),
    ("in the place of a member", (lent("anna", "cleo"),), "cleo", OF, True),
    ("before that begins", (lent("anna", "cleo", 500),), "cleo", OF, False),
    ("after that has ended", (lent("anna", "cleo", 0, 50),), "cleo", OF, False),
    (
        "when it was taken back",
        (lent("anna", "cleo"), rv.DelegationEnded(1, "anna", "anna", "cleo")),
        "cleo",
        OF,
        False,
    ),
    ("what was lent is not lent on", (lent("anna", "cleo"), lent("cleo", "dora")), "dora", OF, False),
    ("not on duty", (rv.TeamChanged(0, "root", "platform", (NIGHT,)),), "anna", OF, False),
    ("not for this environment", (rv.TeamChanged(0, "root", "platform", (STAGING,)),), "anna", OF, False),
    (
        "for the environment that is named",
        (rv.TeamChanged(0, "root", "platform", (STAGING,)),),
        "anna",
        Of(1, ("platform",), "staging"),
        True,
    ),
    ("kept out by another team", (), "anna", Of(1, (), "", ("platform",)), False),
    ("removed", (r.UserChanged(1, "root", "anna", (), "removed"),), "anna", OF, False),
    (
        "in the place of one removed",
        (lent("anna", "cleo"), r.UserChanged(1, "root", "anna", (), "removed")),
        "cleo",
        OF,
        False,
    ),
]


@pytest.mark.parametrize(("what", "events", "who", "leaf", "is_of"), GROUPS, ids=[row[0] for row in GROUPS])
def test_who_may_take_a_place(
    what: str, events: tuple[r.Event, ...], who: str, leaf: Of, is_of: bool
) -> None:
    """By what the log says at this time, and nothing else."""
    found = known(*events).entitled(who, (leaf,), "production", 100)
    assert (leaf.group in found.groups) is is_of


ONE_OPINION: Final = {"not on duty", "removed", "in the place of one removed"}
"""Hours, and who may review at all, are looked at when a review is given, and not again by whoever reads the log."""


@pytest.mark.parametrize(("what", "events", "who", "leaf", "is_of"), GROUPS, ids=[row[0] for row in GROUPS])
def test_who_reads_the_log_thinks_the_same(
    what: str, events: tuple[r.Event, ...], who: str, leaf: Of, is_of: bool
) -> None:
    """A review that says of itself that it fills a place is believed by the second opinion only where the log says so, too."""
    if what in ONE_OPINION:
        return
    opinion = PeopleOpinion()
    for team, members in (("platform", ("anna", "ben")), ("security", ("cleo",))):
        opinion.see(rv.TeamChanged(0, "root", team, tuple(map(Member, members))))
    for event in events:
        opinion.see(event)
    people = known(*events)
    lenders = people.lenders(people.person(who), 100)
    review = Review(
        who, True, "b", 100, person=people.person(who), groups=(leaf.group,), behalf=lenders if is_of else ()
    )
    case = held("1 of platform", people)
    assert case.request is not None
    request = msgspec.structs.replace(case.request, needs=(leaf,), quorum=1, excluded=())
    assert (opinion.too_few([opinion.given(review)], request, ()) == "") is is_of


def test_evidence_counts_places_and_not_heads() -> None:
    """Two of one team are two people, and not one of each."""
    people = known(OLGA)
    case = held("1 of platform and 1 of security", people)
    for number, who in enumerate(("anna", "ben")):
        case = w.told(case, r.Reviewed(at_ms=number, review=as_person(case, w.review(case, who), people)))
    wrong = looked_at(case).independent
    assert (wrong.holds, wrong.said) == (False, f"{met_text(case)}; none of whom asked")
    case = w.told(case, r.Reviewed(at_ms=3, review=as_person(case, w.review(case, "cleo"), people)))
    assert looked_at(case).independent.holds is True


def met_text(case: Case) -> str:
    assert case.request is not None
    return met(case.request, case.reviews).text


def test_what_policy_asks_for_and_nobody_can_fill() -> None:
    """By team and environment: not how many have the role, but whether the places could be taken; an agent's owners depend on the agent."""
    people = known(rv.TeamChanged(0, "root", "platform", (STAGING,)), vouched("dora", "security:staging"))
    trees = tuple(
        map(parse, ("1 of platform", "1 of security", "2 of security", "4 of reviewers", "1 of owners"))
    )
    assert unfilled(trees, people, "production", 0) == (
        '"1 of platform": 1 more of platform',
        '"2 of security": 1 of security (cleo), 1 more of security',
    )
    assert unfilled(trees, people, "staging", 0) == ()
    assert unfilled((Of(9),), People(), "production", 0) == (), "nobody is known"


# --- who is kept out (rule 4) ----------------------------------------------------------------------------------------


def held(tree: str, people: People, *excluded: str) -> Case:
    """A case that asks for this tree, of an agent that these people stand behind."""
    case = w.held()
    assert case.request is not None
    request = msgspec.structs.replace(
        case.request,
        needs=(parse(tree),),
        environment="production",
        excluded=people.excluded(excluded or ("olga",)),
    )
    return msgspec.structs.replace(case, request=request)


def asked(case: Case, people: People, who: str) -> str:
    """What comes of this person's yes: empty when it counts."""
    given = as_person(case, w.review(case, who), people)
    judged = judge(case, given, people)
    return judged.code if isinstance(judged, NotAccepted) else ""


OLGA = rv.TeamChanged(0, "root", "platform", (Member("anna"), Member("olga")))

KEPT_OUT: list[tuple[str, tuple[r.Event, ...], str, str]] = [
    ("the operator", (OLGA,), "olga", "own-agent"),
    ("the operator under another name", (OLGA, alias("olga-admin", "olga")), "olga-admin", "own-agent"),
    ("an alias of her alias", (OLGA, alias("o1", "olga"), alias("o2", "o1")), "o2", "own-agent"),
    ("a token of hers", (OLGA, alias("token:ci", "olga")), "token:ci", "own-agent"),
    ("who stands in for her and is nothing herself", (OLGA, lent("olga", "dora")), "dora", "not-asked"),
    ("she, standing in for a member", (lent("anna", "olga"),), "olga", "own-agent"),
    ("a member, who stands in for her too", (OLGA, lent("olga", "anna")), "anna", ""),
    ("an independent member", (), "ben", ""),
    ("who is in no team that is asked", (), "cleo", "not-asked"),
]


@pytest.mark.parametrize(("what", "events", "who", "code"), KEPT_OUT, ids=[row[0] for row in KEPT_OUT])
def test_nobody_behind_the_agent_approves_it(
    what: str, events: tuple[r.Event, ...], who: str, code: str
) -> None:
    """Not under another name, not with a token, not by way of who stands in for her."""
    people = known(*events)
    assert asked(held("1 of platform", people), people, who) == code


def test_a_name_given_after_the_case_was_held_is_seen_too() -> None:
    """The exclusion is frozen; who is who is not."""
    case = held("1 of platform", known(OLGA))
    later = known(OLGA, alias("anna", "olga"))
    assert asked(case, known(OLGA), "anna") == ""
    assert asked(case, later, "anna") == "own-agent"


def test_a_place_is_taken_once() -> None:
    """Who lent it does not count beside the one who took it, nor the other way round; two names are one person."""
    people = known(lent("anna", "cleo"), alias("ben2", "ben"))
    case = held("2 of platform", people)
    cleo = as_person(case, w.review(case, "cleo"), people)
    assert (cleo.groups, cleo.behalf) == (("platform",), ("anna",))
    assert isinstance(judge(case, cleo, people), Accepted)
    after = w.told(case, r.Reviewed(at_ms=10, review=cleo))
    assert asked(after, people, "anna") == "twice"
    assert asked(after, people, "ben") == ""
    before = w.told(case, r.Reviewed(at_ms=10, review=as_person(case, w.review(case, "anna"), people)))
    assert asked(before, people, "cleo") == "not-asked"
    one = w.told(case, r.Reviewed(at_ms=10, review=as_person(case, w.review(case, "ben"), people)))
    assert asked(one, people, "ben2") == "twice"


FALLEN: list[tuple[str, r.Event, str]] = [
    ("nothing of hers", rv.TeamChanged(5, "root", "security", ()), ""),
    ("she left the team", rv.TeamChanged(5, "root", "platform", (Member("ben"),)), "ben"),
    ("the team is gone", rv.TeamChanged(5, "root", "platform", ()), "no longer of platform"),
    (
        "she is no reviewer any more",
        r.UserChanged(5, "root", "anna", ("auditor",), "added"),
        "may review no more",
    ),
    ("she turns out to be the operator", alias("anna", "olga"), "may not review this"),
    ("her hours are over", rv.TeamChanged(5, "root", "platform", (NIGHT,)), ""),
]


@pytest.mark.parametrize(("what", "event", "said"), FALLEN, ids=[row[0] for row in FALLEN])
def test_an_approval_falls_with_what_it_rested_on(what: str, event: r.Event, said: str) -> None:
    """And says whose and why; hours do not matter any more once she has approved."""
    people = known()
    case = held("2 of platform", people)
    case = w.told(case, r.Reviewed(at_ms=10, review=as_person(case, w.review(case, "anna"), people)))
    found = fallen(case, people.after(event))
    if not said:
        assert found == ()
        return
    ((review, why),) = found
    assert review.reviewer == "anna"
    assert why
    assert said in why or what == "she left the team"


def test_a_quorum_that_nobody_can_meet_is_said_when_it_is_held() -> None:
    """With who could, and how many are missing; where nobody is known nothing is said."""
    people = known()
    case = held("2 of platform and 1 of security", people)
    assert case.request is not None
    assert unmet(case.request, people, at_ms=0) == ""
    assert unmet(case.request, People(), at_ms=0) == ""
    fewer = people.after(rv.TeamChanged(0, "root", "platform", (Member("anna"), Member("olga"))))
    assert unmet(case.request, fewer, at_ms=0) == (
        "too few people may approve this. Of all who could, 1 person is missing: "
        "1 of platform (anna), 1 more of platform, 1 of security (cleo)"
    )


REFUSED: list[tuple[str, Callable[[People], None], str]] = [
    ("a team of a reserved name", lambda p: check_team(p, "owners", (Member("anna"),)), "team-name"),
    ("a member nobody knows", lambda p: check_team(p, "web", (Member("zoe"),)), "no-user"),
    (
        "a time of day that is none",
        lambda p: check_team(p, "web", (Member("anna", (), (Window(("mon",), "9", "17:00"),)),)),
        "team-window",
    ),
    ("to herself", lambda p: check_delegation(p, Delegation("anna", "anna", 0, 9), 0), "delegation"),
    ("for ever", lambda p: check_delegation(p, Delegation("anna", "cleo", 0, 1 << 45), 0), "delegation"),
    ("by one in no team", lambda p: check_delegation(p, Delegation("dora", "cleo", 0, 9), 0), "delegation"),
    (
        "to one who is away",
        lambda p: check_delegation(p.after(lent("cleo", "dora")), Delegation("anna", "cleo", 0, 9), 0),
        "delegation",
    ),
    (
        "twice at a time",
        lambda p: check_delegation(p.after(lent("anna", "dora")), Delegation("anna", "cleo", 0, 9), 0),
        "delegation",
    ),
]


@pytest.mark.parametrize(("what", "check", "code"), REFUSED, ids=[row[0] for row in REFUSED])
def test_what_may_not_be_written_down(what: str, check: Callable[[People], None], code: str) -> None:
    """Each with a code and a sentence; nothing of it reaches the log."""
    with pytest.raises(OperatorError) as caught:
        check(known())
    assert caught.value.code == code


def test_reviews_of_old_are_people_of_no_group() -> None:
    """A plain number counts everybody, as it always did."""
    case = w.held()
    people = known()
    given = as_person(case, w.review(case, "dora"), people)
    assert given == w.review(case, "dora")
    assert isinstance(judge(case, given, people), Accepted)
    assert isinstance(given, Review)
