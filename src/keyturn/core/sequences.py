"""What a change is together with what its session did before: a replace in two calls, a guard taken off first, many small deletes.

Each step may look harmless; agents take steps. Of every session the last changes are remembered that took effect or still may,
whichever door they came through; what was refused or taken back is no step. Pure, and provider-independent: it knows floors,
resources and kinds of findings.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

import msgspec

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

_MADE: Final = ("Create", "Restore", "Run", "Register", "Import", "Allocate")
_GUARDS: Final = frozenset({Kind.PROTECTION_STRIP, Kind.BACKUP_STRIP})
_GONE: Final = frozenset({Effect.DELETE, Effect.REPLACE})
_IN_PASSING: Final = ("DeleteMessage", "Untag", "RemoveTags", "DeleteTags")
"""Deletes that are how things are used: a consumer takes messages off a queue."""


class Step(msgspec.Struct, frozen=True, omit_defaults=True):
    """One operation as it is remembered."""

    name: str
    floor: Effect
    resources: tuple[ResourceRef, ...]

    @property
    def deletes(self) -> bool:
        action = self.name.partition(":")[2]
        return self.floor in _GONE and not action.startswith(_IN_PASSING)

    @property
    def creates(self) -> bool:
        return self.floor is Effect.CREATE or self.name.partition(":")[2].startswith(_MADE)


class Earlier(msgspec.Struct, frozen=True):
    """One earlier change of the session. `done`: it is known to have taken effect; `waits`: it certainly has not yet."""

    case_id: str
    steps: tuple[Step, ...]
    kinds: frozenset[Kind]
    done: bool = False
    waits: bool = False
    makes: tuple[ResourceRef, ...] = ()  # what it made, and what was read to stand nowhere before


def steps_of(change: Change) -> tuple[Step, ...]:
    return tuple(Step(one.name, one.floor, one.resources) for one in change.operations)


def found(
    change: Change,
    assessment: Assessment,
    earlier: tuple[Earlier, ...],
    population: Mapping[ResourceRef, int] | None = None,
) -> tuple[Finding, ...]:
    """What the change is in its sequence; nothing for an undo. `population`: how many there are inside of a resource, where known."""
    if change.undoes is not None:
        return ()
    seen = _Sequence(change, assessment, earlier, population or {})
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
    ) -> None:
        self._change, self._assessment, self._earlier, self._population = (
            change,
            assessment,
            earlier,
            population,
        )
        self._steps = steps_of(change)

    def its_own(self) -> Iterator[Finding]:
        """What the session itself made, where nobody else is known to use it and no data is in it, is its own to change and delete."""
        if self._assessment.data_at_risk or self._assessment.unknowns:
            return
        before = [one for one in self._earlier if one.done and one.makes]
        made = [ref for one in before for ref in one.makes]
        own = [any(_exactly(ref, mine) for mine in made) for ref in self._change.resources]
        used = [one.resource for one in self._assessment.blast_radius if not any(_exactly(one.resource, mine) for mine in made)]  # fmt: skip
        if not own or not all(own) or used:
            return
        step = self._steps[0]
        cases = _cases(one for one in before if any(_exactly(ref, step.resources[0]) for ref in one.makes))
        message = f"{step.resources[0]} was made by this session ({_named(cases)}), and nothing else is known to use it."
        yield self._finding("SEQ007", Kind.NOTE, message, step, Reversibility.R1, {"cases": cases})

    def replaced(self) -> Iterator[Finding]:
        """Delete and create of one identity, in either order, in any number of calls."""
        for step in self._steps:
            before = [
                (one, past)
                for one in self._earlier
                for past in one.steps
                if _makes_anew(step, past, typed=True) or _makes_anew(past, step)
            ]
            if not before:
                continue
            ref, cases = step.resources[0], _cases(one for one, _ in before)
            own = step.deletes and all(one.done for one, _ in before)
            if own:  # it takes away what it made
                message = f"{ref} was made earlier in this session ({_named(cases)})."
                yield self._finding("SEQ001", Kind.NOTE, message, step, Reversibility.R1, {"cases": cases})
                continue
            what = "deleted" if step.creates else "to be made"
            message = f"{ref} was {what} earlier in this session ({_named(cases)}): with this it is replaced, and what it held goes."
            finding = self._finding("SEQ001", Kind.REPLACE, message, step, Reversibility.R3, {"cases": cases})
            yield msgspec.structs.replace(finding, effect=Effect.REPLACE)

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
                    if step.deletes and not _whole(step)
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


def _whole(step: Step) -> bool:
    """Whether each of its resources is deleted itself: an operation of several names them all."""
    return len({ref.kind for ref in step.resources}) == 1


def _cases(earlier: Iterable[Earlier]) -> list[str]:
    return list(dict.fromkeys(one.case_id for one in earlier))


def _named(cases: list[str]) -> str:
    more = f" and {len(cases) - CASES_NAMED_MAX} more" if len(cases) > CASES_NAMED_MAX else ""
    return ", ".join(cases[:CASES_NAMED_MAX]) + more


def _makes_anew(made: Step, gone: Step, *, typed: bool = False) -> bool:
    """Whether one makes what the other deletes. One identity: a provider names it first; a delete of several names all of them.
    With `typed` a create that says no more than a type is taken for what went of that type.
    """
    if not gone.deletes:
        return False
    deleted = gone.resources if _whole(gone) else gone.resources[:1]
    one = made.resources[0]
    puts = made.name.partition(":")[2].lower().startswith("put") and made.name.lower().endswith(_noun(one))
    if not made.creates and not (puts and one.kind != "s3:object"):
        return False
    return any(_alike(one, other) or (typed and _of_type(one, other)) for other in deleted)


def _noun(ref: ResourceRef) -> str:
    return ref.kind.partition(":")[2].lower()


_FOLDED: Final = ("rds", "elasticache", "redshift", "memorydb", "dms", "docdb", "neptune", "iam", "glue")
"""Services that take one name in any case for the same."""

_BY_TYPE: Final = "cloudcontrol"
"""What is named by its type there is another service's: ``AWS::RDS::DBInstance/shop``."""


class _Identity(NamedTuple):
    """What a resource is called, whichever call spells it: of what is named by its type the kind is not known, nor where only that is said, the name."""

    service: str
    kind: str
    name: str


def _identity(ref: ResourceRef) -> _Identity:
    service, kind, name = ref.kind.partition(":")[0], ref.kind, ref.id
    if service == _BY_TYPE:
        of, _, named = ref.id.partition("/")
        service = of.split("::")[1].lower() if of.count("::") == 2 else service
        kind, name = "", re.split(r"[|/]", named)[-1] if named else ""
    name = name.strip("/").removeprefix("default/")
    return _Identity(service, kind, name.lower() if service in _FOLDED else name)


def _alike(one: ResourceRef, other: ResourceRef) -> bool:
    """One thing, in any spelling. A place, a kind or a name that one of them does not say is the other's."""
    mine, theirs = _identity(one), _identity(other)
    said = ((one.account, other.account), (one.region, other.region), (mine.kind, theirs.kind))
    return (
        (one.provider, one.partition, mine.service) == (other.provider, other.partition, theirs.service)
        and "*" not in {one.id, other.id}
        and mine.name == theirs.name
        and all(not each or not its or each == its for each, its in said)
    )


def _of_type(made: ResourceRef, gone: ResourceRef) -> bool:
    """Whether a create by its type, which does not say the name, may be of what went."""
    if made.kind != f"{_BY_TYPE}:type" or (made.provider, made.partition, made.account) != (gone.provider, gone.partition, gone.account):  # fmt: skip
        return False
    noun = made.id.rpartition("::")[2].lower()
    same_service = (
        _identity(gone).service == made.id.split("::")[1].lower() if made.id.count("::") == 2 else False
    )
    return same_service and (noun.endswith(_noun(gone)) or gone.id.startswith(f"{made.id}/"))


def _exactly(one: ResourceRef, other: ResourceRef) -> bool:
    """The same by name and kind; a place that one of them does not say is the other's."""
    return one.id == other.id and one.kind == other.kind and _alike(one, other)


def _touches(earlier: Earlier, step: Step) -> bool:
    """Whether it named one of these, or what they are part of."""
    return any(
        _alike(ref, mine) or mine.id.startswith(f"{ref.id}/")
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
