"""Exposure: what is opened to everybody, in any of the ways a request can say so. Asked of every operation."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from keyturn.model.assessment import Kind, Reversibility
from keyturn.model.change import READ_EFFECTS, Effect
from keyturn.providers.aws.rules import Context, Fired, Said, rule
from keyturn.providers.aws.rules.conditions import nobody_uses
from keyturn.providers.aws.rules.policies import OPERATIONS
from keyturn.providers.aws.rules.shapes import families, leaves, members

_POLICY: Final = re.compile(r"(?i)(policy|policies|document|policytext|policybody)$")
_ANYWHERE: Final = frozenset({"0.0.0.0/0", "::/0"})
_PUBLIC_ACL: Final = frozenset({"public-read", "public-read-write", "authenticated-read"})
_REACHED: Final = re.compile(r"(?i)(access\w*|visibility|getobject|endpointtype|connectivity\w*|routing)$")
_PUBLIC: Final = re.compile(r"(?i)public(_only|_and_private|_ip|_endpoint|read)?$")
_GROUPS: Final = (
    "acs.amazonaws.com/groups/global/AllUsers",
    "acs.amazonaws.com/groups/global/AuthenticatedUsers",
)
_PROTOCOLS: Final = {"1": "icmp", "6": "tcp", "17": "udp", "58": "icmpv6"}
"""https://www.iana.org/assignments/protocol-numbers; EC2 takes either."""

DOORS_MAX: Final = 3
"""So many are read at a glance; the request has all of them."""

_TAKES_AWAY: Final = re.compile(r"^(Revoke|Remove|Delete|Deny|Detach)|(Route|MirrorFilterRule)$")
"""What closes; and routes and mirrors, which say where packets go and let nobody in (EC017 says where a subnet is reached from then on)."""

_WITHDRAWN: Final = re.compile(r"(^|\.|To)[rR]emove\w*(\[\])?(\.|$)")
_ORDINARY: Final = re.compile(r"icmp|(tcp (80|443)$)")
"""Doors that everybody finds open at a web site: HTTP, and the messages by which paths and sizes are told (RFC 4890)."""


def documents(parameters: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """(path, document) of every policy document in a request, given as JSON text or as a structure."""
    for name, path, value in leaves(parameters):
        document = value
        if isinstance(value, str) and _POLICY.search(name) and value.lstrip().startswith("{"):
            try:
                document = json.loads(value)
            except ValueError:
                continue
        if isinstance(document, dict) and "Statement" in document:
            yield path, document


def open_to_all(document: dict[str, Any]) -> bool:
    """Whether an Allow names everybody as principal. A condition is no excuse: what it lets through is for people to judge."""
    listed = document.get("Statement")
    for statement in listed if isinstance(listed, list) else [listed]:
        if not isinstance(statement, dict) or statement.get("Effect") != "Allow":
            continue
        principal = statement.get("Principal")
        for value in principal.values() if isinstance(principal, dict) else [principal]:
            if "*" in (value if isinstance(value, list) else [value]):
                return True
        if "NotPrincipal" in statement:
            return True
    return False


@rule(
    "EXP001",
    [],
    Kind.EXPOSURE,
    Effect.PERMISSION,
    Reversibility.R1,
    "https://docs.aws.amazon.com/wellarchitected/latest/security-pillar/sec_permissions_analyze_cross_account.html",
    everywhere=True,
)
def opened_to_everybody(context: Context) -> Fired:
    """Public access is access for everybody: a principal of ``*``, an open address range, a public ACL or group, no authentication."""
    if context.operation.floor in READ_EFFECTS or _TAKES_AWAY.search(context.operation.action):
        return None
    if context.operation.action == "AuthorizeSecurityGroupEgress" and nobody_uses(context.live):
        return None  # as every new group lets everything out (EC2 user guide, default security groups), and nothing is behind it
    found: list[str] = []
    if context.operation.name not in OPERATIONS:  # of these POL002 says who is let in
        found += [path for path, document in documents(context.parameters) if open_to_all(document)]
        found += [path for name, path, value in members(context) if name == "Principal" and value == "*"]
    found += [
        path for name, path, value in members(context) if _opens(name, value) and not _WITHDRAWN.search(path)
    ]
    if not found:
        return None
    doors = list(dict.fromkeys(_doors(context.parameters)))
    ordinary = bool(doors) and all(map(_ORDINARY.match, doors)) and not _said_twice(found)
    more = f" and {len(doors) - DOORS_MAX} more" if len(doors) > DOORS_MAX else ""
    on = f" on {', '.join(doors[:DOORS_MAX])}{more}" if doors else ""
    return Said(
        f"{context.ref} would be opened to everybody{on} ({', '.join(found[:3])}).",
        {"paths": found[:10]},
        kind=Kind.NOTE if ordinary else None,
    )


def _said_twice(found: list[str]) -> bool:
    """Whether something beside address ranges is opened."""
    return any("cidr" not in path.lower() and "ip" not in path.lower() for path in found)


def _doors(value: Any) -> Iterator[str]:
    """Protocol and ports of every rule that lets everybody through, in words."""
    if isinstance(value, list):
        for inner in value:
            yield from _doors(inner)
    if not isinstance(value, dict):
        return
    if ("IpProtocol" in value or "PortRange" in value or "Protocol" in value) and any(
        _opens(name, inner) for name, _, inner in leaves(value)
    ):
        yield _door(value)
    else:
        for inner in value.values():
            yield from _doors(inner)


def _door(rule: dict[str, Any]) -> str:
    """``tcp 22``, ``udp 8000-8010``, ``every tcp port``, ``every port``. -1 is all of them
    (https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_IpPermission.html); of ICMP it is types that stand there.
    """
    said = str(rule.get("IpProtocol", rule.get("Protocol", "-1"))).lower()
    protocol = _PROTOCOLS.get(said, said)
    if protocol == "-1":
        return "every port"
    span = rule.get("PortRange")
    span = span if isinstance(span, dict) else {}
    first, last = rule.get("FromPort", span.get("From")), rule.get("ToPort", span.get("To"))
    if protocol.startswith("icmp"):
        return protocol
    if first is None or last is None or (str(first), str(last)) in {("0", "65535"), ("-1", "-1")}:
        return f"every {protocol} port"
    return f"{protocol} {first}" if first == last else f"{protocol} {first}-{last}"


def _opens(name: str, value: Any) -> bool:
    if isinstance(value, list):
        return any(isinstance(one, str) and one in _ANYWHERE and _opens(name, one) for one in value)
    if isinstance(value, str):
        return (
            (value in _ANYWHERE and ("cidr" in name.lower() or "ip" in name.lower()))
            or ((name.upper().endswith("ACL") or name == "AccessControl") and value in _PUBLIC_ACL)
            or (_REACHED.search(name) is not None and _PUBLIC.match(value) is not None)
            or (name == "Group" and value == "all")
            or (name == "AuthType" and value == "NONE")
            or any(group in value for group in _GROUPS)
        )
    if isinstance(value, dict):
        return "Auth" in name and value.get("None") == {}
    return value is True and "public" in families(name)
