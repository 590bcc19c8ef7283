"""What a policy can know, as one table: name, Cedar type, meaning, and where the value comes from.

The request's context, its schema, the check of literals in policies and the table in docs/guides/policy.md all come from
`FACTS`. Every fact is required, so that no policy needs a `has` guard, and each has one source.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal

import msgspec

from keyturn.core.ports import Facts
from keyturn.model.assessment import Assessment, Kind, Reversibility
from keyturn.model.change import Change, Effect
from keyturn.model.radius import Radius

Value = bool | int | str | list[str]

NON_PRODUCTION: Final = frozenset(
    [
        "ci",
        "demo",
        "dev",
        "development",
        "ephemeral",
        "integration",
        "lab",
        "local",
        "nonprod",
        "non-production",
        "nonproduction",
        "preview",
        "qa",
        "sandbox",
        "stage",
        "staging",
        "test",
        "testing",
        "training",
        "uat",
    ]
)
"""Environments that are not production. Any other word counts as production: a name nobody has foreseen fails closed."""

_R_LEVEL: Final = {level: rank for rank, level in enumerate(Reversibility)}


class Asked(msgspec.Struct, frozen=True):
    """What policy is asked about, whole."""

    change: Change
    assessment: Assessment
    facts: Facts


class Fact(msgspec.Struct, frozen=True):
    """One attribute of the context. `words` are the only strings it can hold, where there is such a list."""

    name: str
    type: Literal["Bool", "Long", "String", "Set<String>"]
    doc: str
    of: Callable[[Asked], Value]
    words: tuple[str, ...] = ()


def worst_effect(assessment: Assessment) -> Effect:
    """The worst of all effects named, so that `effect` and `effects` cannot contradict each other."""
    return max((assessment.effect, *assessment.effects), key=lambda effect: effect.severity)


def is_production(environment: str) -> bool:
    """Whether the environment counts as production: everything that is not known to be something else."""
    return environment.strip().lower() not in NON_PRODUCTION


def backup_possible(change: Change, assessment: Assessment) -> bool:
    """A recipe can back up every resource of the change; false when one of them is not spoken of."""
    return _each(change, assessment, backup=True)


def backup_vaulted(change: Change, assessment: Assessment) -> bool:
    """What every resource of the change would be given back from lies in the vault account too; false where there is none."""
    able = {item.resource: item.vaulted for item in assessment.recoverable}
    return bool(able) and all(able.values()) and all(able.get(ref, False) for ref in change.resources)


def inverse_exists(change: Change, assessment: Assessment) -> bool:
    """Every resource of the change can be put back in place from its capture."""
    return _each(change, assessment, backup=False)


def _each(change: Change, assessment: Assessment, *, backup: bool) -> bool:
    able = {item.resource: item.backup if backup else item.inverse for item in assessment.recoverable}
    return bool(able) and all(able.values()) and all(able.get(ref, False) for ref in change.resources)


def delegated(change: Change, assessment: Assessment) -> bool:
    """All that is worse than an update in place is what something may do that acts later, whose role is known and can change
    nobody's permissions.
    """
    worse = [
        one
        for one in assessment.findings
        if one.effect.severity > Effect.UPDATE.severity and one.kind is not Kind.NOTE
    ]
    known = all(one.kind is Kind.DELEGATED_AUTHORITY and one.evidence.get("bounded") is True for one in worse)
    floors = all(operation.floor.severity <= Effect.UPDATE.severity for operation in change.operations)
    return bool(worse) and known and floors


def own(assessment: Assessment) -> bool:
    """All that the change touches was made by this very session, holds no data, and is used by nobody else that is known."""
    return any(finding.code == "SEQ007" for finding in assessment.findings)


NEVER_S: Final = 9_999_999_999
"""Three hundred years: a time to recover that is not known is longer than any that a policy compares it with."""


def recover_s(assessment: Assessment) -> int:
    """Seconds until everything of the change is back, as drills measured it or recipes estimate it; `NEVER_S` where not known."""
    return NEVER_S if assessment.recover_s is None else assessment.recover_s


def undo_window_s(assessment: Assessment) -> int:
    """The shortest time in which a service itself takes a part of it back; 0 where none does."""
    return min((item.window_s for item in assessment.recoverable if item.window_s is not None), default=0)


def drilled(change: Change, assessment: Assessment) -> bool:
    """Nothing of the change would have to come from a backup of a kind that no drill has given back."""
    known = {item.resource: item for item in assessment.recoverable}
    return all(
        (item := known.get(ref)) is not None and (item.inverse or item.drilled_at_ms is not None)
        for ref in change.resources
    )


def reversibility_drilled(change: Change, assessment: Assessment) -> int:
    """The class, and one worse where the way back was never tried: what is only said to be restorable may be lost."""
    level = _R_LEVEL[assessment.reversibility]
    untried = assessment.reversibility is Reversibility.R3 and not drilled(change, assessment)
    return level + 1 if untried else level


def not_looked(radius: Radius | None) -> bool:
    """Something goes, and nobody could look who relies on it, how many there are, or what would be left to serve."""
    return radius is not None and not radius.nodes


def dependents(assessment: Assessment) -> int:
    """How many others rely on it, directly or by others, as far as the walk or the captures met them."""
    if assessment.radius is None or not_looked(assessment.radius):
        return len({edge.resource for edge in assessment.blast_radius})
    return len(assessment.radius.dependents)


def dependents_production(assessment: Assessment) -> int:
    """How many of them count as production; all whose tags say nothing do."""
    radius = assessment.radius
    if radius is None or not_looked(radius):
        return dependents(assessment)
    return sum(1 for node in radius.dependents if is_production(node.environment))


def share_of_kind(assessment: Assessment) -> int:
    """Percent of the largest population that the change takes from: of the account's resources of a kind, or of a group."""
    radius = assessment.radius
    if not_looked(radius):
        return 100
    return max((share.percent for share in radius.shares), default=0) if radius is not None else 0


def capacity_left(assessment: Assessment) -> int:
    """Percent of what serves now that would still serve, in the group that loses most; 100 where nothing that serves goes."""
    radius = assessment.radius
    if not_looked(radius):
        return 0
    return min((one.percent for one in radius.capacities), default=100) if radius is not None else 100


def serving_left(assessment: Assessment) -> int:
    """How many would still serve, in the group where the fewest would; `NEVER_S` where nothing that serves goes."""
    radius = assessment.radius
    if not_looked(radius):
        return 0
    return (
        min((one.left or 0 for one in radius.capacities), default=NEVER_S) if radius is not None else NEVER_S
    )


_EFFECTS: Final = tuple(effect.value for effect in Effect)
_KINDS: Final = tuple(kind.value for kind in Kind)

FACTS: Final[tuple[Fact, ...]] = (
    Fact(
        "effect",
        "String",
        "the worst effect the assessment found",
        lambda asked: worst_effect(asked.assessment).value,
        _EFFECTS,
    ),
    Fact(
        "effects",
        "Set<String>",
        "every effect the assessment found",
        lambda asked: sorted({*asked.assessment.effects, asked.assessment.effect}),
        _EFFECTS,
    ),
    Fact(
        "reversibility",
        "Long",
        "0 a read, 1 put back in place, 2 a native undo window, 3 a new identity with stated loss, 4 never",
        lambda asked: _R_LEVEL[asked.assessment.reversibility],
    ),
    Fact(
        "reversibility_drilled",
        "Long",
        "the same, and 4 instead of 3 where no drill has given back a resource of that kind",
        lambda asked: reversibility_drilled(asked.change, asked.assessment),
    ),
    Fact(
        "drilled",
        "Bool",
        "each resource of the change is put back in place, or is of a kind that a drill has given back",
        lambda asked: drilled(asked.change, asked.assessment),
    ),
    Fact(
        "recover_s",
        "Long",
        "seconds until all of it is back, measured by a drill or estimated; 9999999999 where that is not known",
        lambda asked: recover_s(asked.assessment),
    ),
    Fact(
        "recover_known",
        "Bool",
        "how long it takes until all of it is back is known",
        lambda asked: asked.assessment.recover_s is not None,
    ),
    Fact(
        "undo_window_s",
        "Long",
        "seconds in which the service itself takes it back, the shortest of all parts; 0 where it does not",
        lambda asked: undo_window_s(asked.assessment),
    ),
    Fact(
        "environment",
        "String",
        "production, staging, development, ...; unknown where nothing says",
        lambda asked: asked.assessment.environment,
    ),
    Fact(
        "production",
        "Bool",
        "the environment is production, unknown, or a word that is not known to mean something else",
        lambda asked: is_production(asked.assessment.environment),
    ),
    Fact(
        "findings",
        "Set<String>",
        "kinds of the findings",
        lambda asked: sorted(asked.assessment.kinds),
        _KINDS,
    ),
    Fact(
        "codes",
        "Set<String>",
        "codes of the findings, such as KEYTURN001",
        lambda asked: sorted({finding.code for finding in asked.assessment.findings}),
    ),
    Fact("unknowns", "Long", "how many facts could not be had", lambda asked: len(asked.assessment.unknowns)),
    Fact(
        "data_bearing",
        "Bool",
        "a resource of the change holds data",
        lambda asked: asked.assessment.data_bearing,
    ),
    Fact(
        "data_at_risk",
        "Bool",
        "data would be lost or overwritten",
        lambda asked: bool(asked.assessment.data_at_risk),
    ),
    Fact(
        "backup_possible",
        "Bool",
        "Keyturn can back up every resource of the change",
        lambda asked: backup_possible(asked.change, asked.assessment),
    ),
    Fact(
        "backup_vaulted",
        "Bool",
        "what every resource of the change would be given back from lies in the vault account too: out of reach of all that this account's credentials can do",
        lambda asked: backup_vaulted(asked.change, asked.assessment),
    ),
    Fact(
        "inverse",
        "Bool",
        "Keyturn can put every resource of the change back in place",
        lambda asked: inverse_exists(asked.change, asked.assessment),
    ),
    Fact(
        "delegated",
        "Bool",
        "all that is worse than an update in place is what a role may do later that is known, or that a service puts to one use of its own, and it can change no permissions",
        lambda asked: delegated(asked.change, asked.assessment),
    ),
    Fact(
        "own",
        "Bool",
        "this very session made all that it touches; no data is in it, and nothing else is known to use it",
        lambda asked: own(asked.assessment),
    ),
    Fact(
        "alternatives", "Bool", "a narrower way is known", lambda asked: bool(asked.assessment.alternatives)
    ),
    Fact(
        "blast_radius",
        "Long",
        "how many other resources are known to rely on these",
        lambda asked: len({dependent.resource for dependent in asked.assessment.blast_radius}),
    ),
    Fact(
        "resources_touched",
        "Long",
        "how many resources the change names",
        lambda asked: len(asked.change.resources),
    ),
    Fact(
        "dependents",
        "Long",
        "how many others rely on what goes, directly or by others (see Blast radius)",
        lambda asked: dependents(asked.assessment),
    ),
    Fact(
        "dependents_production",
        "Long",
        "how many of them count as production; those whose tags say nothing do",
        lambda asked: dependents_production(asked.assessment),
    ),
    Fact(
        "radius_known",
        "Bool",
        "nothing goes, or all that Keyturn knows how to look through was read for who relies on it",
        lambda asked: asked.assessment.radius is None or asked.assessment.radius.whole,
    ),
    Fact(
        "share_of_kind",
        "Long",
        "percent that is taken of all of its kind in the account, or of its group, whichever is more; 100 where it was not counted",
        lambda asked: share_of_kind(asked.assessment),
    ),
    Fact(
        "capacity_left",
        "Long",
        "percent of what serves now that would still serve, in the group that loses most; 0 where that is not known, 100 where none does",
        lambda asked: capacity_left(asked.assessment),
    ),
    Fact(
        "serving_left",
        "Long",
        "how many targets, instances or tasks would still serve, where the fewest would; 9999999999 where no group loses any",
        lambda asked: serving_left(asked.assessment),
    ),
    Fact(
        "operations", "Long", "how many operations the change has", lambda asked: len(asked.change.operations)
    ),
    Fact(
        "services",
        "Set<String>",
        "services the operations belong to",
        lambda asked: sorted({operation.service for operation in asked.change.operations}),
    ),
    Fact(
        "operator", "String", "the person who runs the session", lambda asked: asked.change.principal.operator
    ),
    Fact("human", "Bool", "a person asks in her own name, no agent", lambda asked: asked.facts.human),
    Fact("undo", "Bool", "the change takes another case back", lambda asked: asked.facts.undo),
    Fact(
        "suggest_only",
        "Bool",
        "the session may propose, never execute",
        lambda asked: asked.facts.suggest_only,
    ),
    Fact("session_minutes", "Long", "how old the session is", lambda asked: asked.facts.session_minutes),
    Fact("frozen", "Bool", "a freeze covers this environment now", lambda asked: asked.facts.frozen),
    Fact(
        "reviewed",
        "Bool",
        "people approved the upload that this completes, and what it replaces still stands as they saw it",
        lambda asked: asked.facts.reviewed,
    ),
    Fact("observe", "Bool", "decisions are recorded, not enforced", lambda asked: asked.facts.observe),
)

WORDS: Final = {fact.name: fact.words for fact in FACTS if fact.words}
"""Facts that hold only words of a list; a literal outside it in a policy is a typing error and is refused at load."""


def context_of(change: Change, assessment: Assessment, facts: Facts) -> str:
    """The request's context as JSON text: every fact of the table, nothing else."""
    asked = Asked(change, assessment, facts)
    return msgspec.json.encode({fact.name: fact.of(asked) for fact in FACTS}).decode()


def table() -> str:
    """The facts as the Markdown table that stands in docs/guides/policy.md."""
    rows = [f"| `context.{fact.name}` | `{fact.type}` | {fact.doc}{_words(fact)} |" for fact in FACTS]
    return "\n".join(["| fact | type | meaning |", "|---|---|---|", *rows])


def _words(fact: Fact) -> str:
    return f": {', '.join(fact.words)}" if fact.words else ""
