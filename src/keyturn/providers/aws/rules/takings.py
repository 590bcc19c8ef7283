"""Detectors for what is taken away beside or under another name: what watches, a tag, what a list leaves out, what a verb stops."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, Final

from keyturn.model.assessment import Kind, Reversibility
from keyturn.model.change import READ_EFFECTS, Effect
from keyturn.providers.aws.environment import PRODUCTION, is_environment_key, normalise
from keyturn.providers.aws.rules import Context, Fired, Said, rule
from keyturn.providers.aws.rules.conditions import is_off, values
from keyturn.providers.aws.rules.generic import TAGGING, WATCHERS, guards, makes, paths, watches, where
from keyturn.providers.aws.rules.shapes import APPENDS, Leaf, leaves, members, of
from keyturn.providers.aws.rules.starting import filled

R1, R3, R4 = Reversibility.R1, Reversibility.R3, Reversibility.R4
BATCH: Final = 25
"""Targets of one call from which on it is worth saying how many there are."""

_BLINDERS: Final = frozenset(
    {
        "accessanalyzer:DeleteAnalyzer",
        "cloudtrail:DeleteEventDataStore",
        "cloudtrail:DeleteTrail",
        "cloudtrail:PutEventSelectors",
        "cloudtrail:StopEventDataStoreIngestion",
        "cloudtrail:StopLogging",
        "cloudwatch:DisableInsightRules",
        "cloudwatch:PutAlarmMuteRule",
        "cloudwatch:StopMetricStreams",
        "config:DeleteConfigurationRecorder",
        "config:DeleteDeliveryChannel",
        "config:StopConfigurationRecorder",
        "detective:DisassociateMembership",
        "ec2:DeleteFlowLogs",
        "ec2:UnmonitorInstances",
        "events:DisableRule",
        "guardduty:CreateFilter",
        "guardduty:DeleteDetector",
        "guardduty:DisassociateMembers",
        "guardduty:StopMonitoringMembers",
        "guardduty:UpdateDetector",
        "inspector2:Disable",
        "logs:DeleteMetricFilter",
        "logs:DeleteSubscriptionFilter",
        "macie2:DisableMacie",
        "securityhub:BatchDisableStandards",
        "securityhub:DisableSecurityHub",
        "securityhub:DisassociateMembers",
        "synthetics:StopCanary",
        "xray:DeleteSamplingRule",
    }
)


def _detects_less(given: dict[str, Any]) -> bool:
    """Something of the detector is switched off; what is turned on, or published more often, is not."""
    return any(is_off(leaf.value) for leaf in leaves(given) if not isinstance(leaf.value, (dict, list)))


def _selects_less(given: dict[str, Any]) -> bool:
    """Not all events are asked for, in the plainest way of saying so."""
    selectors = given.get("EventSelectors") or []
    return not selectors or not any(
        one.get("ReadWriteType", "All") == "All"
        and one.get("IncludeManagementEvents", True) is True
        and not one.get("ExcludeManagementEventSources")
        for one in selectors
        if isinstance(one, dict)
    )


_NARROWED: Final[dict[str, Callable[[dict[str, Any]], bool]]] = {
    "cloudtrail:PutEventSelectors": _selects_less,
    "guardduty:UpdateDetector": _detects_less,
}
"""Of these the request says whether they narrow anything."""


@rule(
    "GEN013",
    [],
    Kind.BLIND,
    Effect.UPDATE,
    R1,
    "https://docs.aws.amazon.com/awscloudtrail/latest/userguide/best-practices-security.html",
)
def blinded(context: Context) -> Fired:
    """Where a trail, a recorder, a detector or a filter is stopped, what happens afterwards is not seen or not recorded."""
    name = context.operation.name
    if name not in _BLINDERS or (
        name == "guardduty:CreateFilter" and context.parameters.get("Action") != "ARCHIVE"
    ):
        return None
    if name in _NARROWED and not _NARROWED[name](context.parameters):
        return None
    return f"{context.operation.action} switches monitoring or audit off, or narrows it.", {}


@rule(
    "GEN014",
    [],
    Kind.PROTECTION_STRIP,
    Effect.UPDATE,
    R1,
    "https://docs.aws.amazon.com/whitepapers/latest/tagging-best-practices/tagging-best-practices.html",
    everywhere=True,
)
def environment_tag(context: Context) -> Fired:
    """Policy is decided on the tag that says which environment a resource is in: changing it changes which rules hold. Where it says production
    now, a guard is taken off.
    """
    action = context.operation.action
    if not TAGGING.search(action) or (action.startswith("Create") and action != "CreateTags"):
        return None  # what is made with tags is nothing that stands, and its tags are heard elsewhere
    standing = tags(context.state or {})
    given = tags(context.parameters)
    taken = [str(value) for name in ("TagKeys", "tagKeys") for value in context.parameters.get(name) or []]
    if action in {"PutBucketTagging", "DeleteBucketTagging"}:  # the whole set is replaced
        taken += [key for key in standing if key not in given]
    moved = [key for key, value in given.items() if is_environment_key(key) and value != standing.get(key)]
    lowered = [key for key in moved if normalise(str(given[key])) != PRODUCTION]
    touched = sorted({*lowered, *(key for key in taken if is_environment_key(key))})
    if not touched:
        return None
    message = f"The tag that says which environment {context.ref} is in would change ({', '.join(touched)})."
    stood = {normalise(str(value)) for key, value in standing.items() if is_environment_key(key)}
    if PRODUCTION in stood:
        return message, {"keys": touched}
    return Said(message, {"keys": touched}, kind=Kind.DELEGATED_AUTHORITY, effect=Effect.PERMISSION)


def tags(parameters: dict[str, Any]) -> dict[str, Any]:
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


_EMPTIES: Final = re.compile(r"^(Put|Set|Update|Modify|Replace|Change|Apply|Configure)")
_MARKS: Final = re.compile(
    r"(Allow|Block|Count|Captcha|Challenge|None|\w*GlueDataCatalog|[Tt]heme|metadata|StorageClassAnalysis|response[Cc]onfigurations)$"
)
"""Structures that say which one of several is meant, and may say no more."""
_EXCEPTS: Final = re.compile(r"(?i)(suppress|bypass|exempt|ignored?(?!public))")
"""Lists of what is let through or passed over: given empty, nothing is."""


@rule(
    "GEN015",
    [],
    Kind.OUTAGE,
    Effect.UPDATE,
    R3,
    "Keyturn: whole lists and documents, by the shape of the request",
)
def emptied(context: Context) -> Fired:
    """A list or document is replaced as a whole: given empty, or without what stands in it, the rest is gone."""
    if makes(context) or not _EMPTIES.match(context.operation.action) or context.operation.name in APPENDS:
        return None
    empty = [
        leaf
        for leaf in members(context)
        if leaf.value in ([], {})
        and not TAGGING.search(leaf.path)
        and not _MARKS.match(leaf.name)
        and not _EXCEPTS.match(leaf.name)
        and not (
            leaf.value == {} and "[]." in leaf.path
        )  # of several kinds of element the one that needs no more
    ]
    if empty:
        return f"What stands of {context.ref} there would be emptied ({where(empty)}).", paths(empty)
    stood = context.live.get("")
    if not isinstance(stood, dict):
        return None
    shorter = [
        Leaf(name, name, value)
        for name, value in context.parameters.items()
        if isinstance(value, list)
        and isinstance(stood.get(name), list)
        and _named(stood[name]) - _named(value)
        and not TAGGING.search(name)
    ]
    return (
        (f"Some of what stands of {context.ref} would be dropped ({where(shorter)}).", paths(shorter))
        if shorter
        else None
    )


def _named(items: list[Any]) -> set[str]:
    """What names the elements of a list: themselves, or the first member that is an id or a name."""
    found = set()
    for item in items:
        if isinstance(item, dict):
            name = next(
                (str(value) for key, value in item.items() if re.search(r"(?i)(id|name|arn|key)$", key)), ""
            )
            found.add(name or json.dumps(item, sort_keys=True, default=str))
        else:
            found.add(str(item))
    return found


@rule(
    "GEN016",
    [],
    Kind.NOTE,
    Effect.UPDATE,
    R1,
    "Keyturn: many targets in one call, by the shape of the request",
)
def many(context: Context) -> Fired:
    """One call that is about many resources, or about all that carry a tag, is as large as all of them together."""
    if context.operation.floor in READ_EFFECTS:
        return None
    found = [
        leaf for leaf in of(context, "targets") if isinstance(leaf.value, list) and len(leaf.value) >= BATCH
    ]
    wide = [
        leaf
        for leaf in of(context, "targets")
        if isinstance(leaf.value, list) and any("*" in (item, *values(item, "Values")) for item in leaf.value)
    ]
    if wide:
        return f"The call is about everything ({where(wide)}).", paths(wide)
    return (
        (f"The call is about {max(len(leaf.value) for leaf in found)} targets.", paths(found))
        if found
        else None
    )


@rule(
    "GEN017",
    [],
    Kind.OUTAGE,
    Effect.UPDATE,
    R3,
    "Keyturn: what a call takes away beside its name, by the shape of the request",
)
def takes_away(context: Context) -> Fired:
    """A member that says what is to be deleted, removed or reset makes a delete of an update."""
    if context.operation.floor in {Effect.DELETE, Effect.TAG, *READ_EFFECTS}:
        return None
    found = [
        leaf
        for leaf in filled(of(context, "removal"))
        if (not isinstance(leaf.value, (int, float)) or leaf.value is True)
        and not (_CHOSEN.search(leaf.name) and isinstance(leaf.value, str) and not _DELETES.match(leaf.value))
    ]
    found = [
        leaf for leaf in found if not TAGGING.search(leaf.path) and not _EVERYBODY.match(str(leaf.value))
    ]
    return (f"Something of {context.ref} would be removed ({where(found)}).", paths(found)) if found else None


_EVERYBODY: Final = re.compile(r"\[(\{'Group': 'all'\}|'all')\]$|\{'Group': 'all'\}$")
"""From whom nothing is missed: what was open to all is closed."""

_CHOSEN: Final = re.compile(r"(?i)(behaviou?r|mode|action|policy|option|type|strategy)$")
_DELETES: Final = re.compile(r"(?i)(\w+_)?(delet|remov|drop|terminat|destroy|deprecat)")

_STOPS: Final = re.compile(
    r"^(?:Batch|Bulk|Admin)?(Stop|Logout|SignOut|EndSession|Dismiss|Interrupt|SendDiagnosticInterrupt|Shutdown|Send\w*Failure|Respond\w*(Failed|Canceled)$|(Batch)?Start\w*(Revocation|Disassociat|Decommission|Flush)|Put\w*FailureResult|Disable|Suspend|Pause|Deactivate|Reboot|Restart|Failover|Switchover|SwitchOver|Detach|Disassociate|Deregister|Revoke|Reset(?!ServiceSetting)|Rebuild|"
    r"Disconnect|Evict|Retire|Deprovision|Release|Withdraw|Unassign|Unassociate|Unsubscribe|Unlink|Unlabel|Ungroup|Undeploy|Unshare|Dissociate|Finalize|Recall|Shrink|Deauthorize|"
    r"Deprecate|Drain|Swap|Promote|Invalidate|Flush|Rollback|Recycle|Quarantine|Reject|Leave|Deny|Cancel(?!KeyDeletion)|Abort|Expire|Unmonitor|"
    r"OptOut|Archive\w*Finding|MarkAsArchived|Suppress|Batch(Disable|Disassociate|Stop|Deactivate|Revoke|Reset|Suspend)|StartZonalShift|AdminDisable|AdminReset|AdminUserGlobalSignOut|"
    r"GlobalSignOut|MergeShards|SplitShard|ForceDeploy|Reload|ReplaceRoute|ReplaceNetworkAclAssociation)(?!KeyDeletion)"
)
_QUERIES: Final = re.compile(
    r"Query|Execution$|Statement|Search(?!Connection)|Scan$|(?<!Continuous)Export|Import|Upload|Transaction|Spool|Sandbox"
)
"""What is stopped there is a job of one's own: a query, an export."""


@rule(
    "GEN018",
    [],
    Kind.OUTAGE,
    Effect.UPDATE,
    R3,
    "Keyturn: verbs that take something out of service",
    last=True,
)
def stopped(context: Context) -> Fired:
    """What is stopped, disabled, detached, deregistered, failed over or reset is not there for those who rely on it."""
    action = context.operation.action
    if context.operation.floor in READ_EFFECTS or not _STOPS.match(action):
        return None
    if context.parameters.get("undoDeprecate") is True or context.operation.name in _SHUTS:
        return None
    if _some_defaults(context):
        return Said(
            f"Some settings of {context.ref} go back to what AWS gives them.",
            kind=Kind.NOTE,
            reversibility=R1,
        )
    if "Durable" not in action and (_QUERIES.search(action) or re.match(r"Stop\w*(Job|Evaluation)$", action)):
        return Said(f"{action} ends a job of {context.ref}.", kind=Kind.NOTE, reversibility=R1)
    return f"{action} takes {context.ref}, or something of it, out of service.", {}


_SHUTS: Final = frozenset({"ec2:DisableSerialConsoleAccess", "codebuild:InvalidateProjectCache"})
"""What is disabled there is a way in; what is thrown away is made anew by the next build."""

_DEFAULTS: Final = re.compile(r"Reset\w*ParameterGroup$")


def _some_defaults(context: Context) -> bool:
    """Whether single parameters are set back, by their names, and none of them guards or watches."""
    if not _DEFAULTS.match(context.operation.action):
        return False
    given = members(context)
    if any(leaf.value is True and "AllParameters" in leaf.name for leaf in given):
        return False
    named = [
        one
        for leaf in given
        if leaf.name in {"ParameterName", "ParameterNames"}
        for one in (leaf.value if isinstance(leaf.value, list) else [leaf.value])
    ]
    return bool(named) and not any(guards(str(one)) or watches(str(one)) for one in named)


_GIVEN_TO: Final = re.compile(
    r"(?i)(account(id)?s?|crossaccount\w*|userids?|valuestoadd|principals?|target(aws)?account(id)?|sharedwith\w*|consumeridentifier|consumerarn|grantee\w*|adminaccount|account)$"
)
_WITHDRAWN: Final = re.compile(r"(?i)(^|\.)(remove|(\w+to)?revoke|delete)\w*(\[\])?(\.|$)|toremove$")
"""Where a member says whom something is taken from."""

_OF_AN_ORGANIZATION: Final = WATCHERS | {
    "networkflowmonitor",
    "outposts",
    "securitylake",
    "taxsettings",
    "wellarchitected",
}
_ADMINISTERS: Final = re.compile(r"Admin|Share|Transfer|Grant")
_DEVICE: Final = re.compile(r"arn:[\w-]+:(iot:[^:]*:\d*:cert/|cognito-)")
"""A certificate or an identity that a device signs in with: it is of the account that it is given in."""

_ACCOUNT: Final = re.compile(r"(?:^|:)(\d{12})(?:$|:)")


@rule(
    "GEN019",
    [],
    Kind.EXPOSURE,
    Effect.PERMISSION,
    R4,
    "https://docs.aws.amazon.com/wellarchitected/latest/security-pillar/sec_permissions_share_securely_third_party.html",
)
def another_account(context: Context) -> Fired:
    """What is sent to, or shared with, another account is out of this one's hands."""
    service, action = context.operation.service, context.operation.action
    if context.operation.floor in {Effect.DELETE, *READ_EFFECTS} or service in {"organizations", "sts"}:
        return None
    if service in _OF_AN_ORGANIZATION and not _ADMINISTERS.search(action):
        return None  # the account is one that is looked after
    if context.operation.action.startswith("Invite"):
        return None  # who is invited gives something, and gets nothing
    if str(context.parameters.get("OperationType", "")).lower() == "remove":
        return None
    own = context.operation.account or context.ref.account
    found = [
        leaf
        for leaf in of(context, "other")
        for text in (leaf.value if isinstance(leaf.value, list) else [leaf.value])
        if isinstance(text, str)
        and not _DEVICE.match(text)
        and (account := _ACCOUNT.search(text))
        and account[1] != own
        and not _WITHDRAWN.search(leaf.path)
        and (
            own or _GIVEN_TO.search(leaf.name)
        )  # where nothing says whose call it is, an ARN may be of one's own
        and (own or leaf.path.lower() not in {"accountid", "awsaccountid", "sourceaccount"})
        and (own or not leaf.path.lower().endswith(("identifier.account", "bucketdestination.accountid")))
    ]
    return (
        (f"Something of {context.ref} would go to another account ({where(found)}).", paths(found))
        if found
        else None
    )
