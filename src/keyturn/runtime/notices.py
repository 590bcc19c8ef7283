"""What there is to tell people of an entry of the log. Only what the plane itself found is said: an agent's words are for the page,
but for what it asks, where that is decided by the message.
"""

from __future__ import annotations

import datetime as dt
import unicodedata
from collections.abc import Callable
from typing import Final

from keyturn.core.case import Case, Phase
from keyturn.core.freezing import said as covered
from keyturn.core.gravity import grave
from keyturn.core.proposals import Proposals, said
from keyturn.core.proposing import CONFIGURATION
from keyturn.core.shown import in_a_message
from keyturn.model import record as r
from keyturn.model import reviewing as v
from keyturn.model.assessment import Reversibility
from keyturn.model.decision import Verdict
from keyturn.model.execution import OutcomeStatus
from keyturn.model.notice import Notice, NoticeKind
from keyturn.model.record import Entry
from keyturn.pipeline import worst_finding

TITLE_CHARS_MAX: Final = 160
LINE_CHARS_MAX: Final = 400

WAYS_MAX: Final = 3
"""Of those in which a policy would be milder; the page has them all."""


def plain(text: str) -> str:
    """Without characters that nobody sees: names are an agent's to choose, and a message is read in a hurry."""
    return "".join("\ufffd" if unicodedata.category(letter).startswith("C") else letter for letter in text)


def notice_of(
    entry: Entry,
    case: Case | None,
    url: Callable[[str], str],
    *,
    proposals: Proposals | None = None,
    wanted: str = "",
) -> Notice | None:
    """What is said of it; None where nobody has to hear of it. `case` and `proposals` as they stand now: what is settled is not asked
    any more. `wanted` is what the proposal that this entry decides would change, where that is known.
    """
    event, seq = entry.event(), str(entry.seq)
    if isinstance(event, r.HaltRaised):
        what = f"agent {event.agent}" if event.agent else "everything"
        return Notice(
            id=seq,
            kind=NoticeKind.HALT,
            title=f"{event.by} halted {what}",
            lines=(event.reason,),
            urgent=True,
        )
    if isinstance(event, r.HaltLifted):
        what = f"agent {event.agent}" if event.agent else "everything"
        return Notice(
            id=seq, kind=NoticeKind.HALT, title=f"{event.by} lifted the halt of {what}", urgent=True
        )
    if isinstance(event, r.FreezeSet | r.FreezeLifted):
        return _of_freeze(event, seq)
    if isinstance(event, v.Proposed | v.ProposalDecided):
        if isinstance(event, v.Proposed) and proposals is not None and event.id in proposals.decided:
            return None
        return _among_people(event, seq, wanted)
    if case is None or case.change is None:
        return None
    found = _of_case(event, case)
    if found is None:
        return None
    kind, said, lines = found
    urgent = kind not in {
        NoticeKind.DONE,
        NoticeKind.OVER,
        NoticeKind.APPROVED,
        NoticeKind.REJECTED,
    } and grave(case)
    asked = in_a_message(case.change) if kind is NoticeKind.HELD and not grave(case) else ""
    return Notice(
        id=seq,
        kind=kind,
        title=_cut(plain(f"{case.id} {said}: {_what(case)}"), TITLE_CHARS_MAX),
        lines=tuple(_cut(plain(line), LINE_CHARS_MAX) for line in lines if line),
        case_id=case.id,
        url=url(case.id),
        urgent=urgent or kind in _AT_ONCE,
        binding=case.request.digest if asked and case.request else "",
        asked=asked,
    )


def _cut(text: str, most: int) -> str:
    """What is left out is seen to be."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _of_freeze(event: r.FreezeSet | r.FreezeLifted, seq: str) -> Notice:
    """What waits longer from now on, or no longer does: nobody has to get up for it."""
    if isinstance(event, r.FreezeLifted):
        title = f"{event.by} lifted freeze {event.freeze}"
        return Notice(seq, NoticeKind.FREEZE, plain(title)[:TITLE_CHARS_MAX], _lines(event.reason))
    begins = f" from {_utc(event.from_ms)}" if event.from_ms > event.at_ms else ""
    title = f"{event.by} set freeze {event.freeze}: {covered(event.environment, event.account)}"
    lines = _lines(
        event.reason, f"counts{begins} until {_utc(event.until_ms)}, for what is approved already too"
    )
    return Notice(seq, NoticeKind.FREEZE, plain(title)[:TITLE_CHARS_MAX], lines)


def _lines(*said: str) -> tuple[str, ...]:
    return tuple(_cut(plain(line), LINE_CHARS_MAX) for line in said if line)


def _utc(at_ms: int) -> str:
    return f"{dt.datetime.fromtimestamp(at_ms / 1000, tz=dt.UTC):%Y-%m-%d %H:%M} UTC"


def _among_people(event: v.Proposed | v.ProposalDecided, seq: str, wanted: str) -> Notice | None:
    """That it waits for an administrator; that somebody did it alone is said at once, to everybody."""
    if isinstance(event, v.Proposed):
        title = f"{event.by} wants {event.id}: {said(event)}"
        if event.wanted.kind == "policy":
            many = "two administrators" if event.by == CONFIGURATION else "another administrator"
            asked = f"{many} decide{'' if event.by == CONFIGURATION else 's'} within a day: keyturn proposals"
            lines = (asked, *(plain(line)[:LINE_CHARS_MAX] for line in event.wanted.relaxes[:WAYS_MAX]))
            return Notice(seq, NoticeKind.PEOPLE, plain(title)[:TITLE_CHARS_MAX], lines)
        lines = (
            "another administrator decides within a day: keyturn proposals",
            "approve what you have heard of from whom it is about",
        )
        return Notice(seq, NoticeKind.PEOPLE, plain(title)[:TITLE_CHARS_MAX], lines)
    if not event.unreviewed:
        return None
    title = _cut(plain(f"{event.by} changed alone: {wanted or event.id}"), TITLE_CHARS_MAX)
    lines = _lines(event.unreviewed, "nobody else has looked at it; it stays under Attention")
    return Notice(seq, NoticeKind.PEOPLE, title, lines, urgent=True)


_AT_ONCE: Final = frozenset({NoticeKind.BROKEN_GLASS, NoticeKind.UNCERTAIN, NoticeKind.ESCALATED})
Found = tuple[NoticeKind, str, tuple[str, ...]]


def _of_case(event: r.Event, case: Case) -> Found | None:  # a table of what is said
    match event:
        case r.Decided(decision=decision, request=request) if (
            decision.verdict is Verdict.HOLD and request is not None
        ):
            return (NoticeKind.HELD, "waits for you", _asked(case)) if case.phase is Phase.HELD else None
        case v.Reminded():
            return (
                (NoticeKind.REMINDER, "will expire undecided", _asked(case))
                if case.phase is Phase.HELD
                else None
            )
        case v.Escalated(after_s=after_s):
            lines = (f"nobody has taken it on for {after_s // 60} min", *_asked(case))
            return (
                (NoticeKind.ESCALATED, "is looked at by nobody", lines) if case.phase is Phase.HELD else None
            )
        case v.GlassBroken(by=by, reason=reason, told=told):
            lines = (f"her reason: {reason}", f"told at once: {', '.join(told)}", "it is reviewed afterwards")
            return NoticeKind.BROKEN_GLASS, f"goes past its review by {by}", lines
        case r.Reviewed(review=review):
            return _reviewed(review.reviewer, case, approve=review.approve)
        case _:
            return _became(event, case)


def _reviewed(reviewer: str, case: Case, *, approve: bool) -> Found | None:
    if not approve:
        return NoticeKind.REJECTED, f"was turned down by {reviewer}", ()
    if case.phase is Phase.HELD:
        return None  # another one still has to; whose it is has been told
    return NoticeKind.APPROVED, f"was approved, by {', '.join(case.approvals) or reviewer} in the end", ()


def _became(event: r.Event, case: Case) -> Found | None:
    if not case.was_held and case.phase not in {Phase.UNCERTAIN, Phase.INCONCLUSIVE}:
        return None  # what was allowed asked nobody, and tells nobody unless a person has to look
    match event:
        case r.Expired() | r.Withdrawn() | r.Invalidated() | r.Halted():
            return NoticeKind.OVER, "needs no decision any more", (case.reason,)
        case r.PrepareFailed(detail=detail):
            return NoticeKind.FAILED, "did not leave, its backup failed", (detail,)
        case r.ProofFailed():
            return NoticeKind.FAILED, "did not leave, something no longer held", (case.reason,)
        case r.Answered(outcome=outcome) if outcome.status is OutcomeStatus.FAILED:
            return NoticeKind.FAILED, "was refused by the service", (outcome.detail,)
        case r.Answered(outcome=outcome) if outcome.status is OutcomeStatus.UNCERTAIN:
            return NoticeKind.UNCERTAIN, "may or may not have taken effect", (outcome.detail,)
        case r.Verified(result="confirmed"):
            return NoticeKind.DONE, "is done", ()
        case r.Verified(result="inconclusive", detail=detail):
            return NoticeKind.UNCERTAIN, "is for you to look at", (detail,)
        case r.Restored(succeeded=succeeded, detail=detail):
            said = "was given back" if succeeded else "could not be given back"
            return NoticeKind.DONE if succeeded else NoticeKind.FAILED, said, (detail,)
        case _:
            return None


def _what(case: Case) -> str:
    assessment, change = case.assessment, case.change
    if change is None:
        return ""
    effect = str(assessment.effect) if assessment else "?"
    first, more = change.resources[0], len(change.resources) - 1
    others = f" and {more} more" if more > 0 else ""
    where = f" in {assessment.place}" if assessment else ""
    return f"{effect} {first.kind}/{first.id}{others}{where}"


def _asked(case: Case) -> tuple[str, ...]:
    """What decides whether she gets up: what would be lost, whether it comes back, what the narrow way is, who asks."""
    change, assessment, decision = case.change, case.assessment, case.decision
    if change is None or assessment is None or decision is None:
        return ()
    back = {
        Reversibility.R1: "can be put back in place",
        Reversibility.R2: "the service takes it back for a while",
    }
    comes = back.get(assessment.reversibility, "comes back only in part, as the page says")
    if assessment.reversibility is Reversibility.R4:
        comes = "DOES NOT COME BACK"
    return (
        worst_finding(assessment),
        f"{', '.join(dict.fromkeys(operation.name for operation in change.operations))}; {comes}",
        f"{len(assessment.unknowns)} facts could not be had" if assessment.unknowns else "",
        "there is a narrower way" if assessment.alternatives else "",
        f"asked for by {change.principal.agent}, which {change.principal.operator} runs",
        f"held because {decision.reasons[0].message}" if decision.reasons else "",
    )
