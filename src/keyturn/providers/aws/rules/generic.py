"""Detectors for every operation that has no exact rule: the shapes of danger that repeat across services."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from keyturn.model.assessment import Kind, Reversibility
from keyturn.model.change import Effect
from keyturn.providers.aws import recipes
from keyturn.providers.aws.environment import PRODUCTION, is_environment_key, normalise
from keyturn.providers.aws.rules import Context, Fired, Said, rule

SOURCE: Final = "Keyturn: delegated authority and protection-strip, by the shape of the request"
_PROTECTION: Final = re.compile(
    r"(deletion|termination|delete|stop)_?protect(ion|ed)?|disableapi(termination|stop)", re.IGNORECASE
)
_SKIP: Final = re.compile(r"^(skipfinal(cluster)?(snapshot|backup)|deleteautomatedbackups)$", re.IGNORECASE)
_FORCE: Final = re.compile(
    r"^(force.*|bypass.*|ignore.*(boundary|check).*|cascade.*|purge.*|recursive)$", re.IGNORECASE
)
_ROLE: Final = re.compile(
    r"(^|[a-z])(role)(arn|name)?$|executionrole|iaminstanceprofile|servicerole", re.IGNORECASE
)
_CODE: Final = re.compile(
    r"^(userdata|code|script|definition|definitionstring|templatebody|templateurl|command|commands|schedule\w*|"
    r"buildspec|sql|statement|querystring|target|targets|document|content)$",
    re.IGNORECASE,
)
_KEY: Final = re.compile(
    r"^(publickey\w*|sshpublickey|password|masteruserpassword|principal|principals|externalid|certificate\w*|"
    r"trustpolicy|assumerolepolicydocument)$",
    re.IGNORECASE,
)
_POLICY: Final = re.compile(
    r"(^|resource|repository|bucket|key|topic|queue)policy(document|text|body)?$", re.IGNORECASE
)
_RETENTION: Final = re.compile(r"retention|expir|pendingwindow|recoverywindow", re.IGNORECASE)
_NONE_LEFT: Final = re.compile(
    r"^(desired(count|capacity)|minsize|minimum\w*|readcapacityunits|reserved\w*executions)$", re.IGNORECASE
)
_TAGGING: Final = re.compile(r"Tag|Untag")
_OFF: Final = frozenset({"DISABLED", "INACTIVE", "SUSPENDED", "OFF", "PAUSED"})

DEPTH_MAX: Final = 6


def leaves(value: Any, path: str = "", depth: int = 0) -> Iterator[tuple[str, str, Any]]:
    """(name, path, value) of every member of the request, to a depth."""
    if depth > DEPTH_MAX:
        return
    if isinstance(value, dict):
        for name, inner in value.items():
            place = f"{path}.{name}" if path else str(name)
            yield str(name), place, inner
            yield from leaves(inner, place, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner, path + "[]", depth + 1)


def _found(context: Context, pattern: re.Pattern[str]) -> list[tuple[str, Any]]:
    return [(path, value) for name, path, value in leaves(context.parameters) if pattern.search(name)]


def _gives_authority(context: Context, pattern: re.Pattern[str], what: str) -> Fired:
    found = [path for path, value in _found(context, pattern) if value not in (None, "", [], {})]
    return (
        (f"The request supplies {what} ({', '.join(found[:3])}).", {"paths": found[:10]}) if found else None
    )


@rule("GEN001", [], Kind.PROTECTION_STRIP, Effect.UPDATE, Reversibility.R1, SOURCE)
def protection(context: Context) -> Fired:
    """A flag that guards against deletion is set to off."""
    off = [
        path
        for path, value in _found(context, _PROTECTION)
        if value is False
        or (isinstance(value, str) and value.upper() in _OFF)
        or (isinstance(value, dict) and value.get("Value") is False)
    ]
    return (
        (f"Protection against deletion would be taken off ({', '.join(off)}).", {"paths": off})
        if off
        else None
    )


@rule("GEN002", [], Kind.BACKUP_STRIP, Effect.DELETE, Reversibility.R4, SOURCE)
def skip_final(context: Context) -> Fired:
    """The last backup is skipped, or existing ones are deleted with the resource."""
    found = [path for path, value in _found(context, _SKIP) if value is True]
    return (
        (f"No last backup would be taken, or backups go too ({', '.join(found)}).", {"paths": found})
        if found
        else None
    )


@rule("GEN003", [], Kind.OUTAGE, Effect.UPDATE, Reversibility.R3, SOURCE)
def forced(context: Context) -> Fired:
    """A check of the service's own is bypassed."""
    found = [path for path, value in _found(context, _FORCE) if value is True]
    return (f"A check of the service is bypassed ({', '.join(found)}).", {"paths": found}) if found else None


@rule("GEN004", [], Kind.DELEGATED_AUTHORITY, Effect.EXECUTE, Reversibility.R1, SOURCE)
def role_passed(context: Context) -> Fired:
    """A role is passed to something that will act with it."""
    if context.operation.service in {"iam", "sts"} or context.operation.floor is Effect.DELETE:
        return None  # there a role's name says which resource is meant
    return _gives_authority(context, _ROLE, "a role for something that acts later")


@rule("GEN005", [], Kind.DELEGATED_AUTHORITY, Effect.EXECUTE, Reversibility.R1, SOURCE)
def code_given(context: Context) -> Fired:
    """Code, a schedule, a target or a definition is given to something that acts later."""
    return _gives_authority(context, _CODE, "what something else will run")


@rule("GEN006", [], Kind.DELEGATED_AUTHORITY, Effect.PERMISSION, Reversibility.R3, SOURCE)
def credential_given(context: Context) -> Fired:
    """A principal, key, password or trust anchor comes from the request."""
    return _gives_authority(context, _KEY, "a principal, key or password")


@rule("GEN007", [], Kind.DELEGATED_AUTHORITY, Effect.PERMISSION, Reversibility.R1, SOURCE)
def policy_given(context: Context) -> Fired:
    """A policy document decides who may do what."""
    return _gives_authority(context, _POLICY, "a policy")


@rule("GEN008", [], Kind.NOTE, Effect.UPDATE, Reversibility.R3, SOURCE)
def retention(context: Context) -> Fired:
    """A retention or recovery period is set: what is older than it may be deleted."""
    found = [
        path
        for path, value in _found(context, _RETENTION)
        if isinstance(value, (int, str)) and not isinstance(value, bool)
    ]
    return (
        (
            f"A retention period is set ({', '.join(found[:3])}); what is older may be deleted.",
            {"paths": found},
        )
        if found
        else None
    )


@rule("GEN009", [], Kind.OUTAGE, Effect.UPDATE, Reversibility.R1, SOURCE)
def none_left(context: Context) -> Fired:
    """Capacity is set to zero, or something is switched off."""
    found = [
        path for path, value in _found(context, _NONE_LEFT) if value == 0 and not isinstance(value, bool)
    ]
    found += [
        path
        for name, path, value in leaves(context.parameters)
        if name in {"Status", "State"} and str(value).upper() in _OFF
    ]
    return (f"Nothing would be left running ({', '.join(found[:3])}).", {"paths": found}) if found else None


@rule("GEN010", [], Kind.OPAQUE, Effect.EXECUTE, Reversibility.R4, SOURCE)
def opaque(context: Context) -> Fired:
    """What an execution does is in its payload and its code, not in the request."""
    if context.operation.floor is not Effect.EXECUTE:
        return None
    return f"What {context.operation.action} does cannot be judged from the request.", {}


@rule("GEN011", [], Kind.SECRET, Effect.SECRET, Reversibility.R4, SOURCE)
def secret(context: Context) -> Fired:
    """A credential or secret that is handed out cannot be taken back."""
    if context.operation.floor is not Effect.SECRET:
        return None
    return (
        f"{context.operation.action} hands out a credential or secret; an agent that holds one is outside the plane.",
        {},
    )


@rule("GEN012", [], Kind.DATA_LOSS, Effect.DELETE, Reversibility.R4, SOURCE)
def deletes(context: Context) -> Fired:
    """A delete of a kind without a recipe is taken to be final; what a recipe puts back by one call is not."""
    floor, action = context.operation.floor, context.operation.action
    if floor is Effect.REPLACE:
        return Said(
            f"{action} deletes what stands of {context.ref} and makes it anew, all in one call.",
            effect=Effect.REPLACE,
            kind=Kind.REPLACE,
        )
    if floor is not Effect.DELETE or _TAGGING.search(action):
        return None
    if _comes_back(context):
        return Said(
            f"{action} takes something off {context.ref}; what stands is captured, and one call puts it back.",
            kind=Kind.NOTE,
            reversibility=Reversibility.R1,
        )
    return f"{action} removes {context.ref}, or something of it, and there is no recipe to give it back.", {}


def _comes_back(context: Context) -> bool:
    """Whether a recipe knows the call that puts back what this takes off."""
    recipe, state = recipes.for_kind(context.ref.kind), context.state
    if recipe is None or state is None:
        return False
    return bool(recipe.inverse(context.operation.name, context.parameters, context.ref, state))


_BLINDERS: Final = frozenset(
    {
        "accessanalyzer:DeleteAnalyzer",
        "cloudtrail:DeleteEventDataStore",
        "cloudtrail:DeleteTrail",
        "cloudtrail:PutEventSelectors",
        "cloudtrail:StopLogging",
        "cloudtrail:UpdateTrail",
        "config:DeleteConfigurationRecorder",
        "config:DeleteDeliveryChannel",
        "config:StopConfigurationRecorder",
        "ec2:DeleteFlowLogs",
        "events:DisableRule",
        "guardduty:DeleteDetector",
        "guardduty:StopMonitoringMembers",
        "guardduty:UpdateDetector",
        "inspector2:Disable",
        "logs:DeleteMetricFilter",
        "logs:DeleteSubscriptionFilter",
        "macie2:DisableMacie",
        "securityhub:DisableSecurityHub",
    }
)


@rule(
    "GEN013",
    [],
    Kind.BLIND,
    Effect.UPDATE,
    Reversibility.R1,
    "https://docs.aws.amazon.com/awscloudtrail/latest/userguide/best-practices-security.html",
)
def blinded(context: Context) -> Fired:
    """Where a trail, a recorder, a detector or a filter is stopped, what happens afterwards is not seen or not recorded."""
    if context.operation.name not in _BLINDERS:
        return None
    return f"{context.operation.action} switches monitoring or audit off, or narrows it.", {}


@rule(
    "GEN014",
    [],
    Kind.PROTECTION_STRIP,
    Effect.UPDATE,
    Reversibility.R1,
    "https://docs.aws.amazon.com/whitepapers/latest/tagging-best-practices/tagging-best-practices.html",
    everywhere=True,
)
def environment_tag(context: Context) -> Fired:
    """Policy is decided on the tag that says which environment a resource is in: changing it changes which rules hold."""
    action = context.operation.action
    if not _TAGGING.search(action) or (action.startswith("Create") and action != "CreateTags"):
        return None  # what is made with tags is nothing that stands, and its tags are heard elsewhere
    standing = (context.state or {}).get("tags") or {}
    given = _tags(context.parameters)
    taken = [str(value) for name in ("TagKeys", "tagKeys") for value in context.parameters.get(name) or []]
    if action in {"PutBucketTagging", "DeleteBucketTagging"}:  # the whole set is replaced
        taken += [key for key in standing if key not in given]
    moved = [key for key, value in given.items() if is_environment_key(key) and value != standing.get(key)]
    lowered = [key for key in moved if normalise(str(given[key])) != PRODUCTION]
    touched = sorted({*lowered, *(key for key in taken if is_environment_key(key))})
    if not touched:
        return None
    return f"The tag that says which environment {context.ref} is in would change ({', '.join(touched)}).", {
        "keys": touched
    }


def _tags(parameters: dict[str, Any]) -> dict[str, Any]:
    """Every tag that a request sets, in whatever shape the service takes them."""
    found: dict[str, Any] = {}
    for name, _, value in leaves(parameters):
        if name.lower() in {"tags", "tagset", "tag"} and isinstance(value, dict):
            found |= {key: inner for key, inner in value.items() if not isinstance(inner, (dict, list))}
        for tag in value if name.lower() in {"tags", "tagset", "tag"} and isinstance(value, list) else []:
            if isinstance(tag, dict):
                key = next((tag[word] for word in ("Key", "key", "TagKey") if word in tag), None)
                inner = next((tag[word] for word in ("Value", "value", "TagValue") if word in tag), "")
                if key is not None:
                    found[str(key)] = inner
    return found
