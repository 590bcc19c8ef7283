"""Which reviews count. Nobody approves their own agent; an approval is for exactly what was shown (docs/concepts/rules.md, 2 and 4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from keyturn.core import receipts
from keyturn.core.case import Before, Case, Phase
from keyturn.core.people import People
from keyturn.core.quorum import fill, leaves
from keyturn.core.shown import not_shown
from keyturn.model.assessment import Assessment, Kind, Reversibility
from keyturn.model.change import Change, Effect
from keyturn.model.decision import Decision
from keyturn.model.quorum import OWNERS, Of, Quorum
from keyturn.model.review import Accepted, NotAccepted, Review, ReviewRequest

NOBODY: Final = People()
"""Where nothing is known of people, everybody is just who she says she is: whoever let her in vouches for that."""


DAY_MS: Final = 24 * 3600 * 1000


class Met(msgspec.Struct, frozen=True):
    """How far what was asked for is met, and in words who counts and who is missing."""

    reached: bool
    text: str
    missing: int


# --- counting --------------------------------------------------------------------------------------------------------


def met(request: ReviewRequest, reviews: Iterable[Review]) -> Met:
    """Counts the approvals among `reviews`: different people, each in one place of each tree.

    Whether a review counts at all was judged when it was given, and is looked at again in the proof.
    """
    approvals = [review for review in reviews if review.approve]
    people = {review.who: review.groups for review in approvals}
    if not request.needs:
        names = ", ".join(sorted({review.reviewer for review in approvals})) or "nobody"
        lacking = max(0, request.quorum - len(people))
        return Met(lacking == 0, f"{len(people)} of {request.quorum}: {names}", lacking)
    return _filled(request, people)


def _filled(request: ReviewRequest, people: Mapping[str, tuple[str, ...]]) -> Met:
    filled = [fill(tree, people) for tree in request.needs]
    few = max(0, request.quorum - len(people))
    return Met(
        reached=all(progress.reached for progress in filled) and not few,
        text="; and ".join(progress.text for progress in filled),
        missing=max(few, *(progress.missing for progress in filled)),
    )


def asked_of(request: ReviewRequest) -> tuple[Of, ...]:
    """Every leaf of what is asked for."""
    return tuple(leaf for tree in request.needs for leaf in leaves(tree))


def quorum_reached(case: Case) -> tuple[bool, str]:
    """The proof's second look, from the reviews themselves: different people, none excluded, all bound to this request."""
    request = case.request
    if request is None:
        return True, "no review was required"
    if any(not review.approve for review in case.reviews):
        return False, "a reviewer said no"
    counting = [
        review
        for review in case.reviews
        if review.binding == request.digest and not {review.reviewer, review.who} & {*request.excluded}
        if not (review.approve and receipts.check_review(request, review))
    ]
    found = met(request, counting)
    return found.reached, found.text


# --- judging ---------------------------------------------------------------------------------------------------------


def as_person(case: Case, review: Review, people: People) -> Review:
    """The review with who stands behind its name, and the groups of the quorum that she is of now."""
    request = case.request
    person = people.person(review.reviewer)
    behind = person if person != review.reviewer else ""
    if request is None or not request.needs:
        return msgspec.structs.replace(review, person=behind)
    used = [one for one in case.reviews if one.approve]
    spent = {
        people.person(name)
        for name in (*request.excluded, *(name for one in used for name in (one.who, *one.behalf)))
    }
    found = people.entitled(
        review.reviewer, asked_of(request), request.environment, review.at_ms, spent=spent
    )
    return msgspec.structs.replace(review, person=behind, groups=found.groups, behalf=found.behalf)


def judge(case: Case, review: Review, people: People = NOBODY) -> Accepted | NotAccepted:
    """Whether `review` counts for `case` now, and why not. Asked before a `Reviewed` event is written, of what `as_person` gave."""
    request = case.request
    if request is None or case.phase not in {Phase.HELD, Phase.APPROVED}:
        return NotAccepted(
            "not-open", f"{case.id} is {case.phase}; there is nothing to review", help="open the inbox"
        )
    if people.is_one_of(review.reviewer, request.excluded) or review.reviewer in request.excluded:
        return NotAccepted(
            "own-agent",
            f"{review.reviewer} runs or owns the agent that asked, or lent it a credential, and cannot review {case.id}",
            help="ask another reviewer",
        )
    if people.removed(review.reviewer):
        return NotAccepted("no-reviewer", f"{review.reviewer} is no reviewer")
    if review.binding != request.digest:
        return NotAccepted(
            "stale",
            f"{case.id} is no longer what was shown to you",
            help="read it again, then decide on what it is now",
        )
    if review.at_ms >= request.deadline_ms:
        return NotAccepted("late", f"the time to review {case.id} is over", help="the agent may ask again")
    if review.approve and (hidden := not_shown(case.change)):
        return NotAccepted(
            "not-whole",
            f"{case.id} is not approved: {hidden}",
            help="deny it, and let the agent ask in parts",
        )
    if case.phase is Phase.APPROVED and review.approve:
        return NotAccepted("enough", f"{case.id} is approved already")
    refused = _counted_already(case, review, people) if review.approve else None
    if refused is not None:
        return refused
    if review.approve and request.needs and not _helps(case, request, review):
        return NotAccepted(
            "not-asked",
            f"{review.reviewer} is not of those whose approval {case.id} needs: {met(request, case.reviews).text}",
            help="a no counts from everybody who may review",
        )
    if review.approve and (wrong := receipts.check_review(request, review, case.reviews)):
        return wrong[0]
    others = {people.person(earlier.who) for earlier in case.reviews if earlier.approve}
    mine = {people.person(review.who)} if review.approve else set()
    return Accepted(approvals=len(others | mine), quorum=request.quorum)


def named(case: Case, people: People) -> frozenset[str]:
    """Everybody whom the case itself names, so that a review of hers is judged by who she is: who asked, who has reviewed, for whom."""
    excluded = case.request.excluded if case.request is not None else ()
    reviews = (name for one in case.reviews for name in (one.reviewer, one.who, *one.behalf))
    names = {*excluded, *reviews}
    return frozenset(names | {people.person(name) for name in names})


def _counted_already(case: Case, review: Review, people: People) -> NotAccepted | None:
    person = people.person(review.who)
    for earlier in case.reviews:
        if people.person(earlier.who) == person:
            return NotAccepted(
                "twice", f"{review.reviewer} has reviewed {case.id} already; another person has to"
            )
        if earlier.approve and person in {people.person(one) for one in earlier.behalf}:
            return NotAccepted(
                "twice", f"{earlier.reviewer} has approved {case.id} in the place of {review.reviewer}"
            )
    return None


def _helps(case: Case, request: ReviewRequest, review: Review) -> bool:
    """Whether any tree lacks fewer people with it than without."""
    before = {one.who: one.groups for one in case.reviews if one.approve}
    after = before | {review.who: review.groups}
    return any(fill(tree, after).missing < fill(tree, before).missing for tree in request.needs) or (
        bool(review.groups) and len(before) < request.quorum
    )


def fallen(case: Case, people: People) -> tuple[tuple[Review, str], ...]:
    """Approvals that stand no more by what is known of people now, each with why."""
    request = case.request
    if request is None:
        return ()
    found = (
        (review, people.fallen(review, asked_of(request), request.environment, request.excluded))
        for review in case.reviews
        if review.approve
    )
    return tuple((review, why) for review, why in found if why)


# --- when it is held -------------------------------------------------------------------------------------------------


def unmet(request: ReviewRequest, people: People, *, at_ms: int) -> str:
    """Why too few people could approve it, by what is known now; empty when enough could, or nobody is known."""
    asked = asked_of(request) or (Of(request.quorum),)
    able = people.eligible(
        asked, request.environment, request.excluded, at_ms=at_ms, until_ms=request.deadline_ms
    )
    if able is None:
        return ""
    short = [progress for tree in request.trees if not (progress := fill(tree, able)).reached]
    if not short:
        return ""
    lacking = "; and ".join(
        f"{tree.missing} {'person is' if tree.missing == 1 else 'people are'} missing: {tree.text}"
        for tree in short
    )
    return f"too few people may approve this. Of all who could, {lacking}"


def unfilled(trees: Iterable[Quorum], people: People, environment: str, at_ms: int) -> tuple[str, ...]:
    """Of these quorums those that too few people could fill in this environment within a day, each in words with who could. Teams of an agent's
    owners depend on the agent, and are left out.
    """
    found = []
    for tree in trees:
        asked = leaves(tree)
        if any(OWNERS in (*leaf.teams, *leaf.outside) for leaf in asked):
            continue
        able = people.eligible(asked, environment, (), at_ms=at_ms, until_ms=at_ms + DAY_MS)
        if able is not None and not (progress := fill(tree, able)).reached:
            found.append(f'"{tree}": {progress.text}')
    return tuple(found)


# --- carrying over ---------------------------------------------------------------------------------------------------


def carried(
    before: Before, change: Change, assessment: Assessment, decision: Decision, request: ReviewRequest
) -> tuple[tuple[Review, ...], str]:
    """The approvals of the revision before that hold for this one, bound to what it asks now; or none, and why (rule 2).

    Only where operations were taken out and nothing else: each of them destructive, none that remains touching its
    resources, and nothing worse than what was approved.
    """
    why = worse(before, change, assessment, decision, request)
    if why:
        return (), why
    kept = tuple(
        msgspec.structs.replace(review, binding=request.digest, carried_from=review.binding)
        for review in before.reviews
        if review.approve and review.binding == before.request.digest
    )
    return kept, ""


def worse(
    before: Before, change: Change, assessment: Assessment, decision: Decision, request: ReviewRequest
) -> str:
    """What stands against carrying approvals over; empty when nothing does."""
    if request.signed:
        return "what was signed was signed for exactly what was shown"
    left, gone = change.operations, list(before.change.operations)
    for operation in left:
        if operation not in gone:
            return f"{operation.name} was not part of what was approved"
        gone.remove(operation)
    if not gone:
        return "no operation was taken out"
    touched = {resource for operation in left for resource in operation.resources}
    for operation in gone:
        if operation.floor not in _DESTROYS:
            return (
                f"{operation.name}, which was taken out, destroys nothing: what remains may have rested on it"
            )
        shared = touched.intersection(operation.resources)
        if shared:
            return f"{operation.name} was taken out, and what remains touches {min(map(str, shared))} too"
    return _got_worse(before, assessment, decision, request)


_DESTROYS: Final = frozenset({Effect.DELETE, Effect.REPLACE})


def _got_worse(before: Before, assessment: Assessment, decision: Decision, request: ReviewRequest) -> str:
    earlier, asked = before.assessment, before.request
    known = {
        (one.code, one.kind, resource) for one in earlier.findings for resource in one.resources or (None,)
    }
    new = [
        one
        for one in assessment.findings
        if any((one.code, one.kind, resource) not in known for resource in one.resources or (None,))
    ]
    checks = (
        (assessment.effect.severity > earlier.effect.severity, f"its effect is {assessment.effect} now"),
        (assessment.reversibility > earlier.reversibility, f"it is {assessment.reversibility} now"),
        (bool(new), f"something was found that was not known: {new[0].message if new else ''}"),
        (bool(set(assessment.unknowns) - {*earlier.unknowns}), "something could not be determined now"),
        (bool(set(assessment.blast_radius) - {*earlier.blast_radius}), "more depends on it now"),
        (assessment.data_bearing and not earlier.data_bearing, "data hangs on it now"),
        (assessment.environment != earlier.environment, f"it is in {assessment.environment} now"),
        (decision.policy_digest != asked.policy_digest, "policy is another one now"),
        (request.quorum > asked.quorum or request.needs != asked.needs, "other people are asked for now"),
        (bool({*request.excluded} - {*asked.excluded}), "more people may not review it now"),
    )
    return next((why for bad, why in checks if bad), "")


# --- break-glass -----------------------------------------------------------------------------------------------------

BREAK_GLASS_ROLE: Final = "break-glass"


def may_break_glass(
    case: Case, by: str, binding: str, people: People, *, at_ms: int
) -> tuple[str, ...] | NotAccepted:
    """Whom to tell at once when this person acts around the review; or why she may not.

    It is her own act and no approval, so that who runs the agent may do it too. Never for what does not come back.
    """
    request, person = case.request, people.person(by)
    if request is None or case.phase is not Phase.HELD or case.assessment is None:
        return NotAccepted("not-open", f"{case.id} is {case.phase}; there is nothing to break the glass of")
    if BREAK_GLASS_ROLE not in people.roles.get(person, ()):
        return NotAccepted("forbidden", f"{by} needs the role {BREAK_GLASS_ROLE} for this")
    if binding != request.digest:
        return NotAccepted(
            "stale", f"{case.id} is no longer what was shown to you", help="read it again, then decide"
        )
    if at_ms >= request.deadline_ms:
        return NotAccepted("late", f"the time of {case.id} is over", help="the agent may ask again")
    if irrecoverable(case.assessment):
        return NotAccepted(
            "irreversible",
            f"{case.id} does not come back: no emergency is worth that; it needs its reviewers",
        )
    if not request.break_glass:
        return NotAccepted(
            "forbidden", f"policy allows no break-glass for {case.id}", help="it needs its reviewers"
        )
    told = tuple(
        sorted(
            name
            for name, roles in people.roles.items()
            if {"reviewer", "administrator"} & {*roles} and people.person(name) == name and name != person
        )
    )
    if not told:
        return NotAccepted("nobody-to-tell", "there is no second person who could be told of it")
    return told


def irrecoverable(assessment: Assessment) -> bool:
    """Whether anything of it is lost for good: by what was found, or since what would be lost has neither a way back nor a backup."""
    if assessment.reversibility is Reversibility.R4:
        return True
    if any(finding.reversibility is Reversibility.R4 for finding in assessment.findings):
        return True
    return Kind.DATA_LOSS in assessment.kinds and any(not one.possible for one in assessment.recoverable)


def glass_holds(case: Case, people: People, at_ms: int) -> tuple[bool, str]:
    """The proof's look at a break-glass: still hers to do, still in time, still nothing that does not come back."""
    glass = case.glass
    if glass is None or case.assessment is None:
        return False, "nobody broke the glass"
    if at_ms >= glass.until_ms:
        return False, f"the time of {glass.by}'s break-glass is over"
    if irrecoverable(case.assessment):
        return False, "it does not come back"
    if not glass.told or BREAK_GLASS_ROLE not in people.roles.get(people.person(glass.by), ()):
        return False, f"{glass.by} may not break the glass any more"
    return True, f"break-glass by {glass.by} in her own name, {', '.join(glass.told)} told: {glass.reason}"


def may_sign_off(case: Case, by: str, people: People) -> NotAccepted | None:
    """Who looks at a break-glass afterwards: a reviewer, neither the one who acted nor one of the agent's own."""
    if case.glass is None:
        return NotAccepted("not-open", f"{case.id} was no break-glass")
    if case.glass.reviewed_by:
        return NotAccepted("not-open", f"{case.glass.reviewed_by} has looked at {case.id} already")
    excluded = case.request.excluded if case.request else ()
    if people.is_one_of(by, (case.glass.by, *excluded)):
        return NotAccepted(
            "own-agent", f"{by} acted or runs the agent; another person has to look at {case.id}"
        )
    if people.removed(by):
        return NotAccepted("no-reviewer", f"{by} is no reviewer")
    return None
