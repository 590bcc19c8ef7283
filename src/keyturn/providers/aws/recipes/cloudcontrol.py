"""Any resource that is changed through Cloud Control: one generic recipe, by its type's own schema.

GetResource tells every property that can be read, the schema which of them the service sets (read-only), which it never shows
(write-only) and which only a new resource can have (create-only)
(https://docs.aws.amazon.com/cloudcontrolapi/latest/userguide/resource-operations.html). It knows nothing of the data in a resource.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Final

import msgspec

from keyturn.core.ports import Inquiry
from keyturn.errors import UnavailableError
from keyturn.model.change import ResourceRef
from keyturn.model.execution import Backup
from keyturn.providers.aws.recipes.again import Again, Given
from keyturn.providers.aws.recipes.base import Captured, State, Step
from keyturn.providers.aws.recipes.common import differences, do, pause, read_call, value_of

_GROUPS: Final = {
    "read_only": "readOnlyProperties",
    "write_only": "writeOnlyProperties",
    "create_only": "createOnlyProperties",
}
_DONE: Final = frozenset({"SUCCESS", "FAILED", "CANCEL_COMPLETE"})

WAITS: Final = 40
"""Pauses for a request that is under way; each is some six seconds, so four minutes."""


class Resource(Again):
    """The properties that can be read and set, of whatever type it is."""

    kind: ClassVar[str] = "cloudcontrol:resource"
    title: ClassVar[str] = "resource by Cloud Control (generic)"
    fields: ClassVar[tuple[str, ...]] = ("properties",)
    secret_fields: ClassVar[tuple[str, ...]] = ("properties",)
    data_bearing: ClassVar[bool] = True
    backs_up: ClassVar[bool] = False
    creates: ClassVar[frozenset[str]] = frozenset({"cloudcontrol:CreateResource"})
    deletes: ClassVar[frozenset[str]] = frozenset({"cloudcontrol:DeleteResource"})
    updates: ClassVar[frozenset[str]] = frozenset({"cloudcontrol:UpdateResource"})
    settles: ClassVar[int] = 10
    recover_s: ClassVar[int] = 300
    proved_on: ClassVar[str] = "generic: a fake that speaks Cloud Control, never run on AWS"
    in_place: ClassVar[tuple[str, ...]] = ("cloudcontrol:UpdateResource",)
    loss: ClassVar[tuple[str, ...]] = (
        "all data in it: Cloud Control tells of none and brings none back",
        "properties that are never shown (passwords and the like), and every id that the service gives",
    )

    def capture(self, ref: ResourceRef) -> Inquiry[Captured]:
        unknowns: list[str] = []
        name, identifier = _parts(ref)
        answer, schema = yield (
            read_call(ref, "cloudcontrol:GetResource", TypeName=name, Identifier=identifier),
            read_call(ref, "cloudformation:DescribeType", Type="RESOURCE", TypeName=name),
        )
        found = value_of(answer, "GetResource", unknowns, "ResourceNotFoundException")
        if found is None:
            return Captured(None, tuple(unknowns))
        told = json.loads((value_of(schema, "DescribeType", unknowns) or {}).get("Schema") or "{}")
        groups = {group: sorted(_tops(told.get(member))) for group, member in _GROUPS.items()}
        properties = json.loads(found["ResourceDescription"]["Properties"])
        for path in told.get("readOnlyProperties") or []:
            _drop(properties, [part for part in str(path).split("/")[2:] if part])
        state: State = {"type": name, "properties": dict(sorted(properties.items())), **groups}
        tags = properties.get("Tags")
        if isinstance(tags, list) and all(isinstance(one, dict) and "Key" in one for one in tags):
            state["tags"] = {str(one["Key"]): str(one.get("Value", "")) for one in tags}
        return Captured(state, tuple(unknowns))

    def at_risk(self, state: State) -> str:
        return f"whatever lies in this {state['type']}: not read"

    def again(self, ref: ResourceRef, state: State) -> tuple[Given, ...]:
        wanted = json.dumps(state["properties"], sort_keys=True)
        step = Step("cloudcontrol:CreateResource", {"TypeName": state["type"], "DesiredState": wanted})
        return (Given(step),)

    def restore(self, ref: ResourceRef, state: State, backup: Backup | None) -> Inquiry[tuple[str, ...]]:
        """Made again, once the service says that it is; never taken for made before."""
        (only,) = self.again(ref, state)
        event = (yield from do(ref, only.step.operation, only.step.parameters))["ProgressEvent"]
        for _ in range(WAITS):
            if event.get("OperationStatus") in _DONE:
                break
            yield from pause()
            (answer,) = yield (
                read_call(ref, "cloudcontrol:GetResourceRequestStatus", RequestToken=event["RequestToken"]),
            )
            event = (value_of(answer, "GetResourceRequestStatus", []) or {}).get("ProgressEvent") or event
        if event.get("OperationStatus") != "SUCCESS":
            said = event.get("StatusMessage") or "it is still under way"
            raise UnavailableError(
                "not-made", f"{ref} was not made again: {event.get('OperationStatus')}: {said}"
            )
        made = msgspec.structs.replace(ref, id=f"{state['type']}/{event['Identifier']}")
        honest = (
            []
            if made == ref
            else [f"id: it was {ref.id} and is {made.id}: what names the old one has to be told"]
        )
        honest += [f"{name}: it is never shown, and was not set" for name in state["write_only"]]
        after = yield from self.capture(made)
        honest += differences(state, after.state, self.fields, title=str(made))
        return (*honest, *(f"could not be compared: {unknown}" for unknown in after.unknowns))

    def inverse(
        self, operation: str, parameters: dict[str, Any], ref: ResourceRef, state: State
    ) -> tuple[Step, ...]:
        """Each property that the patch touches, whole, as it stood. Afterwards the patch itself is sealed, as it may hold secrets:
        then all that can be set is put back, and what the patch has added would be left; so nothing is promised for such a patch.
        """
        if operation != "cloudcontrol:UpdateResource":
            return ()
        fixed = {*state["read_only"], *state["write_only"], *state["create_only"]}
        stood = [name for name in state["properties"] if name not in fixed]
        patch = parameters.get("PatchDocument")
        touched = list(dict.fromkeys(_touched(json.loads(patch)))) if isinstance(patch, str) else stood
        if not touched or not set(touched) <= set(stood) or state["write_only"]:
            return ()  # nobody sees whether a write-only property is as it was
        back = [
            {"op": "add", "path": f"/{_escaped(name)}", "value": state["properties"][name]}
            for name in touched
        ]
        name, identifier = _parts(ref)
        which = {"TypeName": name, "Identifier": identifier}
        return (Step(operation, {**which, "PatchDocument": json.dumps(back, sort_keys=True)}),)

    def gone(self, state: State | None) -> bool | None:
        return True if state is None else None  # a request is worked on after it was answered


def _parts(ref: ResourceRef) -> tuple[str, str]:
    """Type and identifier, of ``AWS::Logs::LogGroup/name``; an identifier may have slashes of its own."""
    name, _, identifier = ref.id.partition("/")
    return name, identifier


def _tops(paths: list[str] | None) -> Iterator[str]:
    """Top-level properties that are wholly in a group: ``/properties/Arn``, not what lies deeper."""
    for path in paths or []:
        parts = str(path).split("/")
        if len(parts) == 3:
            yield parts[2]


def _drop(value: Any, way: list[str]) -> None:
    """Take off what stands at a path of the schema; a star is every entry of a list."""
    if not way:
        return
    head, *rest = way
    if isinstance(value, list):
        for one in value:
            _drop(one, rest if head == "*" else way)
    elif isinstance(value, dict) and head in value:
        if rest:
            _drop(value[head], rest)
        else:
            del value[head]


def _touched(patch: list[Mapping[str, Any]]) -> Iterator[str]:
    """Top-level properties of an RFC 6902 patch: a move touches both ends, a test none."""
    for one in patch:
        ends = [one.get("path")] if one.get("op") != "move" else [one.get("path"), one.get("from")]
        if one.get("op") != "test":
            yield from (str(end).split("/")[1].replace("~1", "/").replace("~0", "~") for end in ends if end)


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
