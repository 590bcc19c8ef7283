"""Lambda functions.

UpdateFunctionConfiguration replaces the environment as a whole and takes a RevisionId as its precondition
(https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionConfiguration.html); a deleted function is not recoverable.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Any, ClassVar, Final

from keyturn.core.ports import Inquiry
from keyturn.model.assessment import Dependent
from keyturn.model.change import ResourceRef
from keyturn.model.execution import Succeeded
from keyturn.providers.aws.recipes import lambda_callers as callers
from keyturn.providers.aws.recipes.base import Captured, Narrow, Recipe, State, Step
from keyturn.providers.aws.recipes.common import read_call, value_of, wanted_otherwise

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
        "tags",
    )
    secret_fields: ClassVar[tuple[str, ...]] = ("environment",)
    data_bearing: ClassVar[bool] = False
    creates: ClassVar[frozenset[str]] = frozenset({"lambda:CreateFunction"})
    deletes: ClassVar[frozenset[str]] = frozenset({"lambda:DeleteFunction"})
    updates: ClassVar[frozenset[str]] = frozenset(
        {
            "lambda:UpdateFunctionConfiguration",
            "lambda:PutFunctionConcurrency",
            "lambda:DeleteFunctionConcurrency",
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
    loss: ClassVar[tuple[str, ...]] = (
        "the function's code and every published version (a deleted function cannot be recovered)",
        "aliases, event source mappings, permissions and the function URL's id",
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
        statements = callers.statements(value_of(policy, "GetPolicy", unknowns, *_ABSENT))
        aliases = yield from callers.aliases(ref, unknowns)
        configuration = found["Configuration"]
        state: State = {
            "arn": configuration.get("FunctionArn", ""),
            "revision": configuration.get("RevisionId", ""),
            "code_sha256": configuration.get("CodeSha256", ""),
            "code_bytes": configuration.get("CodeSize", 0),
            "package": configuration.get("PackageType", "Zip"),
            "architectures": configuration.get("Architectures") or ["x86_64"],
            "concurrency": (found.get("Concurrency") or {}).get("ReservedConcurrentExecutions"),
            "aliases": aliases,
            "statements": statements,
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
    return value


def _source(ref: ResourceRef, mapping: dict[str, Any]) -> Dependent:
    source = str(mapping.get("EventSourceArn", "")).rpartition(":")[2]
    feeder = ResourceRef(ref.provider, ref.partition, ref.account, ref.region, "lambda:event-source", source)
    return Dependent(resource=feeder, relation="feeds", on=ref)
