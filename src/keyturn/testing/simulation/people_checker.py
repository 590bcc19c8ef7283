"""What must hold of people's part, told from the log alone: who counted for what, what was decided at one go, who acted around."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise, permutations
from typing import Final

from keyturn.model import record as r
from keyturn.model import reviewing as rv
from keyturn.model.assessment import Assessment, Reversibility
from keyturn.model.change import Change, Effect
from keyturn.model.quorum import Either, Every, Of, Quorum
from keyturn.model.review import Review, ReviewRequest

_TAKES_AWAY: Final = {Effect.DELETE, Effect.REPLACE}

WRITTEN_MS: Final = 1_000
"""What is said counts when it is on the disk; what came in until then may stand after it in the log."""

AROUND: Final = (rv.GlassBroken,)
"""After these nobody's approval is asked for; the rules here look at them."""

Order = Iterable[tuple[str, r.Event]]


def nobody_decides_twice_or_for_herself(order: Order) -> Iterator[str]:
    """At each claim the approvals that stand are of different people, none of them the operator, enough for every tree."""
    aliases: dict[str, str] = {}
    teams: dict[str, set[str]] = {}
    requests: dict[str, tuple[ReviewRequest, str]] = {}
    reviews: dict[str, list[Review]] = defaultdict(list)
    glass: set[str] = set()
    operators: dict[str, str] = {}

    def whose(name: str) -> str:
        return aliases.get(name, name)

    for case, event in order:
        match event:
            case rv.AliasChanged():
                aliases[event.name] = event.person
            case rv.TeamChanged():
                teams[event.team] = {whose(member.person) for member in event.members}
            case r.Received() | r.Joined() | rv.Narrowed():
                operators[case] = event.change.principal.operator
            case r.Decided():
                reviews.pop(case, None)
                requests.pop(case, None)
                reviews[case] += event.carried
                glass.discard(case)
                if event.request is not None:
                    requests[case] = (event.request, operators[case])
            case rv.GlassBroken():
                glass.add(case)
            case r.Reviewed():
                reviews[case].append(event.review)
            case rv.Voided():
                reviews[case] = [one for one in reviews[case] if one.who != whose(event.reviewer)]
            case r.Claimed() if case in requests and case not in glass:
                request, operator = requests[case]
                people = {whose(one.reviewer) for one in reviews[case] if one.approve}
                if operator in people:
                    yield f"{case}: {operator} has decided about her own agent, under another name"
                for tree in request.needs:
                    if not _filled(tree, sorted(people - {operator}), teams):
                        yield f"{case}: claimed with {sorted(people)}, who are not {tree}"


def _filled(tree: Quorum, people: list[str], teams: dict[str, set[str]]) -> bool:
    """By trying every order of people in the places of every way to meet the tree."""
    return any(
        all(
            not leaf.teams or person in set().union(*(teams.get(one, set()) for one in leaf.teams))
            for leaf, person in zip(places, some, strict=True)
        )
        for places in _places(tree)
        for some in permutations(people, len(places))
    )


def _places(tree: Quorum) -> Iterator[list[Of]]:
    match tree:
        case Of():
            yield [tree] * tree.count
        case Either():
            for part in tree.parts:
                yield from _places(part)
        case Every():
            ways: list[list[Of]] = [[]]
            for part in tree.parts:
                ways = [before + more for before in ways for more in _places(part)]
            yield from ways


def glass_is_for_what_comes_back(order: Order) -> Iterator[str]:
    """A break-glass is of somebody with the role, told to others, never for what is lost for good; never signed off by her."""
    aliases: dict[str, str] = {}
    roles: dict[str, tuple[str, ...]] = {}
    assessed: dict[str, Assessment] = {}
    acted: dict[str, str] = {}
    for case, event in order:
        match event:
            case rv.AliasChanged():
                aliases[event.name] = event.person
            case r.UserChanged():
                roles[event.user] = event.roles
            case r.Assessed():
                assessed[case] = event.assessment
            case rv.GlassBroken():
                acted[case] = event.by
                if assessed[case].reversibility is Reversibility.R4:
                    yield f"{case}: a break-glass for what does not come back"
                if "break-glass" not in roles.get(event.by, ()) or not set(event.told) - {event.by}:
                    yield f"{case}: a break-glass by {event.by}, told to {event.told}"
            case rv.GlassReviewed():
                if aliases.get(event.by, event.by) == acted.get(case):
                    yield f"{case}: {event.by} signed off her own break-glass"


def batches_take_nothing_away(order: Order) -> Iterator[str]:
    """What is decided at one go destroys nothing."""
    assessed: dict[str, Assessment] = {}
    for case, event in order:
        match event:
            case r.Assessed():
                assessed[case] = event.assessment
            case r.Reviewed() if event.review.batch and _TAKES_AWAY.intersection(assessed[case].effects):
                yield f"{case}: was approved in a batch, and takes something away"


def two_change_who_decides(order: Order) -> Iterator[str]:
    """Nobody gets a right to decide, a place in a team or another name but by one administrator's wish and another one's yes."""
    aliases: dict[str, str] = {}
    roles: dict[str, tuple[str, ...]] = {}
    teams: dict[str, set[str]] = {}
    proposed: dict[str, rv.Proposed] = {}
    agreed: dict[str, str] = {}  # what was wanted, and what is wrong with how it was decided

    def whose(name: str) -> str:
        return aliases.get(name, name)

    for _, event in order:
        match event:
            case rv.Proposed():
                proposed[event.id] = event
            case rv.ProposalDecided() if event.approved:
                wish = proposed[event.id]
                held = {whose(name) for name, of in roles.items() if "administrator" in of}
                two = {whose(wish.by), whose(event.by)} <= held and whose(wish.by) != whose(event.by)
                alone = event.unreviewed and len(held) < 2
                agreed[f"{wish.wanted.kind} {wish.wanted.name}"] = (
                    "" if two or alone else f"{event.id}, proposed by {wish.by}, was approved by {event.by}"
                )
            case r.UserChanged():
                more = _DECIDING & {*event.roles} - {*roles.get(event.user, ())}
                if more and roles:  # the first is there when Keyturn is made
                    yield from _unless_agreed(agreed, f"user {event.user}")
                roles[event.user] = event.roles
            case rv.TeamChanged():
                members = {member.person for member in event.members}
                if members - teams.get(event.team, set()):
                    yield from _unless_agreed(agreed, f"team {event.team}")
                teams[event.team] = members
            case rv.AliasChanged():
                yield from _unless_agreed(agreed, f"alias {event.name}")
                aliases[event.name] = event.person


def two_relax_policy(order: Order) -> Iterator[str]:
    """What lets more through comes into force by one administrator's yes and another one's; and what decides is what is in force."""
    aliases: dict[str, str] = {}
    roles: dict[str, tuple[str, ...]] = {}
    proposed: dict[str, rv.Proposed] = {}
    agreed: dict[str, str] = {}
    in_force: list[tuple[int, str]] = []  # all that were, and since when; the last one still is
    since: dict[
        str, int
    ] = {}  # from where on they may have decided the case: which was in force when it was assessed

    def whose(name: str) -> str:
        return aliases.get(name, name)

    for case, event in order:
        match event:
            case r.UserChanged():
                roles[event.user] = event.roles
            case rv.AliasChanged():
                aliases[event.name] = event.person
            case rv.Proposed():
                proposed[event.id] = event
            case rv.ProposalDecided() if event.approved and proposed[event.id].wanted.kind == "policy":
                wish = proposed[event.id]
                held = {whose(name) for name, of in roles.items() if "administrator" in of}
                two = {whose(wish.by), whose(event.by)} <= held and whose(wish.by) != whose(event.by)
                wrong = (
                    "" if two or (event.unreviewed and len(held) < 2) else f"{wish.by} and {event.by} agreed"
                )
                agreed[f"policy {wish.wanted.name}"] = wrong
            case r.PolicyLoaded():
                if in_force and in_force[-1][1] != event.policy_digest == "policy:usual":
                    yield from _unless_agreed(agreed, "policy policy:usual")
                in_force.append((event.at_ms, event.policy_digest))
            case r.Assessed():
                since[case] = max(0, sum(at <= event.at_ms - WRITTEN_MS for at, _ in in_force) - 1)
            case r.Decided():
                said, of = event.decision.policy_digest, in_force[since[case] :]
                if of and said not in {one for _, one in of}:
                    yield f"{case}: was decided by {said}, which was not in force"


def carried_over_only_where_nothing_rests_on_it(order: Order) -> Iterator[str]:
    """An approval of the whole is one of a part where what was taken out destroys, nothing left touches it, and she gave it for that whole."""
    changes: dict[str, Change] = {}
    out: dict[str, tuple[Change, Change]] = {}
    requests: dict[str, ReviewRequest] = {}
    given: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for case, event in order:
        match event:
            case r.Received() | r.Joined():
                changes[case] = event.change
                out.pop(case, None)
            case rv.Narrowed():
                out[case], changes[case] = (changes[case], event.change), event.change
            case r.Reviewed() if event.review.approve:
                given[case].add((event.review.who, event.review.binding))
            case r.Decided():
                before, request = requests.get(case), event.request
                if event.carried and (case not in out or before is None or request is None):
                    yield f"{case}: approvals came from nowhere"
                elif event.carried and before is not None and request is not None:
                    yield from (f"{case}: carried over, though {why}" for why in _rests(*out[case]))
                    if {(one.who, one.carried_from) for one in event.carried} - given[case]:
                        yield f"{case}: carried over what nobody gave"
                    if any(one.carried_from != before.digest for one in event.carried):
                        yield f"{case}: carried over what was given for something older"
                    if request.quorum > before.quorum or request.policy_digest != before.policy_digest:
                        yield f"{case}: carried over to what other people have to decide"
                    given[case] |= {(one.who, one.binding) for one in event.carried}
                out.pop(case, None)
                if request is not None:
                    requests[case] = request


def _rests(whole: Change, part: Change) -> Iterator[str]:
    gone = [one for one in whole.operations if one not in part.operations]
    left = {ref for one in part.operations for ref in one.resources}
    if not gone or any(one.floor is not Effect.DELETE for one in gone):
        yield "what was taken out destroys nothing"
    if left.intersection(ref for one in gone for ref in one.resources):
        yield "what is left touches the same"


def said_once_and_in_time(order: Order) -> Iterator[str]:
    """That time is nearly over, and that nobody has taken it on, is said once for each hold, not before its time, and of what is held."""
    requests: dict[str, ReviewRequest] = {}
    said: set[tuple[str, str]] = set()
    looked: dict[str, int] = {}  # until when somebody looks at it
    for case, event in order:
        match event:
            case r.Decided():
                requests.pop(case, None)
                said -= {(case, "reminded"), (case, "escalated")}
                if event.request is not None:
                    requests[case] = event.request
            case rv.ReviewClaimed():
                looked[case] = event.until_ms
            case rv.ReviewReleased():
                looked.pop(case, None)
            case rv.Reminded() | rv.Escalated():
                what, request = (
                    ("reminded" if isinstance(event, rv.Reminded) else "escalated"),
                    requests.get(case),
                )
                due = (
                    (request.remind_at_ms if what == "reminded" else request.escalate_at_ms) if request else 0
                )
                if not 0 < due <= event.at_ms or (case, what) in said:
                    yield f"{case}: was {what} twice, too soon, or of nothing"
                if what == "escalated" and looked.get(case, 0) > event.at_ms:
                    yield f"{case}: was escalated while somebody looked at it"
                said.add((case, what))


def claims_are_of_who_may_look(order: Order) -> Iterator[str]:
    """Nobody behind the agent takes a case on, and nobody takes another's over without a word."""
    aliases: dict[str, str] = {}
    excluded: dict[str, set[str]] = {}
    looks: dict[str, tuple[str, int]] = {}
    for case, event in order:
        match event:
            case rv.AliasChanged():
                aliases[event.name] = event.person
            case r.Decided():
                looks.pop(case, None)
                excluded[case] = {*event.request.excluded} if event.request else set()
            case rv.ReviewReleased():
                looks.pop(case, None)
            case rv.ReviewClaimed():
                who = aliases.get(event.by, event.by)
                if who in {aliases.get(one, one) for one in excluded[case]}:
                    yield f"{case}: {who} looks at her own agent's"
                other, until_ms = looks.get(case, ("", 0))
                if until_ms > event.at_ms and other != who and not (event.word and event.taken_from):
                    yield f"{case}: {who} took it from {other} without a word"
                looks[case] = (who, event.until_ms)


def _unless_agreed(agreed: dict[str, str], what: str) -> Iterator[str]:
    wrong = agreed.pop(what, "nobody was asked")
    if wrong:
        yield f"{what} was changed: {wrong}"


_DECIDING: Final = frozenset({"reviewer", "administrator", "break-glass"})


def one_of_the_two(order: Order) -> Iterator[str]:
    """What was sent instead of a case takes its place in one: the other never leaves, before or after, and is withdrawn at once."""
    places: dict[str, str] = {}
    sent: set[str] = set()
    for (before, earlier), (case, event) in pairwise((("", r.HaltLifted(at_ms=0, by="")), *order)):
        match event:
            case r.Received() if original := event.change.instead_of:
                places[original] = case
                if before != original or not isinstance(earlier, r.Withdrawn) or earlier.instead != case:
                    yield f"{original}: {case} was sent instead, and it was not withdrawn with that"
            case r.Sent():
                sent.add(case)
    yield from (
        f"{one}: left, and so may {other}, sent instead of it" for one, other in places.items() if one in sent
    )


RULES: Final = (
    nobody_decides_twice_or_for_herself,
    glass_is_for_what_comes_back,
    batches_take_nothing_away,
    two_change_who_decides,
    two_relax_policy,
    carried_over_only_where_nothing_rests_on_it,
    said_once_and_in_time,
    claims_are_of_who_may_look,
    one_of_the_two,
)


def check(order: Sequence[tuple[str, r.Event]]) -> list[str]:
    """Everything that is wrong with people's part of a log, given in its order."""
    return [wrong for rule in RULES for wrong in rule(order)]
