"""Detectors for what values say, whatever the member is called: a word that switches off, one that lets in, one that destroys; another
name, another place, another issuer.

Services spell one thing in many ways: a flag, a state, a level, a pair of a name and a value, a patch. The word is the same.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Final

from keyturn.model.assessment import Kind, Reversibility
from keyturn.model.change import READ_EFFECTS, Effect
from keyturn.providers.aws.rules import Context, Fired, Said, looked_at, rule
from keyturn.providers.aws.rules.conditions import is_off, is_on
from keyturn.providers.aws.rules.generic import (
    TAGGING,
    WATCHERS,
    adds,
    guards,
    makes,
    paths,
    removes_by_itself,
    watches,
    where,
)
from keyturn.providers.aws.rules.shapes import Leaf, leaves, means, members, of, replaces_nothing
from keyturn.providers.aws.rules.starting import filled
from keyturn.providers.aws.rules.tightening import required

R1, R3, R4 = Reversibility.R1, Reversibility.R3, Reversibility.R4
WORD_CHARS_MAX: Final = 40
"""Longer text is no word that a service offers to choose."""

TEXT_CHARS_MAX: Final = 64_000
"""Settings in a text are shorter; what is longer is a document of its own kind."""

_SETTINGS: Final = re.compile(r"(?i)(settings?|options?|config(uration)?|preferences|attributes)$")
_WORD: Final = re.compile(r"[A-Za-z][\w. /-]*$")
_CHOICE: Final = re.compile(
    r"(?i)(status|state|action|mode|behaviou?r|strategy|option|decision|operation|preference|visibility|settings?|value|level|disposition"
    r"|result|registration|mode|decisiontype|op|optintype|type|guidance|scheduleat|schedule|control|policy|approval|actiontotake|preserve\w*|defaultresult)$"
)
"""Members in which one of a few words is chosen."""

_OFF: Final = re.compile(
    r"(?i)(disabled?|off|inactive|suspended|paused|stopped|false|no|none|never|not[_-]?(assigned|subscribed|allowed|remembered)|0)$"
)
_PLAIN_OFF: Final = re.compile(
    r"(?i)(disabled?|off|inactive|suspended|paused|stopped|never|not[_-]?(assigned|subscribed|allowed|remembered))$"
)
_OFF_SOMEHOW: Final = re.compile(
    r"(?i)(disabled|inactive)[_-]\w|(disabling|paus(e|ing)|suspend(ing)?)$|disable_?[a-z]|\w+[a-z_](disabled|inactive)$"
)
_STOPS: Final = re.compile(
    r"(?i)(\w+_cancell?ed$|cancel|deny$|skip|suspend|ended$|evict|unpublish|unlist|dispos|switchtoungraceful|not[_-]?opted|stop|terminat|drain|retire|deprecat|deactivat|revoke|reject|declin|shutdown|shut_down|offline|decommission|quarantine"
    r"|disconnect|withdraw|remove|unlock|deregister|disassociat|dissociat|transfer$|closed?$|opt_?out$|deny_?all$|fail(ed|ure)?$|unhealthy|abandon|abort)"
)
_LOOSE: Final = re.compile(
    r"(?i)(dry_?run|(monitor|detect|detection|audit|log|alert)_?only|no_?restrictions?|permissive|unmanaged|unrestricted|simulation|monitor|"
    r"audit[_-]?mode|allow[_-]?all)$"
)
_BARE: Final = re.compile(
    r"(?i)((no|ignore)_?(protection|replication|failover|retention|encryption|backups?|logging|squash|auth\w*)|single_?(az|pipeline|region))$"
)
"""Words that say of themselves what is missing."""
_LENT: Final = re.compile(
    r"(?i)((aws|service|sitewise|fleetwise)_?)?(owned|default|managed_integrations_default)_?(kms_?)?(key|cmk|encryption)$|\w+_(default|owned)_(encryption|kms_key)$"
)
"""Keys that the service owns: who is to read what is encrypted under them nobody here can say."""
_NOW: Final = re.compile(r"(?i)((apply_)?immediate(ly)?|now|forced|non_?rolling\w*|uncoordinated)$")
_HIDES: Final = re.compile(r"(?i)(suppress|archive|mute|ignored?$|hidden$)")
_DESTROYS: Final = re.compile(
    r"(?i)((permanently_)?delet(e|ing)|drop|truncate|purge|wipe|overwrite|replace(?!_none)(_|all|$)|override$|skip_restore|recycl|destroy|erase|expire)"
)
_WEAK: Final = re.compile(
    r"(?i)(http|http[_-]only|allow[_-]?(all|any)|plaintext|tls_plaintext|unencrypted|unauthenticated|anonymous|sslv3|"
    r"tlsv?[_.-]?1([_.-][01])?(_2016)?|ftp|plain_text|pap|ms-chapv1|preferred|no-password-required|transfersecuritypolicy-2018.*|unblocked|warn|mutable|optional|api_key|elbsecuritypolicy-(2015-05|2016-08|tls-1-[01].*)|policy-min-tls-1-0.*)$"
)
_WEAKENED: Final = re.compile(
    r"(?i)(protocol|auth|untrusted|state|tls|ssl|security|encrypt|mutab|tokens|policy|origin)"
)
_PROBES: Final = re.compile(r"(?i)health|monitor|notif|log|endpointtype|contenttype")
_ENDS: Final = re.compile(
    r"(?i)shutdown|interrupt|failure|onerror|conflict|(?<!data)retention(?!action)|lifecyclestate|removalpolicy|resolutionmode"
)
_ENDS_OFF: Final = re.compile(
    r"(?i)expir|timetolive|ttl$|purge|maintenance|standby|mute|suppress|tls_?v?1_?[01]\}|ssl_?v?[23]\}|failopen|flexibletimewindow|delet(?!ionprotect|eprotect|ion_protect)"
)
"""What deletes, hides or interrupts by itself: to switch that off takes nothing away."""
_CASES: Final = re.compile(r"(?i)problem|case|incident|issue|ticket|finding|method|event|filter|query")
_ENCRYPTS: Final = re.compile(r"(?i)encrypt|kms|keytype|ssealgorithm")
_AUTH: Final = re.compile(r"(?i)auth|encrypt|tls|mfa|strength|compatib")
_PASSES: Final = re.compile(r"(?i)^(allow|accept|alert|count|pass|none)$")
_KEEPS_OUT: Final = re.compile(r"(?i)(drop|reject|block|deny)$")
"""What a filter does to packets and requests that no rule lets through."""
_FILTERS: Final = re.compile(r"Firewall|Acl|ACL|Waf|Guardrail|RuleGroup")

_HARM: Final = {
    Kind.DATA_LOSS: ("What stands would be deleted or written over", Effect.DELETE, R4),
    Kind.PROTECTION_STRIP: ("What guards would be switched off or weakened", Effect.UPDATE, R1),
    Kind.BLIND: ("What watches would be switched off or silenced", Effect.UPDATE, R1),
    Kind.OUTAGE: ("Something would be stopped, drained or switched off", Effect.UPDATE, R3),
}
"""Worst first: what is said of it, what it does, how far it comes back."""


@lru_cache(maxsize=16_384)
def sense(name: str, path: str, value: str) -> Kind | None:
    """What a word means at its place; None: nothing that takes anything away. `name` is the member's, or the pair's."""
    if _OFF.match(value):
        if _ENDS_OFF.search(path):
            return None
        if guards(path) or (value.lower() == "none" and _AUTH.search(path)):
            return Kind.PROTECTION_STRIP
        if watches(path):
            return Kind.BLIND
        said = _PLAIN_OFF.match(value) or (path.endswith("}") and name.lower().endswith("enabled"))
        return Kind.OUTAGE if said else None
    if _OFF_SOMEHOW.match(value):
        return None if _ENDS_OFF.search(path) or not _CHOICE.search(name) else Kind.OUTAGE
    if _BARE.match(value):
        return Kind.PROTECTION_STRIP
    if _LENT.match(value):
        return Kind.PROTECTION_STRIP if _ENCRYPTS.search(path) else None
    if _WEAK.match(value) and not _LOOSE.match(value):
        return Kind.PROTECTION_STRIP if _WEAKENED.search(path) and not _PROBES.search(path) else None
    if _LOOSE.match(value) and _WEAKENED.search(path):
        return Kind.PROTECTION_STRIP
    if name.lower().endswith("defaultaction") and _KEEPS_OUT.match(value):
        return None
    if value.upper() == "DENY":
        return None if name.lower() in {"effect", "action", "decision"} else Kind.OUTAGE
    if not _CHOICE.search(name) or _PROBES.search(name):
        return None
    if _LOOSE.match(value):
        return Kind.PROTECTION_STRIP
    if _NOW.match(value):
        return Kind.OUTAGE
    if _DESTROYS.match(value):
        if name.lower() == "op":
            return None  # a patch says with it how a value is put there
        return None if _CASES.search(path) or _ENDS.search(path) else Kind.DATA_LOSS
    if _HIDES.match(value):
        return Kind.BLIND
    stops = _STOPS.match(value) and not _ENDS.search(path) and not _CASES.search(path)
    return Kind.OUTAGE if stops else None


def _pairs(context: Context) -> Iterator[Leaf]:
    """Members that are given as a name beside a value, and patches: ``{Key: waf.enabled, Value: "false"}``."""
    seen = looked_at(context.operation.name)
    for path, held in [("", context.parameters), *((leaf.path, leaf.value) for leaf in members(context))]:
        if not isinstance(held, (dict, list)) or path in seen or TAGGING.search(path):
            continue
        for item in held if isinstance(held, list) else [held]:
            if isinstance(item, dict) and len(item) > 1:
                name, value = _named(item)
                if name and not (item.get("op") == "add" and _NEW_NAME.match(name)):
                    yield Leaf(name.rpartition("/")[2], f"{path}{{{name}}}", value)


_NEW_NAME: Final = re.compile(r"/(response|request)Parameters/")
"""What a patch adds there is one more header or parameter, whatever it is called."""


def _named(item: dict[str, Any]) -> tuple[str, Any]:
    """The name and the value of a pair; nothing where it is none."""
    name = value = None
    for key, inner in item.items():
        plain = key.lower()
        if plain in {"name", "key", "path"} or plain.endswith(
            ("attributename", "parametername", "optionname", "settingname")
        ):
            name = inner
        elif plain == "value" or plain.endswith(("attributevalue", "parametervalue", "settingvalue")):
            value = inner
    return (name, value) if isinstance(name, str) and value is not None else ("", None)


def _inside(context: Context) -> Iterator[Leaf]:
    """Members of settings that are given as a text of JSON; policies, definitions and events have readers of their own."""
    for leaf in members(context):
        if (
            isinstance(leaf.value, str)
            and leaf.value[:1] == "{"
            and _SETTINGS.search(leaf.name)
            and len(leaf.value) <= TEXT_CHARS_MAX
        ):
            try:
                held = json.loads(leaf.value)
            except ValueError:
                continue
            yield from leaves(held, leaf.path)


def _chosen(context: Context) -> Iterator[Leaf]:
    """The words of lists: protocols, versions, modes."""
    for leaf in members(context):
        if isinstance(leaf.value, list) and len(leaf.value) <= LISTED_MAX and not TAGGING.search(leaf.path):
            for one in leaf.value:
                if isinstance(one, str) and _WEAK.match(one):
                    yield Leaf(leaf.name, leaf.path, one)


_REFERS: Final = re.compile(r"(?i)[a-z](arn|uri|url|endpoint)$")
LISTED_MAX: Final = 20
"""Longer lists are of names, not of words to choose from."""


def _words(context: Context) -> Iterator[tuple[Kind, Leaf]]:
    seen = looked_at(context.operation.name)
    ended, by_itself = _ended(context), removes_by_itself(context)
    filters = bool(_FILTERS.search(context.operation.action))
    for leaf in (*members(context), *_pairs(context), *_inside(context), *_chosen(context)):
        value = "false" if leaf.value is False and leaf.path.endswith("}") else leaf.value
        if not isinstance(value, str) or len(value) > WORD_CHARS_MAX or leaf.path in seen:
            continue
        if _OFF.match(value) and (
            leaf.path in ended or (by_itself and leaf.name.lower().endswith(("status", "state")))
        ):
            continue
        if filters and leaf.name.lower().endswith("action") and _PASSES.match(value):
            yield Kind.PROTECTION_STRIP, leaf
        elif value == "":
            if leaf.path.endswith("}") or _REFERS.search(leaf.name):
                yield Kind.OUTAGE, leaf  # said as nothing, what stood is cleared
        elif _WORD.match(value) or (value == "0" and leaf.path.endswith("}")):
            found = sense(leaf.name, leaf.path, value)
            if (
                found is not Kind.PROTECTION_STRIP
                and context.operation.service in WATCHERS
                and leaf.name.lower() != "action"
                and _OFF.match(value)
            ):
                found = Kind.BLIND
            if found is not None:
                yield found, leaf


def _ended(context: Context) -> frozenset[str]:
    """The paths of values whose names, beside them, all say that what is off there would delete, hide or let in: ``{Name: TLS_1_0, Value: Disable}``."""
    told: dict[str, bool] = {}
    for path, held in [(leaf.path, leaf.value) for leaf in members(context)]:
        for item in held if isinstance(held, list) else []:
            if isinstance(item, dict) and len(item) > 1 and (name := _named(item)[0]):
                ends = _ENDS_OFF.search(f"{{{name}}}") is not None
                for key, inner in item.items():
                    if isinstance(inner, str) and inner != name:
                        told[f"{path}[].{key}"] = told.get(f"{path}[].{key}", True) and ends
    return frozenset(path for path, ends in told.items() if ends)


@rule(
    "GEN020",
    [],
    Kind.OUTAGE,
    Effect.UPDATE,
    R3,
    "Keyturn: words that switch off, let in or destroy, by the values of the request",
)
def switched_by_word(context: Context) -> Fired:
    """One of a few words is chosen, and it stops, silences, weakens or destroys. What is only being made never was otherwise, unless it is
    made over what stands.
    """
    if context.operation.floor in {Effect.DELETE, Effect.TAG, *READ_EFFECTS}:
        return None
    found: dict[Kind, list[Leaf]] = {}
    for kind, leaf in _words(context):
        if (
            (kind is Kind.DATA_LOSS and _OVER.match(leaf.value))
            if makes(context)
            else not (adds(context) and (_OFF.match(leaf.value) or _LENT.match(leaf.value)))
        ):
            found.setdefault(kind, []).append(leaf)
    for kind, (said, effect, turns) in _HARM.items():
        if kind in found:
            told = found[kind]
            return Said(
                f"{said} ({where(told)}).", paths(told), kind=kind, effect=effect, reversibility=turns
            )
    return None


_OVER: Final = re.compile(r"(?i)(replace|overwrite)_?(existing|all)?$")
_CHANGES: Final = re.compile(
    r"^(Batch|Bulk|Admin)?(Update|Modify|Put|Set|Change|Associate|Replace|Edit|Reset|Rename)"
)


@rule(
    "GEN021",
    [],
    Kind.OUTAGE,
    Effect.UPDATE,
    R3,
    "Keyturn: another name or another place, by the shape of the request",
)
def elsewhere(context: Context) -> Fired:
    """Who knows a thing by its old name does not find it; what is sent to, fetched from or answered by a host goes to another."""
    if makes(context) or not _CHANGES.match(context.operation.action):
        return None
    renamed = [
        leaf
        for leaf in filled(of(context, "renamed"))
        if isinstance(leaf.value, str) and not _has_an_id(context) and "Template" not in leaf.name
    ]  # a template is used by being copied or associated, not by its name
    if renamed:
        return (
            f"{context.ref} would go by another name ({where(renamed)}): who uses the old one does not find it.",
            paths(renamed),
        )
    moved = [
        leaf
        for leaf in filled(of(context, "place"))
        if isinstance(leaf.value, (str, list)) and not is_on(leaf.value) and not is_off(leaf.value)
    ]
    if not any(is_on(leaf.value) for leaf in members(context)):  # what is turned on needs an address
        moved += [leaf for leaf in members(context) if _is_link(leaf)]
    moved += _swapped(context) if _EDITS.match(context.operation.action) else []
    return (
        (
            f"{context.ref} would rely on something else than now, or go to another place ({where(moved)}).",
            paths(moved),
        )
        if moved
        else None
    )


def _has_an_id(context: Context) -> bool:
    """Whether it is known by an id, and its name is for people."""
    which = required(context.operation.name)
    return (
        bool(which)
        and all(one.endswith(("Id", "id", "Arn", "ARN", "arn")) for one in which if "ame" not in one)
        and not any("ame" in one and not one.lower().startswith("new") for one in which)
    )


def _is_link(leaf: Leaf) -> bool:
    """An address that is called or sent to, not one that is shown."""
    return (
        isinstance(leaf.value, str)
        and leaf.name.lower().endswith(("url", "uri", "endpoint", "location"))
        and (
            leaf.value.startswith(("http://", "https://"))
            or (leaf.value.startswith(("s3://", "arn:")) and leaf.name.lower() == "location")
        )
        and not _SHOWN.search(leaf.name)
    )


_SHOWN: Final = re.compile(
    r"(?i)logo|icon|image|photo|avatar|doc|help|tos|terms|privacy|support|home|info|queue|repository|website|readme|font|css|profile|link|"
    r"(success|failure)redirect"
)
_EDITS: Final = re.compile(r"^(Batch|Admin)?(Update|Modify|Change|Replace|Edit|Set)")
_SINKS: Final = re.compile(r"(?i)bucket|topic|stream|destination|delivery")
"""What is turned on needs somewhere to write to."""

_TO_LOG: Final = re.compile(r"Logging|LogDelivery|RecordingConfig")
"""What is set there is where a record is written to: that there is one takes nothing away."""

_SENT: Final = re.compile(r"(?i)(destination|delivery)\w*arn$")
_IDENTIFIES: Final = re.compile(
    r"(?i)(client|request|idempoten|revision|lock|update|next)\w*(token|id)$|^(account|awsaccount|catalog|owner|registry|user|contact|instance|caller\w*|"
    r"expected\w*)(id|arn)$|externalid$|callerreference$|etag"
)


def _swapped(context: Context) -> list[Leaf]:
    """Other things that it would refer to: members that are not needed to say which resource is meant, and name another one."""
    named = required(context.operation.name)
    other = context.operation.service != "kms"
    return [
        leaf
        for leaf in (*filled(of(context, "reference")), *_patched(context))
        if (
            leaf.path not in named
            or (other and _KEYS.search(leaf.name))
            or _SENT.search(leaf.name)
            or isinstance(leaf.value, list)
        )
        and not _IDENTIFIES.search(leaf.name)
        and not replaces_nothing(leaf)
        and not (_TO_LOG.search(context.operation.action) and _SINKS.search(leaf.path))
        and not (_SINKS.search(leaf.name) and any(is_on(one.value) for one in members(context)))
        and not means(leaf, context.ref.id, named)
    ]


def _patched(context: Context) -> list[Leaf]:
    """What a patch points elsewhere: ``{op: replace, path: /restapiId, value: ...}``."""
    return [
        leaf
        for leaf in _pairs(context)
        if leaf.path.startswith("patchOperations") and re.search(r"(?i)(id|stage|arn|uri)$", leaf.name)
    ]


_KEYS: Final = re.compile(r"(?i)(kms|encryption)\w*key")


@rule(
    "GEN022",
    [],
    Kind.DELEGATED_AUTHORITY,
    Effect.PERMISSION,
    R3,
    "https://docs.aws.amazon.com/wellarchitected/latest/security-pillar/sec_identities_identity_provider.html",
)
def trusted_otherwise(context: Context) -> Fired:
    """Who says who somebody is decides who gets in: an issuer, a provider's metadata, a trust store, the key that is shared with it."""
    if makes(context) or not _CHANGES.match(context.operation.action):
        return None
    which = required(context.operation.name)
    found = [
        leaf for leaf in filled(of(context, "trust")) if not (leaf.path in which and leaf.path.endswith("Id"))
    ]
    return (
        (f"Other people, or other keys, would be believed ({where(found)}).", paths(found)) if found else None
    )


@rule(
    "GEN023",
    [],
    Kind.EXPOSURE,
    Effect.PERMISSION,
    R1,
    "https://docs.aws.amazon.com/AmazonS3/latest/userguide/cors.html",
    everywhere=True,
)
def any_page(context: Context) -> Fired:
    """Where every origin is allowed more than to look, any page that a signed-in person opens can act as her."""
    if context.operation.floor in {Effect.DELETE, *READ_EFFECTS}:
        return None
    found = [
        leaf
        for leaf in members(context)
        for one in (leaf.value if isinstance(leaf.value, list) else [leaf.value])
        if isinstance(one, dict) and _any_origin(one)
    ]
    return (
        (f"Pages from everywhere could change what {context.ref} holds ({where(found)}).", paths(found))
        if found
        else None
    )


def _any_origin(rule: dict[str, Any]) -> bool:
    told = {key.lower().replace("-", ""): value for key, value in rule.items()}
    origins: Any = next(
        (value for key, value in told.items() if key.endswith(("alloworigins", "allowedorigins"))),
        [],
    )
    methods: Any = next(
        (value for key, value in told.items() if key.endswith(("allowmethods", "allowedmethods"))),
        [],
    )
    shared = next((value for key, value in told.items() if key.endswith("allowcredentials")), False)
    return "*" in _listed(origins) and (
        shared is True or bool({*map(str.upper, _listed(methods))} - {"GET", "HEAD", "OPTIONS"})
    )


def _listed(value: Any) -> list[str]:
    inner = value.get("Items") if isinstance(value, dict) else value
    return [str(one) for one in inner] if isinstance(inner, list) else [str(inner)]
