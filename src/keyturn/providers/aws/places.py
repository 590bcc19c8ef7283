"""Where the resources of a change are: whose tags were read, and who says which environment that is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from keyturn.core.ports import Inquiry
from keyturn.model.assessment import Heard
from keyturn.model.change import Change, ResourceRef
from keyturn.model.execution import Call, Succeeded
from keyturn.providers.aws import environment, recipes
from keyturn.providers.aws.capturing import Taken
from keyturn.providers.aws.resources import arn_of, container_of
from keyturn.providers.aws.rules import Context

ARNS_MAX: Final = 100
"""ResourceGroupsTaggingAPI takes no more in one GetResources (API_GetResources, ResourceARNList)."""


def with_tags(change: Change, taken: Taken) -> Inquiry[Taken]:
    """Tags of what no recipe captures, and of containers, read with one call a region. What could not be read says nothing."""
    wanted: dict[str, ResourceRef] = {}
    for ref in change.resources:
        container = container_of(ref)
        if ref.id != "*" and recipes.for_kind(ref.kind) is None:
            wanted.setdefault(arn_of(ref), ref)
        if container is not None and container.id != "*" and str(container) not in taken.captures.states:
            wanted.setdefault(
                arn_of(container), container
            )  # it may have a recipe: only what is judged is captured
    if not wanted:
        return taken
    at: dict[tuple[str, str, str], list[str]] = {}
    for arn, ref in list(wanted.items())[:ARNS_MAX]:
        at.setdefault((ref.partition, ref.account, ref.region), []).append(arn)
    calls = tuple(
        Call(
            "resourcegroupstaggingapi:GetResources",
            {"ResourceARNList": arns},
            account=account,
            region=region,
            partition=partition,
        )
        for (partition, account, region), arns in at.items()
    )
    answers = yield calls
    tags: dict[str, dict[str, str]] = {}
    for answer in answers:
        found = answer.value.get("ResourceTagMappingList") if isinstance(answer, Succeeded) else None
        for mapping in found if isinstance(found, list) else ():
            ref_ = wanted.get(str(mapping.get("ResourceARN")))
            if ref_ is not None:
                tags[str(ref_)] = {str(tag["Key"]): str(tag["Value"]) for tag in mapping.get("Tags") or ()}
    return msgspec.structs.replace(taken, tags=tags)


def hear(
    change: Change, contexts: Iterable[Context], taken: Taken, accounts: Mapping[str, str]
) -> dict[ResourceRef, tuple[Heard, ...]]:
    """By resource, everybody who spoke."""
    contexts = list(contexts)
    claimed = {str(context.ref): _claimed_tags(context.parameters) for context in contexts}
    signed = {ref: one.account for one in change.operations for ref in one.resources}
    heard: dict[ResourceRef, tuple[Heard, ...]] = {}
    for ref in change.resources:
        container = container_of(ref)
        beside = _tags(container, taken) if container is not None else None
        heard[ref] = environment.hear(
            ref,
            standing=_tags(ref, taken),
            claimed=claimed.get(str(ref), {}),
            accounts=accounts,
            container=(str(container), beside) if beside else None,
            signed_account=signed.get(ref, ""),
            arn=arn_of(ref),
        )
    return heard


def environment_of(heard: Mapping[ResourceRef, tuple[Heard, ...]]) -> str:
    """The strictest of all resources: each counts as unknown where nobody spoke of it."""
    return environment.strictest(environment.concluded(voices) for voices in heard.values())


def _tags(ref: ResourceRef, taken: Taken) -> dict[str, Any] | None:
    """Tags that were read, by a recipe or all at once; None where they were not."""
    state = taken.captures.states.get(str(ref)) or {}
    own = state.get("tags") if isinstance(state.get("tags"), dict) else _claimed_tags(state) or None
    if own is not None:
        return dict(own)
    return dict(taken.tags[str(ref)]) if str(ref) in taken.tags else None


def _claimed_tags(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Tags in a request, whatever shape the service gives them."""
    names = ("Tags", "tags", "TagList", "TagSet")
    tags: Any = next((found for name in names if (found := parameters.get(name))), {})
    if isinstance(tags, list):
        return {
            str(tag.get("Key") or tag.get("key")): tag.get("Value") or tag.get("value")
            for tag in tags
            if isinstance(tag, dict)
        }
    return dict(tags) if isinstance(tags, dict) else {}
