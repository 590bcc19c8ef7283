"""What must hold before a call leaves, numbered. Everything is proved again from facts read last."""

from __future__ import annotations

import msgspec

from keyturn.core.case import Case
from keyturn.core.people import People
from keyturn.core.review import NOBODY, fallen, glass_holds, quorum_reached
from keyturn.model.decision import Decision
from keyturn.model.execution import Backup, Grant, ProofStep


class ProofFacts(msgspec.Struct, frozen=True):
    """What was read just now. `state_digest` empty: it could not be read, which is not "unchanged"."""

    decision: Decision
    state_digest: str
    state_detail: str
    grant: Grant | None
    halted_by: str
    at_ms: int
    execute_by_ms: int | None
    people: People = NOBODY


def prove(case: Case, facts: ProofFacts) -> tuple[ProofStep, ...]:
    """The seven steps; the call may leave only when every one holds."""
    steps = (
        ("decision in force", *_decision(case, facts)),
        ("quorum on this digest", *_quorum(case, facts)),
        ("state unchanged", *_state(case, facts)),
        ("backup verified", *_backup(case)),
        ("grant scoped", *_grant(case, facts)),
        ("not halted", *_halt(facts)),
        ("in time", *_time(case, facts)),
    )
    return tuple(
        ProofStep(number=number, name=name, holds=holds, detail=detail)
        for number, (name, holds, detail) in enumerate(steps, start=1)
    )


def holds(steps: tuple[ProofStep, ...]) -> bool:
    """Every step holds, and there are steps at all: an empty proof proves nothing."""
    return bool(steps) and all(step.holds for step in steps)


def _decision(case: Case, facts: ProofFacts) -> tuple[bool, str]:
    if case.decision is None:
        return False, "nothing was decided"
    asks_more = stricter(case.decision, facts.decision)
    return not asks_more, asks_more or f"policy says {facts.decision.verdict}, as when it was decided"


def stricter(then: Decision, now: Decision) -> str:
    """What policy asks for now and did not when it was decided, in words; empty where that still does, and where nothing is enforced."""
    if not then.enforced:
        return ""
    was, asks = then.obligations, now.obligations
    if now.verdict.strictness > then.verdict.strictness:
        return f"policy says {now.verdict} now, {then.verdict} when it was decided"
    if asks.quorum > was.quorum:
        return f"policy asks {asks.quorum} reviewers now, {was.quorum} when it was decided"
    if asks.signed and not was.signed:
        return "policy asks for signed approvals now, and did not when it was decided"
    more = [str(tree) for tree in asks.needs if tree not in was.needs]
    if more:
        return f"policy asks for {' and '.join(more)} now, and did not when it was decided"
    if asks.backup and not was.backup:
        return "policy asks for a backup now, and did not when it was decided"
    if asks.vaulted and not was.vaulted:
        return "policy asks for a copy in the vault account now, and did not when it was decided"
    return ""


def _quorum(case: Case, facts: ProofFacts) -> tuple[bool, str]:
    if case.decision is not None and not case.decision.enforced:
        return True, "observe mode: recorded, not enforced"
    stands_no_more = fallen(case, facts.people)
    if stands_no_more:
        review, why = stands_no_more[0]
        return False, f"the approval of {review.reviewer} is void: {why}"
    if case.glass is not None:
        reached, detail = glass_holds(case, facts.people, facts.at_ms)
    else:
        reached, detail = quorum_reached(case)
    if not reached or case.request is None or case.change is None or case.assessment is None:
        return reached, detail
    if case.request.change_digest != case.change.digest:
        return False, "the change is not the one that was approved"
    if case.request.assessment_digest != case.assessment.digest:
        return False, "the assessment is not the one that was shown"
    return True, detail


def _state(case: Case, facts: ProofFacts) -> tuple[bool, str]:
    if case.next_operation > 0 and not _is_plan(case):
        return True, f"{case.next_operation} operations of this change were executed under the proof before"
    expected = case.assessment.state_digest if case.assessment else ""
    if not facts.state_digest:
        observed = case.decision is not None and not case.decision.enforced
        return observed, f"the state could not be read: {facts.state_detail}"
    if facts.state_digest != expected:
        return False, facts.state_detail or "the state is not what was assessed"
    return True, facts.state_detail if _is_plan(case) else "re-read just now, as assessed"


def _is_plan(case: Case) -> bool:
    """Whether its operations are steps of a rehearsal: each is proved by itself."""
    return case.change is not None and case.change.rehearsed is not None


def _backup(case: Case) -> tuple[bool, str]:
    if case.decision is None or not case.decision.obligations.backup or not case.decision.enforced:
        return True, "none was required"
    if not case.backups:
        return False, "a backup is required and there is none"
    for backup in case.backups:
        if not verified(backup):
            return False, f"the backup of {backup.resource} is not verified"
        if case.decision.obligations.vaulted and not is_vaulted(backup):
            why = backup.not_vaulted or "there is no vault account"
            return False, f"policy wants the backup of {backup.resource} in the vault account: {why}"
    told = [f"{backup.resource}: {backup.verified_by}" for backup in case.backups]
    if case.decision.obligations.vaulted:
        told += [
            f"in the vault account: {copy.verified_by}" for backup in case.backups for copy in backup.vaulted
        ]
    return True, "; ".join(told)


def verified(backup: Backup) -> bool:
    """A backup counts only when it says how it was proved."""
    return backup.verified_at_ms is not None and bool(backup.verified_by)


def is_vaulted(backup: Backup) -> bool:
    """Whether its data lies in the vault account: where that cannot be, what is sealed of it there are its settings alone."""
    return bool(backup.vaulted) and not backup.not_vaulted


def _grant(case: Case, facts: ProofFacts) -> tuple[bool, str]:
    grant = facts.grant
    if grant is None:
        return False, "no credential could be scoped"
    if case.change is None or grant.change_digest != case.change.digest:
        return False, "the credential was scoped for another change"
    if grant.expires_at_ms <= facts.at_ms:
        return False, "the credential has expired"
    return True, ", ".join(grant.actions) if grant.narrowed else f"wider than this change: {grant.why}"


def _halt(facts: ProofFacts) -> tuple[bool, str]:
    return (False, f"halted by {facts.halted_by}") if facts.halted_by else (True, "no halt")


def _time(case: Case, facts: ProofFacts) -> tuple[bool, str]:
    if case.next_operation > 0 and _is_plan(case):
        return True, "begun within the approval's window"
    if facts.execute_by_ms is not None and facts.at_ms >= facts.execute_by_ms:
        return False, "the approval ran out of time"
    return True, "within the approval's window"
