"""CloudFormation stacks, with what becomes of each of their resources.

An update back to the template that stood puts properties back; what the first update replaced or deleted stays replaced or deleted.
A stack that is made again makes its resources again: other ids, and nothing of what lay in them
(https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_UpdateStack.html, API_DeleteStack.html).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any, ClassVar, Final

from keyturn.core.ports import Inquiry
from keyturn.model.assessment import Dependent
from keyturn.model.change import ResourceRef
from keyturn.model.execution import Answer, Refused
from keyturn.model.words import counted
from keyturn.providers.aws.languages import templates
from keyturn.providers.aws.languages.templates import NoTemplateError, read
from keyturn.providers.aws.radius.tables import KINDS
from keyturn.providers.aws.recipes.again import Again, Given
from keyturn.providers.aws.recipes.base import Captured, Narrow, State, Step
from keyturn.providers.aws.recipes.common import (
    pages,
    pause,
    read_call,
    tags_dict,
    tags_list,
    value_of,
    wanted_otherwise,
)
from keyturn.providers.aws.recipes.filling import document
from keyturn.providers.aws.resources import Home, name_or_arn
from keyturn.providers.aws.wire_shapes import kebab

_UPDATES: Final = frozenset({"cloudformation:UpdateStack", "cloudformation:ExecuteChangeSet"})
_MASKED: Final = "****"
"""What stands for a NoEcho parameter's value (API_Parameter)."""

WAITS: Final = 40
"""Pauses for a stack that is being made; each is some six seconds, so four minutes: longer ones are said to be under way."""

_MADE_WITH: Final = ("TimeoutInMinutes", "DisableRollback", "RollbackConfiguration")
"""What a stack is made with besides (API_CreateStack), under the names it is told of."""


class Stack(Again):
    """Template, parameters, tags, policy, protection, and every resource with its deletion policy."""

    kind: ClassVar[str] = "cloudformation:stack"
    title: ClassVar[str] = "CloudFormation stack"
    waits: ClassVar[tuple[str, ...]] = ("aws cloudformation wait stack-create-complete --stack-name {id}",)
    fields: ClassVar[tuple[str, ...]] = (
        "template", "parameters", "tags", "policy", "capabilities", "role", "notifications", "protected",
        *_MADE_WITH,
    )  # fmt: skip
    secret_fields: ClassVar[tuple[str, ...]] = ("parameters",)
    creates: ClassVar[frozenset[str]] = frozenset({"cloudformation:CreateStack"})
    deletes: ClassVar[frozenset[str]] = frozenset({"cloudformation:DeleteStack"})
    updates: ClassVar[frozenset[str]] = _UPDATES | {
        "cloudformation:SetStackPolicy",
        "cloudformation:UpdateTerminationProtection",
    }
    in_place: ClassVar[tuple[str, ...]] = ("cloudformation:CreateChangeSet", "cloudformation:UpdateStack")
    data_bearing: ClassVar[bool] = True
    backs_up: ClassVar[bool] = False
    recover_s: ClassVar[int] = 300
    loss: ClassVar[tuple[str, ...]] = (
        "the data in every resource that goes with it, and their ids: they are made again, empty",
        "resources that were kept are no longer the stack's: they have to be imported, and one with a name of its own is in the way",
        "values of parameters that are not shown (NoEcho), its history, and what drifted from its template",
    )

    def capture(self, ref: ResourceRef) -> Inquiry[Captured]:
        unknowns: list[str] = []
        which = {"StackName": ref.id}
        (answer,) = yield (read_call(ref, "cloudformation:DescribeStacks", **which),)
        if (
            isinstance(answer, Refused)
            and answer.code == "ValidationError"
            and "does not exist" in answer.message
        ):
            return Captured(None)
        found = value_of(answer, "DescribeStacks", unknowns)
        told = ((found or {}).get("Stacks") or [None])[0]
        if told is None or told.get("StackStatus") == "DELETE_COMPLETE":
            return Captured(None, tuple(unknowns))
        template, policy = yield (
            read_call(ref, "cloudformation:GetTemplate", TemplateStage="Original", **which),
            read_call(ref, "cloudformation:GetStackPolicy", **which),
        )
        listed = yield from pages(
            ref, "cloudformation:ListStackResources", which, token_in="NextToken", token_out="NextToken"
        )
        body = (value_of(template, "GetTemplate", unknowns) or {}).get("TemplateBody") or ""
        text = document(body if isinstance(body, str) else json.dumps(body))
        resources = yield from self._resources(ref, text, listed, unknowns)
        state: State = {
            "arn": told.get("StackId", ""),
            "status": told.get("StackStatus"),
            "template": text,
            "parameters": {
                one["ParameterKey"]: one.get("ParameterValue") for one in told.get("Parameters") or []
            },
            "tags": tags_dict(told.get("Tags")),
            "policy": document((value_of(policy, "GetStackPolicy", unknowns) or {}).get("StackPolicyBody")),
            "capabilities": sorted(told.get("Capabilities") or []),
            "role": told.get("RoleARN"),
            "notifications": sorted(told.get("NotificationARNs") or []),
            "protected": bool(told.get("EnableTerminationProtection")),
            "resources": resources,
            **{name: told.get(name) or None for name in _MADE_WITH},
        }
        return Captured(state, tuple(unknowns), tuple(_members(ref, state)))

    def _resources(
        self, ref: ResourceRef, text: str, listed: list[Answer], unknowns: list[str]
    ) -> Inquiry[list[dict[str, str]]]:
        """Every resource with its deletion policy."""
        policies = _deletion_policies(text)
        if policies is None:  # what the macros have made of it can be read too
            which = {"StackName": ref.id, "TemplateStage": "Processed"}
            (made,) = yield (read_call(ref, "cloudformation:GetTemplate", **which),)
            worked = (value_of(made, "GetTemplate", unknowns) or {}).get("TemplateBody") or ""
            policies = _deletion_policies(worked, processed=True)
        if policies is None:
            unknowns.append("the template cannot be read: what becomes of each resource is not known")
        assumed = "Delete" if policies is not None else "unknown"
        found = [
            {
                "id": str(one.get("LogicalResourceId")),
                "type": str(one.get("ResourceType")),
                "physical": str(one.get("PhysicalResourceId") or ""),
                "policy": (policies or {}).get(str(one.get("LogicalResourceId")), assumed),
            }
            for page in listed
            for one in (value_of(page, "ListStackResources", unknowns) or {}).get("StackResourceSummaries")
            or []
        ]
        return sorted(found, key=lambda one: one["id"])

    def at_risk(self, state: State) -> str:
        gone = Counter(
            one["type"]
            for one in state["resources"]
            if one["policy"] not in {"Retain", "RetainExceptOnCreate"}
        )
        kept = len(state["resources"]) - sum(gone.values())
        if not state["resources"]:
            return ""
        said = ", ".join(f"{count} {kind}" for kind, count in sorted(gone.items()))
        snapshots = sum(one["policy"] == "Snapshot" for one in state["resources"])
        more = [f"{kept} kept" if kept else "", f"{snapshots} with a last snapshot" if snapshots else ""]
        return "; ".join(
            part
            for part in (f"{counted(sum(gone.values()), 'resource')} of the stack ({said})", *more)
            if part
        )

    def _said(self, ref: ResourceRef, state: State) -> dict[str, Any]:
        """The stack as both CreateStack and UpdateStack take it."""
        given: dict[str, Any] = {"StackName": ref.id, "TemplateBody": state["template"]}
        lists = {"Capabilities": state["capabilities"], "NotificationARNs": state["notifications"]}
        given |= {name: value for name, value in lists.items() if value}
        if state["role"]:
            given["RoleARN"] = state["role"]
        return given | {"Tags": tags_list(state["tags"])}

    def again(self, ref: ResourceRef, state: State) -> tuple[Given, ...]:
        parameters = [
            {"ParameterKey": key, "ParameterValue": value}
            for key, value in sorted(state["parameters"].items())
        ]
        given = {**self._said(ref, state), "Parameters": parameters}
        given |= {name: state[name] for name in _MADE_WITH if state.get(name)}
        if state["policy"]:
            given["StackPolicyBody"] = state["policy"]
        if state["protected"]:
            given["EnableTerminationProtection"] = True
        return (Given(Step("cloudformation:CreateStack", given)),)

    def afterwards(self, ref: ResourceRef, state: State) -> Inquiry[list[str]]:
        """Wait until it is made; one that is rolled back was not."""
        status = ""
        for _ in range(WAITS):
            captured = yield from self.capture(ref)
            status = str((captured.state or {}).get("status", ""))
            if not status.endswith("IN_PROGRESS"):
                break
            yield from pause()
        told = [] if status == "CREATE_COMPLETE" else [f"the stack is {status or 'not readable'}"]
        masked = [key for key, value in state["parameters"].items() if value == _MASKED]
        return told + [
            f"parameter {key}: its value was not shown, and stands for itself now" for key in masked
        ]

    def desired(self, operation: str, parameters: dict[str, Any]) -> State | None:
        if operation != "cloudformation:CreateStack" or not isinstance(parameters.get("TemplateBody"), str):
            return None  # a template elsewhere was not read
        told: State = {"template": document(parameters["TemplateBody"])}
        if "Parameters" in parameters:
            told["parameters"] = {
                str(one.get("ParameterKey")): one.get("ParameterValue") for one in parameters["Parameters"]
            }
        if "Tags" in parameters:
            told["tags"] = tags_dict(parameters["Tags"])
        if "Capabilities" in parameters:
            told["capabilities"] = sorted(parameters["Capabilities"])
        return told

    def narrow(self, ref: ResourceRef, state: State, desired: State) -> Narrow | None:
        """One update of the stack. What it replaces or removes needs people: those resources are named, and it is no patch."""
        names = tuple(name for name in self.fields if name in desired)
        other = wanted_otherwise(state, desired, names)
        fixed: list[str] = []
        unknown: list[str] = []
        try:
            plan = templates.compare(
                templates.read(state["template"]),
                templates.read(desired["template"]),
                _given_anew(state, desired),
            )
        except templates.NoTemplateError as error:
            unknown.append(f"what the template would do to its resources: {error}")
        else:
            fixed += [f"{one.resource.name} ({', '.join(one.paths)})" for one in plan.replaced if one.sure]
            fixed += [f"{one.name} (it is left out)" for one in plan.removed]
            unknown += [
                f"{one.resource.name}: {', '.join(one.paths)} may replace it"
                for one in plan.replaced
                if not one.sure
            ]
            unknown += [plan.unknown] if plan.unknown else []
        aim = {**state, **{name: after for name, _, after in other}}
        masked = {key for key, value in state["parameters"].items() if value == _MASKED}
        given = [
            {"ParameterKey": key, "UsePreviousValue": True}
            if key in masked and desired.get("parameters", {}).get(key) is None
            else {"ParameterKey": key, "ParameterValue": value}
            for key, value in sorted(aim["parameters"].items())
        ]
        step = Step("cloudformation:UpdateStack", {**self._said(ref, aim), "Parameters": given})
        return Narrow((step,) if other else (), other, immutable=tuple(fixed), unknown=tuple(unknown))

    def inverse(
        self, operation: str, parameters: dict[str, Any], ref: ResourceRef, state: State
    ) -> tuple[Step, ...]:
        if operation == "cloudformation:SetStackPolicy" and state["policy"]:
            return (Step(operation, {"StackName": ref.id, "StackPolicyBody": state["policy"]}),)
        if operation == "cloudformation:UpdateTerminationProtection":
            return (
                Step(operation, {"StackName": ref.id, "EnableTerminationProtection": state["protected"]}),
            )
        if operation not in _UPDATES:
            return ()
        masked = {key for key, value in state["parameters"].items() if value == _MASKED}
        given = {
            one.get("ParameterKey")
            for one in parameters.get("Parameters") or []
            if not one.get("UsePreviousValue")
        }
        if masked & given or (masked and operation == "cloudformation:ExecuteChangeSet"):
            return ()  # a secret may have been set anew, and nobody here knows what it was
        back = [
            {"ParameterKey": key, "UsePreviousValue": True}
            if key in masked
            else {"ParameterKey": key, "ParameterValue": value}
            for key, value in sorted(state["parameters"].items())
        ]
        return (Step("cloudformation:UpdateStack", {**self._said(ref, state), "Parameters": back}),)

    def keeps(self, state: State) -> str:
        return "the template and parameters that stood; what the update replaces or deletes does not come back with them"

    def gone(self, state: State | None) -> bool | None:
        if state is not None and state.get("status") == "DELETE_IN_PROGRESS":
            return None
        return state is None


def _given_anew(state: State, desired: State) -> frozenset[str]:
    """Parameters that would get another value."""
    told = desired.get("parameters") or {}
    return frozenset(key for key, value in told.items() if state["parameters"].get(key) != value)


def _deletion_policies(template: Any, *, processed: bool = False) -> dict[str, str] | None:
    """Logical id -> its deletion policy; None where the template cannot be read, or macros are still to be worked out."""
    try:
        found = read(template)
    except NoTemplateError:
        return None
    return (
        None
        if found.transforms and not processed
        else {name: one.deletion for name, one in found.resources.items()}
    )


def _members(ref: ResourceRef, state: State) -> Iterator[Dependent]:
    """Each resource, as its own service names it, and what a delete of the stack does to it."""
    home = Home(ref.partition, ref.account, ref.region)
    relation = {
        "Retain": "is kept without",
        "RetainExceptOnCreate": "is kept without",
        "Snapshot": "is snapshot and deleted with",
    }
    for one in state["resources"]:
        _, service, noun = (*one["type"].split("::"), "", "")[:3]
        if one["physical"]:
            kind = KINDS.get(one["type"]) or f"{service.lower()}:{kebab(noun)}"
            member = name_or_arn(kind, one["physical"], home)
            yield Dependent(resource=member, relation=relation.get(one["policy"], "is deleted with"), on=ref)
