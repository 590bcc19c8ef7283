"""A second opinion on every call that left, from the events of the log alone: on purpose without `keyturn.core`.

What is checked for each ``sent``: (1) its case was decided, on the change and the assessment on record; (2) policy allowed it,
or held it and enough people approved exactly what was asked of them, in time, none of whom runs or owns the agent or was
excluded (`people_opinion`), or a person acted around them where that may be; (3) the approval was claimed once, and never before; (4) the proof before it held; (5) the backup that policy asked
for was there, verified; (6) nothing had ended the case; (7) no operation was sent twice, and none answered that was not sent.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from keyturn.model import record as r
from keyturn.model import reviewing as rv
from keyturn.model.assessment import Reversibility
from keyturn.model.canonical import digest_bytes
from keyturn.model.change import Effect, Operation
from keyturn.model.decision import Verdict
from keyturn.model.execution import OutcomeStatus
from keyturn.stores.people_opinion import Given, PeopleOpinion

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
    rv.Narrowed,
    rv.Voided,
    rv.GlassBroken,
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


class Earlier(msgspec.Struct):
    """What was asked of reviewers before operations were taken out, and who had said yes."""

    operations: tuple[Operation, ...]
    request_digest: str
    reviews: list[Given]


class _Case(msgspec.Struct):
    """What the log says of one case up to here."""

    change_digest: str = ""
    asking: frozenset[str] = frozenset()  # operator of the change, operator and owner of its session
    assessment_digest: str = ""
    decided: r.Decided | None = None
    request_digest: str = ""
    reviews: list[Given] = []
    operations: tuple[Operation, ...] = ()
    earlier: Earlier | None = None  # the revision before, until the next decision
    glass: rv.GlassBroken | None = None
    irrecoverable: bool = False
    nonce: str = ""
    backed_up: bool = False
    vaulted: bool = False
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
        self._people = PeopleOpinion()
        self._allowed = self._approved = self._observed = self._backed_up = self._around = 0

    def see(self, body: r.EntryBody, raw: bytes) -> None:
        """The next event; `raw` is the entry's body."""
        event = body.event
        if isinstance(event, r.SessionOpened):
            self._owners[event.session] = frozenset({event.operator, event.owner, *event.lenders})
        self._people.see(event)
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
            case r.Received() | r.Joined() | rv.Narrowed():
                case.earlier = Earlier(case.operations, case.request_digest, case.reviews)
                case.operations = event.change.operations
                principal = event.change.principal
                case.change_digest = event.change.digest
                case.asking = self._owners.get(principal.session, frozenset()) | {principal.operator}
                case.decided, case.assessment_digest = None, ""
            case r.Assessed():
                case.assessment_digest = _raw_digest(raw, "assessment")
                case.decided = None
                case.irrecoverable = Reversibility.R4 in {
                    event.assessment.reversibility,
                    *(finding.reversibility for finding in event.assessment.findings),
                }
            case r.Decided():
                return self._decided(case, event, raw)
            case r.Reviewed():
                case.reviews.append(self._people.given(event.review))
            case rv.Voided():
                case.reviews = [one for one in case.reviews if one.review.reviewer != event.reviewer]
            case rv.GlassBroken():
                case.glass = event
            case r.Claimed():
                return self._claimed(case, event.nonce)
            case r.StepIntended() if not case.nonce:
                return ORDER, f"step {event.step} of its {event.recipe} was taken before the claim"
            case r.BackedUp():
                case.backed_up = bool(event.backups) and all(
                    backup.verified_at_ms is not None and backup.verified_by for backup in event.backups
                )
                case.vaulted = all(backup.vaulted and not backup.not_vaulted for backup in event.backups)
            case r.Proved():
                case.proved = bool(event.steps) and all(step.holds for step in event.steps)
            case r.Sent():
                return self._sent(case, event)
            case r.Answered() | r.Reconciled() if event.operation not in case.sent:
                return ONCE, f"operation {event.operation} has an outcome and was never sent"
        case.ended = case.ended or _ended(event)
        return NO_PROBLEM

    def _decided(self, case: _Case, event: r.Decided, raw: bytes) -> Problem:
        """Approvals are carried over only where destructive operations alone were taken out, which nothing that is left touches."""
        earlier, case.earlier = case.earlier, None
        case.decided, case.reviews = event, []
        case.request_digest = _raw_digest(raw, "request") if event.request else ""
        if not event.carried:
            return NO_PROBLEM
        wrong = _not_carried(earlier, case.operations, event) if earlier else "came from nowhere"
        if wrong or earlier is None:
            return APPROVALS, f"approvals that were carried over {wrong}"
        given = {one.review.who: one for one in earlier.reviews}
        case.reviews = [msgspec.structs.replace(given[one.who], review=one) for one in event.carried]
        return NO_PROBLEM

    def _claimed(self, case: _Case, nonce: str) -> Problem:
        case.proved = case.backed_up = case.vaulted = False
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
        return self._not_decided(case, event.at_ms)

    def _not_decided(self, case: _Case, at_ms: int) -> Problem:
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
        if decision.obligations.vaulted and not case.vaulted:
            return BACKUPS, "was sent without the copy in the vault account that policy asked for"
        self._backed_up += decision.obligations.backup
        if decision.verdict is Verdict.ALLOW:
            self._allowed += 1
            doubt = (VERDICTS, "was allowed though policy could not be evaluated")
            return doubt if decision.errors else NO_PROBLEM
        if decision.verdict is not Verdict.HOLD:
            return VERDICTS, f"was sent though policy said {decision.verdict}"
        if case.glass is not None:
            self._around += 1
            return _not_around(case, case.decided, case.glass, at_ms)
        self._approved += 1
        return self._not_approved(case, case.decided)

    def _not_approved(self, case: _Case, decided: r.Decided) -> Problem:
        """What is wrong with the approvals of a held case."""
        wrong = _not_asked(case, decided)
        request = decided.request
        if wrong[1] or request is None:
            return wrong
        if any(not one.review.approve for one in case.reviews):
            return APPROVALS, "was sent though a reviewer said no"
        counting = [
            one
            for one in case.reviews
            if one.review.binding == case.request_digest and one.review.at_ms < request.deadline_ms
        ]
        few = self._people.too_few(counting, request, case.asking.union(request.excluded))
        return (APPROVALS, few) if few else NO_PROBLEM

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
        calls = self._allowed + self._approved + self._observed + self._around
        held = self._approved + self._around
        observed = (
            f", {self._observed:,} in observe mode, where nothing is enforced" if self._observed else ""
        )
        around = f"; {self._around:,} by a person around them, in her own name" if self._around else ""
        return {
            VERDICTS: f"{calls:,} calls left: {self._allowed:,} allowed by policy, {held:,} held{observed}",
            APPROVALS: f"{self._approved:,} approved in time, by enough people who do not run the agent{around}",
            BINDINGS: "what was approved is what was sent, as it was shown",
            PROOFS: f"{self._allowed + held:,} numbered before their calls, every step held",
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


def _not_asked(case: _Case, decided: r.Decided) -> Problem:
    """What is wrong with what was asked of reviewers."""
    request = decided.request
    if request is None:
        return APPROVALS, "was held and sent, though nothing was asked of reviewers"
    if request.change_digest != case.change_digest:
        return BINDINGS, "the change that was sent is not the one that was shown"
    if request.assessment_digest != case.assessment_digest:
        return BINDINGS, "the assessment that was shown is not the one on record"
    if request.quorum < max(1, decided.decision.obligations.quorum):
        return APPROVALS, "fewer reviewers were asked than policy said"
    if len(request.needs) < len(decided.decision.obligations.needs):
        return APPROVALS, "not everybody was asked whom policy said"
    return NO_PROBLEM


def _not_around(case: _Case, decided: r.Decided, glass: rv.GlassBroken, at_ms: int) -> Problem:
    """What is wrong with a break-glass."""
    wrong = _not_asked(case, decided)
    if wrong[1]:
        return wrong
    checks = (
        (case.irrecoverable, "though it does not come back"),
        (not decided.decision.obligations.break_glass, "though policy allows none"),
        (glass.binding != case.request_digest, "of something else than was shown"),
        (not set(glass.told) - {glass.by}, "of which nobody else was told"),
        (not glass.reason, "without a reason"),
        (at_ms >= glass.until_ms, "whose time was over"),
    )
    why = next((f"was sent by a break-glass {why}" for bad, why in checks if bad), "")
    return (APPROVALS, why) if why else NO_PROBLEM


def _not_carried(earlier: Earlier, left: tuple[Operation, ...], event: r.Decided) -> str:
    gone = [one for one in earlier.operations if one not in left]
    touched = {ref for one in left for ref in one.resources}
    if any(one not in earlier.operations for one in left):
        return "are for an operation that was added since"
    if not gone or any(one.floor not in {Effect.DELETE, Effect.REPLACE} for one in gone):
        return "are for less than was approved, and what was taken out destroyed nothing"
    if any(touched.intersection(one.resources) for one in gone):
        return "are for what touches the same as what was taken out"
    given = {(one.review.who, one.review.binding) for one in earlier.reviews if one.review.approve}
    if any((one.who, one.carried_from) not in given or not one.approve for one in event.carried):
        return "were never given"
    if any(one.carried_from != earlier.request_digest for one in event.carried):
        return "were given for something older"
    return ""


def _raw_digest(raw: bytes, part: str) -> str:
    """The digest of one part of an event as it stands in the log."""
    data: Any = getattr(msgspec.json.decode(raw, type=_RawBody).event, part)
    return digest_bytes(bytes(data))
