"""EC2 security groups and their rules.

A rule is a protocol, ports and one source; its id changes when it is made again. Name, description and VPC of a group cannot be
changed, and a group that is still referenced by another, or in use by an interface, is not deleted; launch templates that name it are
not looked at (https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteSecurityGroup.html, API_IpPermission.html).
"""

from __future__ import annotations

from typing import Any, ClassVar, Final

import msgspec

from keyturn.core.ports import Inquiry
from keyturn.model.assessment import Dependent
from keyturn.model.canonical import canonical
from keyturn.model.change import ResourceRef
from keyturn.providers.aws.recipes.base import Captured, State, Step
from keyturn.providers.aws.recipes.common import do
from keyturn.providers.aws.recipes.declared import Make, Read, Tags
from keyturn.providers.aws.recipes.filling import ID, ordered
from keyturn.providers.aws.recipes.reborn import EC2_TAGS, Reborn

_SOURCES: Final = {
    "IpRanges": "CidrIp",
    "Ipv6Ranges": "CidrIpv6",
    "PrefixListIds": "PrefixListId",
    "UserIdGroupPairs": "GroupId",
}
_PROTOCOLS: Final = {"1": "icmp", "6": "tcp", "17": "udp", "58": "icmpv6"}
_BY_ID: Final = {
    "CidrIpv4": ("IpRanges", "CidrIp"),
    "CidrIpv6": ("Ipv6Ranges", "CidrIpv6"),
    "PrefixListId": ("PrefixListIds", "PrefixListId"),
    "ReferencedGroupId": ("UserIdGroupPairs", "GroupId"),
}
_NOT_THERE: Final = ("InvalidGroup.NotFound", "InvalidGroupId.Malformed")
_EVERYWHERE: Final = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
_DIRECTIONS: Final = {"Ingress": "ingress", "Egress": "egress"}

Rule = dict[str, Any]


class SecurityGroup(Reborn):
    """A group's rules in both directions, one source each, and its tags."""

    kind: ClassVar[str] = "ec2:security-group"
    title: ClassVar[str] = "EC2 security group"
    fields: ClassVar[tuple[str, ...]] = ("name", "description", "vpc", "ingress", "egress", "tags")
    deletes: ClassVar[frozenset[str]] = frozenset({"ec2:DeleteSecurityGroup"})
    sets: ClassVar[frozenset[str]] = frozenset({"ingress", "egress"})
    in_place: ClassVar[tuple[str, ...]] = (
        "ec2:AuthorizeSecurityGroupIngress",
        "ec2:RevokeSecurityGroupIngress",
        "ec2:AuthorizeSecurityGroupEgress",
        "ec2:RevokeSecurityGroupEgress",
        "ec2:ModifySecurityGroupRules",
    )
    calls: ClassVar[tuple[str, ...]] = (
        *in_place,
        "ec2:UpdateSecurityGroupRuleDescriptionsIngress",
        "ec2:UpdateSecurityGroupRuleDescriptionsEgress",
    )
    reads: ClassVar[tuple[Read, ...]] = (
        Read(
            "ec2:DescribeSecurityGroups",
            {"GroupIds": [ID]},
            {
                "name": "GroupName",
                "description": "Description",
                "vpc": "VpcId",
                "ingress": "IpPermissions",
                "egress": "IpPermissionsEgress",
                "tags": "Tags",
            },
            absent=_NOT_THERE,
            one_of="SecurityGroups",
        ),
        Read(
            "ec2:DescribeSecurityGroupRules",
            {"Filters": [{"Name": "group-id", "Values": [ID]}]},
            {"rules": "SecurityGroupRules"},
            all_of="SecurityGroupRules",
        ),
        Read(
            "ec2:DescribeNetworkInterfaces",
            {"Filters": [{"Name": "group-id", "Values": [ID]}]},
            {"interfaces": "NetworkInterfaces"},
            all_of="NetworkInterfaces",
        ),
        Read(
            "ec2:DescribeSecurityGroups",
            {"Filters": [{"Name": "ip-permission.group-id", "Values": [ID]}]},
            {"admitted": "SecurityGroups"},
            all_of="SecurityGroups",
        ),
        Read(
            "ec2:DescribeSecurityGroups",
            {"Filters": [{"Name": "egress.ip-permission.group-id", "Values": [ID]}]},
            {"reached": "SecurityGroups"},
            all_of="SecurityGroups",
        ),
    )
    make: ClassVar[Make] = Make(
        "ec2:CreateSecurityGroup", {}, {"GroupName": "name", "Description": "description", "VpcId": "vpc"}
    )
    born: ClassVar[str] = "GroupId"
    tagged: ClassVar[Tags] = EC2_TAGS
    loss: ClassVar[tuple[str, ...]] = (
        "its id: launch templates and whatever else names it keep the old one",
        "the ids and tags of its rules",
    )

    def capture(self, ref: ResourceRef) -> Inquiry[Captured]:
        if not ref.id.startswith("sg-"):
            return Captured(
                None, (f"which group {ref.id!r} is: by its name it stands only for one in the default VPC",)
            )
        return (yield from super().capture(ref))

    def tidy(self, ref: ResourceRef, state: State) -> State:
        rules = {str(one.get("SecurityGroupRuleId")): _requested(one) for one in state.get("rules") or []}
        interfaces = [
            {
                "id": one.get("NetworkInterfaceId"),
                "instance": (one.get("Attachment") or {}).get("InstanceId"),
            }
            for one in state.get("interfaces") or []
        ]
        others = {name: [one.get("GroupId") for one in state.get(name) or []] for name in _NAMING}
        own = {name: _single(state.get(name) or []) for name in _DIRECTIONS.values()}
        return {**state, **own, **others, "rules": rules, "interfaces": interfaces}

    def edges(self, ref: ResourceRef, state: State) -> tuple[Dependent, ...]:
        found = []
        for one in state.get("interfaces") or []:
            kind, name = (
                ("ec2:instance", one["instance"]) if one["instance"] else ("ec2:network-interface", one["id"])
            )
            found.append(Dependent(_beside(ref, kind, name), "is let in and out by", ref))
        for field, relation in _NAMING.items():
            found += [
                Dependent(_beside(ref, self.kind, name), relation, ref)
                for name in state.get(field) or []
                if name != ref.id
            ]
        return tuple(dict.fromkeys(found))

    def at_risk(self, state: State) -> str:
        users, rules = len(state.get("interfaces") or []), len(state["ingress"]) + len(state["egress"])
        return f"{rules} rules, {users} network interfaces behind it" if users else f"{rules} rules"

    # --- changing in place -------------------------------------------------------------------------------------------

    def written(self, operation: str, parameters: dict[str, Any], state: State) -> State | None:
        verb, field = _verb(operation)
        asked = self._asked(parameters, state)
        if not field or asked is None:
            return None
        named = {_key(one) for one in asked}
        left = [one for one in state[field] if _key(one) not in named]
        if verb == "Revoke":
            return {field: ordered(left)}
        stood = [one for one in state[field] if _key(one) in named] if verb == "Authorize" else []
        return {
            field: ordered(
                left + stood + [one for one in asked if _key(one) not in {_key(rule) for rule in stood}]
            )
        }

    def inverse(
        self, operation: str, parameters: dict[str, Any], ref: ResourceRef, state: State
    ) -> tuple[Step, ...]:
        if operation == "ec2:ModifySecurityGroupRules":
            return self._rules_back(parameters, ref, state)
        verb, field = _verb(operation)
        if not field:
            return super().inverse(operation, parameters, ref, state)
        asked = self._asked(parameters, state)
        if asked is None:
            return ()
        standing, named = {_key(one): one for one in state[field]}, {_key(one): one for one in asked}
        stood = [one for key, one in standing.items() if key in named]
        match verb:
            case "Authorize":
                back, rules = "Revoke", [_bare(one) for key, one in named.items() if key not in standing]
            case "Revoke":
                back, rules = "Authorize", stood
            case _:
                return (
                    (Step(operation, {"GroupId": ref.id, "IpPermissions": stood}, "as they were described"),)
                    if stood
                    else ()
                )
        if not rules:
            return ()
        direction = operation.rpartition("SecurityGroup")[2]
        return (Step(f"ec2:{back}SecurityGroup{direction}", {"GroupId": ref.id, "IpPermissions": rules}),)

    def _rules_back(self, parameters: dict[str, Any], ref: ResourceRef, state: State) -> tuple[Step, ...]:
        ids = [str(one.get("SecurityGroupRuleId")) for one in parameters.get("SecurityGroupRules") or []]
        if not ids or not all(one in state["rules"] for one in ids):
            return ()
        rules = [{"SecurityGroupRuleId": one, "SecurityGroupRule": state["rules"][one]} for one in ids]
        return (Step("ec2:ModifySecurityGroupRules", {"GroupId": ref.id, "SecurityGroupRules": rules}),)

    def _asked(self, parameters: dict[str, Any], state: State) -> list[Rule] | None:
        """The rules a request names, one source each; None where it does not say them in a way that is read here."""
        ids = parameters.get("SecurityGroupRuleIds")
        if ids:
            known = [state["rules"].get(str(one)) for one in ids]
            return [_from_request(one) for one in known if one] if all(known) else None
        described = parameters.get("SecurityGroupRuleDescriptions")
        if described:
            return self._asked(
                {"SecurityGroupRuleIds": [one.get("SecurityGroupRuleId") for one in described]}, state
            )
        if parameters.get("IpPermissions"):
            return _single(parameters["IpPermissions"])
        if parameters.get("CidrIp") and parameters.get("IpProtocol"):
            flat = {name: parameters.get(name) for name in ("IpProtocol", "FromPort", "ToPort")}
            return _single([{**flat, "IpRanges": [{"CidrIp": parameters["CidrIp"]}]}])
        return None

    # --- restore -----------------------------------------------------------------------------------------------------

    def _afterwards(self, ref: ResourceRef, state: State) -> list[Step]:
        return [*_moved(ref, _EVERYWHERE, state), *self._tag(ref, state, state.get("tags") or {})]

    def _finish(self, made: ResourceRef, aim: State) -> Inquiry[None]:
        """From the rules that the service gives a new group, which depend on its VPC, to those that stood."""
        found = yield from self.capture(made)
        born = found.state["egress"] if found.state is not None else _EVERYWHERE
        for step in (*_moved(made, born, aim), *self._tag(made, aim, aim.get("tags") or {})):
            yield from do(made, step.operation, step.parameters)


_NAMING: Final = {"admitted": "admits", "reached": "sends to"}


def _moved(ref: ResourceRef, born: list[Rule], aim: State) -> list[Step]:
    """From a group that has just been made, with `born` for its way out."""
    had, wanted = {_key(one) for one in born}, {_key(one) for one in aim["egress"]}
    plan = {
        "ec2:RevokeSecurityGroupEgress": [_bare(one) for one in born if _key(one) not in wanted],
        "ec2:AuthorizeSecurityGroupIngress": aim["ingress"],
        "ec2:AuthorizeSecurityGroupEgress": [one for one in aim["egress"] if _key(one) not in had],
    }
    return [Step(name, {"GroupId": ref.id, "IpPermissions": rules}) for name, rules in plan.items() if rules]


def _single(permissions: list[dict[str, Any]]) -> list[Rule]:
    """Permissions taken apart, so that each has one source."""
    made = []
    for one in permissions:
        protocol = str(one.get("IpProtocol"))
        head: Rule = {"IpProtocol": _PROTOCOLS.get(protocol, protocol)}
        if head["IpProtocol"] != "-1":
            head |= {name: one[name] for name in ("FromPort", "ToPort") if one.get(name) is not None}
        for kind, member in _SOURCES.items():
            for source in one.get(kind) or []:
                names = (member, "UserId", "Description", "VpcPeeringConnectionId")
                said = {name: source[name] for name in names if source.get(name)}
                made.append({**head, kind: [said]})
    return made


def _key(rule: Rule) -> bytes:
    """What makes a rule another one: not its description, nor whose account the group it names is in."""
    kind = next(kind for kind in _SOURCES if kind in rule)
    head = {name: rule.get(name) for name in ("IpProtocol", "FromPort", "ToPort")}
    return canonical({**head, kind: rule[kind][0].get(_SOURCES[kind])})


def _bare(rule: Rule) -> Rule:
    kind = next(kind for kind in _SOURCES if kind in rule)
    return {
        **rule,
        kind: [{name: value for name, value in rule[kind][0].items() if name != "Description"}],
    }


def _requested(one: dict[str, Any]) -> Rule:
    """A rule as DescribeSecurityGroupRules shows it, as ModifySecurityGroupRules takes it."""
    group = (one.get("ReferencedGroupInfo") or {}).get("GroupId")
    names = ("IpProtocol", "FromPort", "ToPort", "CidrIpv4", "CidrIpv6", "PrefixListId", "Description")
    made = {name: one[name] for name in names if one.get(name) not in (None, "")}
    return made | ({"ReferencedGroupId": group} if group else {})


def _from_request(one: Rule) -> Rule:
    """The same as a permission with one source."""
    head = {name: one.get(name) for name in ("IpProtocol", "FromPort", "ToPort")}
    source = next((name for name in _BY_ID if one.get(name)), "CidrIpv4")
    kind, member = _BY_ID[source]
    said = {member: one.get(source), "Description": one.get("Description")}
    (made,) = _single([{**head, kind: [said]}])
    return made


def _verb(operation: str) -> tuple[str, str]:
    """What an operation does to rules, and the field that holds them; ("", "") for any other."""
    for direction, field in _DIRECTIONS.items():
        if operation.endswith(direction) and "SecurityGroup" in operation:
            return operation.removeprefix("ec2:").partition("SecurityGroup")[0], field
    return "", ""


def _beside(ref: ResourceRef, kind: str, name: str) -> ResourceRef:
    return msgspec.structs.replace(ref, kind=kind, id=name)
