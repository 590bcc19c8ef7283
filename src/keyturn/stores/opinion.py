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
from keyturn.model.execution import OutcomeStatus
from keyturn.model.review import Review

PROBLEMS_SHOWN_MAX: Final = 5
"""Problems named in one line of the report; how many there are is said."""

VERDICTS: Final = "verdicts"
APPROVALS: Final = "approvals"
BINDINGS: Final = "same change"
PROOFS: Final = "proofs"
BACKUPS: Final = "backups"
ONCE: Final = "sent once"
ORDER: Final = "order"
CHECKS: Final = (VERDICTS, APPROVALS, BINDINGS, PROOFS, BACKUPS, ONCE, ORDER)
"""The lines of the report that rest on the cases, in the order in which a reader asks."""

Problem = tuple[str, str]
"""(line of the report, what is wrong)."""

NO_PROBLEM: Final[Problem] = ("", "")

_STOPS: Final = (
    r.Withdrawn,
    r.Expired,
    r.Invalidated,
    r.Halted,
    r.PrepareFailed,
    r.ProofFailed,
)
"""After one of these nothing of the case may leave."""

ACTS: Final = (
    r.Joined,
    r.Assessed,
    r.Decided,
    r.Reviewed,
    r.ExecuteAsked,
    r.Claimed,
    r.StepIntended,
    r.StepEnded,
    r.BackedUp,
    r.Proved,
    r.Answered,
    r.Reconciled,
    r.VerifyBegun,
    r.Verified,
    r.Restored,
    r.Settled,
    *_STOPS,
)
"""What moves a case on (beside `Sent`, which has words of its own): none of it may come after the case has ended."""


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
    ended: str = ""  # by what


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
        self._problems: dict[str, list[str]] = {}
        self._allowed = self._approved = self._observed = self._backed_up = 0

    def see(self, body: r.EntryBody, raw: bytes) -> None:
        """The next event; `raw` is the entry's body."""
        event = body.event
        if isinstance(event, r.SessionOpened):
            self._owners[event.session] = frozenset({event.operator, event.owner})
        case = self._cases.get(body.case)
        if case is None:
            case = self._cases[body.case] = _Case()
        if case.ended and isinstance(event, ACTS):
            self._note(body.case, (ORDER, f"{_tag(event)} came after it was {case.ended}"))
        self._note(body.case, self._fold(case, event, raw))

    def _note(self, case_id: str, problem: Problem) -> None:
        line, wrong = problem
        if wrong:
            self._problems.setdefault(line, []).append(f"{case_id or 'no case'}: {wrong}")

    def _fold(self, case: _Case, event: r.Event, raw: bytes) -> Problem:
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
                return ORDER, f"step {event.step} of its {event.recipe} was taken before the claim"
            case r.BackedUp():
                case.backed_up = bool(event.backups) and all(
                    backup.verified_at_ms is not None and backup.verified_by for backup in event.backups
                )
            case r.Proved():
                case.proved = bool(event.steps) and all(step.holds for step in event.steps)
            case r.Sent():
                return self._sent(case, event)
            case r.Answered() | r.Reconciled() if event.operation not in case.sent:
                return ONCE, f"operation {event.operation} has an outcome and was never sent"
        case.ended = case.ended or _ended(event)
        return NO_PROBLEM

    def _claimed(self, case: _Case, nonce: str) -> Problem:
        case.proved = case.backed_up = False
        reused = nonce in self._nonces
        case.nonce = nonce
        self._nonces.add(nonce)
        return (ONCE, "its approval was used twice") if reused else NO_PROBLEM

    def _sent(self, case: _Case, event: r.Sent) -> Problem:
        again = event.operation in case.sent
        case.sent.add(event.operation)
        if again:
            return ONCE, f"operation {event.operation} was sent twice"
        if not case.nonce or event.nonce != case.nonce:
            return ONCE, "was sent without its claim"
        if case.ended:
            return ORDER, f"was sent after it was {case.ended}"
        return self._not_decided(case)

    def _not_decided(self, case: _Case) -> Problem:
        if case.decided is None:
            return VERDICTS, "was sent without a decision on it"
        decision = case.decided.decision
        if not decision.enforced:
            self._observed += 1
            return NO_PROBLEM
        if not case.proved:
            return PROOFS, "was sent without its proof"
        if decision.obligations.backup and not case.backed_up:
            return BACKUPS, "was sent without the verified backup that policy asked for"
        self._backed_up += decision.obligations.backup
        if decision.verdict is Verdict.ALLOW:
            self._allowed += 1
            doubt = (VERDICTS, "was allowed though policy could not be evaluated")
            return doubt if decision.errors else NO_PROBLEM
        if decision.verdict is not Verdict.HOLD:
            return VERDICTS, f"was sent though policy said {decision.verdict}"
        self._approved += 1
        return _not_approved(case, case.decided)

    def lines(self) -> tuple[tuple[str, bool, str], ...]:
        """(line of the report, whether nothing is wrong, what there is to say), all of `CHECKS` in their order."""
        return tuple((line, *self._line(line)) for line in CHECKS)

    def _line(self, line: str) -> tuple[bool, str]:
        problems = self._problems.get(line, [])
        if not problems:
            return True, self._said(line)
        more = len(problems) - PROBLEMS_SHOWN_MAX
        return False, "; ".join(problems[:PROBLEMS_SHOWN_MAX]) + (f"; and {more:,} more" if more > 0 else "")

    def _said(self, line: str) -> str:
        calls = self._allowed + self._approved + self._observed
        observed = (
            f", {self._observed:,} in observe mode, where nothing is enforced" if self._observed else ""
        )
        return {
            VERDICTS: f"{calls:,} calls left: {self._allowed:,} allowed by policy, {self._approved:,} held{observed}",
            APPROVALS: f"{self._approved:,} approved in time, by enough people who do not run the agent",
            BINDINGS: "what was approved is what was sent, as it was shown",
            PROOFS: f"{self._allowed + self._approved:,} numbered before their calls, every step held",
            BACKUPS: f"{self._backed_up:,} obliged, taken and verified before the call",
            ONCE: "every call by one claim; no operation and no approval twice",
            ORDER: "nothing happened to a case after its end, nor before its claim",
        }[line]


def _ended(event: r.Event) -> str:
    """What ended the case, as it is said; empty where this did not. A no and a deny are judged by what follows from them."""
    match event:
        case r.Answered(outcome=outcome) | r.Reconciled(outcome=outcome):
            return "failed" if outcome.status is OutcomeStatus.FAILED else ""
        case r.Verified(result=result):
            return result if result == "confirmed" else ""
        case r.Restored() | r.Settled():
            return _tag(event)
    return _tag(event) if isinstance(event, _STOPS) else ""


def _tag(event: r.Event) -> str:
    return str(type(event).__struct_config__.tag)


def _not_approved(case: _Case, decided: r.Decided) -> Problem:
    """What is wrong with the approvals of a held case."""
    request = decided.request
    if request is None:
        return APPROVALS, "was held and sent, though nothing was asked of reviewers"
    if request.change_digest != case.change_digest:
        return BINDINGS, "the change that was sent is not the one that was shown"
    if request.assessment_digest != case.assessment_digest:
        return BINDINGS, "the assessment that was shown is not the one on record"
    if request.quorum < max(1, decided.decision.obligations.quorum):
        return APPROVALS, "fewer reviewers were asked than policy said"
    if any(not review.approve for review in case.reviews):
        return APPROVALS, "was sent though a reviewer said no"
    people = {
        review.reviewer
        for review in case.reviews
        if review.binding == case.request_digest and review.at_ms < request.deadline_ms
    } - case.asking.union(request.excluded)
    if len(people) < request.quorum:
        return APPROVALS, f"was sent with {len(people)} of {request.quorum} approvals that count"
    return NO_PROBLEM


def _raw_digest(raw: bytes, part: str) -> str:
    """The digest of one part of an event as it stands in the log."""
    data: Any = getattr(msgspec.json.decode(raw, type=_RawBody).event, part)
    return digest_bytes(bytes(data))
