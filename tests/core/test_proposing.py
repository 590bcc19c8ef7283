"""Changes among people wait for another administrator: who may decide, what acts at once, and what a no is for."""

from __future__ import annotations

import msgspec
import pytest

from keyturn.core import proposing
from keyturn.core.people import People
from keyturn.core.proposals import COOLING_S
from keyturn.core.proposing import ALONE, PROPOSAL_S, WAITING_MAX
from keyturn.errors import OperatorError
from keyturn.model import record as r
from keyturn.model import reviewing as rv
from keyturn.model.people import Delegation, Member, Wanted, Window
from keyturn.model.review import NotAccepted

FIRST, SECOND = Member("dora", ("staging", "production")), Member("erin")
NIGHT = Window(("mon", "tue"), "20:00", "08:00")
DAYTIME = Window(("mon", "tue"), "08:00", "20:00")
WEEKEND = Window(("sat", "sun"), "00:00", "00:00")
EVE = Wanted("user", "eve", roles=("reviewer",))
DAY_MS = PROPOSAL_S * 1000


def user(name: str, *roles: str, by: str = "root", at_ms: int = 0) -> r.UserChanged:
    return r.UserChanged(at_ms, by, name, roles, "added" if roles else "removed")


def alias(name: str, person: str) -> rv.AliasChanged:
    return rv.AliasChanged(0, "root", name, person)


def known(*events: r.Event) -> People:
    """anna, ben and cleo are administrators, dora reviews, olga operates."""
    people = People()
    admins = [user(name, "administrator") for name in ("anna", "ben", "cleo")]
    for event in (*admins, user("dora", "reviewer"), user("olga", "operator"), *events):
        people = people.after(event)
    return people


def wants(people: People, wanted: Wanted, by: str = "anna", at_ms: int = 10) -> People:
    """People after she said so."""
    for event in proposing.propose(people, wanted, by, at_ms):
        people = people.after(event)
    return people


def answer(people: People, by: str, id_: str = "P-1", at_ms: int = 20, *, approve: bool = True) -> str:
    """The code of the refusal, or *may*."""
    found = proposing.judge(people, id_, by, at_ms, approve=approve)
    return found.code if isinstance(found, NotAccepted) else "may"


def decided(people: People, *, approved: bool = True) -> People:
    return people.after(rv.ProposalDecided(20, "ben", "P-1", approved=approved))


PROMOTED = Wanted("user", "ben", roles=("administrator", "reviewer"))
REFUSALS: list[tuple[str, People, str, str, int, str]] = [
    ("another administrator may", wants(known(), EVE), "ben", "P-1", 20, "may"),
    ("her own", wants(known(), EVE), "anna", "P-1", 20, "own-proposal"),
    (
        "her own, by another name",
        wants(known(alias("anna-cli", "anna")), EVE),
        "anna-cli",
        "P-1",
        20,
        "own-proposal",
    ),
    (
        "her own, by a second account that is known to be hers",
        wants(known(user("anna2", "administrator"), alias("anna2", "anna")), EVE),
        "anna2",
        "P-1",
        20,
        "own-proposal",
    ),
    ("whom it is about", wants(known(), PROMOTED), "ben", "P-1", 20, "subject"),
    (
        "whom it is about, by another name",
        wants(known(alias("ben-cli", "ben")), PROMOTED),
        "ben-cli",
        "P-1",
        20,
        "subject",
    ),
    (
        "who comes into the team",
        wants(known(), Wanted("team", "ops", members=(Member("ben"),))),
        "ben",
        "P-1",
        20,
        "subject",
    ),
    (
        "whose name it is to be",
        wants(known(), Wanted("alias", "bot", people=("ben",))),
        "ben",
        "P-1",
        20,
        "subject",
    ),
    (
        "who is to be an owner",
        wants(known(), Wanted("owners", "kiro", people=("ben",))),
        "ben",
        "P-1",
        20,
        "subject",
    ),
    ("a reviewer", wants(known(), EVE), "dora", "P-1", 20, "no-administrator"),
    ("one who was removed", wants(known(user("ben")), EVE), "ben", "P-1", 20, "no-administrator"),
    ("nobody known", wants(known(), EVE), "zoe", "P-1", 20, "no-administrator"),
    ("the last moment", wants(known(), EVE), "ben", "P-1", 9 + DAY_MS, "may"),
    ("too late", wants(known(), EVE), "ben", "P-1", 10 + DAY_MS, "expired"),
    ("no such", wants(known(), EVE), "ben", "P-2", 20, "no-proposal"),
    ("twice", decided(wants(known(), EVE)), "cleo", "P-1", 20, "decided"),
    ("after a no", decided(wants(known(), EVE), approved=False), "cleo", "P-1", 20, "decided"),
    (
        "she has other roles meanwhile",
        wants(known(), Wanted("user", "olga", roles=("operator", "reviewer"))).after(user("olga", "auditor")),
        "ben",
        "P-1",
        20,
        "changed",
    ),
    (
        "the team is another meanwhile",
        wants(known(), Wanted("team", "ops", members=(Member("dora"),))).after(
            rv.TeamChanged(15, "ben", "ops", (Member("olga"),))
        ),
        "ben",
        "P-1",
        20,
        "changed",
    ),
]


@pytest.mark.parametrize("row", REFUSALS, ids=lambda row: row[0])
def test_who_may_approve(row: tuple[str, People, str, str, int, str]) -> None:
    """Neither who proposed it nor whom it is about, under whatever name, once, in time, and only what still stands."""
    _, people, by, id_, at_ms, code = row
    assert answer(people, by, id_, at_ms) == code


def test_a_no_is_every_administrators() -> None:
    """Who proposed it takes it back that way; whom it is about may not want it."""
    people = wants(known(), PROMOTED)
    assert [answer(people, who, approve=False) for who in ("anna", "ben", "cleo")] == ["may"] * 3
    assert answer(people, "dora", approve=False) == "no-administrator"


AT_ONCE: list[tuple[str, Wanted, bool]] = [
    ("somebody new", EVE, True),
    ("somebody new who only operates: it is a login", Wanted("user", "eve", roles=("operator",)), True),
    ("a reviewer more", Wanted("user", "olga", roles=("operator", "reviewer")), True),
    ("a break-glass role", Wanted("user", "dora", roles=("reviewer", "break-glass")), True),
    ("another role that decides nothing", Wanted("user", "dora", roles=("reviewer", "auditor")), False),
    ("fewer roles", Wanted("user", "dora", roles=("auditor",)), False),
    ("the same roles", Wanted("user", "dora", roles=("reviewer",)), False),
    ("a new login", Wanted("invite", "dora"), True),
    ("a team", Wanted("team", "ops", members=(Member("dora"),)), True),
    ("another name", Wanted("alias", "bot", people=("dora",)), True),
    ("owners", Wanted("owners", "kiro", people=("dora",)), True),
    ("another's place", Wanted("delegation", "erin", delegation=Delegation("erin", "dora", 0, 1_000)), True),
    ("nobody in the team any more", Wanted("team", "sre"), False),
    ("one of the team less", Wanted("team", "sre", members=(SECOND,)), False),
    ("fewer places", Wanted("team", "sre", members=(Member("dora", ("staging",)), SECOND)), False),
    (
        "hours where there were none",
        Wanted("team", "sre", members=(FIRST, Member("erin", (), (NIGHT,)))),
        False,
    ),
    ("everywhere instead of somewhere", Wanted("team", "sre", members=(Member("dora"), SECOND)), True),
    ("another place", Wanted("team", "sre", members=(Member("dora", ("qa",)), SECOND)), True),
    ("other hours", Wanted("team", "sre", members=(FIRST, Member("erin", (), (DAYTIME,)))), False),
    ("one more", Wanted("team", "sre", members=(FIRST, SECOND, Member("olga"))), True),
    ("one in another's place", Wanted("team", "sre", members=(FIRST, Member("olga"))), True),
    ("one less, of a team that a quorum leaves out", Wanted("team", "vendors"), True),
]


@pytest.mark.parametrize("row", AT_ONCE, ids=lambda row: row[0])
def test_what_waits(row: tuple[str, Wanted, bool]) -> None:
    """What gives somebody more waits; what takes away acts."""
    _, wanted, waits = row
    sre = rv.TeamChanged(0, "root", "sre", (FIRST, SECOND))
    vendors = rv.TeamChanged(0, "root", "vendors", (Member("olga"),))
    people = known(user("erin", "reviewer"), sre, vendors)
    events = proposing.propose(people, wanted, "anna", 10, {"vendors"})
    changed = rv.TeamChanged if wanted.kind == "team" else r.UserChanged
    assert [type(event) for event in events] == ([rv.Proposed] if waits else [changed])


def test_owners_teams_may_be_any() -> None:
    """Where a quorum leaves out the agent's owners it leaves out whatever teams they are in."""
    people = known(rv.TeamChanged(0, "root", "sre", (FIRST,)))
    (event,) = proposing.propose(people, Wanted("team", "sre"), "anna", 10, {"owners"})
    assert isinstance(event, rv.Proposed)


def test_hours_are_compared_as_they_are_written() -> None:
    """Whether some hours lie within others is not worked out: other hours are others."""
    people = known(rv.TeamChanged(0, "root", "sre", (Member("dora", (), (NIGHT, DAYTIME)),)))
    fewer = Wanted("team", "sre", members=(Member("dora", (), (NIGHT,)),))
    other = Wanted("team", "sre", members=(Member("dora", (), (NIGHT, WEEKEND)),))
    always = Wanted("team", "sre", members=(Member("dora"),))
    assert [proposing.needs_review(people, one) for one in (fewer, other, always)] == [False, True, True]


def test_alone_it_is_done_and_said() -> None:
    """A first administrator has nobody to ask; that nobody else looked stands beside it for ever."""
    people = People().after(user("anna", "administrator"))
    proposed, said, done = proposing.propose(people, EVE, "anna", 10)
    assert isinstance(proposed, rv.Proposed)
    assert said == rv.ProposalDecided(10, "anna", "P-1", approved=True, unreviewed=ALONE)
    assert done == user("eve", "reviewer", by="anna", at_ms=10)


def test_people_are_counted_and_not_names() -> None:
    """Two names of one person are not two people."""
    people = People().after(user("anna", "administrator")).after(user("anna2", "administrator"))
    assert len(proposing.propose(people, EVE, "anna", 10)) == 1
    assert len(proposing.propose(people.after(alias("anna2", "anna")), EVE, "anna", 10)) == 3


def test_of_whom_the_provider_vouches_count() -> None:
    """An administrator by her groups at the company's provider is one."""
    mapped = r.IdentityMapped(0, "https://id", "s-1", "ben", ("administrator",))
    people = People().after(user("anna", "administrator")).after(mapped)
    assert isinstance(proposing.propose(people, EVE, "anna", 10)[-1], rv.Proposed)
    assert answer(wants(people, EVE), "ben") == "may"


def test_nobody_makes_herself_the_only_one_at_once() -> None:
    """Who removes the others waits for a day before she acts alone; who left by herself is not waited for."""
    both = People().after(user("anna", "administrator")).after(user("ben", "administrator"))
    alone = both.after(user("ben", by="anna", at_ms=5))
    with pytest.raises(OperatorError, match="no other administrator"):
        proposing.propose(alone, EVE, "anna", 6)
    assert len(proposing.propose(alone, EVE, "anna", 6 + COOLING_S * 1000)) == 3
    assert len(proposing.propose(both.after(user("ben", by="ben", at_ms=5)), EVE, "anna", 6)) == 3


def test_what_nobody_could_approve_is_not_proposed() -> None:
    """Of two administrators neither makes a new login for the other: there is no third to look."""
    both = People().after(user("anna", "administrator")).after(user("ben", "administrator"))
    with pytest.raises(OperatorError, match="no other administrator"):
        proposing.propose(both, Wanted("invite", "ben"), "anna", 10)


NOT_PROPOSED: list[tuple[Wanted, str]] = [
    (Wanted("policy", "x"), "proposal"),
    (Wanted("team", "no name!", members=(Member("dora"),)), "team-name"),
    (Wanted("team", "nobody"), "no-team"),
    (Wanted("team", "ops", members=(Member("zoe"),)), "no-user"),
    (Wanted("alias", "bot", people=("dora", "olga")), "alias"),
    (Wanted("alias", "bot"), "alias"),
    (Wanted("invite", "zoe"), "no-user"),
    (Wanted("delegation", "dora"), "delegation"),
    (Wanted("delegation", "ben", delegation=Delegation("dora", "olga", 0, 1_000)), "delegation"),
    (Wanted("delegation", "dora", delegation=Delegation("dora", "olga", 0, 1_000)), "delegation"),
]


@pytest.mark.parametrize(("wanted", "code"), NOT_PROPOSED)
def test_what_could_not_be(wanted: Wanted, code: str) -> None:
    """Said when it is proposed, not when somebody has taken the trouble to approve it."""
    with pytest.raises(OperatorError) as refused:
        proposing.propose(known(), wanted, "anna", 10)
    assert refused.value.code == code


def test_there_is_an_end_to_them() -> None:
    """A list that nobody can read is no review; what is over makes room."""
    people = known()
    for number in range(WAITING_MAX):
        people = wants(people, Wanted("user", f"eve{number}", roles=("reviewer",)))
    with pytest.raises(OperatorError, match="are open"):
        wants(people, EVE)
    later = wants(people, EVE, at_ms=10 + DAY_MS)
    assert [*later.proposals.waiting] == [f"P-{WAITING_MAX + 1}"]


def test_the_fold_is_the_same_after_a_snapshot() -> None:
    """What a start reads back is what was."""
    people = decided(wants(wants(known(user("cleo", by="ben")), EVE), Wanted("invite", "dora")))
    assert msgspec.json.decode(msgspec.json.encode(people), type=People) == people
