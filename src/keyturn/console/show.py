"""A case as plain data: the one form that the API gives, the pages render and the CLI prints, with nothing hidden in it."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from keyturn.console import radius, rehearsal
from keyturn.console.answers import NOT_THERE, answers, hindrance, nothing_there
from keyturn.console.risk import risk
from keyturn.console.story import milestones, timed
from keyturn.console.text import foreign_letters, seen
from keyturn.core.case import Case, Phase
from keyturn.core.dropping import keeps, said_retired, way_back
from keyturn.core.lifecycle import TERMINAL
from keyturn.core.review import met
from keyturn.core.shown import not_shown
from keyturn.model.assessment import Assessment, Kind
from keyturn.model.canonical import canonical
from keyturn.model.change import Effect
from keyturn.model.record import Entry
from keyturn.pipeline import worst_finding
from keyturn.providers.aws.only_if import only_if

SYMBOLS: Final = {Effect.CREATE: "+", Effect.DELETE: "-", Effect.REPLACE: "-/+"}


def is_open(case: Case) -> bool:
    """Whether anything may still become of it."""
    return case.phase not in TERMINAL


def summary(case: Case) -> dict[str, Any]:
    """One line of the inbox."""
    change, assessment, request = case.change, case.assessment, case.request
    effect = assessment.effect if assessment else None
    weight = risk(assessment) if assessment else None
    return _dict(
        {
            "id": case.id,
            "risk": weight.word if weight else "",
            "risk_rank": int(weight) if weight else 0,
            "phase": str(case.phase),
            "open": is_open(case),
            "revision": case.revision,
            "effect": str(effect) if effect else "",
            "symbol": SYMBOLS.get(effect, "~") if effect else "?",
            "operations": [operation.name for operation in change.operations] if change else [],
            "resources": [str(resource) for resource in change.resources] if change else [],
            "agent": change.principal.agent if change else "",
            "operator": change.principal.operator if change else "",
            "environment": assessment.environment if assessment else "",
            "why": _why(assessment) if assessment else "",
            "data_at_risk": assessment.data_at_risk if assessment else "",
            "narrower": bool(assessment and any(way.exact for way in assessment.alternatives)),
            "approvals": list(case.approvals),
            "approved": case.approved_at_ms is not None,
            "verdict": str(case.decision.verdict) if case.decision else "",
            "quorum": request.quorum if request else 0,
            "signed": bool(request and request.signed),
            "binding": request.digest if request else "",
            "needs": [str(tree) for tree in request.needs] if request else [],
            "met": met(request, case.reviews).text if request else "",
            "unmet": request.unmet if request else "",
            "claimed_by": case.claimed_by,
            "claimed_until_ms": case.claimed_until_ms or None,
            "escalated": case.escalated_at_ms is not None,
            "voided": list(case.voided),
            "glass": msgspec.to_builtins(case.glass) if case.glass else None,
            "deadline_ms": request.deadline_ms if request else None,
            "opened_at_ms": case.opened_at_ms,
            "changed_at_ms": case.changed_at_ms,
            "reason": case.reason,
            "undoes": change.undoes if change else None,
            "undoes_also": list(change.undoes_also) if change else [],
            "stays": list(change.stays) if change else [],
            "instead_of": change.instead_of if change else None,
            "drops": change.drops if change else None,
            "undone_by": case.undone_by,
        }
    )


def _why(assessment: Assessment) -> str:
    return NOT_THERE if nothing_there(assessment) else worst_finding(assessment)


def at(found: dict[str, Any], now_ms: int) -> dict[str, Any]:
    """A summary or a detail as of now: a claim that has ended by itself is nobody's. That it ended is no event of the log."""
    if not found["claimed_by"] or (found["claimed_until_ms"] or 0) > now_ms:
        return found
    return found | {"claimed_by": "", "claimed_until_ms": None}


def left(undo: Case | None) -> list[str]:
    """What the undo of a case has left as it was."""
    return list(undo.change.stays) if undo is not None and undo.change is not None else []


def detail(case: Case, story: tuple[Entry, ...]) -> dict[str, Any]:
    """Everything a reviewer may see of one case."""
    change, assessment = case.change, case.assessment
    builtins = msgspec.to_builtins
    return _dict(
        {
            **summary(case),
            "environment_said": [str(one) for one in assessment.environment_heard] if assessment else [],
            "environment_silent": _silent(case),
            "answers": builtins(answers(case)),
            "hindrance": hindrance(case),
            "nothing_there": bool(assessment and nothing_there(assessment)),
            "forcing": forcing(case.assessment) if case.assessment else [],
            "foreign_letters": foreign_letters(_names(case)),
            "excluded": list(case.request.excluded) if case.request else [],
            "change": builtins(change) if change else None,
            "only_if": [said for one in change.operations for said in only_if(one)] if change else [],
            "change_digest": change.digest if change else "",
            "radius": radius.told(assessment.radius) if assessment else None,
            "assessment": builtins(assessment) if assessment else None,
            "rehearsal": rehearsal.of_case(case),
            "decision": builtins(case.decision) if case.decision else None,
            "reviews": builtins(case.reviews),
            "backups": builtins(case.backups),
            "retired": said_retired(case),
            "keeps": [keeps(backup) for backup in case.backups],
            "whole": not_shown(change),
            "keep_days": case.request.keep_days if case.request else None,
            "way_back": way_back(case) or "",
            "proof": builtins(case.proof),
            "grant": builtins(case.grant) if case.grant else None,
            "outcomes": builtins(case.outcomes),
            "story": (told := timed(story)),
            "milestones": milestones(told),
        }
    )


def narrower(case: Case) -> dict[str, Any]:
    """A case's narrower ways: verdict, reasons, what each property costs, and whether it can be sent instead."""
    ways = case.assessment.alternatives if case.assessment else ()
    return _dict(
        {
            "case": case.id,
            "phase": str(case.phase),
            "ways": [
                {
                    "number": number,
                    "digest": way.digest,
                    "verdict": way.verdict or "maybe",
                    "because": list(way.because),
                    "why": way.why,
                    "lost": way.lost,
                    "exact": way.exact,
                    "sendable": way.exact and bool(way.operations) and case.phase is Phase.HELD,
                    "commands": list(way.commands),
                    "costs": [
                        {"path": one.path, "call": one.call, "cost": one.cost, "source": one.source}
                        for one in way.costs
                    ],
                }
                for number, way in enumerate(ways, 1)
            ],
        }
    )


def raw(case: Case) -> dict[str, Any]:
    """What an approval rests on, as it is hashed: the text under the change's digest, and what the review binds to."""
    change = case.change
    return _dict(
        {
            "id": case.id,
            "change_digest": change.digest if change else "",
            "canonical": canonical(change.meaning()).decode() if change else "",
            "binding": case.request.digest if case.request else "",
            "request": msgspec.to_builtins(case.request) if case.request else None,
            "surface": change.surface if change else "",
            "received_at_ms": change.received_at_ms if change else 0,
        }
    )


def forcing(assessment: Assessment) -> list[str]:
    """What would be replaced by something new, each with the properties that force it, as the findings have it."""
    found = (
        said
        for finding in assessment.findings
        if finding.kind is Kind.REPLACE
        for said in finding.evidence.get("resources", ())
    )
    return [said for said in found if isinstance(said, str)]


def _silent(case: Case) -> list[str]:
    """Of a change whose environment is known in part, the resources that nobody spoke of: for their sake it counts as production."""
    change, assessment = case.change, case.assessment
    if change is None or assessment is None or assessment.environment != "unknown":
        return []
    counted = [one for one in assessment.environment_heard if one.counts]
    if not counted or any(one.by not in _OF_ITSELF for one in counted):
        return []  # of nobody, or by somebody who speaks of others too
    known = {one.of for one in counted}
    return [str(one) for one in change.resources if not known & {str(one), one.id}]


_OF_ITSELF: Final = frozenset({"tags", "request", "name"})


def _names(case: Case) -> str:
    """What a reviewer recognises things by."""
    if case.change is None:
        return ""
    resources = (f"{one.kind} {one.id}" for one in case.change.resources)
    return " ".join([case.change.principal.agent, case.change.principal.operator, *resources])


def _dict(value: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = seen(value)
    return made
