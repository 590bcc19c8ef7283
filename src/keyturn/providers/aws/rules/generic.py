"""Detectors for whatever no exact rule looks at: the shapes of danger that repeat across services."""

from __future__ import annotations

import re
from typing import Any, Final

from keyturn.model.assessment import Kind, Reversibility
from keyturn.model.change import READ_EFFECTS, Effect
from keyturn.providers.aws.languages.policies import may_be_policy
from keyturn.providers.aws.rules import Context, Fired, Said, looked_at, rule
from keyturn.providers.aws.rules.conditions import is_off, is_on, number
from keyturn.providers.aws.rules.delegated import for_one_use, with_authority
from keyturn.providers.aws.rules.one_use import put_to_one_use
from keyturn.providers.aws.rules.prose import is_prose
from keyturn.providers.aws.rules.shapes import Leaf, members, of
from keyturn.providers.aws.rules.starting import MESSAGES, PREVIEWS, filled

R1, R3, R4 = Reversibility.R1, Reversibility.R3, Reversibility.R4
SOURCE: Final = "Keyturn: delegated authority and protection-strip, by the shape of the request"
TAGGING: Final = re.compile(r"Tag|Untag")
_WATCHES: Final = re.compile(
    r"(?i)log|audit|monitor|trac|metric|insight|alarm|notif|alert|detect|findings|inspect"
)
WATCHERS: Final = frozenset(
    {
        "accessanalyzer",
        "cloudtrail",
        "config",
        "detective",
        "guardduty",
        "inspector2",
        "macie2",
        "securityhub",
        "security-ir",
        "xray",
    }
)
"""Services that are there to see: what is off in them is not seen."""

_GUARDS: Final = re.compile(
    r"(?i)encrypt|validat|version|protect|lock|mfa|backup|recover|snapshot|guard|waf|tls|ssl|https|iam|auth|sign|scan|immutab|atrest|"
    r"transit|retain|multiaz|failover|replic|private|enforce|require|block"
)


def where(found: list[Leaf]) -> str:
    return ", ".join(dict.fromkeys(leaf.path for leaf in found[:3]))


def paths(found: list[Leaf]) -> dict[str, Any]:
    return {"paths": list(dict.fromkeys(leaf.path for leaf in found[:10]))}


def watches(path: str) -> bool:
    """Whether what stands at a path, by its name, is there to see or to tell."""
    return _WATCHES.search(path) is not None


def guards(path: str) -> bool:
    """Whether what stands at a path, by its name, is there to guard."""
    return _GUARDS.search(path) is not None


def makes(context: Context) -> bool:
    """Whether the operation makes something new: what is off in it was never on."""
    return context.operation.floor in {Effect.CREATE, *READ_EFFECTS}


_ADDS: Final = re.compile(
    r"^(Batch)?(Start|Send|Add|Enable|Register|Accept|Publish|Test|Resume|Record|Invoke|Grant|Import|Run|Submit|Restore|Allocate|Associate|Attach)"
)


def adds(context: Context) -> bool:
    """Whether the operation puts something beside what stands, or sets it going: what is off in its request was not on."""
    return makes(context) or _ADDS.match(context.operation.action) is not None


@rule("GEN001", [], Kind.PROTECTION_STRIP, Effect.UPDATE, R1, SOURCE)
def protection(context: Context) -> Fired:
    """A flag that guards against deletion is set to off; at a create it is worth saying that it will not be guarded."""
    off = [leaf for leaf in of(context, "protection") if is_off(leaf.value)]
    if not off:
        return None
    if makes(context):
        return Said(
            f"{context.ref} would stand without protection against deletion ({where(off)}).",
            paths(off),
            kind=Kind.NOTE,
        )
    return f"Protection against deletion would be taken off ({where(off)}).", paths(off)


@rule("GEN002", [], Kind.BACKUP_STRIP, Effect.DELETE, R4, SOURCE)
def skip_final(context: Context) -> Fired:
    """The last backup is skipped, or existing ones are deleted with the resource."""
    found = [leaf for leaf in of(context, "skip") if leaf.value is True]
    return (
        (f"No last backup would be taken, or backups go too ({where(found)}).", paths(found))
        if found
        else None
    )


@rule("GEN003", [], Kind.OUTAGE, Effect.UPDATE, R3, SOURCE)
def forced(context: Context) -> Fired:
    """A check of the service's own is bypassed."""
    if context.operation.floor in READ_EFFECTS:
        return None
    found = [leaf for leaf in of(context, "force") if leaf.value is True]
    return (f"A check of the service is bypassed ({where(found)}).", paths(found)) if found else None


@rule("GEN004", [], Kind.DELEGATED_AUTHORITY, Effect.EXECUTE, R1, SOURCE)
def role_passed(context: Context) -> Fired:
    """A role is passed to something that will act with it; how bad that is depends on what its policies allow, and on whether the service does
    more with it than one thing of its own.
    """
    if context.operation.service in {"iam", "sts"} or context.operation.floor in {
        Effect.DELETE,
        *READ_EFFECTS,
    }:
        return None  # there a role's name says which resource is meant
    found = [leaf for leaf in filled(of(context, "role")) if not _ENUM.match(str(leaf.value))]
    found += [
        leaf
        for leaf in members(context)
        if isinstance(leaf.value, str)
        and _ROLE_ARN.match(leaf.value)
        and leaf not in found
        and leaf.name.lower() != "entityarn"  # whom it is about
    ]
    found = [
        leaf for leaf in found if ":role/aws-service-role/" not in str(leaf.value)
    ]  # no more than its service may
    if not found:
        return None
    if put_to_one_use(context, found):
        return for_one_use(context, where(found), paths(found))
    return with_authority(
        context,
        f"The request supplies a role for something that acts later ({where(found)}).",
        paths(found),
    )


_ROLE_ARN: Final = re.compile(r"arn:[\w-]+:iam::\d*:role/")
_ENUM: Final = re.compile(r"[A-Z][A-Z_]*$")
"""A role somebody has in a conversation or a space, not one that acts."""


def _runs(leaf: Leaf) -> bool:
    """Targets are code where they name something that runs: an ARN or a role; addresses and ids are not. Nor are codes that confirm."""
    if leaf.name.lower() == "code" and isinstance(leaf.value, str) and len(leaf.value) <= _CODE_CHARS_MAX:
        return False
    if leaf.name.lower() in {"target", "targets"} and isinstance(leaf.value, (list, dict, str)):
        return "arn" in str(leaf.value).lower() and not _IS_TOLD.match(str(leaf.value))
    return not isinstance(leaf.value, (bool, int))


_IS_TOLD: Final = re.compile(r"arn:[\w-]+:(sns|iot|cognito-identity):[^{]*$")
"""A topic, a certificate, an identity: it is told, or it is given something, and runs nothing."""

_CODE_CHARS_MAX: Final = 12
"""What is sent to a telephone to be typed in is no longer."""


@rule("GEN005", [], Kind.DELEGATED_AUTHORITY, Effect.EXECUTE, R1, SOURCE)
def code_given(context: Context) -> Fired:
    """Code, a schedule, a target or a definition is given to something that acts later."""
    if context.operation.floor in {Effect.DELETE, Effect.TAG, *READ_EFFECTS} or MESSAGES.match(
        context.operation.action
    ):
        return None
    found = [leaf for leaf in filled(of(context, "code")) if _runs(leaf) and not is_prose(context, leaf)]
    if context.operation.action.endswith("FromSourceControl"):
        found = members(context)
    found += [
        leaf
        for leaf in members(context)
        if _LIBRARY.search(leaf.name) and str(leaf.value).startswith("s3://")
    ]
    if not found:
        return None
    if all(_WHEN.match(leaf.name) for leaf in found) and not filled(of(context, "role")):
        return Said(
            f"What {context.ref} does anyway would be done at other times ({where(found)}).",
            paths(found),
            effect=Effect.UPDATE,
            kind=Kind.NOTE,
        )
    kept = context.operation.name in _KEPT or (
        makes(context) and all(_TEXT.match(leaf.name) for leaf in found)
    )
    if kept and not filled(of(context, "role")):
        return Said(
            f"{context.ref} is kept; it runs when somebody starts it, with no role of its own ({where(found)}).",
            paths(found),
            effect=Effect.CREATE,
            kind=Kind.NOTE,
        )
    return with_authority(
        context, f"The request supplies what something else will run ({where(found)}).", paths(found)
    )


_WHEN: Final = re.compile(r"(?i)(schedule(expression)?|cron\w*)$")
_LIBRARY: Final = re.compile(r"(?i)(lib|jar|script|python|code|package|artifact)\w*(path|uri|url|location)?$")
_TEXT: Final = re.compile(r"(?i)(document|content|statement|definition|template(body)?)$")
_KEPT: Final = frozenset(
    {
        "athena:CreateNamedQuery",
        "athena:CreatePreparedStatement",
        "batch:RegisterJobDefinition",
        "ecs:RegisterDaemonTaskDefinition",
        "ecs:RegisterTaskDefinition",
        "logs:PutQueryDefinition",
    }
)
"""These put away under a new name what is to run, and change nothing that runs: starting it is a call of its own, judged by what it starts."""


@rule("GEN006", [], Kind.DELEGATED_AUTHORITY, Effect.PERMISSION, R3, SOURCE)
def credential_given(context: Context) -> Fired:
    """A principal, key, password or trust anchor comes from the request."""
    if context.operation.floor in {Effect.DELETE, *READ_EFFECTS}:
        return None
    found = [leaf for leaf in filled(of(context, "key")) if not isinstance(leaf.value, int)]
    return (
        (f"The request supplies a principal, key or password ({where(found)}).", paths(found))
        if found
        else None
    )


@rule("GEN007", [], Kind.DELEGATED_AUTHORITY, Effect.PERMISSION, R1, SOURCE)
def policy_given(context: Context) -> Fired:
    """A policy document decides who may do what."""
    if context.operation.floor in {Effect.DELETE, *READ_EFFECTS} or PREVIEWS.search(context.operation.action):
        return None
    found = [leaf for leaf in filled(of(context, "policy")) if may_be_policy(leaf.value)]
    return (f"The request supplies a policy ({where(found)}).", paths(found)) if found else None


@rule("GEN008", [], Kind.NOTE, Effect.UPDATE, R1, SOURCE)
def retention(context: Context) -> Fired:
    """A retention or recovery period is set: what is older than it is deleted. None at all for backups strips them; one of a day is a loss."""
    ends = [] if makes(context) else _ends(context)
    if ends:
        return Said(
            f"What gets older would be deleted from now on ({where(ends)}).",
            paths(ends),
            kind=Kind.DATA_LOSS,
            effect=Effect.DELETE,
            reversibility=R4,
        )
    given = [leaf for leaf in of(context, "retention") if number(leaf.value) is not None]
    backups = [
        leaf
        for leaf in given
        if number(leaf.value) == 0 and ("backup" in leaf.path.lower() or "snapshot" in leaf.path.lower())
    ]
    if backups:
        return Said(
            f"No backups would be kept ({where(backups)}).",
            paths(backups),
            kind=Kind.BACKUP_STRIP if not makes(context) else Kind.NOTE,
            effect=Effect.DELETE,
            reversibility=R4,
        )
    short = [leaf for leaf in given if (number(leaf.value) or 0) <= 1 and not makes(context)]
    if short and not _switches_off(short):
        return Said(
            f"What is older than a day, or than no time at all, may be deleted ({where(short)}).",
            paths(short),
            kind=Kind.DATA_LOSS,
            effect=Effect.DELETE,
            reversibility=R4,
        )
    return (
        (f"A retention period is set ({where(given)}); what is older may be deleted.", paths(given))
        if given
        else None
    )


def _ends(context: Context) -> list[Leaf]:
    """Where an expiry is turned on, or a lifecycle given that expires or deletes."""
    on = [
        leaf
        for leaf in of(context, "retention")
        if (is_on(leaf.value) or _dated(leaf.value)) and _EXPIRES.search(leaf.name)
    ]
    texts = [leaf for leaf in of(context, "lifecycle") if isinstance(leaf.value, str)]
    return on + [leaf for leaf in texts if re.search(r'(?i)"(expire|delete)', leaf.value)]


def _dated(value: Any) -> bool:
    """Whether a rule of a lifecycle says when: after days, or on a date."""
    return isinstance(value, dict) and bool({"Days", "Date", "days", "date", "NoncurrentDays"} & set(value))


_EXPIRES: Final = re.compile(r"(?i)^expir(?!ed)|expiration$|timetolive$|^ttl$")


def _switches_off(found: list[Leaf]) -> bool:
    """Zero and less mean "never" to some services; a negative number always does."""
    return all((number(leaf.value) or 0) < 0 for leaf in found)


@rule("GEN009", [], Kind.OUTAGE, Effect.UPDATE, R1, SOURCE)
def none_left(context: Context) -> Fired:
    """Capacity is set to zero, or something is switched off."""
    if makes(context) or context.operation.floor is Effect.DELETE:
        return None
    found = [leaf for leaf in of(context, "capacity") if number(leaf.value) == 0]
    if _SAID_NO.match(context.operation.action):
        found += [
            leaf
            for leaf in members(context)
            if _is_none(leaf) and leaf not in found and leaf.path not in looked_at(context.operation.name)
        ]
    found += [
        leaf
        for leaf in of(context, "ceiling")
        if (count := number(leaf.value)) is not None and 0 <= count <= (leaf.name != "Quantity")
    ]
    if not adds(context):
        found += [
            leaf
            for leaf in of(context, "state")
            if isinstance(leaf.value, str) and is_off(leaf.value) and not removes_by_itself(context)
        ]
    if found:
        return f"Nothing would be left running ({where(found)}).", paths(found)
    unseen = [leaf for leaf in members(context) if _sampled_never(leaf)]
    if unseen and not adds(context):
        return Said(f"Nothing would be sampled or watched ({where(unseen)}).", paths(unseen), kind=Kind.BLIND)
    return _flags_off(context)


def removes_by_itself(context: Context) -> bool:
    """Whether what is switched, by its type or name, removes things by itself: without it they stay."""
    return any(
        leaf.name.lower() in {"type", "name"} and isinstance(leaf.value, str) and _REMOVES.search(leaf.value)
        for leaf in members(context)
    )


_REMOVES: Final = re.compile(r"(?i)removal$|expir(ation|y)$|cleanup$|auto-?(delete|stop|terminat)")


def _sampled_never(leaf: Leaf) -> bool:
    return _SAMPLED.search(leaf.name) is not None and number(leaf.value) == 0


_SAMPLED: Final = re.compile(r"(?i)(sampl\w*|fixed)(rate|percentage)$|percent(age)?(enabled|tomonitor)$")


def _is_none(leaf: Leaf) -> bool:
    """Whether a number of what serves is said to be zero."""
    return (
        isinstance(leaf.value, (int, float))
        and leaf.value is not False
        and leaf.value == 0
        and _SERVES.search(leaf.name) is not None
    )


_SERVES: Final = re.compile(
    r"(?i)(capacity\w*|count|throughput\w*|units|ocu|concurrency|replicas|instances|nodes|workers|weight)$"
)
_SAID_NO: Final = re.compile(r"^(Batch|Admin)?(Update|Modify|Put|Set|Change)")
_OPENS: Final = re.compile(
    r"(?i)insecure|suppress|deprecat|childdirected|^(is)?publish(ed)?$|version$|singleton|intended|longduration|modelimprovements|readonly|opt(in|out)$|"
    r"defer|honorcooldown|evaluatetargethealth|negated|disassociat|^terminate|clear[a-z]|crossaccount|external|guest|debug|unsubscrib|indefinit|isterminal|revert|preferred|baseline$"
)
"""More of them: what is let in, hidden, put off or only said of a thing."""

_LOOSENS: Final = re.compile(
    r"(?i)public|allow|force|skip|bypass|disable|ignore|delet|remov|cascade|overrid|anonymous|dryrun|apply|immediate|use(r|name)|reset|overwrite|replace|"
    r"default|tag|paused|suspend|hidden|hide|manual|auto(?!enable|backup|fail|minor|scal|renew)|copy|include|exclude|null|bool|value|archiv|private|internal|deleted"
)
"""Flags that open, press or hide something: to say no to them takes nothing away. Nor do those of data."""


def _flags_off(context: Context) -> Fired:
    """By what the flag is for: who watches, what guards, what serves."""
    if adds(context):
        return None
    off = [
        leaf
        for leaf in of(context, "flag")
        if is_off(leaf.value) and not TAGGING.search(leaf.name) and not _OPENS.search(leaf.name)
    ]
    off += [
        leaf
        for leaf in of(context, "inverse")
        if is_on(leaf.value) or (isinstance(leaf.value, list) and leaf.value)
    ]
    off += [
        leaf
        for leaf in members(context)
        if leaf.value is False
        and leaf not in off
        and _SAID_NO.match(context.operation.action)
        and not _LOOSENS.search(leaf.name)
        and not _OPENS.search(leaf.name)
        and leaf.path not in looked_at(context.operation.name)
    ]
    if not off:
        return None
    watched = [leaf for leaf in off if _WATCHES.search(leaf.path) or context.operation.service in WATCHERS]
    guarded = [leaf for leaf in off if _GUARDS.search(leaf.path)]
    if watched and not guarded:
        return Said(
            f"What watches would be switched off ({where(watched)}).", paths(watched), kind=Kind.BLIND
        )
    if guarded:
        return Said(
            f"What guards would be switched off ({where(guarded)}).",
            paths(guarded),
            kind=Kind.PROTECTION_STRIP,
        )
    return f"Something would be switched off ({where(off)}).", paths(off)
