"""What a change is together with what its session did before: a replace in two calls, a guard taken off first, many small deletes.

Each step may look harmless; agents take steps. Of every session the last changes are remembered that took effect or still may,
whichever door they came through; what was refused or taken back is no step. Pure, and provider-independent: it knows floors,
resources and kinds of findings. When two steps are about one thing: `steps`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

from keyturn.core.steps import Step, alike, exactly, makes_anew, may_make_anew, whole
from keyturn.model.assessment import Assessment, Finding, Kind, Reversibility
from keyturn.model.change import READ_EFFECTS, Change, Effect, ResourceRef

REMEMBERED_MAX: Final = 500
"""Changes of a session that are looked back on: a working day of one agent. What it did before them is not forgotten by the log."""

MANY: Final = 10
"""Different things of one kind deleted in a session: as many as a person would have asked about in one call."""

MANY_CODE: Final = "SEQ004"

MANY_INSIDE: Final = 50
"""Deletes inside of one resource (items of a table): programs delete some in passing, and this is no passing any more."""

MEMBERS: Final = 3
"""Members of one parent: what has two is often taken apart by hand, and a third says that the parent is meant."""

CASES_NAMED_MAX: Final = 5
"""Cases that a message names; its evidence has them all."""

SOURCE: Final = "Keyturn: what a session does in several calls is judged as one"

_GUARDS: Final = frozenset({Kind.PROTECTION_STRIP, Kind.BACKUP_STRIP})


class Earlier(msgspec.Struct, frozen=True):
    """One earlier change of the session. `done`: it is known to have taken effect; `waits`: it certainly has not yet."""

    case_id: str
    steps: tuple[Step, ...]
    kinds: frozenset[Kind]
    done: bool = False
    waits: bool = False
    makes: tuple[ResourceRef, ...] = ()  # what it made, and what was read to stand nowhere before
    reviewed: bool = False  # a person let it through, and it took effect


def steps_of(change: Change) -> tuple[Step, ...]:
    return tuple(Step(one.name, one.floor, one.resources) for one in change.operations)


def found(
    change: Change,
    assessment: Assessment,
    earlier: tuple[Earlier, ...],
    population: Mapping[ResourceRef, int] | None = None,
    numbered: frozenset[str] = frozenset(),
) -> tuple[Finding, ...]:
    """What the change is in its sequence; nothing for an undo. `population`: how many there are inside of a resource, where known;
    `numbered`: operations on what is known by an id that its service gives, so that a create's name is not what a delete says.
    """
    if change.undoes is not None:
        return ()
    seen = _Sequence(change, assessment, earlier, population or {}, numbered)
    if not earlier:
        return tuple(seen.with_its_backup())
    return (
        *seen.its_own(),
        *seen.replaced(),
        *seen.unguarded(),
        *seen.with_its_backup(),
        *seen.unseen(),
        *seen.many(),
        *seen.members(),
    )


def raised(assessment: Assessment, findings: Iterable[Finding]) -> Assessment:
    """The assessment with findings that stand beside the provider's: it can only worsen."""
    findings = tuple(findings)
    if not findings:
        return assessment
    weighing = [finding for finding in findings if finding.kind is not Kind.NOTE]
    effects = {*assessment.effects, *(finding.effect for finding in weighing)}
    return msgspec.structs.replace(
        assessment,
        effect=max((assessment.effect, *effects), key=lambda effect: effect.severity),
        effects=tuple(sorted(effects, key=lambda effect: effect.severity, reverse=True)),
        reversibility=max([assessment.reversibility, *(finding.reversibility for finding in weighing)]),
        findings=(*findings, *assessment.findings),
    )


class _Sequence:
    """The change against what went before."""

    def __init__(
        self,
        change: Change,
        assessment: Assessment,
        earlier: tuple[Earlier, ...],
        population: Mapping[ResourceRef, int],
        numbered: frozenset[str],
    ) -> None:
        self._change, self._assessment, self._earlier = change, assessment, earlier
        self._population, self._numbered = population, numbered
        self._steps = steps_of(change)

    def its_own(self) -> Iterator[Finding]:
        """What the session itself made, where nobody else is known to use it and no data is in it, is its own to change and delete."""
        if self._assessment.data_at_risk or self._assessment.unknowns:
            return
        before = [one for one in self._earlier if one.done and one.makes]
        made = [ref for one in before for ref in one.makes]
        own = [any(exactly(ref, mine) for mine in made) for ref in self._change.resources]
        used = [one.resource for one in self._assessment.blast_radius if not any(exactly(one.resource, mine) for mine in made)]  # fmt: skip
        if not own or not all(own) or used:
            return
        step = self._steps[0]
        cases = _cases(one for one in before if any(exactly(ref, step.resources[0]) for ref in one.makes))
        message = f"{step.resources[0]} was made by this session ({_named(cases)}), and nothing else is known to use it."
        yield self._finding("SEQ007", Kind.NOTE, message, step, Reversibility.R1, {"cases": cases})

    def replaced(self) -> Iterator[Finding]:
        """Delete and create of one identity, in either order, in any number of calls."""
        for step in self._steps:
            before = [
                (one, past)
                for one in self._earlier
                for past in one.steps
                if makes_anew(step, past, typed=True) or makes_anew(past, step)
            ]
            if not before:
                yield from self._perhaps_replaced(step)
                continue
            ref, cases = step.resources[0], _cases(one for one, _ in before)
            own = step.deletes and all(one.done for one, _ in before)
            if own:  # it takes away what it made
                message = f"{ref} was made earlier in this session ({_named(cases)})."
                yield self._finding("SEQ001", Kind.NOTE, message, step, Reversibility.R1, {"cases": cases})
                continue
            if self._finishes(step, [one for one, _ in before]):
                yield self._noted(step, f"{ref} was deleted", cases, "with this it is made anew")
                continue
            what = "deleted" if step.creates else "to be made"
            message = f"{ref} was {what} earlier in this session ({_named(cases)}): with this it is replaced, and what it held goes."
            finding = self._finding("SEQ001", Kind.REPLACE, message, step, Reversibility.R3, {"cases": cases})
            yield msgspec.structs.replace(finding, effect=Effect.REPLACE)

    def _perhaps_replaced(self, step: Step) -> Iterator[Finding]:
        """Delete and create of one kind, where a create cannot say which one it is. What was made meanwhile may be another."""
        number = self._steps.index(step)
        said = {text for name, text in self._change.operations[number].parameters.items() if name.lower().endswith("name") and isinstance(text, str)}  # fmt: skip
        numbered = step.name in self._numbered
        before = [
            (one, past)
            for one in self._earlier
            for past in one.steps
            if may_make_anew(step, past, said, numbered=numbered)
            or (not one.done and may_make_anew(past, step, None, numbered=numbered))
        ]
        if not before:
            return
        cases = _cases(one for one, _ in before)
        gone = step.resources[0] if step.deletes else before[-1][1].resources[0]
        if self._finishes(step, [one for one, _ in before]):
            yield self._noted(step, f"{gone} was deleted", cases, "with this it may be made anew")
            return
        message = (
            f"One of its kind is to be made in this session ({_named(cases)}): {gone} may be replaced by it, and what it held goes."
            if step.deletes
            else f"{gone} was deleted earlier in this session ({_named(cases)}): with this it may be made anew, without what it held."
        )
        finding = self._finding("SEQ001", Kind.REPLACE, message, step, Reversibility.R2, {"cases": cases})
        yield msgspec.structs.replace(finding, effect=Effect.REPLACE)

    def _finishes(self, step: Step, before: list[Earlier]) -> bool:
        """Whether all that this makes anew went by a person's decision: it takes nothing away any more, and to hold it is to prolong
        the outage. What may write over something is not sure to find nothing there, unless that was read.
        """
        clear = step.floor is Effect.CREATE or any(
            exactly(step.resources[0], made) for made in self._assessment.makes
        )
        return clear and not step.deletes and all(one.reviewed for one in before)

    def _noted(self, step: Step, gone: str, cases: list[str], then: str) -> Finding:
        message = f"{gone} earlier in this session, which a person let through ({_named(cases)}): {then}, without what it held."
        return self._finding("SEQ001", Kind.NOTE, message, step, Reversibility.R0, {"cases": cases})

    def unguarded(self) -> Iterator[Finding]:
        """A guard or a backup taken off, then the delete that it stood against."""
        for step in self._steps:
            if not step.deletes:
                continue
            before = [one for one in self._earlier if _GUARDS & one.kinds and _touches(one, step)]
            if before:
                cases = _cases(before)
                message = f"What guarded {step.resources[0]} was taken off earlier in this session ({_named(cases)})."
                yield self._finding(
                    "SEQ002", Kind.PROTECTION_STRIP, message, step, Reversibility.R4, {"cases": cases}
                )

    def with_its_backup(self) -> Iterator[Finding]:
        """Data that goes together with undo material of its service, in this change or before: it may have been its only backup."""
        for step in self._steps:
            if not step.deletes or not self._loses(step):
                continue
            own = [
                finding
                for finding in self._assessment.findings
                if finding.kind is Kind.BACKUP_STRIP
                and any(_keeps(ref, step.resources[0]) for ref in finding.resources)
            ]
            before = [
                one
                for one in self._earlier
                if Kind.BACKUP_STRIP in one.kinds
                and not _touches(one, step)
                and any(past.deletes and _keeps(past.resources[0], step.resources[0]) for past in one.steps)
            ]
            if not own and not before:
                continue
            cases = _cases(before)
            where = f"earlier in this session ({_named(cases)})" if cases else "by this very change"
            message = f"Backups that may be of {step.resources[0]} are destroyed {where}: none of them counts as a way back."
            yield self._finding(
                "SEQ006", Kind.BACKUP_STRIP, message, step, Reversibility.R4, {"cases": cases}
            )

    def _loses(self, step: Step) -> bool:
        return any(
            finding.kind is Kind.DATA_LOSS and step.resources[0] in finding.resources
            for finding in self._assessment.findings
        )

    def unseen(self) -> Iterator[Finding]:
        """Monitoring or audit switched off, then a change that it would have seen."""
        before = [one for one in self._earlier if Kind.BLIND in one.kinds and not one.waits]
        acting = [
            step for step in self._steps if step.floor not in READ_EFFECTS and step.floor is not Effect.TAG
        ]
        if not before or not acting or any(_touches(one, step) for one in before for step in acting):
            return  # what touches the trail itself switches it on again, or is found to switch it off
        cases = _cases(before)
        message = f"Monitoring or audit was switched off earlier in this session ({_named(cases)}): this would go unseen."
        yield self._finding("SEQ003", Kind.BLIND, message, acting[0], Reversibility.R3, {"cases": cases})

    def many(self) -> Iterator[Finding]:
        """Small deletes that are a large one together."""
        for kind in dict.fromkeys(step.resources[0].kind for step in self._steps if step.deletes):
            things: dict[ResourceRef, int] = {}
            for step in (*(past for one in self._earlier for past in one.steps), *self._steps):
                for ref in (
                    step.resources[:1]
                    if step.deletes and not whole(step)
                    else step.resources
                    if step.deletes
                    else ()
                ):
                    if ref.kind == kind:
                        things[ref] = things.get(ref, 0) + 1
            yield from self._counted(kind, things)

    def _counted(self, kind: str, things: dict[ResourceRef, int]) -> Iterator[Finding]:
        inside = {ref: count for ref, count in things.items() if count >= MANY_INSIDE}
        step = next(step for step in self._steps if step.deletes and step.resources[0].kind == kind)
        before = [
            one
            for one in self._earlier
            if any(past.deletes and past.resources[0].kind == kind for past in one.steps)
        ]
        if not before:
            return
        cases = _cases(before)
        if len(things) >= MANY:
            message = f"With this, deletes of {len(things)} {kind} were asked for in this session, one by one ({_named(cases)})."
            yield self._finding(
                MANY_CODE,
                Kind.DATA_LOSS,
                message,
                step,
                Reversibility.R4,
                {"cases": cases, "count": len(things)},
            )
        for ref, count in inside.items():
            total = self._population.get(ref)
            share = f", of about {total:,} ({min(100, count * 100 // total)} %)" if total else ""
            message = f"With this, {count} deletes inside of {ref} are asked for in this session{share} ({_named(cases)})."
            evidence = {"cases": cases, "count": count, **({"population": total} if total else {})}
            yield self._finding(MANY_CODE, Kind.DATA_LOSS, message, step, Reversibility.R4, evidence)

    def members(self) -> Iterator[Finding]:
        """A parent taken apart member by member, or deleted when its members are gone."""
        past = [
            (one, ref)
            for one in self._earlier
            for each in one.steps
            if each.deletes
            for ref in each.resources
        ]
        for step in self._steps:
            if not step.deletes:
                continue
            own = step.resources[0]
            parent = _parent(own)
            beside = {ref for _, ref in past if _parent(ref) == parent} | set(step.resources)
            below = {ref for _, ref in past if ref.kind != own.kind and _inside(ref, own)}
            if parent is not None and len(beside) >= MEMBERS:
                of, said = (
                    beside,
                    f"With this, deletes of {len(beside)} members of {parent[1]} were asked for in this session",
                )
            elif below:
                of, said = below, f"{len(below)} members of {own} were deleted before it in this session"
            else:
                continue
            cases = _cases(one for one, ref in past if ref in of)
            evidence = {"cases": cases, "count": len(of)}
            message = f"{said} ({_named(cases)})."
            yield self._finding("SEQ005", Kind.OUTAGE, message, step, Reversibility.R4, evidence)

    def _finding(
        self,
        code: str,
        kind: Kind,
        message: str,
        step: Step,
        reversibility: Reversibility,
        evidence: dict[str, Any],
    ) -> Finding:
        return Finding(
            code=code,
            kind=kind,
            message=message,
            effect=step.floor,
            reversibility=max(reversibility, self._assessment.reversibility),
            resources=step.resources[:1],
            source=SOURCE,
            evidence=evidence,
        )


def _cases(earlier: Iterable[Earlier]) -> list[str]:
    return list(dict.fromkeys(one.case_id for one in earlier))


def _named(cases: list[str]) -> str:
    more = f" and {len(cases) - CASES_NAMED_MAX} more" if len(cases) > CASES_NAMED_MAX else ""
    return ", ".join(cases[:CASES_NAMED_MAX]) + more


def _touches(earlier: Earlier, step: Step) -> bool:
    """Whether it named one of these, or what they are part of."""
    return any(
        alike(ref, mine) or mine.id.startswith(f"{ref.id}/")
        for past in earlier.steps
        for ref in past.resources
        for mine in step.resources
    )


def _keeps(material: ResourceRef, lost: ResourceRef) -> bool:
    """Whether undo material may be of a resource: another kind of the same service (or of AWS Backup), in the same account.

    Its name seldom says what it was taken of; unless that is known, each of them may be the one.
    """
    services = {material.kind.partition(":")[0], lost.kind.partition(":")[0]}
    return (
        material.kind != lost.kind
        and (len(services) == 1 or material.kind.startswith("backup:"))
        and (not material.account or not lost.account or material.account == lost.account)
    )


def _parent(ref: ResourceRef) -> tuple[str, str] | None:
    """Service and name of what a member is part of; None where its name says nothing of one."""
    service = ref.kind.partition(":")[0]
    if ref.kind == "s3:object":
        return None  # a key's slashes are no parents, and objects are counted
    inside, slash, _ = ref.id.strip("/").rpartition("/")
    return (service, inside) if slash and inside else None


def _inside(ref: ResourceRef, parent: ResourceRef) -> bool:
    return ref.kind.partition(":")[0] == parent.kind.partition(":")[0] and ref.id.startswith(f"{parent.id}/")
