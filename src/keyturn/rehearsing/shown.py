"""A step as people see it: what it was found to be in the twin, and what was otherwise after it. Secrets stand sealed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from keyturn.core.ports import Seal
from keyturn.model.assessment import Assessment, Difference, RehearsedStep
from keyturn.model.canonical import canonical
from keyturn.model.change import Operation, ResourceRef
from keyturn.model.rehearsal import States
from keyturn.providers.aws import recipes

SHOWN_MAX: Final = 60
"""Differences of one step; more nobody reads."""

STANDS: Final = "stands"
"""The path of what comes to be, or ceases to be."""


def shown(
    operation: Operation,
    assessment: Assessment,
    before: States,
    after: States,
    born: tuple[ResourceRef, ...],
    seal: Seal,
) -> RehearsedStep:
    """`before` and `after` are what stood in the twin; `born` is what the answer names and the step made."""
    resources = born or operation.resources
    differences = [one for ref in resources for one in _of(ref, before, after, seal)]
    unread = [
        f"{ref}: nothing reads it back"
        for ref in resources
        if str(ref) not in before or str(ref) not in after
    ]
    return RehearsedStep(
        operation=operation.name,
        resources=resources,
        effect=assessment.effect,
        reversibility=assessment.reversibility,
        findings=assessment.findings,
        differences=tuple(differences[:SHOWN_MAX]),
        unread=tuple(unread),
    )


def _of(ref: ResourceRef, before: States, after: States, seal: Seal) -> Iterator[Difference]:
    name = str(ref)
    recipe = recipes.for_kind(ref.kind)
    if name not in before or name not in after:
        return
    was, now = before[name], after[name]
    if (was is None) != (now is None):
        yield Difference(ref, STANDS, was is not None, now is not None)
    if now is None:
        return
    fields = recipe.fields if recipe is not None else tuple(sorted({*(was or {}), *now}))
    secret = recipe.secret_fields if recipe is not None else ()
    for field in fields:
        old, new = (was or {}).get(field), now.get(field)
        if was is None and new in (None, "", [], {}, False):
            continue
        for path, one, other in _inside(field, old, new):
            if canonical(one) != canonical(other):
                yield Difference(
                    ref,
                    path,
                    _sealed(one, seal) if field in secret else one,
                    _sealed(other, seal) if field in secret else other,
                )


def _inside(path: str, before: Any, after: Any) -> Iterator[tuple[str, Any, Any]]:
    """Maps member by member; of lists what went and what came."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name in sorted({*before, *after}):
            yield from _inside(f"{path}.{name}", before.get(name), after.get(name))
    elif isinstance(before, list) and isinstance(after, list):
        went = [one for one in before if one not in after]
        came = [one for one in after if one not in before]
        for one in went:
            yield path, one, None
        for one in came:
            yield path, None, one
    else:
        yield path, before, after


def _sealed(value: Any, seal: Seal) -> Any:
    return None if value is None else {"$sealed": seal(canonical(value))}
