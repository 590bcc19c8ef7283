"""Systems Manager parameters.

A deleted parameter is gone with its history, and its name can be used again only after 30 seconds
(https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_DeleteParameter.html). A secure string is captured without
its plaintext: what differs is told by its version, and its backup is a copy under the plane's own path in the account, read
and written by the backup role alone.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, ClassVar, Final

import msgspec

from keyturn.core.ports import Inquiry
from keyturn.errors import UnavailableError
from keyturn.model.assessment import Recoverable
from keyturn.model.change import ResourceRef
from keyturn.model.execution import Backup, Role
from keyturn.model.words import counted
from keyturn.providers.aws.recipes.base import Captured, Narrow, Recipe, Scratch, State, Step, call
from keyturn.providers.aws.recipes.common import (
    differences,
    do,
    must,
    pages,
    read_call,
    tags_back,
    tags_dict,
    tags_list,
    value_of,
    wanted_otherwise,
)
from keyturn.providers.aws.recipes.export import exported
from keyturn.providers.aws.recipes.runbook import Run

BACKUP_PATH: Final = "/keyturn/backup"
"""Where copies of secure strings are kept; nothing but the backup role is to read it."""

_ABSENT: Final = ("ParameterNotFound",)

_PARAMETER: Final = {
    "type": "Type",
    "value": "Value",
    "tier": "Tier",
    "key_id": "KeyId",
    "description": "Description",
    "allowed_pattern": "AllowedPattern",
    "data_type": "DataType",
    "policies": "Policies",
}
"""A capture's field and the parameter of PutParameter that sets it."""


class Parameter(Recipe):
    """A parameter's value, type, tier, key, policies, tags, and how many versions stand behind it."""

    kind: ClassVar[str] = "ssm:parameter"
    title: ClassVar[str] = "SSM parameter"
    fields: ClassVar[tuple[str, ...]] = (*_PARAMETER, "secure_version", "tags")
    secret_fields: ClassVar[tuple[str, ...]] = ("value",)
    data_bearing: ClassVar[bool] = True
    creates: ClassVar[frozenset[str]] = frozenset({"ssm:PutParameter"})
    deletes: ClassVar[frozenset[str]] = frozenset({"ssm:DeleteParameter", "ssm:DeleteParameters"})
    updates: ClassVar[frozenset[str]] = frozenset(
        {"ssm:PutParameter", "ssm:AddTagsToResource", "ssm:RemoveTagsFromResource"}
    )
    in_place: ClassVar[tuple[str, ...]] = ("ssm:PutParameter --overwrite", "ssm:AddTagsToResource")
    drills: ClassVar[bool] = True
    backs_up: ClassVar[bool] = True
    restores: ClassVar[bool] = True
    loss: ClassVar[tuple[str, ...]] = (
        "the parameter's earlier versions and labels; it begins again at version 1",
        "its name for 30 seconds after the delete",
    )

    def capture(self, ref: ResourceRef) -> Inquiry[Captured]:
        unknowns: list[str] = []
        named = {"ParameterFilters": [{"Key": "Name", "Option": "Equals", "Values": [ref.id]}]}
        read, listed = yield (
            read_call(ref, "ssm:GetParameter", Name=ref.id),
            read_call(ref, "ssm:ListTagsForResource", ResourceType="Parameter", ResourceId=ref.id),
        )
        found = value_of(read, "GetParameter", unknowns, *_ABSENT)
        if found is None:
            return Captured(None, tuple(unknowns))
        parameter = found["Parameter"]
        answers = yield from pages(
            ref, "ssm:DescribeParameters", named, token_in="NextToken", token_out="NextToken"
        )
        described: dict[str, Any] = {}
        for answer in answers:
            for one in (value_of(answer, "DescribeParameters", unknowns) or {}).get("Parameters", []):
                described = one if one.get("Name") == ref.id else described
        if not described and not unknowns:
            unknowns.append("DescribeParameters: tier, key and policies are not known")
        tags = (value_of(listed, "ListTagsForResource", unknowns, "InvalidResourceId") or {}).get("TagList")
        return Captured(_state(parameter, described) | {"tags": tags_dict(tags)}, tuple(unknowns))

    def unread(self, field: str, state: State) -> str:
        if field != "value" or state["type"] != "SecureString":
            return ""
        return f"a secret that is not read, version {state['secure_version']}"

    def at_risk(self, state: State) -> str:
        return f"{counted(state.get('version', 1), 'version')} of a {state.get('type', 'String')}"

    def recoverable(self, ref: ResourceRef, state: State | None) -> Recoverable:
        return Recoverable(resource=ref, backup=True, inverse=False, recover_s=60, loss=self.loss)

    # --- the narrow way ----------------------------------------------------------------------------------------------

    def desired(self, operation: str, parameters: dict[str, Any]) -> State | None:
        if operation != "ssm:PutParameter" or parameters.get("Overwrite"):
            return None  # with Overwrite it is the update in place itself
        wanted = {
            field: _given(field, parameters) for field, name in _PARAMETER.items() if name in parameters
        }
        if "Tags" in parameters:
            wanted["tags"] = tags_dict(parameters["Tags"])
        return wanted

    def narrow(self, ref: ResourceRef, state: State, desired: State) -> Narrow | None:
        secure = state["type"] == "SecureString"
        found = wanted_otherwise(state, desired, tuple(field for field in self.fields if field in desired))
        put = {
            _PARAMETER[field]: _parameter(field, after) for field, _, after in found if field in _PARAMETER
        }
        steps = []
        if put:
            given = {"Value": desired.get("value", state["value"]), **put}
            steps.append(Step("ssm:PutParameter", {"Name": ref.id, **given, "Overwrite": True}))
        for field, before, after in found:
            if field == "tags":
                missing = {key: value for key, value in after.items() if (before or {}).get(key) != value}
                steps.append(
                    Step(
                        "ssm:AddTagsToResource",
                        {"ResourceType": "Parameter", "ResourceId": ref.id, "Tags": tags_list(missing)},
                    )
                )
        unknown = ("value: it is a secure string and was not compared",) if secure else ()
        return Narrow(tuple(steps), found, unknown=unknown)

    def wanted(self, operation: str, parameters: dict[str, Any]) -> State | None:
        if operation != "ssm:PutParameter":
            return None
        return {field: _given(field, parameters) for field, name in _PARAMETER.items() if name in parameters}

    def settled(
        self, operation: str, parameters: dict[str, Any], ref: ResourceRef, state: State | None
    ) -> bool | None:
        if operation == "ssm:PutParameter" and not parameters.get("Overwrite"):
            return state is not None
        return super().settled(operation, parameters, ref, state)

    def inverse(
        self, operation: str, parameters: dict[str, Any], ref: ResourceRef, state: State
    ) -> tuple[Step, ...]:
        if operation == "ssm:PutParameter" and state["type"] != "SecureString":
            return (Step(operation, {**_put(ref, state), "Overwrite": True}),)
        names = {"ResourceType": "Parameter", "ResourceId": ref.id}
        if operation == "ssm:AddTagsToResource":
            keys = [tag["Key"] for tag in parameters.get("Tags", [])]
        elif operation == "ssm:RemoveTagsFromResource":
            keys = list(parameters.get("TagKeys", []))
        else:
            return ()
        return tags_back("ssm:AddTagsToResource", "ssm:RemoveTagsFromResource", names, state["tags"], keys)

    # --- backup and restore ------------------------------------------------------------------------------------------

    def backup(self, ref: ResourceRef, state: State, *, case_id: str, at_ms: int) -> Inquiry[Backup]:
        if state["type"] == "SecureString":
            reference, proof = yield from _copy(ref, state, case_id)
        else:
            again = yield from self.capture(ref)
            if self.fingerprint(again.state) != self.fingerprint(state):
                raise UnavailableError("backup", f"{ref.id} changed while it was captured")
            reference, proof = "capture", "read a second time, equal; PutParameter makes it again"
        return Backup(
            resource=ref,
            state_digest=self.fingerprint(state),
            watermark={"version": state["version"], "at_ms": at_ms},
            reference=reference,
            manifest="",
            taken_at_ms=at_ms,
            verified_at_ms=at_ms,
            verified_by=proof,
            restores_to="a new parameter of the same name, at version 1",
            loss=self.loss,
        )

    def saved_for(self, ref: ResourceRef, case_id: str) -> Inquiry[tuple[str, ...]]:
        return (_copy_name(ref, case_id),)
        yield ()  # makes this a generator

    def restore(self, ref: ResourceRef, state: State, backup: Backup | None) -> Inquiry[tuple[str, ...]]:
        if backup is None:
            raise UnavailableError("no-backup", f"there is no backup of {ref.id} to restore")
        given = _put(ref, state)
        if state["type"] == "SecureString":
            given["Value"] = yield from _plaintext(ref, backup.reference)
        standing = yield from self.capture(ref)
        if standing.state is None:
            yield from do(ref, "ssm:PutParameter", {**given, "Tags": tags_list(state["tags"])})
        after = yield from self.capture(ref)
        fields = tuple(field for field in self.fields if field != "secure_version")
        honest = differences(state, after.state, fields, title=f"parameter {ref.id}")
        honest += [f"could not be compared: {unknown}" for unknown in after.unknowns]
        was, now = state["version"], (after.state or {}).get("version")
        if was != now:
            honest.append(f"versions: it was at {was} and is at {now}; the earlier values are gone")
        return tuple(honest)

    def scratch(self, ref: ResourceRef, name: str, state: State) -> Scratch:
        return Scratch(
            ref=msgspec.structs.replace(ref, id=name),
            state=state,
            removal=Step("ssm:DeleteParameter", {"Name": name}),
            fields=tuple(field for field in self.fields if field != "secure_version"),
        )

    def restore_plan(self, ref: ResourceRef, state: State, backup: Backup | None) -> tuple[Step, ...]:
        given = _put(ref, state)
        if state["type"] == "SecureString":
            given["Value"] = "(the value of the copy)"
        return (Step("ssm:PutParameter", {**given, "Tags": tags_list(state["tags"])}),)

    def runs(self, ref: ResourceRef, state: State, backup: Backup) -> tuple[Run, ...]:
        """A secure value goes from the copy into the command; it is not in the runbook."""
        (made,) = self.restore_plan(ref, state, backup)
        if state["type"] != "SecureString":
            return (Run(made),)
        asked = {"Name": backup.reference, "WithDecryption": True}
        secret = Step("ssm:GetParameter", asked)
        given = {name: value for name, value in made.parameters.items() if name != "Value"}
        put = Run(msgspec.structs.replace(made, parameters=given), values={"--value": 1})
        return (Run(secret, gives={1: "Parameter.Value"}), put)


def _kebab(name: str) -> str:
    return "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("-")


def _state(parameter: dict[str, Any], described: dict[str, Any]) -> State:
    secure = parameter.get("Type") == "SecureString"
    both = {**described, **parameter}
    return {
        **{field: _given(field, both) for field in _PARAMETER},
        "value": None if secure else parameter.get("Value"),
        "secure_version": parameter.get("Version", 1) if secure else None,
        "version": parameter.get("Version", 1),
        "arn": parameter.get("ARN", ""),
    }


def _given(field: str, source: dict[str, Any]) -> Any:
    value = source.get(_PARAMETER[field])
    match field:
        case "tier":
            return "Standard" if value in {None, "Intelligent-Tiering"} else value
        case "data_type":
            return value or "text"
        case "policies":
            return _policies(value)
    return value or ""


def _policies(given: Any) -> list[Any]:
    """The policies themselves: PutParameter takes them as one text, DescribeParameters gives a text of each."""
    texts = [given] if isinstance(given, str) else [one.get("PolicyText", "") for one in given or []]
    found: list[Any] = []
    for text in texts:
        try:
            read = json.loads(text or "[]")
        except ValueError:
            read = text
        found += read if isinstance(read, list) else [read]
    return sorted(found, key=lambda one: json.dumps(one, sort_keys=True))


def _parameter(field: str, value: Any) -> Any:
    return json.dumps(value or []) if field == "policies" else value


def _put(ref: ResourceRef, state: State) -> dict[str, Any]:
    """What PutParameter takes to make it again; without what was never said."""
    said = {
        _PARAMETER[field]: _parameter(field, state[field])
        for field in _PARAMETER
        if state.get(field) not in (None, "", [])
    }
    return {"Name": ref.id, **said}


def _copy_name(ref: ResourceRef, case_id: str) -> str:
    """Where the copy for a case, or for a drill, stands."""
    return f"{BACKUP_PATH}/{case_id}/{hashlib.sha256(ref.id.encode()).hexdigest()[:12]}"


def _copy(ref: ResourceRef, state: State, case_id: str) -> Inquiry[tuple[str, str]]:
    """A secure string is copied under the plane's path, with the same key, and read back; (its name, the proof)."""
    value = yield from _plaintext(ref, ref.id)
    name = _copy_name(ref, case_id)
    given = {"Name": name, "Value": value, "Type": "SecureString", "Overwrite": True}
    if state["key_id"]:
        given["KeyId"] = state["key_id"]
    overwriting = msgspec.structs.replace(call(ref, "ssm:PutParameter", given, Role.BACKUP), again=True)
    (answer,) = yield (overwriting,)
    must(answer, f"copying {ref.id}")
    if (yield from _plaintext(ref, name)) != value:
        raise UnavailableError("backup", f"the copy of {ref.id} does not read back as it was written")
    return name, f"copied to {name} under the same key, read back, equal"


def _plaintext(ref: ResourceRef, name: str) -> Inquiry[str]:
    """The value of a secure string, by the backup role; in memory and sealed in the vault, nowhere else."""
    read = yield from exported(ref, "ssm:GetParameter", {"Name": name, "WithDecryption": True})
    value: str = read["Parameter"]["Value"]
    return value


def is_ours(name: str) -> bool:
    """Whether a parameter is undo material of the plane."""
    return name.startswith(BACKUP_PATH + "/")


__all__ = ["BACKUP_PATH", "Parameter", "is_ours"]
