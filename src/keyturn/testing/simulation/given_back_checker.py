"""What is checked of plans that are made live and of backups that go. Like the checker it shares no line with the core."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from keyturn.model import record as r
from keyturn.model.execution import OutcomeStatus
from keyturn.testing.simulation.account import Happening
from keyturn.testing.simulation.told import Evidence, Told


def check(evidence: Evidence) -> Iterator[str]:
    """Everything that is wrong with them."""
    for rule in RULES:
        yield from rule(evidence)


def steps_as_rehearsed(evidence: Evidence) -> Iterator[str]:
    """A step of a plan leaves when those before it are done and what it changes was read, after the last of these, as it stood in the
    twin.
    """
    journal = evidence.history.journal
    for moment, happening in enumerate(journal):
        told = evidence.cases.get(happening.case)
        if happening.what != "left" or told is None or told.change().rehearsed is None:
            continue
        tokens = [one.parameters["token"] for one in told.change().operations]
        place = tokens.index(happening.token)
        if done := [token for token in tokens[:place] if not _done(told, tokens.index(token), moment)]:
            yield f"{told.case_id}: {happening.token} left before {done[0]} was done"
        expected = evidence.history.rehearsed[happening.token]
        begin = _last_taken(journal[:moment], happening.thing)
        read = {
            one.value for one in journal[begin:moment] if one.what == "read" and one.thing == happening.thing
        }
        if expected not in read:
            yield f"{told.case_id}: {happening.token} left, and {happening.thing} had not been read as it was rehearsed"


def _done(told: Told, place: int, moment: int) -> bool:
    return any(
        isinstance(event, r.Answered | r.Reconciled)
        and event.operation == place
        and event.outcome.status is OutcomeStatus.SUCCEEDED
        and durable <= moment
        for _, durable, event in told.events(r.Answered, r.Reconciled)
    )


def _last_taken(journal: list[Happening], thing: str) -> int:
    return max(
        (moment + 1 for moment, one in enumerate(journal) if one.thing == thing and one.what == "took"),
        default=0,
    )


def dropped_is_on_record(evidence: Evidence) -> Iterator[str]:
    """A backup that went stands on the log of the case whose it was, and what stands there has gone; each goes through a case of its own
    that somebody asked for.
    """
    gone = {one.detail: one.case for one in _dropped(evidence)}
    said = {
        reference: event.by_case
        for told in evidence.cases.values()
        for _, _, event in told.events(r.BackupRetired)
        if isinstance(event, r.BackupRetired)
        for reference in event.references
    }
    for reference, by_case in gone.items():
        drop = evidence.cases.get(by_case)
        if drop is None or drop.change().drops is None:
            yield f"{by_case}: removed the backup {reference} and is no drop"
        elif said.get(reference) != by_case and _over(drop):
            yield f"{by_case}: removed the backup {reference}, and no log says so"
    for reference, by_case in said.items():
        if reference not in gone:
            yield f"{by_case}: is on record as having removed {reference}, which stands"


def _over(drop: Told) -> bool:
    """Whether the plane knows what it did: of what is in doubt a person says it."""
    return not any(
        isinstance(event, r.Reconciled) and event.outcome.status is OutcomeStatus.UNCERTAIN
        for _, _, event in drop.events(r.Reconciled)
    )


def dropped_is_not_used(evidence: Evidence) -> Iterator[str]:
    """Nothing is given back from a backup that has gone, and none goes while something is given back from it."""
    journal = evidence.history.journal
    for moment, gone in enumerate(journal):
        if gone.token != "sim:DropBackup":
            continue
        owner = str(gone.detail).rpartition("-")[0]
        for undo in evidence.cases.values():
            if owner not in undo.change().taken_back:
                continue
            begun, ended = _begun_and_ended(undo)
            if begun is not None and begun <= moment and (ended is None or moment < ended):
                yield f"{undo.case_id}: gives {owner} back while {gone.case} removes its backup"
            if any(one.case == undo.case_id and one.what == "step" for one in journal[moment:]):
                yield f"{undo.case_id}: gave {owner} back after {gone.case} had removed its backup"


def _begun_and_ended(told: Told) -> tuple[int | None, int | None]:
    """The moments at which its intent became durable, and at which it was known to be done."""
    begun = next((moment for _, moment, _ in told.events(r.Sent)), None)
    ended = next(
        (
            moment
            for _, moment, event in told.events(r.Answered, r.Reconciled)
            if isinstance(event, r.Answered | r.Reconciled)
            and event.outcome.status is OutcomeStatus.SUCCEEDED
        ),
        None,
    )
    return begun, ended


def _dropped(evidence: Evidence) -> Iterator[Happening]:
    return (one for one in evidence.history.journal if one.what == "step" and one.token == "sim:DropBackup")


RULES: Final[tuple[Callable[[Evidence], Iterator[str]], ...]] = (
    steps_as_rehearsed,
    dropped_is_on_record,
    dropped_is_not_used,
)
