"""CloudFormation and Cloud Control: what becomes of the resources, by the templates, the schemas of the types, and what stands."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from keyturn.model.assessment import Kind, Reversibility
from keyturn.model.change import Effect
from keyturn.model.words import counted
from keyturn.providers.aws.catalogue.replacements import Replaces, replacement
from keyturn.providers.aws.kinds import deletes, holds
from keyturn.providers.aws.languages.documents import NoDocumentError
from keyturn.providers.aws.languages.documents import read as read_document
from keyturn.providers.aws.languages.templates import NoTemplateError, read
from keyturn.providers.aws.rules import Context, Doubt, Fired, Said, inside, rule, stack_parts
from keyturn.providers.aws.rules.stack_parts import plan_of as _plan
from keyturn.providers.aws.rules.table import BOUND

R1, R3, R4 = Reversibility.R1, Reversibility.R3, Reversibility.R4
CFN: Final = "https://docs.aws.amazon.com/AWSCloudFormation/latest/"
GUIDE: Final = CFN + "UserGuide/using-cfn-updating-stacks-update-behaviors.html"
KEPT: Final = CFN + "TemplateReference/aws-attribute-deletionpolicy.html"
CLOUD: Final = "https://docs.aws.amazon.com/cloudcontrolapi/latest/APIReference/"
DEPTH_MAX: Final = 40
"""Deeper than any schema of a type goes; what is deeper is not read."""

TEMPLATE: Final = frozenset({"TemplateBody"})
TYPE: Final = frozenset({"TypeName", "PatchDocument"})

BOUND["cloudformation:UpdateStack"] = frozenset({"template/", "Parameters"})
BOUND["cloudformation:ExecuteChangeSet"] = frozenset(
    {"Changes[].ResourceChange", "template/", "after/", "stack/Parameters"}
)
BOUND["cloudformation:DeleteStack"] = frozenset({"template/", "members/StackResourceSummaries[].PhysicalResourceId"})  # fmt: skip


def _named(found: Iterable[str]) -> str:
    listed = list(found)
    return ", ".join(listed[:3]) + (f" and {len(listed) - 3} more" if len(listed) > 3 else "")


def _changes(context: Context) -> list[Mapping[str, Any]] | None:
    """The resources that a change set changes; None where it was not read."""
    described = context.live.get("")
    listed = described.get("Changes") if isinstance(described, Mapping) else None
    if not isinstance(listed, list):
        return None
    found = [one.get("ResourceChange") for one in listed if isinstance(one, Mapping)]
    return [one for one in found if isinstance(one, Mapping)]


def _policy(one: Mapping[str, Any]) -> str:
    return str(one.get("PolicyAction", ""))


def _leaves_with(context: Context, one: Mapping[str, Any]) -> str:
    """What becomes of a resource that leaves the stack: as the change set says, or else by the DeletionPolicy in the template that stands,
    which is the one that counts. Empty where neither was read.
    """
    if _policy(one):
        return _policy(one)
    if "standing" not in context.memo:
        try:
            context.memo["standing"] = read(context.live.get("template")).resources
        except NoTemplateError:
            context.memo["standing"] = {}
    stands = context.memo["standing"].get(str(one.get("LogicalResourceId")))
    return stands.deletion if stands is not None and stands.kind == one.get("ResourceType") else ""


def _which(one: Mapping[str, Any]) -> str:
    return f"{one.get('LogicalResourceId')} ({one.get('ResourceType')})"


@rule("CFN002", ["cloudformation:ExecuteChangeSet"], Kind.REPLACE, Effect.REPLACE, R3, CFN + "APIReference/API_ResourceChange.html", looks_at=frozenset())  # fmt: skip
def change_set_replaces(context: Context) -> Fired:
    """``Replacement`` True makes a new resource in the place of the old one; Conditional may, once what it hangs on is known."""
    listed = _changes(context)
    if listed is None:
        return Doubt("CFN002: which resources would be replaced")
    found = [one for one in listed if one.get("Replacement") in {"True", "Conditional"}]
    if not found:
        return None
    lost = [
        one for one in found if holds(str(one.get("ResourceType"))) and _policy(one) not in _REPLACED_KEPT
    ]
    ordered = sorted(found, key=lambda one: (one not in lost, one.get("Replacement") != "True"))
    said = [f"{_which(one)}{'' if one.get('Replacement') == 'True' else ' perhaps'}" for one in ordered]
    more = (
        f" {holds(str(lost[0].get('ResourceType'))).capitalize()} of the old one would go with it."
        if lost
        else ""
    )
    evidence = {"resources": said[:10], "count": len(said)}
    return Said(f"New resources would take the place of {_named(said)}.{more}", evidence, reversibility=R4 if lost else R3)  # fmt: skip


_REPLACED_KEPT: Final = frozenset({"ReplaceAndRetain", "ReplaceAndSnapshot"})


@rule("CFN003", ["cloudformation:ExecuteChangeSet"], Kind.DATA_LOSS, Effect.DELETE, R3, CFN + "APIReference/API_ResourceChange.html", looks_at=frozenset())  # fmt: skip
def change_set_removes(context: Context) -> Fired:
    """What a change set removes is deleted, unless its DeletionPolicy keeps it; an action of Dynamic may turn out to be one."""
    listed = _changes(context)
    if listed is None:
        return Doubt("CFN003: which resources would be deleted")
    found = [one for one in listed if one.get("Action") in {"Remove", "Dynamic"}]
    gone = [one for one in found if _leaves_with(context, one) != "Retain"]
    if not found:
        return None
    if not gone:
        return Said(f"{_named(map(_which, found))} would leave the stack, and stay.", kind=Kind.NOTE, effect=Effect.UPDATE)  # fmt: skip
    lost = [
        one
        for one in gone
        if holds(str(one.get("ResourceType"))) and _leaves_with(context, one) != "Snapshot"
    ]
    ordered = sorted(gone, key=lambda one: one not in lost)
    said = [f"{_which(one)}{'' if one.get('Action') == 'Remove' else ' perhaps'}" for one in ordered]
    more = f", with {holds(str(lost[0].get('ResourceType')))}" if lost else ""
    return Said(
        f"{_named(said)} would be deleted{more}.",
        {"resources": said[:10], "count": len(said)},
        kind=None if lost else Kind.OUTAGE,
        reversibility=R4 if lost else R3,
    )


@rule("CFN012", ["cloudformation:UpdateStack"], Kind.REPLACE, Effect.REPLACE, R3, GUIDE, looks_at=TEMPLATE)
def replaced(context: Context) -> Fired:
    """A property that cannot be updated makes a new resource in the place of the old one, which goes with what it holds."""
    plan = _plan(context)
    if plan is None or not plan.replaced:
        return None
    ordered = sorted(
        plan.replaced, key=lambda one: (not holds(one.resource.kind), not one.sure, one.resource.name)
    )
    said = [
        f"{one.resource.name} ({one.resource.kind}, by {', '.join(one.paths[:3])}){'' if one.sure else ' perhaps'}"
        for one in ordered
    ]
    lost = [
        one for one in ordered if holds(one.resource.kind) and one.resource.replaced not in {"Retain", "Snapshot"}
    ]  # fmt: skip
    more = f" {holds(lost[0].resource.kind).capitalize()} of the old one would go with it." if lost else ""
    return Said(
        f"New resources would take the place of {_named(said)}.{more}",
        {"resources": said[:10], "count": len(said)},
        reversibility=R4 if lost else R3,
    )


@rule("CFN013", ["cloudformation:UpdateStack"], Kind.OUTAGE, Effect.DELETE, R3, KEPT, looks_at=TEMPLATE)
def removed(context: Context) -> Fired:
    """What is no longer in the template is deleted, unless its DeletionPolicy keeps it."""
    plan = _plan(context)
    if plan is None or not plan.removed:
        return None
    gone = [one for one in plan.removed if one.deletion != "Retain"]
    left = [f"{one.name} ({one.kind})" for one in plan.removed if one.deletion == "Retain"]
    if not gone:
        return Said(f"{_named(left)} would leave the stack, and stay.", kind=Kind.NOTE, effect=Effect.UPDATE)
    lost = [one for one in gone if holds(one.kind) and not one.kept]
    said = [f"{one.name} ({one.kind})" for one in sorted(gone, key=lambda one: one not in lost)]
    more = f", with {holds(lost[0].kind)}" if lost else ""
    return Said(
        f"{_named(said)} would be deleted{more}: the template has it no more.",
        {"resources": said[:10], "count": len(said)},
        kind=Kind.DATA_LOSS if lost else None,
        reversibility=R4 if lost else None,
    )


@rule("CFN014", ["cloudformation:UpdateStack"], Kind.PROTECTION_STRIP, Effect.UPDATE, R1, KEPT, looks_at=TEMPLATE)  # fmt: skip
def unguarded(context: Context) -> Fired:
    """Retain and Snapshot keep a resource, or a copy of it, when it leaves the stack; without them it is deleted with it."""
    plan = _plan(context)
    if plan is None or not plan.unguarded:
        return None
    named = _named(f"{one.name} ({one.kind})" for one in plan.unguarded)
    return f"{named} would no longer be kept when the stack lets go of it.", {"count": len(plan.unguarded)}


@rule(
    "CFN016",
    ["cloudformation:CreateStack", "cloudformation:UpdateStack", "cloudformation:CreateChangeSet", "cloudformation:ExecuteChangeSet"],
    Kind.OPAQUE,
    Effect.EXECUTE,
    R3,
    GUIDE,
)  # fmt: skip
def not_known(context: Context) -> Fired:
    """A template at a URL, macros, conditions that cannot be told, a change set that shows no values: what becomes of the stack is not known."""
    if context.operation.name == "cloudformation:CreateChangeSet":
        return None  # it changes nothing; what it would do is said when it is executed
    found = inside.inside(context)
    if found is None or found.whole:
        return None
    return f"What would become of the stack's resources is not known: {'; '.join(found.unknowns)}.", {}


@rule("CFN018", ["cloudformation:CreateChangeSet"], Kind.DELEGATED_AUTHORITY, Effect.EXECUTE, R3, CFN + "UserGuide/template-macros.html", looks_at=TEMPLATE)  # fmt: skip
def macros_run(context: Context) -> Fired:
    """CloudFormation calls a template's macros when the change set is made: functions of the account, with the template as their input."""
    given = context.parameters.get("TemplateBody")
    try:
        found = read_document(given) if isinstance(given, str) else given
    except NoDocumentError:
        return None  # the service refuses it
    named = found.get("Transform") if isinstance(found, Mapping) else None
    listed = named if isinstance(named, list) else [named] if named else []
    own = [one for one in listed if not str(one).startswith("AWS::")]
    return (f"Macros of the account run when it is made ({_named(map(str, own))}).", {}) if own else None


@rule("CFN019", ["cloudformation:CreateChangeSet"], Kind.NOTE, Effect.CREATE, R1, CFN + "APIReference/API_CreateChangeSet.html", looks_at=TEMPLATE)  # fmt: skip
def would_do(context: Context) -> Fired:
    """A change set changes nothing until it is executed; what it would do then is told beforehand."""
    plan = _plan(context)
    found = stack_parts.inside(context)
    if found is None or (plan is None and not found.parts):
        return None
    told = inside.by_kind_of(found, context)
    said = [
        f"{verb} {_named(f'{one.name} ({one.kind})' for one in listed)}"
        for verb, listed in (
            ("delete", plan.removed if plan else ()),
            ("replace", tuple(one.resource for one in plan.replaced) if plan else ()),
        )
        if listed
    ] + [f"{each[0].message.rstrip('.')}" for each in told.values()]
    why = "; ".join((*found.unknowns, *said)) or f"{len(found.parts)} resources are made or set, and nothing was found against it"  # fmt: skip
    return f"Nothing changes until the change set is executed. It would then: {why}.", {"kinds": sorted(told)}


@rule("CFN015", ["cloudformation:DeleteStack"], Kind.DATA_LOSS, Effect.DELETE, R4, CFN + "APIReference/API_DeleteStack.html", looks_at=frozenset())  # fmt: skip
def with_members(context: Context) -> Fired:
    """A stack is deleted with its resources, but for those that their DeletionPolicy or the request keeps."""
    members = context.live.get("members")
    if not isinstance(members, Mapping):
        return Doubt("CFN015: which resources would be deleted with the stack")
    kept = _kept(context)
    listed = [one for one in members.get("StackResourceSummaries") or () if isinstance(one, Mapping)]
    gone = [one for one in listed if str(one.get("LogicalResourceId")) not in kept]
    lost = [one for one in gone if holds(str(one.get("ResourceType")))]
    said = [f"{one.get('LogicalResourceId')} ({one.get('ResourceType')})" for one in lost or gone]
    evidence = {"resources": said[:10], "count": len(gone), "holding data": len(lost)}
    more = bool(members.get("NextToken"))
    if not lost and not more:
        if not gone:
            left = "they stay, and nothing manages them any more" if listed else "it has none"
            return Said(f"No resource would be deleted with the stack: {left}.", evidence, kind=Kind.OUTAGE, reversibility=R3)  # fmt: skip
        said_so = f": {_named(said)}" if said else ""
        return Said(f"{counted(len(gone), 'resource')} would be deleted with the stack{said_so}.", evidence, kind=Kind.OUTAGE, reversibility=R3)  # fmt: skip
    which = f", among them {_named(said)}, with {holds(str(lost[0].get('ResourceType')))}" if lost else ""
    resources = f"{len(gone)} or more resources" if more else counted(len(gone), "resource")
    return f"{resources} would be deleted with the stack{which}.", evidence


def _kept(context: Context) -> set[str]:
    kept = {str(one) for one in context.parameters.get("RetainResources") or ()}
    try:
        template = read(context.live.get("template"))
    except NoTemplateError:
        return kept
    return kept | {name for name, one in template.resources.items() if one.deletion == "Retain"}


@rule("CCA003", ["cloudcontrol:DeleteResource"], Kind.DATA_LOSS, Effect.DELETE, R4, CLOUD + "API_DeleteResource.html", looks_at=TYPE)  # fmt: skip
def typed_delete(context: Context) -> Fired:
    """A resource that is deleted by its type is deleted as by its service's own call, and what it holds goes with it."""
    kind = str(context.parameters.get("TypeName"))
    what = f"{context.parameters.get('Identifier')} ({kind})"
    found = deletes(kind)
    if found is None:
        return f"{what} would be deleted; what goes with one of its type is not known.", {}
    name, entry = found
    if entry.data:
        return f"{what} would be deleted with {entry.data}, as by {name}.", {"as": name}
    more = f" with {entry.members}" if entry.members else ""
    return Said(f"{what} would be deleted{more}, as by {name}.", {"as": name}, kind=Kind.OUTAGE, reversibility=R3)  # fmt: skip


@rule("CCA004", ["cloudcontrol:UpdateResource"], Kind.OPAQUE, Effect.UPDATE, R3, CLOUD + "API_UpdateResource.html", looks_at=TYPE)  # fmt: skip
def typed_update(context: Context) -> Fired:
    """A patch is a list of operations on properties (RFC 6902); what is create-only the service refuses to update."""
    kind = str(context.parameters.get("TypeName"))
    paths = _patched(context.parameters.get("PatchDocument"))
    if paths is None:
        return "What the patch changes cannot be read.", {}
    told = {path: replacement(kind, path).replaces for path in paths}
    refused = [path for path, answer in told.items() if answer is Replaces.YES]
    if refused:
        return Said(f"{_named(refused)} of {kind} cannot be updated: the service refuses it.", kind=Kind.NOTE, reversibility=R1)  # fmt: skip
    return None


@rule("CCA005", ["cloudcontrol:CreateResource", "cloudcontrol:UpdateResource"], Kind.DELEGATED_AUTHORITY, Effect.PERMISSION, R3, CLOUD + "API_CreateResource.html", looks_at=frozenset({"TypeName", "DesiredState", "PatchDocument"}))  # fmt: skip
def typed_authority(context: Context) -> Fired:
    """A resource made by its type is made as by its service's own call: with a role, a policy, code or a principal it gives authority."""
    kind = str(context.parameters.get("TypeName"))
    given = context.parameters.get("DesiredState") or context.parameters.get("PatchDocument")
    if _AUTHORITY_TYPE.search(kind):
        return f"It writes {kind}, which decides who may do what.", {"type": kind}
    try:
        document = json.loads(given) if isinstance(given, str) else given
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, (dict, list)):
        return f"What is to stand of {kind} cannot be read.", {"type": kind}
    found = sorted({name for name in _members(document) if _AUTHORITY_MEMBER.search(name)})
    if not found:
        return None
    return f"It sets {_named(found)} of {kind}, by which something acts later.", {"members": found[:10]}


_AUTHORITY_TYPE: Final = re.compile(
    r"^AWS::(IAM|SSO|Organizations|RAM|RolesAnywhere|CodeBuild|CloudFormation|SSM)::|"
    r"(Policy|Permission|Permissions|Role|User|Grant|AccessEntry|AccessPoint|TrustStore|Principal|Credential)$"
)
"""Types that are authority themselves, or run what they are given."""

_AUTHORITY_MEMBER: Final = re.compile(
    r"(?i)role|policy|polic(ies)|principal|userdata|^code$|zipfile|imageuri|definition|script|command|password|secret|"
    r"credential|publickey|trust|instanceprofile|target"
)


def _members(document: Any, depth: int = 0) -> Iterable[str]:
    """Every name in the document; of a patch also what its paths name."""
    if depth > DEPTH_MAX:
        yield "policy (nested too deep to be read)"
    elif isinstance(document, dict):
        path = document.get("path")
        if isinstance(path, str) and path.startswith("/"):
            yield from path.strip("/").split("/")
        for name, inner in document.items():
            yield str(name)
            yield from _members(inner, depth + 1)
    elif isinstance(document, list):
        for inner in document:
            yield from _members(inner, depth + 1)


def _patched(document: Any) -> list[str] | None:
    """The paths that a patch writes; None where it is none."""
    try:
        found = json.loads(document) if isinstance(document, str) else document
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, list) or not found:
        return None
    paths = [one.get("path") for one in found if isinstance(one, dict)]
    if len(paths) != len(found) or not all(isinstance(path, str) and path.startswith("/") for path in paths):
        return None
    return [str(path).strip("/") for path in paths]
