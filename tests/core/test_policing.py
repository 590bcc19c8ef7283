"""What is loaded is compared with what is in force: what only tightens acts, what relaxes waits for two administrators."""

from __future__ import annotations

import msgspec
import pytest

from keyturn.core import policing, proposing
from keyturn.core.people import People
from keyturn.core.policing import REPLACED, Compared
from keyturn.core.proposing import ALONE, CONFIGURATION, PROPOSAL_S
from keyturn.model import record as r
from keyturn.model import reviewing as rv
from keyturn.model.people import Wanted
from keyturn.model.review import NotAccepted

DAY_MS = PROPOSAL_S * 1000
STRICT, LOOSE, LOOSER = "sha256:strict", "sha256:loose", "sha256:looser"
MILDER = ("hold becomes allow: delete in production",)


def loaded(digest: str, at_ms: int = 10) -> r.PolicyLoaded:
    return r.PolicyLoaded(at_ms, digest, (digest[7:],), enforcing=True)


def admin(name: str, *, gone: bool = False, by: str = "root", at_ms: int = 0) -> r.UserChanged:
    return r.UserChanged(at_ms, by, name, () if gone else ("administrator",), "removed" if gone else "added")


def folded(people: People, *events: r.Event) -> People:
    for event in events:
        people = people.after(event)
    return people


TWO = folded(People(), admin("anna"), admin("ben"), loaded(STRICT, 0))
ONE = folded(People(), admin("anna"), loaded(STRICT, 0))


def loads(people: People, digest: str, relaxes: tuple[str, ...] = MILDER, at_ms: int = 10) -> People:
    """People after these policies were loaded, having been compared with what is in force."""
    before = policing.to_compare(people, digest, at_ms)
    events = policing.load(people, loaded(digest, at_ms), Compared(before, digest, relaxes))
    assert events is not None
    return folded(people, *events)


def says_yes(people: People, by: str, id_: str = "P-1", at_ms: int = 20) -> tuple[People, str]:
    """People after her yes, and the refusal's code."""
    judged = proposing.judge(people, id_, by, at_ms, approve=True)
    if isinstance(judged, NotAccepted):
        return people, judged.code
    return folded(people, *proposing.decide(people, judged, by, at_ms, approve=True)), ""


def in_force(people: People) -> str:
    assert people.proposals.policy is not None
    return people.proposals.policy.policy_digest


def test_what_is_loaded_first_is_in_force() -> None:
    """There is nothing to compare it with; that stands on the log like every other load."""
    nothing = folded(People(), admin("anna"), admin("ben"))
    assert policing.to_compare(nothing, LOOSE, 10) == ""
    assert policing.load(nothing, loaded(LOOSE), None) == (loaded(LOOSE),)


def test_what_only_tightens_is_in_force_at_once() -> None:
    """It needs nobody; and the same again is only said again."""
    assert in_force(loads(TWO, LOOSE, relaxes=())) == LOOSE
    assert policing.load(TWO, loaded(STRICT), None) == (loaded(STRICT),)


def test_what_relaxes_waits_and_says_what() -> None:
    """What was in force stays; what would be let through stands in the proposal, for whoever is asked."""
    wanted = Wanted("policy", LOOSE, packs=("loose",), relaxes=MILDER)
    assert policing.load(TWO, loaded(LOOSE), Compared(STRICT, LOOSE, MILDER)) == (
        rv.Proposed(10, CONFIGURATION, "P-1", wanted, STRICT, LOOSE, 10 + DAY_MS),
    )
    assert in_force(loads(TWO, LOOSE)) == STRICT


@pytest.mark.parametrize(
    "compared",
    [None, Compared(LOOSER, LOOSE, ()), Compared(STRICT, LOOSER, ())],
    ids=["not compared", "compared with what was in force before", "others were compared"],
)
def test_a_proof_counts_for_what_it_is_of(compared: Compared | None) -> None:
    """Where something else was put in force while z3 was at work it is asked again."""
    assert policing.load(TWO, loaded(LOOSE), compared) is None


def test_it_takes_two_administrators() -> None:
    """The first yes makes it hers, whoever wrote the files; the second one, of another person, puts it in force."""
    waits = loads(TWO, LOOSE)
    hers, refused = says_yes(waits, "anna")
    assert (refused, in_force(hers), hers.proposals.waiting["P-1"].by) == ("", STRICT, "anna")
    assert says_yes(hers, "anna") == (hers, "own-proposal")
    other_name = folded(hers, admin("anna2"), rv.AliasChanged(1, "root", "anna2", "anna"))
    assert says_yes(other_name, "anna2")[1] == "own-proposal"
    done, refused = says_yes(hers, "ben", at_ms=30)
    assert (refused, in_force(done), [*done.proposals.waiting]) == ("", LOOSE, [])
    assert done.proposals.policy == msgspec.structs.replace(loaded(LOOSE), at_ms=30)


def test_her_yes_does_not_make_it_wait_longer() -> None:
    """A day after it was loaded it is over, however many have agreed."""
    hers, _ = says_yes(loads(TWO, LOOSE), "anna", at_ms=5_000)
    assert hers.proposals.waiting["P-1"].until_ms == 10 + DAY_MS
    assert says_yes(hers, "ben", at_ms=10 + DAY_MS)[1] == "expired"


def test_a_restart_finds_it_waiting() -> None:
    """The same files again: what was in force stays, nothing is proposed twice, and nobody's yes is lost."""
    hers, _ = says_yes(loads(TWO, LOOSE), "anna")
    assert policing.to_compare(hers, LOOSE, 40) == ""
    assert policing.load(hers, loaded(LOOSE, 40), None) == ()
    assert policing.to_compare(hers, LOOSE, 10 + DAY_MS) == STRICT, "over; it is asked anew"


def test_other_files_take_its_place() -> None:
    """One waits at a time, so that nobody agrees to what the configuration does not want any more."""
    waits = loads(loads(TWO, LOOSE), LOOSER)
    assert [*waits.proposals.waiting] == ["P-2"]
    assert waits.proposals.decided["P-1"] == rv.ProposalDecided(
        10, CONFIGURATION, "P-1", approved=False, note=REPLACED
    )


def test_what_was_compared_with_something_else_is_not_put_in_force() -> None:
    """The yes was to a difference; where the one side is another now it says nothing."""
    waits = folded(loads(TWO, LOOSE), loaded(LOOSER, 15))
    assert says_yes(waits, "anna")[1] == "changed"


def test_a_no_is_one_persons() -> None:
    """Any administrator's, at any moment."""
    waits = loads(TWO, LOOSE)
    judged = proposing.judge(waits, "P-1", "ben", 20, approve=False)
    assert isinstance(judged, rv.Proposed)
    after = folded(waits, *proposing.decide(waits, judged, "ben", 20, approve=False, note="why?"))
    assert (in_force(after), [*after.proposals.waiting]) == (STRICT, [])


def test_alone_it_is_in_force_and_said() -> None:
    """As for people: an installation begins with one person, and that nobody else looked stands beside it for ever."""
    proposed, said, done = policing.load(ONE, loaded(LOOSE), Compared(STRICT, LOOSE, MILDER)) or ()
    assert isinstance(proposed, rv.Proposed)
    assert (said, done) == (
        rv.ProposalDecided(10, CONFIGURATION, "P-1", approved=True, unreviewed=ALONE),
        loaded(LOOSE),
    )


def test_nobody_makes_herself_the_only_one_for_it() -> None:
    """Who removed the other administrator waits for a day before one is enough."""
    alone = folded(TWO, admin("ben", gone=True, by="anna", at_ms=5))
    hers, _ = says_yes(loads(alone, LOOSE), "anna")
    assert (in_force(hers), says_yes(hers, "anna")[1]) == (STRICT, "own-proposal")
    left = folded(loads(TWO, LOOSE), admin("ben", gone=True, by="ben", at_ms=5))
    done, _ = says_yes(left, "anna")
    assert (in_force(done), done.proposals.decided["P-1"].unreviewed) == (LOOSE, ALONE)


def test_nobody_proposes_it_by_hand() -> None:
    """The lines that say what it relaxes come from the proof alone."""
    assert proposing.KINDS == ("user", "invite", "team", "alias", "owners", "delegation")


def test_the_fold_is_the_same_after_a_snapshot() -> None:
    """What a start reads back is what was."""
    people = says_yes(loads(TWO, LOOSE), "anna")[0]
    assert msgspec.json.decode(msgspec.json.encode(people), type=People) == people
