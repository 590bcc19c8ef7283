"""Which reviews count. Nobody approves their own agent; an approval is for exactly what was shown (docs/concepts/rules.md, 2 and 4)."""

from __future__ import annotations

from keyturn.core import receipts
from keyturn.core.case import Case, Phase
from keyturn.model.review import Accepted, NotAccepted, Review


def judge(case: Case, review: Review) -> Accepted | NotAccepted:
    """Whether `review` counts for `case` now, and why not. Asked before a `Reviewed` event is written."""
    request = case.request
    if request is None or case.phase not in {Phase.HELD, Phase.APPROVED}:
        return NotAccepted(
            "not-open", f"{case.id} is {case.phase}; there is nothing to review", help="open the inbox"
        )
    if review.reviewer in request.excluded:
        return NotAccepted(
            "own-agent",
            f"{review.reviewer} runs or owns the agent that asked, or lent it a credential, and cannot review {case.id}",
            help="ask another reviewer",
        )
    if review.binding != request.digest:
        return NotAccepted(
            "stale",
            f"{case.id} is no longer what was shown to you",
            help="read it again, then decide on what it is now",
        )
    if review.at_ms >= request.deadline_ms:
        return NotAccepted("late", f"the time to review {case.id} is over", help="the agent may ask again")
    if case.phase is Phase.APPROVED and review.approve:
        return NotAccepted("enough", f"{case.id} is approved already")
    if any(earlier.reviewer == review.reviewer for earlier in case.reviews) and review.approve:
        return NotAccepted(
            "twice", f"{review.reviewer} has reviewed {case.id} already; another person has to"
        )
    if review.approve and (wrong := receipts.check_review(request, review, case.reviews)):
        return wrong[0]
    others = {earlier.reviewer for earlier in case.reviews if earlier.approve}
    return Accepted(
        approvals=len(others | {review.reviewer}) if review.approve else len(others), quorum=request.quorum
    )


def quorum_reached(case: Case) -> tuple[bool, str]:
    """The proof's second look, from the reviews themselves: distinct people, none excluded, all bound to this request."""
    request = case.request
    if request is None:
        return True, "no review was required"
    if any(not review.approve for review in case.reviews):
        return False, "a reviewer said no"
    people = {
        review.reviewer
        for review in case.reviews
        if review.approve and review.binding == request.digest and review.reviewer not in request.excluded
        if not receipts.check_review(request, review)
    }
    text = f"{len(people)} of {request.quorum}: {', '.join(sorted(people)) or 'nobody'}"
    return len(people) >= request.quorum, text
