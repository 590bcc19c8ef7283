"""Who may decide what is proposed among people or of policy, and what takes effect without that: pure questions to `People`.

What gives somebody more, opens a login for her, or takes her out of reviews needs another administrator: neither who proposed it nor
whom it is about, under whatever name. What takes a right away acts at once.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import msgspec

from keyturn.core.people import People, check_alias, check_delegation, check_team
from keyturn.core.proposals import COOLING_S
from keyturn.core.review import BREAK_GLASS_ROLE
from keyturn.errors import OperatorError
from keyturn.model import record as r
from keyturn.model import reviewing as rv
from keyturn.model.people import Delegation, Member, Wanted
from keyturn.model.quorum import OWNERS
from keyturn.model.review import NotAccepted

PROPOSAL_S: Final = 24 * 3600
"""A proposal that nobody decides is over after a day: what was true of the people then may be so no more."""

WAITING_MAX: Final = 50
"""Open proposals; a list that nobody can read protects nobody."""

DECIDES: Final = frozenset({"reviewer", "administrator", BREAK_GLASS_ROLE})
"""Roles in which somebody decides over agents or people."""

KINDS: Final = ("user", "invite", "team", "alias", "owners", "delegation")
ALONE: Final = "there was no second administrator"
NOBODY: Final = "nobody"

CONFIGURATION: Final = "the configuration"
"""Who wants the policies that a start or a reload finds: nobody knows who wrote the files. It can be no user's name."""


def roles_of(people: People, name: str) -> tuple[str, ...]:
    """By the log, of users of ours and of those whom the company's provider vouches for."""
    known = people.proposals.roles
    return known[name] if name in known else people.roles.get(name, ())


def administrators(people: People, at_ms: int, *, lost: bool = False) -> frozenset[str]:
    """People, not names. With `lost` also who was one until a while ago, when another one ended it."""
    names = {*people.roles, *people.proposals.roles}
    held = {people.person(name) for name in names if "administrator" in roles_of(people, name)}
    if lost:
        since = at_ms - COOLING_S * 1000
        held |= {people.person(name) for name, at in people.proposals.lost.items() if at > since}
    return frozenset(held)


def needs_review(people: People, wanted: Wanted, outside: Collection[str] = ()) -> bool:
    """Whether it gives somebody more, or takes her out of reviews. A user who is new gets a login, and so counts whatever her roles.

    `outside` are teams that some quorum leaves out: who leaves one of them may review more than before. Owners' teams may be any.
    """
    if wanted.kind == "user":
        held = roles_of(people, wanted.name)
        return not held or bool(DECIDES & (set(wanted.roles) - set(held)))
    if wanted.kind == "team" and not {wanted.name, OWNERS} & {*outside}:
        return not _within(wanted.members, people.teams.get(wanted.name, ()))
    return True


def _within(members: tuple[Member, ...], before: tuple[Member, ...]) -> bool:
    """Nobody is there, anywhere or at any hour, who was not before. Hours that are not the same hours count as others."""
    return all(
        any(
            one.person == had.person
            and (not had.environments or (one.environments and set(one.environments) <= {*had.environments}))
            and (not had.windows or (one.windows and set(one.windows) <= {*had.windows}))
            for had in before
        )
        for one in members
    )


def subjects(people: People, wanted: Wanted) -> frozenset[str]:
    """Whom it is about: they do not decide it."""
    if wanted.kind == "policy":
        names = set[str]()
    elif wanted.kind == "team":
        names = {one.person for one in {*wanted.members} ^ {*people.teams.get(wanted.name, ())}}
    elif wanted.kind == "alias":
        names = {wanted.name, *wanted.people}
    elif wanted.kind == "owners":
        names = {*wanted.people} ^ {*people.owners.get(wanted.name, ())}
    elif wanted.delegation is not None:
        names = {wanted.delegation.person, wanted.delegation.to}
    else:
        names = {wanted.name}
    return frozenset(people.person(name) for name in names)


def before(people: People, wanted: Wanted) -> str:
    """How what it changes stands now, as people read it; two states that differ read differently."""
    match wanted.kind:
        case "user" | "invite":
            return _listed(roles_of(people, wanted.name))
        case "team":
            return _members(people.teams.get(wanted.name, ()))
        case "alias":
            return people.aliases.get(wanted.name, "") or NOBODY
        case "owners":
            return _listed(people.owners.get(wanted.name, ()))
        case "policy":
            return people.proposals.policy.policy_digest if people.proposals.policy else NOBODY
    return "; ".join(_lent(one) for one in people.delegations if one.person == wanted.name) or NOBODY


def after(people: People, wanted: Wanted) -> str:
    """How it would stand."""
    match wanted.kind:
        case "user":
            return _listed(wanted.roles)
        case "invite":
            return f"{_listed(roles_of(people, wanted.name))}, with a new login"
        case "team":
            return _members(wanted.members)
        case "policy":
            return wanted.name
    return _lent(wanted.delegation) if wanted.delegation is not None else _listed(wanted.people)


def effect(people: People, wanted: Wanted, by: str, at_ms: int) -> tuple[r.PlaneEvent, ...]:
    """What goes on the log for it."""
    match wanted.kind:
        case "user":
            return (r.UserChanged(at_ms, by, wanted.name, wanted.roles, "added"),)
        case "invite":
            return (r.UserChanged(at_ms, by, wanted.name, roles_of(people, wanted.name), "invited"),)
        case "team":
            return (rv.TeamChanged(at_ms, by, wanted.name, wanted.members),)
        case "alias":
            whose = wanted.people[0] if wanted.people else ""
            return (rv.AliasChanged(at_ms, by, wanted.name, whose, wanted.sort),)
        case "owners":
            return (rv.AgentOwned(at_ms, by, wanted.name, wanted.people),)
        case "delegation" if wanted.delegation is not None:
            return (rv.Delegated(at_ms, by, wanted.delegation),)
        case "policy":
            held = people.proposals.policy
            enforcing = held.enforcing if held is not None else True
            return (r.PolicyLoaded(at_ms, wanted.name, wanted.packs, enforcing),)
    return ()


def check(people: People, wanted: Wanted, at_ms: int) -> None:
    """Raises `OperatorError` for what could not be."""
    if wanted.kind not in KINDS:
        raise OperatorError("proposal", f"{wanted.kind!r} cannot be proposed", help=", ".join(KINDS))
    if wanted.kind == "team":
        if wanted.members:
            check_team(people, wanted.name, wanted.members)
        elif wanted.name not in people.teams:
            raise OperatorError("no-team", f"there is no team {wanted.name}")
    if wanted.kind == "alias":
        if len(wanted.people) > 1:
            raise OperatorError("alias", "a name is one person's")
        if wanted.people:
            check_alias(people, wanted.name, wanted.people[0])
        elif wanted.name not in people.aliases:
            raise OperatorError("alias", f"{wanted.name} stands for nobody")
    if wanted.kind == "delegation":
        if wanted.delegation is None or wanted.delegation.person != wanted.name:
            raise OperatorError("delegation", "say who stands in for whom, and until when")
        check_delegation(people, wanted.delegation, at_ms)
    if wanted.kind == "invite" and not roles_of(people, wanted.name):
        raise OperatorError("no-user", f"there is no user {wanted.name}")


def who_could(people: People, by: str, wanted: Wanted, at_ms: int) -> frozenset[str]:
    """The administrators who may approve it."""
    return administrators(people, at_ms) - subjects(people, wanted) - {people.person(by)}


def propose(
    people: People, wanted: Wanted, by: str, at_ms: int, outside: Collection[str] = ()
) -> tuple[r.PlaneEvent, ...]:
    """What goes on the log when she wants this: the change itself, or that it waits. Raises `OperatorError`. `outside`: as `needs_review`."""
    check(people, wanted, at_ms)
    done = effect(people, wanted, by, at_ms)
    if not needs_review(people, wanted, outside):
        return done
    waiting = [one for one in people.proposals.waiting.values() if one.until_ms > at_ms]
    if len(waiting) >= WAITING_MAX:
        raise OperatorError(
            "too-many", f"{WAITING_MAX} proposals are open", help="decide some: keyturn proposals"
        )
    id_ = f"P-{people.proposals.next_number}"
    until_ms = at_ms + PROPOSAL_S * 1000
    proposed = rv.Proposed(at_ms, by, id_, wanted, before(people, wanted), after(people, wanted), until_ms)
    if len(administrators(people, at_ms, lost=True)) < 2:  # two people
        return (proposed, rv.ProposalDecided(at_ms, by, id_, approved=True, unreviewed=ALONE), *done)
    if not who_could(people, by, wanted, at_ms):
        raise OperatorError(
            "nobody-left",
            "no other administrator could approve this: it needs one whom it is not about",
            help="remove who it is about; a day after an administrator was removed, the only one left acts alone",
        )
    return (proposed,)


def judge(people: People, id_: str, by: str, at_ms: int, *, approve: bool) -> rv.Proposed | NotAccepted:
    """The proposal that she may decide so now, or why not. To say no is every administrator's, its proposer's too."""
    found, person = people.proposals.waiting.get(id_), people.person(by)
    if found is None:
        decided = people.proposals.decided.get(id_)
        if decided is None:
            return NotAccepted("no-proposal", f"there is no proposal {id_}", "keyturn proposals lists them")
        said = "approved" if decided.approved else "denied"
        return NotAccepted("decided", f"{id_} was {said} by {decided.by}")
    if found.until_ms <= at_ms:
        return NotAccepted("expired", f"{id_} was not decided within a day", "propose it again")
    if person not in administrators(people, at_ms):
        return NotAccepted("no-administrator", f"{by} is no administrator")
    if not approve:
        return found
    if person == people.person(found.by):
        return NotAccepted("own-proposal", f"{found.by} proposed {id_}; another administrator has to approve")
    if person in subjects(people, found.wanted):
        return NotAccepted("subject", f"{id_} is about {person}; another administrator has to approve")
    now = before(people, found.wanted)
    if now != found.before:
        return NotAccepted(
            "changed", f"it was {found.before} when {id_} was proposed, and is {now}", "propose it again"
        )
    return found


def decide(
    people: People, judged: rv.Proposed, by: str, at_ms: int, *, approve: bool, note: str = ""
) -> tuple[r.PlaneEvent, ...]:
    """What goes on the log when she decides what `judge` let her decide.

    What the configuration wants is hers with the first yes, and in force with another administrator's: who changed a file might have
    given the first. Where there is no second administrator it is done, and that is said.
    """
    if not approve:
        return (rv.ProposalDecided(at_ms, by, judged.id, approved=False, note=note),)
    unreviewed = ""
    if judged.by == CONFIGURATION:
        if len(administrators(people, at_ms, lost=True)) > 1:
            return (msgspec.structs.replace(judged, at_ms=at_ms, by=by),)
        unreviewed = ALONE
    done = effect(people, judged.wanted, judged.by, at_ms)
    return (rv.ProposalDecided(at_ms, by, judged.id, approved=True, note=note, unreviewed=unreviewed), *done)


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names) or NOBODY


def _members(members: tuple[Member, ...]) -> str:
    return ", ".join(_member(one) for one in members) or NOBODY


def _lent(one: Delegation) -> str:
    return f"{one.to} in the place of {one.person} for {(one.until_ms - one.from_ms) // 60_000} min from {one.from_ms // 1000}"


def _member(one: Member) -> str:
    where = f" in {' and '.join(one.environments)}" if one.environments else ""
    when = f" at {'; '.join(map(str, one.windows))}" if one.windows else ""
    return f"{one.person}{where}{when}"
