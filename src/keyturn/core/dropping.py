"""What the removal of a case's backups is to reviewers and policy, and what the plane itself says where retention asks for it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from keyturn.core.case import Case
from keyturn.core.ports import Assessing, Captures
from keyturn.core.retention import DAY_MS, removable
from keyturn.model.assessment import Assessment, Finding, Kind, Reversibility
from keyturn.model.change import Change, Effect, ResourceRef
from keyturn.model.decision import Decision, Obligations, Reason, Verdict
from keyturn.model.execution import Backup
from keyturn.model.words import counted

CODE: Final = "DROP001"

RETENTION_POLICY: Final = "keyturn.retention"
"""What is named for the plane's own removals: the operator decided them when she set how long backups are kept."""

NAMED_MAX: Final = 5


def assessed(change: Change, case: Case | None, state_digest: str) -> Assessing:
    """What is lost with the backups: the way back of what the case took. It rests on the log alone, and binds to `state_digest`."""
    kept = tuple(filter(removable, case.kept)) if case is not None else ()
    resources = tuple(backup.resource for backup in kept)
    where = case.assessment.environment if case is not None and case.assessment is not None else "unknown"
    taken_back = case is not None and bool(case.undone_by)
    lost = (
        f"{case.id} was taken back by {case.undone_by} already."
        if case is not None and taken_back
        else f"What {change.drops} took does not come back after that."
    )
    finding = Finding(
        code=CODE,
        kind=Kind.BACKUP_STRIP,
        message=f"The backup of {change.drops} goes for good ({_named(resources)}). {lost}",
        effect=Effect.DELETE,
        reversibility=Reversibility.R4,
        resources=resources,
    )
    assessment = Assessment(
        effect=Effect.DELETE,
        effects=(Effect.DELETE,),
        reversibility=Reversibility.R4,
        environment=where,
        state_digest=state_digest,
        data_at_risk=counted(len(kept), "backup"),
        data_bearing=True,
        findings=(finding,),
    )
    return Assessing(assessment=assessment, captures=Captures(states={}, digest=state_digest))


def _named(resources: tuple[ResourceRef, ...]) -> str:
    named = ", ".join(map(str, resources[:NAMED_MAX]))
    more = len(resources) - NAMED_MAX
    return named + (f" and {more} more" if more > 0 else "")


def retention(why_not: str, policy_digest: str) -> Decision:
    """The plane's answer to its own removal: it goes as was set, or not at all."""
    message = why_not or "it was kept for as long as was said, and nothing that is open needs it"
    return Decision(
        verdict=Verdict.DENY if why_not else Verdict.ALLOW,
        reasons=(Reason(policy=RETENTION_POLICY, message=message),),
        obligations=Obligations(),
        policy_digest=policy_digest,
    )


def keeps(backup: Backup) -> str:
    """How long it is kept at least, in words, as it was said when it was taken; empty where nothing was said."""
    if not removable(backup) or backup.keep_days is None:
        return ""
    if not backup.keep_days:
        return "kept until a person drops it"
    return f"kept at least until {day(backup.taken_at_ms + backup.keep_days * DAY_MS)}"


def way_back(case: Case) -> Reversibility | None:
    """How the case could be taken back as things stand: as it was assessed, or R4 once what it would come back from was retired."""
    if case.assessment is None:
        return None
    gone = {backup.resource for backup in case.backups} - {backup.resource for backup in case.kept}
    assessed = case.assessment.reversibility
    return Reversibility.R4 if gone and not case.undone_by and assessed > Reversibility.R0 else assessed


def day(at_ms: int) -> str:
    """The day of a moment, UTC."""
    return datetime.fromtimestamp(at_ms / 1000, tz=UTC).strftime("%Y-%m-%d")


def said_retired(case: Case) -> str:
    """That its backup was retired, when, by whom and why; empty where none was."""
    if not case.retired:
        return ""
    last = case.retired[-1]
    return f"the backup of {case.id} was retired on {day(last.at_ms)} by {last.by} in {last.by_case}: {last.reason}"
