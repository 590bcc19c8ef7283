"""The five questions of a reviewer at three in the morning, answered from the case in a sentence each.

What happens? What breaks? Can it come back, and when? What is the narrow way? Who may decide? The page shows them first, the
API gives them as ``answers``. Each carries a `tone` for its colour; colour is never the only signal, the words say the same.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec

from keyturn.core.case import Case, Glass, Phase
from keyturn.core.review import met
from keyturn.model.assessment import Assessment, Finding, Kind, Reversibility
from keyturn.model.change import Effect
from keyturn.model.words import counted
from keyturn.pipeline import NO_BACKUP

ALONG: Final = frozenset({"is deleted with", "is snapshot and deleted with"})
"""Relations of what does not rely on it, but is a part of it and goes too."""

DEPENDENTS_MAX: Final = 3
"""So many names are read at a glance; the list below has them all."""

SENTENCES_MAX: Final = 2
"""So many findings are read at a glance; the list below has them all."""

WORDS: Final = {
    Kind.REPLACE: "Deleted and made anew",
    Kind.DATA_LOSS: "Something is lost",
    Kind.BACKUP_STRIP: "The means of getting it back go",
    Kind.PROTECTION_STRIP: "A guard against deletion goes",
    Kind.OVERWRITE: "What stands there is overwritten",
    Kind.EXPOSURE: "It is opened to others",
    Kind.DELEGATED_AUTHORITY: "Authority is handed on",
    Kind.BLIND: "Monitoring or audit goes",
    Kind.SECRET: "A secret is handed out",
    Kind.OPAQUE: "It cannot be judged from the request",
    Kind.OUTAGE: "Something may stop working",
    Kind.NOTE: "Nothing is lost",
}
"""What a finding means in a word or two, worst first: the order in which findings are read."""

LOSES: Final = (Kind.REPLACE, Kind.DATA_LOSS, Kind.BACKUP_STRIP, Kind.PROTECTION_STRIP, Kind.OVERWRITE)
"""Findings of something that would be gone."""

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
        _happens(case.assessment),
        _breaks(case.assessment),
        _returns(case.assessment, saved=_is_saved(case)),
        _narrower(case.assessment),
        _people(case),
    )


def hindrance(case: Case) -> str:
    """Why the change would not be sent even if it were approved; empty where nothing is known to stand in the way."""
    if case.phase not in {Phase.HELD, Phase.APPROVED} or case.decision is None or case.assessment is None:
        return ""
    if not case.decision.obligations.backup:
        return ""
    if case.request is not None and case.request.no_backup:
        return NO_BACKUP.format(why=case.request.no_backup)
    bare = [str(one.resource) for one in case.assessment.recoverable if not (one.backup or one.inverse)]
    if not bare:
        return ""
    return (
        f"Policy requires a verified backup first, and Keyturn knows no backup of {', '.join(bare)}: "
        "even approved, the call would not leave."
    )


def ranked(assessment: Assessment) -> tuple[Finding, ...]:
    """Findings with what would be lost first, then by how hard they are to take back."""
    order = {kind: rank for rank, kind in enumerate(WORDS)}
    return tuple(sorted(assessment.findings, key=lambda one: (order[one.kind], -int(one.reversibility[1]))))


NOT_THERE: Final = "It does not stand: there is nothing to delete."


def nothing_there(assessment: Assessment) -> bool:
    """Whether all that it would delete was looked for and does not stand: then alone a delete without a finding or an inverse is R1."""
    return (
        set(assessment.effects) <= {Effect.DELETE}
        and assessment.effect is Effect.DELETE
        and assessment.reversibility is Reversibility.R1
        and not (assessment.findings or assessment.unknowns)
        and not any(one.inverse for one in assessment.recoverable)
    )


def _happens(assessment: Assessment) -> Answer:
    question = "What happens"
    if nothing_there(assessment):
        names = ", ".join(sorted({str(one.resource) for one in assessment.recoverable}))
        text = f"{names or 'What it names'} does not stand: there is nothing to delete."
        return Answer(question, "Nothing stands there", text, Tone.GOOD)
    found = ranked(assessment)
    worst = found[0] if found else None
    lost = assessment.data_at_risk[:1].upper() + assessment.data_at_risk[1:]
    if worst is not None and worst.kind in LOSES:
        said = [one.message for one in found if one.kind in LOSES[1:]] or [worst.message]
        return Answer(question, lost or WORDS[worst.kind], _listed(said), Tone.BAD)
    if _DESTROYS & {assessment.effect, *assessment.effects}:
        names = ", ".join(sorted({str(one.resource) for one in assessment.recoverable}))
        said = [f"{names or 'What it names'} would be gone.", *(one.message for one in found)]
        return Answer(question, lost or "It is destroyed", _listed(said), Tone.BAD)
    if worst is not None and worst.kind is not Kind.NOTE:
        return Answer(question, WORDS[worst.kind], _listed([one.message for one in found]), Tone.WARN)
    if assessment.unknowns or assessment.reversibility is Reversibility.R4:
        text = "No loss was found, but not everything could be looked at."
        return Answer(question, "Not known", text, Tone.WARN)
    return Answer(question, "Nothing is lost", "No rule found anything that would be gone.", Tone.GOOD)


def _listed(messages: list[str]) -> str:
    said = list(dict.fromkeys(messages))
    more = f" And {len(said) - SENTENCES_MAX} more, listed below." if len(said) > SENTENCES_MAX else ""
    return " ".join(said[:SENTENCES_MAX]) + more


def _is_saved(case: Case) -> bool:
    """Whether a backup is taken before it is sent, as far as policy has spoken; what was let through by nobody's policy is not."""
    return case.decision is None or case.decision.obligations.backup


def _returns(assessment: Assessment, *, saved: bool) -> Answer:
    question = "Can it come back"
    if nothing_there(assessment):
        return Answer(question, "Nothing goes", "Should it stand by then, the call is not sent.", Tone.GOOD)
    parts = assessment.recoverable
    lost = sum(len(one.loss) for one in parts)
    if any(one.kind is Kind.OPAQUE for one in assessment.findings):
        text = (
            "What it would do cannot be read from the request, so nobody knows what would have to come back."
        )
        return Answer(question, "Not known", text, Tone.BAD)
    but = f" Not as before: {counted(lost, 'thing')}, listed below." if lost else ""
    if parts and all(one.inverse for one in parts):
        return Answer(question, f"Yes{_time(assessment)}", f"It is put back in place.{but}", Tone.GOOD)
    takes = _DESTROYS & {assessment.effect, *assessment.effects}
    if parts and not saved and not takes and assessment.reversibility in {Reversibility.R0, Reversibility.R1}:
        return Answer(question, "Yes", "It takes nothing away that would have to come back.", Tone.GOOD)
    if parts and all(one.backup or one.inverse for one in parts) and not saved:
        text = f"Policy asks for no backup of it: none is taken, and without one Keyturn does not give it back.{but}"
        return Answer(question, "Not without a backup", text, Tone.BAD)
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


def _breaks(assessment: Assessment) -> Answer:
    question = "What breaks"
    edges = assessment.blast_radius
    outages = [one.message for one in assessment.findings if one.kind is Kind.OUTAGE]
    if edges:
        names = list(dict.fromkeys(f"{edge.resource} {edge.relation} {edge.on.id}" for edge in edges))
        rest = len(names) - DEPENDENTS_MAX
        more = f"; and {rest} more, listed below" if rest > 0 else ""
        count = len({edge.resource for edge in edges})
        s = "" if count > 1 else "s"
        does = f"go{'es' if s else ''} with it"
        if not all(edge.relation in ALONG for edge in edges):
            does = f"depend{s} on it"
        short = f"{counted(count, 'thing')} {does}"
        return Answer(question, short, "; ".join(names[:DEPENDENTS_MAX]) + more + ".", Tone.BAD)
    if outages:
        return Answer(question, "Perhaps what uses it", _listed(outages), Tone.WARN)
    if assessment.unknowns:
        return Answer(question, "Not known", "Not everything could be looked at, see below.", Tone.WARN)
    return Answer(question, "Nothing found", "No resource that Keyturn looked at refers to it.", Tone.PLAIN)


def _narrower(assessment: Assessment) -> Answer:
    question = "The narrow way"
    if nothing_there(assessment):
        return Answer(question, "None needed", "There is nothing that could be changed in place.", Tone.PLAIN)
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
    if case.glass is not None:
        return _broken(case.glass)
    no = [review.reviewer for review in case.reviews if not review.approve]
    if no:
        return Answer(question, f"Denied by {', '.join(no)}", "One denial is enough.", Tone.PLAIN)
    yes = len(set(case.approvals))
    excluded = f", not {', '.join(request.excluded)}, who stands behind the agent" if request.excluded else ""
    people = "any reviewer" if request.quorum == 1 else f"{request.quorum} different reviewers"
    if request.needs:
        people = "; and ".join(str(tree) for tree in request.needs)
    progress = met(request, case.reviews)
    still = f" So far: {progress.text}." if request.needs and yes and not progress.reached else ""
    tone = Tone.GOOD if progress.reached else Tone.WARN
    if request.unmet and case.phase is Phase.HELD:
        still, tone = f" As things stood when it was held, {request.unmet}.", Tone.BAD
    text = f"It takes {people}{excluded}.{still}"
    return Answer(question, f"{yes} of {request.quorum} have approved", text, tone)


def _broken(glass: Glass) -> Answer:
    question, act = "Who decides", f"{glass.by} broke the glass"
    if not glass.reviewed_by:
        text = f"Nobody approved it: it is {glass.by}'s own act, and another person looks at it afterwards."
        return Answer(question, act, text, Tone.BAD)
    said = "right" if glass.right else "not right"
    text = f"Nobody approved it. {glass.reviewed_by} looked at it afterwards: it was {said}."
    return Answer(question, act, text, Tone.PLAIN if glass.right else Tone.BAD)
