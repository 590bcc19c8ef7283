"""From what policies say to one decision: the strictest verdict, every reason, obligations strictest field by field."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from keyturn.model.decision import Decision, Obligations, Reason, Verdict
from keyturn.policy.limits import ERROR_CHARS_MAX
from keyturn.policy.source import Policy

NO_PERMIT: Final = Reason(policy="keyturn.no-permit", message="no policy permits this, and silence is a no")
ERRED: Final = Reason(
    policy="keyturn.policy-error",
    message="a policy could not be evaluated, so nothing goes through on its own",
)
UNANSWERED: Final = Reason(
    policy="keyturn.no-decision", message="the policy engine gave no answer, which is a no"
)
TOO_MANY: Final = Reason(
    policy="keyturn.too-many-resources", message="too many resources to judge one by one; split the request"
)


class Vote(msgspec.Struct, frozen=True):
    """What policy says to one action on one resource. `policies` determined it and bring their obligations."""

    verdict: Verdict
    reasons: tuple[Reason, ...]
    policies: tuple[Policy, ...] = ()
    errors: tuple[str, ...] = ()


def strictest(verdicts: Iterable[Verdict]) -> Verdict:
    return max(verdicts, key=lambda verdict: verdict.strictness)


def weigh(permits: tuple[Policy, ...], forbids: tuple[Policy, ...], errors: tuple[str, ...]) -> Vote:
    """The vote of satisfied permits and forbids: the best permit's outcome, made stricter by every forbid and any error."""
    given = min(
        (policy.outcome for policy in permits), key=lambda verdict: verdict.strictness, default=Verdict.DENY
    )
    letting = tuple(policy for policy in permits if policy.outcome is given)
    least = [Verdict.HOLD] if errors else []
    verdict = strictest([given, *(policy.outcome for policy in forbids), *least])
    ordered = tuple(sorted(forbids, key=lambda policy: (-policy.outcome.strictness, policy.id)))
    reasons = [_reason(policy) for policy in ordered]
    if not permits:
        reasons.insert(0, NO_PERMIT)
    if errors:
        reasons.append(ERRED)
    if not reasons:
        reasons = [_reason(policy) for policy in letting]
    return Vote(verdict=verdict, reasons=tuple(reasons), policies=(*ordered, *letting), errors=errors)


def _reason(policy: Policy) -> Reason:
    return Reason(policy=policy.id, message=policy.message, source=policy.source)


def combine(votes: Iterable[Vote], policy_digest: str) -> Decision:
    """One decision for a change: the strictest vote wins and speaks first; what merely was allowed stays silent beside it.

    Raises ValueError when there is no vote: nothing asked is not a yes.
    """
    votes = sorted(votes, key=lambda vote: -vote.verdict.strictness)
    if not votes:
        raise ValueError("nothing was asked of policy")
    verdict = votes[0].verdict
    speaking = [vote for vote in votes if vote.verdict is verdict or vote.verdict is not Verdict.ALLOW]
    reasons = dict.fromkeys(reason for vote in speaking for reason in vote.reasons)
    errors = dict.fromkeys(error[:ERROR_CHARS_MAX] for vote in votes for error in vote.errors)
    obligations = _obligations([policy for vote in votes for policy in vote.policies])
    if errors:  # what could not be evaluated might have held it without that
        obligations = msgspec.structs.replace(obligations, break_glass=False)
    return Decision(
        verdict=verdict,
        reasons=tuple(reasons),
        obligations=obligations,
        policy_digest=policy_digest,
        errors=tuple(errors),
    )


def _obligations(policies: list[Policy]) -> Obligations:
    """Break-glass takes the word of every policy that holds: one that does not speak of it allows none."""
    holding = [policy.obligations.break_glass for policy in policies if policy.outcome is Verdict.HOLD]
    merged = merge(policy.obligations for policy in policies)
    return msgspec.structs.replace(merged, break_glass=bool(holding) and all(holding))


def merge(all_obligations: Iterable[Obligations]) -> Obligations:
    """The strictest of each field: most reviewers, everybody's quorum by itself, shortest window and escalation (0 states none),
    whatever anyone requires.
    """
    merged = Obligations()
    for one in all_obligations:
        windows = [window for window in (merged.window_s, one.window_s) if window]
        merged = Obligations(
            quorum=max(merged.quorum, one.quorum),
            backup=merged.backup or one.backup,
            capture=merged.capture or one.capture,
            restore_on_failure=merged.restore_on_failure or one.restore_on_failure,
            window_s=min(windows, default=0),
            signed=merged.signed or one.signed,
            needs=tuple(dict.fromkeys((*merged.needs, *one.needs))),
            escalate_s=min((after for after in (merged.escalate_s, one.escalate_s) if after), default=0),
            break_glass=merged.break_glass or one.break_glass,
            vaulted=merged.vaulted or one.vaulted,
        )
    return merged
