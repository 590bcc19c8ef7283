"""Load balancers of the second generation: their listeners and rules, and target groups with their targets.

A load balancer made again has another DNS name and hosted zone; deleting one deletes its listeners and their rules
(https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DeleteLoadBalancer.html).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

import msgspec

from keyturn.core.ports import Inquiry
from keyturn.model.assessment import Dependent
from keyturn.model.change import ResourceRef
from keyturn.model.execution import Backup
from keyturn.model.words import counted
from keyturn.providers.aws.recipes.base import Captured, State, Step
from keyturn.providers.aws.recipes.common import do, pages, read_call, tags_dict, tags_list, value_of
from keyturn.providers.aws.recipes.declared import Change, Make, Read, Tags
from keyturn.providers.aws.recipes.filling import ARN, Item, at
from keyturn.providers.aws.recipes.reborn import Reborn
from keyturn.providers.aws.recipes.runbook import Run, new
from keyturn.providers.aws.resources import Home, from_arn

_TAGS: Final = Tags("elbv2:AddTags", "elbv2:RemoveTags", {"ResourceArns": [ARN]})
_READ_TAGS: Final = Read("elbv2:DescribeTags", {"ResourceArns": [ARN]}, {"tags": "TagDescriptions.0.Tags"})
_RULE: Final = ("Priority", "Conditions", "Actions")
TAGGED_MAX: Final = 20
"""Resources whose tags one call tells of (API_DescribeTags)."""

_LISTENER: Final = (
    "Port", "Protocol", "SslPolicy", "Certificates", "AlpnPolicy", "DefaultActions", "MutualAuthentication",
)  # fmt: skip


class _Balancing(Reborn):
    """What is named by an ARN whose last part the service gives."""

    def born_as(self, ref: ResourceRef, answer: dict[str, Any]) -> ResourceRef:
        home = Home(ref.partition, ref.account, ref.region)
        return from_arn(str(at(answer, self.born)), home)

    def inverse(
        self, operation: str, parameters: dict[str, Any], ref: ResourceRef, state: State
    ) -> tuple[Step, ...]:
        change = self._change(operation)
        if change is None or not operation.endswith("Attributes"):
            return super().inverse(operation, parameters, ref, state)
        had = state.get("attributes") or {}
        keys = [str(one.get("Key")) for one in parameters.get("Attributes") or []]
        if not keys or not all(key in had for key in keys):
            return ()
        (which,) = change.which
        told = _pairs({key: had[key] for key in keys})
        return (Step(operation, {which: parameters.get(which), "Attributes": told}),)

    def wanted(self, operation: str, parameters: dict[str, Any]) -> State | None:
        return None if operation.endswith("Attributes") else super().wanted(operation, parameters)


class LoadBalancer(_Balancing):
    """A load balancer's network, attributes and tags, and its listeners with their rules."""

    kind: ClassVar[str] = "elasticloadbalancing:loadbalancer"
    title: ClassVar[str] = "load balancer"
    fields: ClassVar[tuple[str, ...]] = (
        "name", "type", "scheme", "subnets", "groups", "IpAddressType", "attributes", "listeners", "tags",
    )  # fmt: skip
    deletes: ClassVar[frozenset[str]] = frozenset({"elbv2:DeleteLoadBalancer"})
    sets: ClassVar[frozenset[str]] = frozenset({"subnets", "groups", "listeners"})
    reads: ClassVar[tuple[Read, ...]] = (
        Read(
            "elbv2:DescribeLoadBalancers",
            {"LoadBalancerArns": [ARN]},
            {
                "arn": "LoadBalancerArn",
                "name": "LoadBalancerName",
                "type": "Type",
                "scheme": "Scheme",
                "subnets": "AvailabilityZones",
                "groups": "SecurityGroups",
                "IpAddressType": "IpAddressType",
                "dns": "DNSName",
            },
            absent=("LoadBalancerNotFound", "LoadBalancerNotFoundException"),
            one_of="LoadBalancers",
        ),
        Read("elbv2:DescribeLoadBalancerAttributes", {"LoadBalancerArn": ARN}, {"attributes": "Attributes"}),
        _READ_TAGS,
    )
    make: ClassVar[Make] = Make(
        "elbv2:CreateLoadBalancer",
        {},
        {
            "Name": "name",
            "Type": "type",
            "Scheme": "scheme",
            "Subnets": "subnets",
            "SecurityGroups": "groups",
            "IpAddressType": "IpAddressType",
        },
    )
    makes_tags: ClassVar[str] = "Tags"
    changes: ClassVar[tuple[Change, ...]] = (
        Change("elbv2:ModifyLoadBalancerAttributes", {"LoadBalancerArn": ARN}, {"Attributes": "attributes"}),
        Change("elbv2:SetSecurityGroups", {"LoadBalancerArn": ARN}, {"SecurityGroups": "groups"}),
        Change("elbv2:SetSubnets", {"LoadBalancerArn": ARN}, {"Subnets": "subnets"}),
        Change("elbv2:SetIpAddressType", {"LoadBalancerArn": ARN}, {"IpAddressType": "IpAddressType"}),
    )
    born: ClassVar[str] = "LoadBalancers.0.LoadBalancerArn"
    born_after: ClassVar[str] = ":loadbalancer/"
    tagged: ClassVar[Tags] = _TAGS
    recover_s: ClassVar[int] = 300
    loss: ClassVar[tuple[str, ...]] = (
        "its DNS name, hosted zone and ARN, and those of its listeners and rules: alias records and policies name the old ones",
        "its association with a web ACL, fixed addresses of a network load balancer, and certificates beyond the first",
    )

    def capture(self, ref: ResourceRef) -> Inquiry[Captured]:
        found = yield from super().capture(ref)
        if found.state is None:
            return found
        unknowns = list(found.unknowns)
        which = {"LoadBalancerArn": found.state["arn"]}
        listed = yield from _paged(ref, "elbv2:DescribeListeners", which, "Listeners", unknowns)
        listeners, numbers = [], {}
        for one in listed:
            given = {"ListenerArn": one.get("ListenerArn")}
            rules = yield from _paged(ref, "elbv2:DescribeRules", given, "Rules", unknowns)
            own = [rule for rule in rules if not rule.get("IsDefault")]
            listeners.append(_declared(one) | {"rules": [_only(rule, _RULE) for rule in own]})
            numbers[one.get("Port")] = [str(one.get("ListenerArn")), *(str(rule["RuleArn"]) for rule in own)]
        tags = yield from _tagged(ref, [arn for arns in numbers.values() for arn in arns], unknowns)
        settings = yield from _attributes(ref, [arns[0] for arns in numbers.values()], unknowns)
        for one in listeners:
            first, *others = numbers[one.get("Port")]
            rules = [rule | tags.get(arn, {}) for rule, arn in zip(one["rules"], others, strict=True)]
            one.update(tags.get(first, {}), rules=rules, attributes=settings[first])
        whole = self._canonical({**found.state, "listeners": listeners})
        whole["arns"] = [arn for one in whole["listeners"] for arn in numbers[one.get("Port")]]
        return Captured(whole, tuple(unknowns), found.dependents)

    def tidy(self, ref: ResourceRef, state: State) -> State:
        subnets = [one.get("SubnetId") for one in state.get("subnets") or []]
        return {**state, "subnets": subnets, "attributes": _map(state.get("attributes"))}

    def at_risk(self, state: State) -> str:
        listeners = state.get("listeners") or []
        rules = counted(sum(len(one["rules"]) for one in listeners), "rule")
        return f"{counted(len(listeners), 'listener')} with {rules}, behind {state.get('dns')}"

    def _afterwards(self, ref: ResourceRef, state: State) -> list[Step]:
        """As shown beforehand; the ARN of a listener is known once it is made."""
        arn = {"LoadBalancerArn": state.get("arn") or "the new ARN"}
        steps = [
            Step("elbv2:ModifyLoadBalancerAttributes", arn | {"Attributes": _pairs(state["attributes"])})
        ]
        for one in state["listeners"]:
            steps.append(Step("elbv2:CreateListener", arn | _made_of(one)))
            steps += _set_on("the new ARN", one)
            steps += [Step("elbv2:CreateRule", _rule("the new ARN", rule)) for rule in one["rules"]]
        return steps

    def _finish(self, made: ResourceRef, aim: State) -> Inquiry[None]:
        arn = _arn(made)
        given = {"LoadBalancerArn": arn, "Attributes": _pairs(aim["attributes"])}
        yield from do(made, "elbv2:ModifyLoadBalancerAttributes", given)
        for one in aim["listeners"]:
            listener = yield from do(made, "elbv2:CreateListener", {"LoadBalancerArn": arn, **_made_of(one)})
            name = str(at(listener, "Listeners.0.ListenerArn"))
            for step in _set_on(name, one):
                yield from do(made, step.operation, step.parameters)
            for rule in one["rules"]:
                yield from do(made, "elbv2:CreateRule", _rule(name, rule))

    def runs(self, ref: ResourceRef, state: State, backup: Backup) -> tuple[Run, ...]:
        first, *_ = super().runs(ref, state, backup)
        arn = _arn(msgspec.structs.replace(ref, id=new()))
        given = {"LoadBalancerArn": arn, "Attributes": _pairs(state["attributes"])}
        made = [first, Run(Step("elbv2:ModifyLoadBalancerAttributes", given))]
        for number, one in enumerate(state["listeners"], 2):
            listener = Step("elbv2:CreateListener", {"LoadBalancerArn": arn, **_made_of(one)})
            made.append(Run(listener, gives={number: "Listeners.0.ListenerArn"}))
            made += map(Run, _set_on(new(number), one))
            made += [Run(Step("elbv2:CreateRule", _rule(new(number), rule))) for rule in one["rules"]]
        return tuple(made)


class Listener(_Balancing):
    """A listener's port, protocol, certificate, attributes and default actions, and its rules."""

    kind: ClassVar[str] = "elasticloadbalancing:listener"
    title: ClassVar[str] = "listener of a load balancer"
    fields: ClassVar[tuple[str, ...]] = (*_LISTENER, "attributes", "rules", "tags")
    deletes: ClassVar[frozenset[str]] = frozenset({"elbv2:DeleteListener"})
    reads: ClassVar[tuple[Read, ...]] = (
        Read(
            "elbv2:DescribeListeners",
            {"ListenerArns": [ARN]},
            {"arn": "ListenerArn", "balancer": "LoadBalancerArn", **{name: name for name in _LISTENER}},
            absent=("ListenerNotFound", "ListenerNotFoundException"),
            one_of="Listeners",
        ),
        Read("elbv2:DescribeRules", {"ListenerArn": ARN}, {"rules": "Rules"}, all_of="Rules", tokens=("Marker", "NextMarker")),
        Read("elbv2:DescribeListenerAttributes", {"ListenerArn": ARN}, {"attributes": "Attributes"}),
        _READ_TAGS,
    )  # fmt: skip
    make: ClassVar[Make] = Make(
        "elbv2:CreateListener", {}, {"LoadBalancerArn": "balancer", **{name: name for name in _LISTENER}}
    )
    makes_tags: ClassVar[str] = "Tags"
    then: ClassVar[tuple[Make, ...]] = (
        Make(
            "elbv2:CreateRule",
            {"ListenerArn": ARN, **{name: Item(name) for name in (*_RULE, "Tags")}},
            each="rules",
        ),
    )
    changes: ClassVar[tuple[Change, ...]] = (
        Change("elbv2:ModifyListener", {"ListenerArn": ARN}, {name: name for name in _LISTENER}),
        Change("elbv2:ModifyListenerAttributes", {"ListenerArn": ARN}, {"Attributes": "attributes"}),
    )
    born: ClassVar[str] = "Listeners.0.ListenerArn"
    born_after: ClassVar[str] = ":listener/"
    tagged: ClassVar[Tags] = _TAGS
    loss: ClassVar[tuple[str, ...]] = (
        "its ARN and those of its rules; certificates beyond the first",
        "requests, from then until it listens again",
    )

    def capture(self, ref: ResourceRef) -> Inquiry[Captured]:
        found = yield from super().capture(ref)
        if found.state is None or not found.state["rules"]:
            return found
        unknowns = list(found.unknowns)
        tags = yield from _tagged(ref, found.state["arns"], unknowns)
        pairs = zip(found.state["rules"], found.state["arns"], strict=True)
        rules = [rule | tags.get(arn, {}) for rule, arn in pairs]
        return Captured({**found.state, "rules": rules}, tuple(unknowns), found.dependents)

    def tidy(self, ref: ResourceRef, state: State) -> State:
        rules = [one for one in state.get("rules") or [] if not one.get("IsDefault")]
        told = [{**_only(one, _RULE), "Priority": int(one["Priority"])} for one in rules]
        own = _declared(state)
        shaped = {name: own.get(name) for name in _LISTENER} | {"attributes": _map(state.get("attributes"))}
        return {**state, **shaped, "rules": told, "arns": [str(one.get("RuleArn")) for one in rules]}

    def _afterwards(self, ref: ResourceRef, state: State) -> list[Step]:
        return [*_set_on(state.get("arn") or _arn(ref), state), *super()._afterwards(ref, state)]

    def edges(self, ref: ResourceRef, state: State) -> tuple[Dependent, ...]:
        home = Home(ref.partition, ref.account, ref.region)
        return (Dependent(from_arn(state["balancer"], home), "listens by", ref),)

    def at_risk(self, state: State) -> str:
        return f"port {state.get('Port')} with {counted(len(state.get('rules') or []), 'rule')}"


class ListenerRule(_Balancing):
    """A rule: which requests it is for, what is done with them, and its priority."""

    kind: ClassVar[str] = "elasticloadbalancing:listener-rule"
    title: ClassVar[str] = "rule of a listener"
    fields: ClassVar[tuple[str, ...]] = (*_RULE, "tags")
    deletes: ClassVar[frozenset[str]] = frozenset({"elbv2:DeleteRule"})
    reads: ClassVar[tuple[Read, ...]] = (
        Read(
            "elbv2:DescribeRules",
            {"RuleArns": [ARN]},
            {"arn": "RuleArn", **{name: name for name in _RULE}},
            absent=("RuleNotFound", "RuleNotFoundException"),
            one_of="Rules",
        ),
        _READ_TAGS,
    )
    make: ClassVar[Make] = Make(
        "elbv2:CreateRule", {}, {"ListenerArn": "listener", **{name: name for name in _RULE}}
    )
    makes_tags: ClassVar[str] = "Tags"
    changes: ClassVar[tuple[Change, ...]] = (
        Change("elbv2:ModifyRule", {"RuleArn": ARN}, {"Conditions": "Conditions", "Actions": "Actions"}),
    )
    calls: ClassVar[tuple[str, ...]] = ("elbv2:SetRulePriorities",)
    born: ClassVar[str] = "Rules.0.RuleArn"
    born_after: ClassVar[str] = ":listener-rule/"
    tagged: ClassVar[Tags] = _TAGS
    loss: ClassVar[tuple[str, ...]] = ("its ARN", "where its requests went, from then until it stands again")

    def tidy(self, ref: ResourceRef, state: State) -> State:
        listener = str(state.get("arn")).replace(":listener-rule/", ":listener/").rpartition("/")[0]
        priority = str(state.get("Priority"))
        return {**state, "listener": listener, "Priority": int(priority) if priority.isdigit() else priority}

    def edges(self, ref: ResourceRef, state: State) -> tuple[Dependent, ...]:
        home = Home(ref.partition, ref.account, ref.region)
        return (Dependent(from_arn(state["listener"], home), "routes by", ref),)

    def inverse(
        self, operation: str, parameters: dict[str, Any], ref: ResourceRef, state: State
    ) -> tuple[Step, ...]:
        if operation == "elbv2:SetRulePriorities":
            told = [{"RuleArn": state["arn"], "Priority": state["Priority"]}]
            return (Step(operation, {"RulePriorities": told}),)
        return super().inverse(operation, parameters, ref, state)


_CHECKS: Final = (
    "HealthCheckProtocol", "HealthCheckPort", "HealthCheckEnabled", "HealthCheckIntervalSeconds", "HealthCheckTimeoutSeconds",
    "HealthyThresholdCount", "UnhealthyThresholdCount", "HealthCheckPath", "Matcher",
)  # fmt: skip
_SHAPE: Final = ("Protocol", "ProtocolVersion", "Port", "VpcId", "TargetType", "IpAddressType")


class TargetGroup(_Balancing):
    """A target group's protocol, health check, attributes and tags, and which targets are in it."""

    kind: ClassVar[str] = "elasticloadbalancing:targetgroup"
    title: ClassVar[str] = "target group"
    fields: ClassVar[tuple[str, ...]] = ("name", *_SHAPE, *_CHECKS, "attributes", "targets", "tags")
    deletes: ClassVar[frozenset[str]] = frozenset({"elbv2:DeleteTargetGroup"})
    sets: ClassVar[frozenset[str]] = frozenset({"targets", "balancers"})
    reads: ClassVar[tuple[Read, ...]] = (
        Read(
            "elbv2:DescribeTargetGroups",
            {"TargetGroupArns": [ARN]},
            {
                "arn": "TargetGroupArn",
                "name": "TargetGroupName",
                "balancers": "LoadBalancerArns",
                **{name: name for name in (*_SHAPE, *_CHECKS)},
            },
            absent=("TargetGroupNotFound", "TargetGroupNotFoundException"),
            one_of="TargetGroups",
        ),
        Read("elbv2:DescribeTargetGroupAttributes", {"TargetGroupArn": ARN}, {"attributes": "Attributes"}),
        Read("elbv2:DescribeTargetHealth", {"TargetGroupArn": ARN}, {"targets": "TargetHealthDescriptions"}),
        _READ_TAGS,
    )
    make: ClassVar[Make] = Make(
        "elbv2:CreateTargetGroup", {}, {"Name": "name", **{name: name for name in (*_SHAPE, *_CHECKS)}}
    )
    makes_tags: ClassVar[str] = "Tags"
    changes: ClassVar[tuple[Change, ...]] = (
        Change("elbv2:ModifyTargetGroup", {"TargetGroupArn": ARN}, {name: name for name in _CHECKS}),
        Change("elbv2:ModifyTargetGroupAttributes", {"TargetGroupArn": ARN}, {"Attributes": "attributes"}),
    )
    calls: ClassVar[tuple[str, ...]] = ("elbv2:RegisterTargets", "elbv2:DeregisterTargets")
    born: ClassVar[str] = "TargetGroups.0.TargetGroupArn"
    born_after: ClassVar[str] = ":targetgroup/"
    tagged: ClassVar[Tags] = _TAGS
    loss: ClassVar[tuple[str, ...]] = (
        "its ARN: listeners, rules, Auto Scaling groups and ECS services that name it have to be told",
        "requests that were under way; targets wait for their health checks again",
    )

    def tidy(self, ref: ResourceRef, state: State) -> State:
        targets = [
            one["Target"]
            for one in state.get("targets") or []
            if (one.get("TargetHealth") or {}).get("State") != "draining"
        ]
        balancers = list(dict.fromkeys(state.get("balancers") or []))
        return {
            **state,
            "targets": targets,
            "balancers": balancers,
            "attributes": _map(state.get("attributes")),
        }

    def edges(self, ref: ResourceRef, state: State) -> tuple[Dependent, ...]:
        home = Home(ref.partition, ref.account, ref.region)
        return tuple(Dependent(from_arn(one, home), "forwards to", ref) for one in state["balancers"])

    def settled(
        self, operation: str, parameters: dict[str, Any], ref: ResourceRef, state: State | None
    ) -> bool | None:
        if operation == "elbv2:RegisterTargets" and state is not None:
            named = [(one.get("Id"), one.get("Port")) for one in parameters.get("Targets") or []]
            return all(any(_meant(one, two, state) for one in state["targets"]) for two in named)
        return super().settled(operation, parameters, ref, state)

    def at_risk(self, state: State) -> str:
        used = len(state["balancers"])
        return counted(len(state["targets"]), "target") + (
            f", behind {counted(used, 'load balancer')}" if used else ""
        )

    def inverse(
        self, operation: str, parameters: dict[str, Any], ref: ResourceRef, state: State
    ) -> tuple[Step, ...]:
        named = [(one.get("Id"), one.get("Port")) for one in parameters.get("Targets") or []]
        stood = [one for one in state["targets"] if any(_meant(one, two, state) for two in named)]
        match operation:
            case "elbv2:DeregisterTargets" if stood:
                back = {
                    "TargetGroupArn": state["arn"],
                    "Targets": [_only(one, ("Id", "Port", "AvailabilityZone")) for one in stood],
                }
                return (Step("elbv2:RegisterTargets", back),)
            case "elbv2:RegisterTargets":
                had = [two for two in named if any(_meant(one, two, state) for one in stood)]
                new = [
                    {"Id": name} | ({"Port": port} if port else {})
                    for name, port in named
                    if (name, port) not in had
                ]
                return (
                    (Step("elbv2:DeregisterTargets", {"TargetGroupArn": state["arn"], "Targets": new}),)
                    if new
                    else ()
                )
        return super().inverse(operation, parameters, ref, state)

    def _afterwards(self, ref: ResourceRef, state: State) -> list[Step]:
        arn = {"TargetGroupArn": state.get("arn") or _arn(ref)}
        steps = [Step("elbv2:ModifyTargetGroupAttributes", arn | {"Attributes": _pairs(state["attributes"])})]
        if state["targets"]:
            steps.append(Step("elbv2:RegisterTargets", arn | {"Targets": state["targets"]}))
        return steps


def _meant(one: Mapping[str, Any], two: tuple[Any, Any], state: State) -> bool:
    """A target without a port is meant with the group's own."""
    return bool(one.get("Id") == two[0] and one.get("Port") == (two[1] or state.get("Port")))


def _paged(
    ref: ResourceRef, operation: str, given: dict[str, Any], member: str, unknowns: list[str]
) -> Inquiry[list[dict[str, Any]]]:
    answers = yield from pages(ref, operation, given, token_in="Marker", token_out="NextMarker")
    values = [value_of(answer, operation.partition(":")[2], unknowns) for answer in answers]
    return [one for value in values if value for one in value.get(member) or []]


def _tagged(ref: ResourceRef, arns: list[str], unknowns: list[str]) -> Inquiry[dict[str, dict[str, Any]]]:
    """ARN -> its tags as a call that makes it takes them, where it has some."""
    if not arns:
        return {}
    batches = [arns[at_most : at_most + TAGGED_MAX] for at_most in range(0, len(arns), TAGGED_MAX)]
    answers = yield tuple(read_call(ref, "elbv2:DescribeTags", ResourceArns=batch) for batch in batches)
    told = [value_of(answer, "DescribeTags", unknowns) or {} for answer in answers]
    listed = [one for value in told for one in value.get("TagDescriptions") or []]
    plain = {str(one.get("ResourceArn")): tags_dict(one.get("Tags")) for one in listed}
    own = {
        arn: {name: value for name, value in tags.items() if not name.startswith("aws:")}
        for arn, tags in plain.items()
    }
    return {arn: {"Tags": tags_list(tags)} for arn, tags in own.items() if tags}


def _only(one: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: one[name] for name in names if one.get(name) not in (None, "", [])}


def _declared(listener: Mapping[str, Any]) -> dict[str, Any]:
    """A listener's own settings, as the call that makes it takes them."""
    made = _only(listener, _LISTENER)
    mutual = made.get("MutualAuthentication")
    if isinstance(mutual, Mapping):  # whether a shared trust store is there still is said, and cannot be set
        own = {name: value for name, value in mutual.items() if name != "TrustStoreAssociationStatus"}
        made["MutualAuthentication"] = own
    return made


def _attributes(ref: ResourceRef, arns: list[str], unknowns: list[str]) -> Inquiry[dict[str, dict[str, str]]]:
    """ARN of a listener -> its attributes: headers that it sets or takes off, how long it waits."""
    if not arns:
        return {}
    answers = yield tuple(read_call(ref, "elbv2:DescribeListenerAttributes", ListenerArn=arn) for arn in arns)
    told = [value_of(answer, "DescribeListenerAttributes", unknowns) or {} for answer in answers]
    return {arn: _map(value.get("Attributes")) for arn, value in zip(arns, told, strict=True)}


def _set_on(arn: str, listener: Mapping[str, Any]) -> list[Step]:
    pairs = _pairs(listener.get("attributes") or {})
    call = Step("elbv2:ModifyListenerAttributes", {"ListenerArn": arn, "Attributes": pairs})
    return [call] if pairs else []


def _made_of(listener: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in listener.items() if name not in {"rules", "attributes"}}


def _rule(listener: str, rule: dict[str, Any]) -> dict[str, Any]:
    return {"ListenerArn": listener, **rule, "Priority": int(rule["Priority"])}


def _map(attributes: Any) -> dict[str, str]:
    return {str(one.get("Key")): str(one.get("Value") or "") for one in attributes or []}


def _pairs(attributes: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in sorted(attributes.items()) if value]


def _arn(ref: ResourceRef) -> str:
    kind = ref.kind.partition(":")[2]
    return f"arn:{ref.partition}:elasticloadbalancing:{ref.region}:{ref.account}:{kind}/{ref.id}"
