"""Lambda functions.

UpdateFunctionConfiguration replaces the environment as a whole and takes a RevisionId as its precondition
(https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionConfiguration.html); a deleted function is not recoverable, so that
its code is exported before.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from typing import Any, ClassVar, Final

import msgspec

from keyturn.core.ports import Inquiry
from keyturn.errors import UnavailableError
from keyturn.model.assessment import Dependent, Recoverable
from keyturn.model.change import ResourceRef
from keyturn.model.execution import Backup, Succeeded
from keyturn.providers.aws.recipes import lambda_again as made_again
from keyturn.providers.aws.recipes import lambda_callers as callers
from keyturn.providers.aws.recipes.base import Captured, Leaves, Narrow, Recipe, Scratch, State, Step
from keyturn.providers.aws.recipes.common import differences, read_call, value_of, wanted_otherwise
from keyturn.providers.aws.recipes.export import backup_of, in_vault
from keyturn.providers.aws.recipes.preconditions import Precondition
from keyturn.providers.aws.recipes.runbook import Run
from keyturn.providers.aws.resources import Home, from_arn, is_arn

_ABSENT: Final = ("ResourceNotFoundException",)

_CONFIGURATION: Final = {
    "runtime": "Runtime",
    "handler": "Handler",
    "role": "Role",
    "timeout": "Timeout",
    "memory": "MemorySize",
    "description": "Description",
    "environment": "Environment",
    "layers": "Layers",
    "vpc": "VpcConfig",
    "tracing": "TracingConfig",
    "dead_letter": "DeadLetterConfig",
    "storage": "EphemeralStorage",
    "key": "KMSKeyArn",
    "snap_start": "SnapStart",
}
"""A capture's field and the parameter of UpdateFunctionConfiguration that changes it."""


class Function(Recipe):
    """A function's configuration, the digest of its code, its tags; who invokes it."""

    kind: ClassVar[str] = "lambda:function"
    title: ClassVar[str] = "Lambda function"
    fields: ClassVar[tuple[str, ...]] = (
        *_CONFIGURATION,
        "code_sha256",
        "package",
        "architectures",
        "concurrency",
        "aliases",
        "statements",
        "invoked",
        "url",
        "tags",
    )
    secret_fields: ClassVar[tuple[str, ...]] = ("environment", "versions")
    data_bearing: ClassVar[bool] = False
    creates: ClassVar[frozenset[str]] = frozenset({"lambda:CreateFunction"})
    deletes: ClassVar[frozenset[str]] = frozenset({"lambda:DeleteFunction"})
    updates: ClassVar[frozenset[str]] = frozenset(
        {
            "lambda:UpdateFunctionConfiguration",
            "lambda:PutFunctionConcurrency",
            "lambda:DeleteFunctionConcurrency",
            "lambda:PutFunctionEventInvokeConfig",
            "lambda:DeleteFunctionEventInvokeConfig",
            *callers.OPERATIONS,
            "lambda:TagResource",
            "lambda:UntagResource",
        }
    )
    in_place: ClassVar[tuple[str, ...]] = (
        "lambda:UpdateFunctionConfiguration",
        "lambda:UpdateFunctionCode",
        "lambda:UpdateAlias",
    )
    holds: ClassVar[Mapping[str, Precondition]] = {
        "lambda:UpdateFunctionConfiguration": Precondition("RevisionId", "revision"),
        "lambda:AddPermission": Precondition("RevisionId", "policy_revision"),
        "lambda:RemovePermission": Precondition("RevisionId", "policy_revision"),
        "lambda:UpdateAlias": Precondition("RevisionId", "alias_revisions", of="Name"),
    }
    unheld: ClassVar[Mapping[str, str]] = {
        "lambda:UpdateFunctionCode": "the plane sends it only to a function it has itself made some calls before, under a name at "
        "which nothing stood; CreateFunction refuses one that stands",
        "lambda:PublishVersion": "as UpdateFunctionCode: nobody but the plane knows that function yet",
    }
    restores: ClassVar[bool] = True
    drills: ClassVar[bool] = True
    drills_exported: ClassVar[bool] = True
    exports: ClassVar[bool] = True
    loss: ClassVar[tuple[str, ...]] = (
        "its code, where it is too large to be exported: nothing else brings a deleted function back",
        "published versions that no alias names; the others have new numbers",
        "the address of its function URL; policies and URLs of its versions and aliases, and provisioned concurrency",
        "its event source mappings are left alone: they feed whatever stands under its name",
    )

    def capture(self, ref: ResourceRef) -> Inquiry[Captured]:
        unknowns: list[str] = []
        function, mappings, policy = yield (
            read_call(ref, "lambda:GetFunction", FunctionName=ref.id),
            read_call(ref, "lambda:ListEventSourceMappings", FunctionName=ref.id),
            read_call(ref, "lambda:GetPolicy", FunctionName=ref.id),
        )
        found = value_of(function, "GetFunction", unknowns, *_ABSENT)
        if found is None:
            return Captured(None, tuple(unknowns))
        told = value_of(policy, "GetPolicy", unknowns, *_ABSENT) or {}
        statements = callers.statements(told)
        aliases, revisions = yield from callers.aliases(ref, unknowns)
        around = yield from made_again.beside(ref, unknowns)
        named = yield from made_again.versions(ref, made_again.named_by(aliases), unknowns)
        configuration = found["Configuration"]
        state: State = {
            "arn": configuration.get("FunctionArn", ""),
            "revision": configuration.get("RevisionId", ""),
            "policy_revision": told.get("RevisionId", ""),
            "alias_revisions": revisions,
            "code_sha256": configuration.get("CodeSha256", ""),
            "code_bytes": configuration.get("CodeSize", 0),
            "package": configuration.get("PackageType", "Zip"),
            "architectures": configuration.get("Architectures") or ["x86_64"],
            "concurrency": (found.get("Concurrency") or {}).get("ReservedConcurrentExecutions"),
            "image": (found.get("Code") or {}).get("ResolvedImageUri")
            or (found.get("Code") or {}).get("ImageUri"),
            "aliases": aliases,
            "versions": named,
            "statements": statements,
            **around,
            "tags": dict(sorted((found.get("Tags") or {}).items())),
            **{field: _given(field, configuration) for field in _CONFIGURATION},
        }
        listed = mappings.value.get("EventSourceMappings", []) if isinstance(mappings, Succeeded) else []
        if not isinstance(mappings, Succeeded):
            unknowns.append("ListEventSourceMappings: who feeds this function is not known")
        edges = (*(_source(ref, mapping) for mapping in listed), *callers.invokers(ref, statements))
        return Captured(state, tuple(unknowns), edges)

    def desired(self, operation: str, parameters: dict[str, Any]) -> State | None:
        if operation != "lambda:CreateFunction":
            return None
        wanted: State = {
            field: _given(field, parameters) for field, name in _CONFIGURATION.items() if name in parameters
        }
        if "Tags" in parameters:
            wanted["tags"] = dict(sorted(parameters["Tags"].items()))
        if "PackageType" in parameters:
            wanted["package"] = parameters["PackageType"]
        archive = (parameters.get("Code") or {}).get("ZipFile")
        if archive is not None:
            raw = archive if isinstance(archive, bytes) else base64.b64decode(archive)
            wanted["code_sha256"] = base64.b64encode(hashlib.sha256(raw).digest()).decode()
        if parameters.get("Architectures"):
            wanted["architectures"] = parameters["Architectures"]
        return wanted

    def narrow(self, ref: ResourceRef, state: State, desired: State) -> Narrow | None:
        found = wanted_otherwise(state, desired, self.fields)
        update: dict[str, Any] = {
            _CONFIGURATION[field]: _parameter(field, after)
            for field, _, after in found
            if field in _CONFIGURATION
        }
        steps = []
        if update:
            steps.append(Step("lambda:UpdateFunctionConfiguration", {"FunctionName": ref.id, **update}))
        for field, before, after in found:
            if field == "tags":
                missing = {key: value for key, value in after.items() if (before or {}).get(key) != value}
                steps.append(Step("lambda:TagResource", {"Resource": state["arn"], "Tags": missing}))
        immutable = tuple(field for field, _, _ in found if field in {"package", "architectures"})
        unknown = (
            ["code: it is given by reference and was not compared"] if "code_sha256" not in desired else []
        )
        if any(field == "code_sha256" for field, _, _ in found):
            unknown.append("code: it differs; lambda:UpdateFunctionCode changes it in place")
        return Narrow(tuple(steps), found, immutable, tuple(unknown))

    def written(self, operation: str, parameters: dict[str, Any], state: State) -> State | None:
        return callers.written(operation, parameters, state)

    def inverse(
        self, operation: str, parameters: dict[str, Any], ref: ResourceRef, state: State
    ) -> tuple[Step, ...]:
        if operation == "lambda:UpdateFunctionConfiguration":
            back = {
                name: _parameter(field, state.get(field))
                for field, name in _CONFIGURATION.items()
                if name in parameters
            }
            return (Step(operation, {"FunctionName": ref.id, **back}),)
        if operation in callers.OPERATIONS:
            return callers.inverse(operation, parameters, ref, state)
        if operation in {"lambda:PutFunctionConcurrency", "lambda:DeleteFunctionConcurrency"}:
            was = state.get("concurrency")
            if was is None:
                return (Step("lambda:DeleteFunctionConcurrency", {"FunctionName": ref.id}),)
            kept = {"FunctionName": ref.id, "ReservedConcurrentExecutions": was}
            return (Step("lambda:PutFunctionConcurrency", kept),)
        if operation in {"lambda:PutFunctionEventInvokeConfig", "lambda:DeleteFunctionEventInvokeConfig"}:
            if parameters.get("Qualifier"):
                return ()
            if not state.get("invoked"):
                return (Step("lambda:DeleteFunctionEventInvokeConfig", {"FunctionName": ref.id}),)
            return (
                Step("lambda:PutFunctionEventInvokeConfig", {"FunctionName": ref.id, **state["invoked"]}),
            )
        if operation == "lambda:TagResource":
            keys = list(parameters.get("Tags", {}))
        elif operation == "lambda:UntagResource":
            keys = list(parameters.get("TagKeys", []))
        else:
            return ()
        had = {key: state["tags"][key] for key in keys if key in state["tags"]}
        new = [key for key in keys if key not in state["tags"]]
        steps = [Step("lambda:TagResource", {"Resource": state["arn"], "Tags": had})] if had else []
        if new:
            steps.append(Step("lambda:UntagResource", {"Resource": state["arn"], "TagKeys": new}))
        return tuple(steps)

    # --- made again --------------------------------------------------------------------------------------------------

    def leaves(self, operation: str, parameters: dict[str, Any], ref: ResourceRef) -> Leaves:
        return Leaves.STANDING if _one_version(parameters) else super().leaves(operation, parameters, ref)

    def unrestorable(self, operation: str, parameters: dict[str, Any], ref: ResourceRef, state: State) -> str:
        if operation in self.deletes and _one_version(parameters):
            return "it deletes one published version, whose number is never given again"
        return super().unrestorable(operation, parameters, ref, state) or made_again.not_exported(state)

    def settled(
        self, operation: str, parameters: dict[str, Any], ref: ResourceRef, state: State | None
    ) -> bool | None:
        if state is not None:
            match operation:
                case "lambda:CreateAlias":
                    return str(parameters.get("Name")) in state["aliases"]
                case "lambda:CreateFunctionUrlConfig":
                    return state["url"] is not None
                case "lambda:AddPermission":
                    return str(parameters.get("StatementId")) in state["statements"]
                case "lambda:RemovePermission" if not parameters.get("Qualifier"):
                    return str(parameters.get("StatementId")) not in state["statements"]
                case "lambda:PublishVersion":
                    return False  # of what has not changed since, the service publishes none twice
        return super().settled(operation, parameters, ref, state)

    def at_risk(self, state: State) -> str:
        count = len(state.get("versions") or {})
        return f"a function's code, and {count} versions that aliases name" if count else ""

    def recoverable(self, ref: ResourceRef, state: State | None) -> Recoverable:
        able = state is not None and not made_again.not_exported(state)
        seconds = made_again.RESTORE_S if able else None
        loss = self.loss if state is None else self._lost(state)
        return Recoverable(resource=ref, backup=able, inverse=False, recover_s=seconds, loss=loss)

    def _lost(self, state: State) -> tuple[str, ...]:
        """What this function would not come back with."""
        return (*self.loss, *callers.unsayable(state.get("statements") or {}))

    def no_backup(self, ref: ResourceRef, state: State) -> str:
        why = made_again.not_exported(state)
        return f"{ref} cannot be exported: {why}" if why else ""

    def backup(self, ref: ResourceRef, state: State, *, case_id: str, at_ms: int) -> Inquiry[Backup]:
        """Its code and that of the versions which aliases name, as an export; an image stays where it lies."""
        why = made_again.not_exported(state)
        if why:
            raise UnavailableError("no-backup", f"{ref} cannot be exported: {why}")
        restores_to = f"{self.title} {ref.id}, made again"
        if state["package"] == "Image":
            made_by = f"CreateFunction makes it again from {state['image']}, which is left where it lies"
            return (
                yield from self.read_twice(ref, state, at_ms=at_ms, made_by=made_by, restores_to=restores_to)
            )
        made, count = yield from made_again.export(ref, state)
        about = f"{count} archives, each with the digest that Lambda says; their index: "
        return backup_of(
            self, ref, state, made, at_ms=at_ms, restores_to=restores_to, loss=self._lost(state), about=about
        )

    def restore_plan(self, ref: ResourceRef, state: State, backup: Backup | None) -> tuple[Step, ...]:
        return tuple(
            msgspec.structs.replace(one.step, why=f"with the archive of digest {one.code}")
            if one.code
            else one.step
            for one in self._again(ref, state)
        )

    def restore(self, ref: ResourceRef, state: State, backup: Backup | None) -> Inquiry[tuple[str, ...]]:
        index = "" if state["package"] == "Image" else in_vault(backup, ref).reference
        numbers = yield from made_again.perform(ref, self._again(ref, state), index)
        aliases = {
            name: made_again.renumbered(alias, numbers)
            for name, alias in (state.get("aliases") or {}).items()
        }
        after = yield from self.capture(ref)
        honest = [
            f"version {old} is {new} now: what names it by number has to be told"
            for old, new in numbers.items()
            if old != new
        ]
        now = (after.state or {}).get("address") or ""
        if state.get("address") and now != state["address"]:
            honest.append(f"function URL: it was {state['address']} and is {now}: callers have to be told")
        aim = {**state, "aliases": aliases}
        honest += differences(aim, after.state, self.fields, title=str(ref))
        return (*honest, *(f"could not be compared: {unknown}" for unknown in after.unknowns))

    def scratch(self, ref: ResourceRef, name: str, state: State) -> Scratch | None:
        """None of an image: nothing of it would be tried that is not its registry's."""
        if state["package"] == "Image":
            return None
        made = msgspec.structs.replace(ref, id=name)
        quiet = {**made_again.quiet(ref, state), "arn": str(state["arn"]).replace(f":{ref.id}", f":{name}")}
        fields = tuple(field for field in self.fields if field != "concurrency")  # none, whatever it was
        return Scratch(made, quiet, Step("lambda:DeleteFunction", {"FunctionName": name}), fields)

    def _again(self, ref: ResourceRef, state: State) -> list[made_again.Made]:
        latest = {name: _parameter(field, state.get(field)) for field, name in _CONFIGURATION.items()}
        of_version = {
            number: {name: _parameter(field, _given(field, told)) for field, name in _CONFIGURATION.items()}
            for number, told in (state.get("versions") or {}).items()
        }
        return made_again.again(
            ref, state, _set(latest), {number: _set(one) for number, one in of_version.items()}
        )

    def runs(self, ref: ResourceRef, state: State, backup: Backup) -> tuple[Run, ...]:
        return made_again.runs(ref, self._again(ref, state))

    def files(self, ref: ResourceRef, state: State, backup: Backup) -> Inquiry[dict[str, bytes]]:
        return (yield from made_again.files(ref, self._again(ref, state), backup))

    def by_hand(self, state: State, backup: Backup) -> str:
        return made_again.reads_beside(self._again(backup.resource, state), backup)


def _one_version(parameters: dict[str, Any]) -> bool:
    """Whether the request means one published version (or what an alias leads to), not the function."""
    named = str(parameters.get("FunctionName", "")).rpartition("function:")[2]
    return bool(parameters.get("Qualifier")) or ":" in named


def _set(settings: dict[str, Any]) -> dict[str, Any]:
    """What an update of this function says: nothing of a runtime that an image has not."""
    return {name: value for name, value in settings.items() if value is not None}


def _given(field: str, source: dict[str, Any]) -> Any:
    """A property as the service declares it, without what it adds to it."""
    value = source.get(_CONFIGURATION[field])
    match field:
        case "environment":
            return dict(sorted(((value or {}).get("Variables") or {}).items()))
        case "layers":
            return [layer["Arn"] if isinstance(layer, dict) else layer for layer in value or []]
        case "vpc":
            chosen = {key: sorted((value or {}).get(key) or []) for key in ("SubnetIds", "SecurityGroupIds")}
            return chosen if any(chosen.values()) else None
        case "tracing":
            return (value or {}).get("Mode", "PassThrough")
        case "dead_letter":
            return (value or {}).get("TargetArn")
        case "storage":
            return (value or {}).get("Size", 512)
        case "snap_start":
            return (value or {}).get("ApplyOn", "None")
        case "description":
            return value or ""
        case "timeout":
            return value or 3
        case "memory":
            return value or 128
    return value


def _parameter(field: str, value: Any) -> Any:
    """A capture's field as UpdateFunctionConfiguration takes it."""
    match field:
        case "environment":
            return {"Variables": value or {}}
        case "vpc":
            return value or {"SubnetIds": [], "SecurityGroupIds": []}
        case "tracing":
            return {"Mode": value or "PassThrough"}
        case "dead_letter":
            return {"TargetArn": value or ""}
        case "storage":
            return {"Size": value or 512}
        case "snap_start":
            return {"ApplyOn": value or "None"}
    return value


def _source(ref: ResourceRef, mapping: dict[str, Any]) -> Dependent:
    source = str(mapping.get("EventSourceArn", ""))
    if is_arn(source):
        feeder = from_arn(source, Home(ref.partition, ref.account, ref.region))
    else:  # a broker outside of AWS
        feeder = ResourceRef(
            ref.provider, ref.partition, ref.account, ref.region, "lambda:event-source", source
        )
    return Dependent(resource=feeder, relation="is drained by", on=ref)
