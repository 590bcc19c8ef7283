"""What stands live, made again in a stand-in account for a rehearsal: the same name and id, the same configuration, without its data.

A recipe's restore does most of it, and `copy_makers` what a restore takes from a backup and a copy has to do without. Here stands what has to stand before something can be made (the VPC of a security group), and the few kinds
that have no recipe and on which everything else stands. What is copied is read again and compared; nothing is thought to be equal.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from keyturn.core.ports import Inquiry
from keyturn.errors import UnavailableError
from keyturn.model.change import ResourceRef
from keyturn.model.execution import Refused, Succeeded
from keyturn.providers.aws import recipes
from keyturn.providers.aws.copy_makers import MAKERS
from keyturn.providers.aws.recipes.base import Captured, State, call
from keyturn.providers.aws.recipes.common import changed, do
from keyturn.providers.aws.resources import Home, from_arn, is_arn

NEEDED_MAX: Final = 20
"""What one resource may need before it; an instance has a subnet, a VPC, an image and a handful of groups."""

WITHOUT: Final[dict[str, str]] = {
    "dynamodb:table": "its items",
    "s3:bucket": "its objects",
    "lambda:function": "its code and earlier versions",
    "kms:key": "its material: what is encrypted under it cannot be decrypted",
    "cognito-idp:userpool": "its users, app clients, groups, domain and providers",
    "elasticloadbalancing:loadbalancer": "its address, and what is sent to it",
    "rds:db": "its data and its password",
    "rds:cluster": "its data and its password",
    "elasticache:replicationgroup": "what lies in it",
    "elasticache:cluster": "what lies in it",
    "redshift:cluster": "its data and its password",
    "es:domain": "what is indexed in it",
    "ec2:snapshot": "its blocks",
    "secretsmanager:secret": "its values",
    "sqs:queue": "its messages",
    "kinesis:stream": "its records",
    "logs:log-group": "its events",
    "ec2:volume": "its blocks",
    "ec2:instance": "its disks and what runs on it",
    "ecr:repository": "its images",
    "ecs:service": "its tasks",
}
"""What of a kind is data, and is not in the twin."""


class Ground(msgspec.Struct, frozen=True):
    """A kind without a recipe on which others stand: how it is read, and how it is made. ``{id}`` is its id."""

    reads: str
    given: str
    at: str
    makes: str
    takes: tuple[str, ...]
    absent: tuple[str, ...]


GROUND: Final[dict[str, Ground]] = {
    "ec2:vpc": Ground(
        "ec2:DescribeVpcs", "VpcIds", "Vpcs", "ec2:CreateVpc", ("CidrBlock",), ("InvalidVpcID.NotFound",)
    ),
    "ec2:subnet": Ground(
        "ec2:DescribeSubnets",
        "SubnetIds",
        "Subnets",
        "ec2:CreateSubnet",
        ("VpcId", "CidrBlock", "AvailabilityZone"),
        ("InvalidSubnetID.NotFound",),
    ),
    "ec2:image": Ground(
        "ec2:DescribeImages",
        "ImageIds",
        "Images",
        "ec2:RegisterImage",
        ("Name", "Architecture", "RootDeviceName", "VirtualizationType"),
        ("InvalidAMIID.NotFound",),
    ),
}

_BY_PREFIX: Final = {
    "vpc": "ec2:vpc",
    "subnet": "ec2:subnet",
    "ami": "ec2:image",
    "sg": "ec2:security-group",
    "eni": "ec2:network-interface",
    "lt": "ec2:launch-template",
    "i": "ec2:instance",
    "vol": "ec2:volume",
    "eipalloc": "ec2:elastic-ip",
}
_ID: Final = re.compile(r"([a-z]+)-[0-9a-f]{8,17}\Z")
_NOT_LOOKED_AT: Final = frozenset({"Statement", "document", "inline", "definition", "rules", "attachments"})
"""Members whose texts name what is allowed or told of, not what has to stand."""


def known(ref: ResourceRef) -> bool:
    """Whether anything is known of how its kind is read and made."""
    return ref.kind in GROUND or recipes.for_kind(ref.kind) is not None


def makes(kind: str) -> bool:
    """Whether one of this kind can be made in a stand-in, as far as that is known beforehand."""
    recipe = recipes.for_kind(kind)
    return kind in GROUND or kind in MAKERS or (recipe is not None and recipe.restores)


def capture(ref: ResourceRef) -> Inquiry[Captured]:
    """What stands, by its recipe or as ground. `unknowns` where neither is there."""
    recipe, ground = recipes.for_kind(ref.kind), GROUND.get(ref.kind)
    if recipe is not None:
        return (yield from recipe.capture(ref))
    if ground is None:
        return Captured(None, (f"there is no recipe for {ref.kind}",))
    (answer,) = yield (call(ref, ground.reads, {ground.given: [ref.id]}),)
    if isinstance(answer, Refused) and answer.code in ground.absent:
        return Captured(None)
    if not isinstance(answer, Succeeded):
        return Captured(None, (f"{ground.reads} was not answered",))
    found = answer.value.get(ground.at) or []
    if not found or ref.kind != "ec2:vpc":
        return Captured(found[0] if found else None)
    named = [{"Name": "vpc-id", "Values": [ref.id]}, {"Name": "group-name", "Values": ["default"]}]
    (groups,) = yield (call(ref, "ec2:DescribeSecurityGroups", {"Filters": named}),)
    told = groups.value.get("SecurityGroups") or [] if isinstance(groups, Succeeded) else []
    return Captured({**found[0], _OWN_GROUP: [one.get("GroupId") for one in told]})


_OWN_GROUP: Final = "default group"
"""A VPC is made with a group of its own, which nobody can make."""


def born_with(ref: ResourceRef, state: State) -> tuple[str, ...]:
    """Ids of what is made together with it, in the order in which it is made."""
    match ref.kind:
        case "ec2:vpc":
            return tuple(str(one) for one in state.get(_OWN_GROUP) or ())
        case "ec2:snapshot":
            return (str(state["volume"]),)
        case "elasticloadbalancing:loadbalancer":
            return tuple(arn.partition("/")[2] for arn in state["arns"])
        case "apigateway:apis":
            return tuple(one for part in ("authorizers", "integrations", "routes") for one in state[part])
        case "apigateway:restapis":
            ids = state["ids"]
            named = [f"@{part}/{one}" for part in ("authorizers", "validators") for one in state[part]]
            paths = [f"@path{one}" for one in state["resources"] if one != "/"]
            served = [str(state["deployments"][stage]) for stage in state["stages"]]
            return (*(ids[name] for name in ("@path/", *named, *paths)), *served)
    return ()


def needed(ref: ResourceRef, state: State) -> tuple[ResourceRef, ...]:
    """What has to stand before it can be made, as far as its declared configuration names it by id or ARN."""
    recipe = recipes.for_kind(ref.kind)
    looked_at = {name: state.get(name) for name in recipe.fields} if recipe is not None else state
    looked_at = {name: value for name, value in looked_at.items() if name != _OWN_GROUP}
    home = Home(ref.partition, ref.account, ref.region)
    found: dict[ResourceRef, None] = {}
    for text in _texts(looked_at):
        named = _named(text, home)
        if named is not None and named != ref and named.account == ref.account:
            found[named] = None
    by_name = (one for one in _by_name(ref, state) if one != ref)
    return (*found, *by_name)[:NEEDED_MAX]


def mentioned(value: Any, home: Home) -> tuple[ResourceRef, ...]:
    """What a request or an answer names by id or ARN, of kinds that can be copied."""
    found = (_named(text, home) for text in _texts(value))
    return tuple(dict.fromkeys(ref for ref in found if ref is not None and ref.account == home.account))


def _named(text: str, home: Home) -> ResourceRef | None:
    if is_arn(text):
        ref = from_arn(text, home)
        return ref if recipes.for_kind(ref.kind) is not None else None
    found = _ID.match(text)
    kind = _BY_PREFIX.get(found[1], "") if found else ""
    return home.ref(kind, text) if kind else None


def _by_name(ref: ResourceRef, state: State) -> Iterator[ResourceRef]:
    """What is named by nothing but its name."""
    match ref.kind:
        case "iam:instance-profile":
            yield from (msgspec.structs.replace(ref, kind="iam:role", id=one) for one in state["roles"])
        case "iam:group":
            yield from (msgspec.structs.replace(ref, kind="iam:user", id=one) for one in state["members"])
        case "ecs:service":
            yield msgspec.structs.replace(ref, kind="ecs:cluster", id=ref.id.partition("/")[0])
        case "cloudtrail:trail" if state.get("S3BucketName"):
            yield msgspec.structs.replace(ref, kind="s3:bucket", id=state["S3BucketName"])
        case "sqs:queue" if (state.get("attributes") or {}).get("RedrivePolicy"):
            told = json.loads(state["attributes"]["RedrivePolicy"]).get("deadLetterTargetArn", "")
            named = _named(str(told), Home(ref.partition, ref.account, ref.region))
            yield from (named,) if named is not None else ()
        case "kms:alias":
            yield msgspec.structs.replace(ref, kind="kms:key", id=state["key"])
        case "rds:db" | "rds:cluster":
            for field, kind in _GROUPS.items():
                name = state.get(field)
                if name and isinstance(name, str) and not name.startswith(("default.", "default:")):
                    yield msgspec.structs.replace(ref, kind=kind, id=name)
        case "elasticloadbalancing:loadbalancer" | "elasticloadbalancing:listener":
            yield from _forwarded(ref, state)


_GROUPS: Final = {
    "DBClusterIdentifier": "rds:cluster",
    "DBSubnetGroupName": "rds:subgrp",
    "DBSubnetGroup": "rds:subgrp",
    "DBParameterGroupName": "rds:pg",
    "DBClusterParameterGroup": "rds:cluster-pg",
    "OptionGroupName": "rds:og",
}
"""What a database names by its name alone: the field of its capture, and the kind."""


def _forwarded(ref: ResourceRef, state: State) -> Iterator[ResourceRef]:
    """A listener's load balancer, and the groups that rules forward to."""
    home = Home(ref.partition, ref.account, ref.region)
    if state.get("balancer"):
        yield from_arn(state["balancer"], home)
    for one in (state, *(state.get("listeners") or [])):
        for rule in one.get("rules") or []:
            yield from (found for text in _texts(rule.get("Actions")) if (found := _named(text, home)))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield from value.split(",") if _ID.match(value.partition(",")[0]) else (value,)
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            if name not in _NOT_LOOKED_AT:
                yield from _texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner)


def make(ref: ResourceRef, state: State) -> Inquiry[None]:
    """Make it. Raises `UnavailableError` with what the stand-in said where it cannot be made."""
    recipe, ground = recipes.for_kind(ref.kind), GROUND.get(ref.kind)
    if ground is not None:
        yield from do(
            ref, ground.makes, {name: state[name] for name in ground.takes if state.get(name) is not None}
        )
        return
    if recipe is None:
        raise UnavailableError("no-recipe", f"there is no recipe for {ref.kind}")
    maker = MAKERS.get(ref.kind)
    if maker is not None:
        yield from maker(recipe, ref, state)
        return
    yield from recipe.restore(ref, state, None)


def unlike(ref: ResourceRef, live: State, twin: State | None) -> tuple[str, ...]:
    """The declared fields in which the copy is another, or that it was not made."""
    recipe = recipes.for_kind(ref.kind)
    if twin is None:
        return ("the stand-in gave it another id, or did not keep it",)
    if recipe is None:
        return ()
    fields = tuple(field for field in recipe.fields if field not in recipe.born_with)
    return tuple(field for field, _, _ in changed(live, {f: twin.get(f) for f in fields}, fields))


def otherwise(
    ref: ResourceRef, expected: State | None, now: State | None, *, made: bool = False
) -> tuple[str, ...]:
    """What stands otherwise than is expected, in its declared fields, as far as both were read: of what only lies beside a change no more
    is read than decides about it. Without values, which may be secrets. `made`: a step before made it, and the service gave it what it
    gives to everything that is new.
    """
    if expected is None or now is None:
        if expected is now:
            return ()
        return (f"{ref} {'stands' if expected is None else 'does not stand'}",)
    recipe = recipes.for_kind(ref.kind)
    fields = recipe.fields if recipe is not None else tuple(sorted({*expected, *now}))
    given = {*recipe.born_with, *recipe.renews} if made and recipe is not None else frozenset()
    both = tuple(field for field in fields if field in expected and field in now and field not in given)
    found = changed(expected, {field: now[field] for field in both}, both)
    return tuple(f"{ref}: {field} is otherwise" for field, _, _ in found)
