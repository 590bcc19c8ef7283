"""A second opinion on every call that left, from the events of the log alone: on purpose without `keyturn.core`.

What is checked for each ``sent``: (1) its case was decided, on the change and the assessment on record; (2) policy allowed it,
or held it and enough people approved exactly what was asked of them, in time, none of whom runs or owns the agent or was
excluded; (3) the approval was claimed once, and never before; (4) the proof before it held; (5) the backup that policy asked
for was there, verified; (6) nothing had ended the case; (7) no operation was sent twice, and none answered that was not sent.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from keyturn.model import record as r
from keyturn.model.canonical import digest_bytes
from keyturn.model.decision import Verdict
from keyturn.model.review import Review

PROBLEMS_SHOWN_MAX: Final = 5
"""Problems named in one line of the report; how many there are is said."""

_STOPS: Final = (
    r.Withdrawn,
    r.Expired,
    r.Invalidated,
    r.Halted,
    r.PrepareFailed,
    r.ProofFailed,
)
"""After one of these nothing of the case may leave."""


class _Case(msgspec.Struct):
    """What the log says of one case up to here."""

    change_digest: str = ""
    asking: frozenset[str] = frozenset()  # operator of the change, operator and owner of its session
    assessment_digest: str = ""
    decided: r.Decided | None = None
    request_digest: str = ""
    reviews: list[Review] = []
    nonce: str = ""
    backed_up: bool = False
    proved: bool = False
    sent: set[int] = set()
    stopped: str = ""


class _RawEvent(msgspec.Struct, frozen=True):
    assessment: msgspec.Raw = msgspec.Raw(b"")
    request: msgspec.Raw = msgspec.Raw(b"")


class _RawBody(msgspec.Struct, frozen=True):
    event: _RawEvent


class Opinion:
    """Every call that left: decided to allow, or approved by enough people who did not run the agent, on this very request.

    Written from the events alone, on purpose without the core. Digests of what was shown and asked are taken from the bytes
    in the log, so that they hold whatever fields later versions add.
    """

    def __init__(self) -> None:
        self._cases: dict[str, _Case] = {}
        self._owners: dict[str, frozenset[str]] = {}  # session -> operator and owner
        self._nonces: set[str] = set()
        self._problems: list[str] = []
        self._allowed = self._approved = self._observed = 0

    def see(self, body: r.EntryBody, raw: bytes) -> None:
        """The next event; `raw` is the entry's body."""
        event = body.event
        if isinstance(event, r.SessionOpened):
            self._owners[event.session] = frozenset({event.operator, event.owner})
        case = self._cases.get(body.case)
        if case is None:
            case = self._cases[body.case] = _Case()
        wrong = self._fold(case, event, raw)
        if wrong:
            self._problems.append(f"{body.case or 'no case'}: {wrong}")

    def _fold(self, case: _Case, event: r.Event, raw: bytes) -> str:
        match event:
            case r.Received() | r.Joined():
                principal = event.change.principal
                case.change_digest = event.change.digest
                case.asking = self._owners.get(principal.session, frozenset()) | {principal.operator}
                case.decided, case.assessment_digest = None, ""
            case r.Assessed():
                case.assessment_digest = _raw_digest(raw, "assessment")
                case.decided = None
            case r.Decided():
                case.decided, case.reviews = event, []
                case.request_digest = _raw_digest(raw, "request") if event.request else ""
            case r.Reviewed():
                case.reviews.append(event.review)
            case r.Claimed():
                return self._claimed(case, event.nonce)
            case r.StepIntended() if not case.nonce:
                return f"step {event.step} of its {event.recipe} was taken before the claim"
            case r.BackedUp():
                case.backed_up = bool(event.backups) and all(
                    backup.verified_at_ms is not None and backup.verified_by for backup in event.backups
                )
            case r.Proved():
                case.proved = bool(event.steps) and all(step.holds for step in event.steps)
            case r.Sent():
                return self._sent(case, event)
            case r.Answered() | r.Reconciled() if event.operation not in case.sent:
                return f"operation {event.operation} has an outcome and was never sent"
            case _ if isinstance(event, _STOPS):
                case.stopped = str(type(event).__struct_config__.tag)
        return ""

    def _claimed(self, case: _Case, nonce: str) -> str:
        case.proved = case.backed_up = False
        reused = nonce in self._nonces
        case.nonce = nonce
        self._nonces.add(nonce)
        return "its approval was used twice" if reused else ""

    def _sent(self, case: _Case, event: r.Sent) -> str:
        again = event.operation in case.sent
        case.sent.add(event.operation)
        if again:
            return f"operation {event.operation} was sent twice"
        if not case.nonce or event.nonce != case.nonce:
            return "was sent without its claim"
        if case.stopped:
            return f"was sent after it was {case.stopped}"
        return self._not_decided(case)

    def _not_decided(self, case: _Case) -> str:
        if case.decided is None:
            return "was sent without a decision on it"
        decision = case.decided.decision
        if not decision.enforced:
            self._observed += 1
            return ""
        if not case.proved:
            return "was sent without its proof"
        if decision.obligations.backup and not case.backed_up:
            return "was sent without the verified backup that policy asked for"
        if decision.verdict is Verdict.ALLOW:
            self._allowed += 1
            return "was allowed though policy could not be evaluated" if decision.errors else ""
        if decision.verdict is not Verdict.HOLD:
            return f"was sent though policy said {decision.verdict}"
        self._approved += 1
        return _not_approved(case, case.decided)

    def given(self) -> tuple[bool, str]:
        """Whether nothing is wrong with any call that left, and what there is to say of them."""
        calls = self._allowed + self._approved + self._observed
        if self._problems:
            shown = "; ".join(self._problems[:PROBLEMS_SHOWN_MAX])
            more = len(self._problems) - PROBLEMS_SHOWN_MAX
            return False, shown + (f"; and {more:,} more" if more > 0 else "")
        observed = (
            f", {self._observed:,} in observe mode, where nothing is enforced" if self._observed else ""
        )
        return True, (
            f"{calls:,} calls left: {self._allowed:,} allowed by policy, "
            f"{self._approved:,} approved by people who do not run the agent{observed}"
        )


def _not_approved(case: _Case, decided: r.Decided) -> str:
    """What is wrong with the approvals of a held case; empty when they are enough."""
    request = decided.request
    if request is None:
        return "was held and sent, though nothing was asked of reviewers"
    if request.change_digest != case.change_digest:
        return "the change that was sent is not the one that was shown"
    if request.assessment_digest != case.assessment_digest:
        return "the assessment that was shown is not the one on record"
    if request.quorum < max(1, decided.decision.obligations.quorum):
        return "fewer reviewers were asked than policy said"
    if any(not review.approve for review in case.reviews):
        return "was sent though a reviewer said no"
    people = {
        review.reviewer
        for review in case.reviews
        if review.binding == case.request_digest and review.at_ms < request.deadline_ms
    } - case.asking.union(request.excluded)
    if len(people) < request.quorum:
        return f"was sent with {len(people)} of {request.quorum} approvals that count"
    return ""


def _raw_digest(raw: bytes, part: str) -> str:
    """The digest of one part of an event as it stands in the log."""
    data: Any = getattr(msgspec.json.decode(raw, type=_RawBody).event, part)
    return digest_bytes(bytes(data))
