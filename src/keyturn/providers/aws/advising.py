"""What a narrow patch costs, property by property, and whether it certainly is one.

*patch*: every difference has a call that changes it where it stands. *maybe*: something could not be compared, no call is known here for a
difference, or the type's own schema says that the property makes a new resource. *replace*: no update changes a property, which is named.
*stands*: nothing differs. A patch without calls there is none.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from keyturn.model.assessment import Alternative, Cost
from keyturn.model.change import ResourceRef
from keyturn.providers.aws import catalogue
from keyturn.providers.aws.catalogue.replacements import Replaces, properties, replacement
from keyturn.providers.aws.radius.tables import TYPES
from keyturn.providers.aws.recipes.base import Narrow, Recipe, State, Step

_RDS: Final = "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Overview.DBInstance.Modifying.html"
_EC2: Final = "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-resize.html"

_COSTS: Final[dict[tuple[str, str], tuple[str, str]]] = {
    ("rds:ModifyDBInstance", "DBInstanceClass"): ("interruption: it restarts on another host", _RDS),
    ("rds:ModifyDBInstance", "EngineVersion"): ("interruption while the engine is upgraded", _RDS),
    ("rds:ModifyDBInstance", "DBParameterGroupName"): ("none before its next restart", _RDS),
    ("rds:ModifyDBInstance", "StorageType"): ("slower while its storage is changed", _RDS),
    ("rds:ModifyDBInstance", "DBSubnetGroupName"): ("interruption: it moves to another network", _RDS),
    ("rds:ModifyDBInstance", "DBPortNumber"): ("interruption: it restarts", _RDS),
    ("ec2:ModifyInstanceAttribute", "InstanceType"): ("restart: it has to be stopped and started", _EC2),
    ("ec2:ModifyInstanceAttribute", "UserData"): ("restart: it has to be stopped and started", _EC2),
    ("ecs:UpdateService", "taskDefinition"): (
        "its tasks are replaced one after the other",
        "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/update-service-console-v2.html",
    ),
    ("autoscaling:UpdateAutoScalingGroup", "DesiredCapacity"): (
        "instances are started, or ended, until there are so many",
        "https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_UpdateAutoScalingGroup.html",
    ),
    ("kinesis:UpdateShardCount", "TargetShardCount"): (
        "none; the stream is resharded for some minutes",
        "https://docs.aws.amazon.com/kinesis/latest/APIReference/API_UpdateShardCount.html",
    ),
    ("lambda:UpdateFunctionConfiguration", "*"): (
        "none; new environments start with it, those that run finish",
        "https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html",
    ),
    ("elasticbeanstalk:UpdateEnvironment", "*"): (
        "interruption, unless its deployment policy replaces instances one after the other",
        "https://docs.aws.amazon.com/elasticbeanstalk/latest/dg/using-features.rolling-version-deploy.html",
    ),
    ("cloudformation:UpdateStack", "TemplateBody"): (
        "that of each resource whose properties differ",
        "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-update-behaviors.html",
    ),
}
"""What a service says of a change of one property; a star is for every other one of that call."""

_EMPTY: Final[tuple[Any, ...]] = (None, "", {}, [])

SCHEMA_NAMES_MAX: Final = 12
"""Properties that are named; the type's page has all of them."""


def advised(way: Alternative, recipe: Recipe, ref: ResourceRef, found: Narrow) -> Alternative:
    """The alternative with verdict, reasons and costs."""
    costs = tuple(_costs(recipe, ref, found))
    if found.immutable:
        verdict, because = "replace", found.immutable
    elif found.uncalled:
        verdict, because = (
            "maybe",
            tuple(f"{path}: no call is known that changes it in place" for path in found.uncalled),
        )
    elif not found.steps:
        verdict, because = ("maybe", found.unknown) if found.unknown else ("stands", ())
    else:
        doubts = tuple(f"{one.path}: {one.source}" for one in costs if one.cost == "replacement")
        because = (*found.unknown, *doubts, *_emptied(found))
        verdict = "maybe" if because else "patch"
    return msgspec.structs.replace(way, verdict=verdict, because=because, costs=costs)


def _emptied(found: Narrow) -> Iterator[str]:
    """An update that is given nothing for a property that stands may keep it, or put the service's default in its place."""
    for path, before, after in found.changed:
        if _hollow(after) and not _hollow(before):
            yield f"{path}: given empty, what stands may stay or become the service's default"


def _hollow(value: Any) -> bool:
    """Nothing, or a document that says nothing: a list of rules without a rule."""
    return value in _EMPTY or (isinstance(value, dict) and all(one in _EMPTY for one in value.values()))


def accounted(recipe: Recipe, ref: ResourceRef, state: State, found: Narrow) -> Narrow:
    """The narrow patch with what no step of it changes: each difference is asked for alone, and alone it must have a call.

    A map that forgets a property would otherwise call the calls for the others a patch, or none at all.
    """
    missed = tuple(
        path
        for path, _, after in found.changed
        if path not in found.immutable and not _has_call(recipe, ref, state, path, after)
    )
    return msgspec.structs.replace(found, uncalled=missed) if missed else found


def _has_call(recipe: Recipe, ref: ResourceRef, state: State, path: str, after: Any) -> bool:
    if path not in recipe.fields:
        return True  # a part of a field, by its own name: the map that names it made the call for it
    alone = recipe.narrow(ref, state, {**state, path: after})
    return alone is not None and (bool(alone.steps) or bool(alone.immutable) or not alone.changed)


def _costs(recipe: Recipe, ref: ResourceRef, found: Narrow) -> Iterator[Cost]:
    """One line for each property that a call sets, and one for each that none does."""
    for step in found.steps:
        for name in _properties(step, recipe, ref):
            yield _cost(recipe, step, name)
    for name in found.immutable:
        yield Cost(name, "", "replacement", "no call changes it in place")
    for name in found.uncalled:
        yield Cost(name, "", "not known", "no call is known that changes it in place")


def _properties(step: Step, recipe: Recipe, ref: ResourceRef) -> Iterator[str]:
    """The parameters that say something of the resource, not which one it is."""
    which = recipe.says_which(step.operation)
    for name, value in step.parameters.items():
        if name not in which and not _identifies(value, ref):
            yield name


def _identifies(value: Any, ref: ResourceRef) -> bool:
    if isinstance(value, list) and len(value) == 1:
        return _identifies(value[0], ref)
    return isinstance(value, str) and (
        value == ref.id or value.endswith((f":{ref.id}", f"/{ref.id}")) or value == ref.account
    )


def _cost(recipe: Recipe, step: Step, name: str) -> Cost:
    known = _COSTS.get((step.operation, name)) or _COSTS.get((step.operation, "*"))
    if known is not None:
        return Cost(name, step.operation, known[0], known[1])
    if step.action.startswith(("Tag", "AddTags", "CreateTags", "CreateOrUpdateTags")):
        return Cost(name, step.operation, "none", "a label")
    kind = TYPES.get(recipe.kind)
    told = replacement(kind, name[:1].upper() + name[1:]) if kind is not None else None
    if told is None or told.replaces is Replaces.MAYBE:
        return Cost(
            name, step.operation, "not known", told.source if told else f"{recipe.kind} has no type here"
        )
    if told.replaces is Replaces.YES:
        return Cost(name, step.operation, "replacement", told.source)
    return Cost(name, step.operation, "none known: it is updated in place", told.source)


def by_schema(ref: ResourceRef, operation: str) -> Alternative | None:
    """For a kind without a map of its own: which of its properties are updated in place by its type's schema, and by which calls."""
    kind = TYPES.get(ref.kind)
    if kind is None:
        return None
    yes, may, no = properties(kind)
    calls = _calls(operation)
    if not no or not calls:
        return None
    more = f" and {len(no) - SCHEMA_NAMES_MAX} more" if len(no) > SCHEMA_NAMES_MAX else ""
    fixed = f" Only a new one can have another {', '.join(yes[:SCHEMA_NAMES_MAX])}." if yes else ""
    unsure = f" Perhaps a new one is needed for {', '.join(may[:SCHEMA_NAMES_MAX])}." if may else ""
    why = (
        f"By its schema, {', '.join(no[:SCHEMA_NAMES_MAX])}{more} are changed where it stands.{fixed}{unsure}"
    )
    return Alternative(
        operations=(),
        commands=calls,
        why=why,
        lost="nothing",
        exact=False,
        verdict="maybe",
        because=("what is wanted is not known",),
    )


def _calls(operation: str) -> tuple[str, ...]:
    """The service's own calls that change what `operation` deletes: ``UpdateFunction...`` for ``DeleteFunction``."""
    service, _, action = operation.partition(":")
    for verb in ("Delete", "Terminate", "Remove", "Release"):
        if action.startswith(verb):
            noun = action.removeprefix(verb).removesuffix("s")
            return tuple(
                f"{service}:{name}"
                for name in sorted(catalogue.named(service))
                if name.startswith((f"Update{noun}", f"Modify{noun}", f"Set{noun}"))
            )[:4]
    return ()
