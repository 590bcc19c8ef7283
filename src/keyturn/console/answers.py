"""The five questions of a reviewer at three in the morning, answered from the case in a sentence each.

What goes? Can it come back, and when? What depends on it? What is the narrow way? Who may decide? The page shows them first,
the API gives them as ``answers``. Each carries a `tone`, so that colour is never the only signal: the words say the same.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec

from keyturn.core.case import Case, Phase
from keyturn.model.assessment import Assessment, Finding, Kind, Reversibility
from keyturn.model.change import Effect

DEPENDENTS_MAX: Final = 3
"""So many names are read at a glance; the list below has them all."""

LOSES: Final = (
    Kind.REPLACE,
    Kind.DATA_LOSS,
    Kind.BACKUP_STRIP,
    Kind.PROTECTION_STRIP,
    Kind.OVERWRITE,
)
"""Findings that say what would be gone, worst first."""

_DESTROYS: Final = frozenset({Effect.DELETE, Effect.REPLACE})


class Tone(StrEnum):
    GOOD = "good"
    WARN = "warn"
    BAD = "bad"
    PLAIN = "plain"


class Answer(msgspec.Struct, frozen=True):
    """One question, answered: `short` in a word or two, `text` in a sentence."""

    question: str
    short: str
    text: str
    tone: Tone


def answers(case: Case) -> tuple[Answer, ...]:
    """All five, in the order in which they are read; fewer while nothing is assessed yet."""
    if case.assessment is None:
        return ()
    return (
        _goes(case.assessment),
        _returns(case.assessment),
        _depends(case.assessment),
        _narrower(case.assessment),
        _people(case),
    )


def hindrance(case: Case) -> str:
    """Why the change would not be sent even if it were approved; empty where nothing is known to stand in the way."""
    if case.decision is None or case.assessment is None or not case.decision.obligations.backup:
        return ""
    bare = [str(one.resource) for one in case.assessment.recoverable if not (one.backup or one.inverse)]
    if not bare:
        return ""
    return (
        f"Policy requires a verified backup first, and Keyturn knows no backup of {', '.join(bare)}: "
        "even approved, the call would not leave."
    )


def ranked(assessment: Assessment) -> tuple[Finding, ...]:
    """Findings with what would be lost first, then by how hard they are to take back."""
    order = {kind: rank for rank, kind in enumerate(LOSES)}
    return tuple(
        sorted(
            assessment.findings, key=lambda one: (order.get(one.kind, len(LOSES)), -int(one.reversibility[1]))
        )
    )


def _goes(assessment: Assessment) -> Answer:
    question = "What goes"
    found = [one for one in ranked(assessment) if one.kind in LOSES]
    destroys = bool(_DESTROYS & {assessment.effect, *assessment.effects})
    if found:
        short = assessment.data_at_risk or _GOES[found[0].kind]
        said = list(dict.fromkeys(one.message for one in found if one.kind is not Kind.REPLACE)) or [
            found[0].message
        ]
        more = f" And {len(said) - 2} more, listed below." if len(said) > 2 else ""
        return Answer(question, short, " ".join(said[:2]) + more, Tone.BAD)
    if destroys:
        short = assessment.data_at_risk or "It is destroyed"
        names = ", ".join(sorted({str(one.resource) for one in assessment.recoverable}))
        return Answer(question, short, f"{names or 'What it names'} would be gone.", Tone.BAD)
    if assessment.unknowns or assessment.reversibility is Reversibility.R4:
        return Answer(
            question, "Not known", "No loss was found, but not everything could be looked at.", Tone.WARN
        )
    return Answer(question, "Nothing", "No rule found anything that would be lost.", Tone.GOOD)


_GOES: Final = {
    Kind.REPLACE: "Deleted and made anew",
    Kind.DATA_LOSS: "Data",
    Kind.BACKUP_STRIP: "The means of getting it back",
    Kind.PROTECTION_STRIP: "A guard against deletion",
    Kind.OVERWRITE: "What stands there now",
}


def _returns(assessment: Assessment) -> Answer:
    question = "Can it come back"
    parts = assessment.recoverable
    lost = sum(len(one.loss) for one in parts)
    but = f" Not as before: {lost} thing{'s' if lost > 1 else ''}, listed below." if lost else ""
    if parts and all(one.inverse for one in parts):
        return Answer(question, f"Yes{_time(assessment)}", f"It is put back in place.{but}", Tone.GOOD)
    if parts and all(one.backup or one.inverse for one in parts):
        text = f"It is restored from a backup that Keyturn takes and proves first.{but}"
        return Answer(question, f"From a backup{_time(assessment)}", text, Tone.WARN)
    if parts:
        bare = ", ".join(str(one.resource) for one in parts if not (one.backup or one.inverse))
        return Answer(question, "Not by Keyturn", f"Keyturn knows no way to give back {bare}.", Tone.BAD)
    if assessment.reversibility in {Reversibility.R0, Reversibility.R1}:
        return Answer(question, "Yes", "It changes nothing that could not be put back in place.", Tone.GOOD)
    return Answer(question, "Not known", "Nothing is known of how this could be taken back.", Tone.BAD)


def _time(assessment: Assessment) -> str:
    if assessment.recover_s is None:
        return ", time not known"
    minutes = -(-assessment.recover_s // 60)
    return f", about {minutes} min" if minutes < 120 else f", about {minutes // 60} h"


def _depends(assessment: Assessment) -> Answer:
    question = "What depends on it"
    edges = assessment.blast_radius
    if edges:
        names = list(dict.fromkeys(f"{edge.resource} {edge.relation} {edge.on.id}" for edge in edges))
        rest = len(names) - DEPENDENTS_MAX
        more = f"; and {rest} more, listed below" if rest > 0 else ""
        count = len({edge.resource for edge in edges})
        short = f"{count} thing{'s' if count > 1 else ''}"
        return Answer(question, short, "; ".join(names[:DEPENDENTS_MAX]) + more + ".", Tone.WARN)
    if assessment.unknowns:
        return Answer(question, "Not known", "Not everything could be looked at, see below.", Tone.WARN)
    return Answer(question, "Nothing found", "No resource that Keyturn knows refers to it.", Tone.PLAIN)


def _narrower(assessment: Assessment) -> Answer:
    question = "The narrow way"
    exact = next((way for way in assessment.alternatives if way.exact), None)
    if exact is not None:
        names = ", ".join(dict.fromkeys(operation.name for operation in exact.operations))
        lost = "Nothing is lost" if exact.lost in {"", "nothing"} else f"Lost on it: {exact.lost}"
        return Answer(
            question, "There is one", f"{names} does what the agent wants, in place. {lost}.", Tone.GOOD
        )
    if assessment.alternatives:
        calls = ", ".join(assessment.alternatives[0].commands[:DEPENDENTS_MAX])
        return Answer(
            question, "Perhaps", f"This kind of thing can be changed where it stands: {calls}.", Tone.PLAIN
        )
    return Answer(question, "None known", "Keyturn knows no gentler call that does the same.", Tone.PLAIN)


def _people(case: Case) -> Answer:
    question, request = "Who decides", case.request
    if request is None:
        verdict = f"Policy: {case.decision.verdict}" if case.decision else "Nobody yet"
        return Answer(question, verdict, "No person was asked.", Tone.PLAIN)
    yes = len(set(case.approvals))
    excluded = f", not {', '.join(request.excluded)}, who stands behind the agent" if request.excluded else ""
    people = "any reviewer" if request.quorum == 1 else f"{request.quorum} different reviewers"
    tone = Tone.GOOD if yes >= request.quorum and case.phase is not Phase.REJECTED else Tone.WARN
    return Answer(question, f"{yes} of {request.quorum} have approved", f"It takes {people}{excluded}.", tone)
