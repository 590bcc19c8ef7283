"""Which resources an operation is about: names, ARNs, partial ARNs and URLs of one resource give one `ResourceRef`.

The services Keyturn knows by hand stand in tables; all others have generated plans (`plans`), and where a plan names nothing,
ARN parameters count first, then identifier parameters that speak of the operation's own noun. Roles, topics and keys that an operation merely mentions are not its resources: what
it hands to them is said by findings. An operation is never about nothing: where no resource can be named, it is about
``<service>:account/*``, everything of that service in this account and region (also where the service gives the name, as
in ec2:RunInstances).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import msgspec

from keyturn.model.change import ResourceRef
from keyturn.providers.aws import catalogue, naming, partiql, plans
from keyturn.providers.aws.arn_forms import COLON_SERVICES, FROM_ARN, READ, TO_ARN
from keyturn.providers.aws.wire_shapes import kebab
from keyturn.providers.aws.wire_table import input_of

OBJECTS_MAX: Final = 1_000
"""Keys of one DeleteObjects (API_DeleteObjects): each is a resource, is read, and is saved where nothing keeps it. More stand for
their bucket, and are refused by S3.
"""

GLOBAL_REGION: Final = {"aws": "us-east-1", "aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1"}
"""Where global services sign, by partition (AWS General Reference, service endpoints)."""

_GLOBAL: Final = frozenset({"iam", "organizations", "route53", "cloudfront", "account", "globalaccelerator"})


class Home(msgspec.Struct, frozen=True):
    """Where a name without partition, account and region is at home: where the request is signed for."""

    partition: str
    account: str
    region: str

    def ref(self, kind: str, name: str, *, account: str = "", region: str = "") -> ResourceRef:
        service = kind.partition(":")[0]
        at = GLOBAL_REGION.get(self.partition, self.region) if service in _GLOBAL else region or self.region
        return ResourceRef("aws", self.partition, account or self.account, at, kind, name)

    @property
    def places(self) -> dict[str, str]:
        """What fills the forms of ARNs in the plans, beside what a request names."""
        return {"Partition": self.partition, "Region": self.region, "Account": self.account}


# --- ARNs ---------------------------------------------------------------------------------------------------------------


def is_arn(text: object) -> bool:
    return isinstance(text, str) and text.startswith("arn:") and text.count(":") >= 5


def from_arn(arn: str, home: Home) -> ResourceRef:
    """The resource an ARN names; parts that the ARN leaves out are those of `home`."""
    _, partition, service, region, account, rest = arn.split(":", 5)
    there = Home(partition or home.partition, account or home.account, region or home.region)
    for pattern, kind in FROM_ARN.get(service, ()):
        if kind in {"s3:bucket", "s3:object"} and account:
            continue  # theirs leave it empty: storage-lens/, access-grants/
        found = re.fullmatch(pattern, rest)
        if found:
            groups = found.groupdict()
            return there.ref(kind.format(kind=groups.get("kind", "")), groups["a"])
    found = re.fullmatch(r"/?([^/:]+)[/:](.+)", rest)
    kind, name = (found[1], found[2]) if found else ("resource", rest)
    return there.ref(f"{service}:{kind}", name)


def arn_of(ref: ResourceRef) -> str:
    """The ARN; of a secret up to its random tail, and of a role as if its path were ``/`` (see `scope`)."""
    service, _, kind = ref.kind.partition(":")
    separator = ":" if service in COLON_SERVICES else "/"
    form = None if sure(ref) else plans.prefix(ref.kind)
    if form is not None:
        form = plans.placed(form, {"Region": ref.region, "Account": ref.account})
        return f"arn:{ref.partition}:{form}{ref.id}"
    if ref.kind == "ssm:parameter":
        rest = "parameter/" + ref.id.removeprefix("/")
    else:
        rest = TO_ARN.get(ref.kind, "{}" if kind == "resource" else f"{kind}{separator}{{}}").format(ref.id)
    account, region = ref.account, ref.region
    if service in _GLOBAL or ref.kind in _NO_REGION:
        region = ""
    if ref.kind in _NO_ACCOUNT:
        account = ""
    return f"arn:{ref.partition}:{service}:{region}:{account}:{rest}"


def sure(ref: ResourceRef) -> bool:
    """Whether the form of this kind's ARN is known here; otherwise `arn_of` is a guess from its name."""
    return ref.kind in _KNOWN or ref.kind in READ


# --- names --------------------------------------------------------------------------------------------------------------

_NAMES: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    # service -> (parameter, kind), in the order in which they claim to be what the operation is about; the first wins
    "dynamodb": (
        ("TargetTableName", "dynamodb:table"),
        ("TableName", "dynamodb:table"),
        ("BackupArn", "dynamodb:backup"),
        ("GlobalTableName", "dynamodb:global-table"),
    ),
    "lambda": (
        ("FunctionName", "lambda:function"),
        ("LayerName", "lambda:layer"),
        ("UUID", "lambda:event-source-mapping"),
    ),
    "sqs": (("QueueUrl", "sqs:queue"), ("QueueName", "sqs:queue"), ("SourceArn", "sqs:queue")),
    "sns": (("TopicArn", "sns:topic"),),
    "cloudwatch": (
        ("AlarmName", "cloudwatch:alarm"),
        ("AlarmNames", "cloudwatch:alarm"),
        ("DashboardName", "cloudwatch:dashboard"),
        ("DashboardNames", "cloudwatch:dashboard"),
    ),
    "rds": (
        ("DBInstanceIdentifier", "rds:db"),
        ("DBClusterIdentifier", "rds:cluster"),
        ("DBSnapshotIdentifier", "rds:snapshot"),
        ("DBClusterSnapshotIdentifier", "rds:cluster-snapshot"),
    ),
    "kms": (("AliasName", "kms:alias"), ("KeyId", "kms:key"), ("TargetKeyId", "kms:key")),
    "secretsmanager": (("SecretId", "secretsmanager:secret"), ("Name", "secretsmanager:secret")),
    "logs": (("logGroupName", "logs:log-group"), ("logGroupIdentifier", "logs:log-group")),
    "kinesis": (("StreamName", "kinesis:stream"), ("StreamARN", "kinesis:stream")),
    "events": (("Rule", "events:rule"),),
    "stepfunctions": (("stateMachineArn", "states:stateMachine"),),
    "cloudformation": (("StackName", "cloudformation:stack"),),
    "ecr": (("repositoryName", "ecr:repository"),),
    "sts": (("RoleArn", "iam:role"),),
    "ses": (("Identity", "ses:identity"),),
    "sesv2": (("EmailIdentity", "ses:identity"),),
    "pinpoint-email": (("EmailIdentity", "ses:identity"),),
}

_NAMES["docdb"] = _NAMES["neptune"] = _NAMES["rds"]

_KNOWN: Final = (
    frozenset(kind for pairs in _NAMES.values() for _, kind in pairs) | frozenset(TO_ARN) | frozenset({
        "ec2:instance", "ec2:volume", "ec2:security-group", "ec2:snapshot", "ec2:network-interface", "ec2:route-table", "ec2:subnet",
        "ec2:internet-gateway", "ec2:natgateway", "ec2:vpc", "ec2:image", "kms:alias", "rds:snapshot", "rds:pg", "rds:cluster-pg",
        "rds:subgrp", "rds:og", "elasticache:replicationgroup", "elasticache:cluster", "redshift:cluster", "es:domain", "ecs:cluster",
        "budgets:budget",
    })
)  # fmt: skip
"""Kinds whose ARN is made by `arn_of` as AWS makes it (Service Authorization Reference, resource types)."""

_NO_ACCOUNT: Final = frozenset(
    {"ec2:snapshot", "ec2:image", "s3:bucket", "s3:object"}
)  # their ARNs leave it empty (the same reference)
_NO_REGION: Final = frozenset(
    {"s3:bucket", "s3:object", "budgets:budget", "cloudwatch:dashboard", "dynamodb:global-table"}
)

_IAM: Final = (
    ("InstanceProfileName", "iam:instance-profile"),
    ("GroupName", "iam:group"),
    ("RoleName", "iam:role"),
    ("UserName", "iam:user"),
)
"""All of these that stand in a request are its resources, in this order: who is put into what changes both."""

_EC2: Final = re.compile(r"(?P<prefix>[a-z]{1,20})-[0-9a-f]{8,17}")
EC2_KINDS: Final = {
    "i": "instance",
    "vol": "volume",
    "sg": "security-group",
    "snap": "snapshot",
    "ami": "image",
    "eni": "network-interface",
    "rtb": "route-table",
    "igw": "internet-gateway",
    "nat": "natgateway",
    "acl": "network-acl",
    "lt": "launch-template",
    "eipalloc": "elastic-ip",
    "vpce": "vpc-endpoint",
    "pcx": "vpc-peering-connection",
    "tgw": "transit-gateway",
    "afi": "fpga-image",
    "cagw": "carrier-gateway",
    "cgw": "customer-gateway",
    "cr": "capacity-reservation",
    "crf": "capacity-reservation-fleet",
    "dopt": "dhcp-options",
    "eice": "instance-connect-endpoint",
    "eigw": "egress-only-internet-gateway",
    "eipassoc": "eipassoc",
    "fl": "vpc-flow-log",
    "fleet": "fleet",
    "h": "dedicated-host",
    "lgw": "local-gateway",
    "pl": "prefix-list",
    "sfr": "spot-fleet-request",
    "sgr": "security-group-rule",
    "sir": "spot-instances-request",
    "vgw": "vpn-gateway",
    "vpn": "vpn-connection",
}
"""What an id says it is, by what stands before its first dash."""

_RESOURCE_ARNS: Final = ("ResourceArn", "ResourceARN", "resourceArn", "Resource", "resourceARN")
_MENTIONED: Final = re.compile(f"(?i){naming.BESIDE}|target|outpost|sourcelocation")


def resources_of(
    service: str, operation: str, parameters: dict[str, Any], home: Home
) -> tuple[ResourceRef, ...]:
    """What the operation is about, its identity first; never empty. `parameters` are the real ones, not masked."""
    finder = _FINDERS.get(service)
    found = tuple(
        name_or_arn(kind, text, home) for kind, text in naming.named(service, operation, parameters)
    )
    found = found or (tuple(finder(operation, parameters, home)) if finder else ())
    found = found or tuple(_by_name(service, parameters, home)) or tuple(_tagged(parameters, home))
    found = found or tuple(_planned(service, operation, parameters, home))
    found = found or tuple(_generic(service, operation, parameters, home))
    if len(found) == 1:
        return found
    unique = tuple(dict.fromkeys(found))
    return unique or (home.ref(f"{service}:account", "*"),)


def _planned(service: str, operation: str, parameters: dict[str, Any], home: Home) -> Iterator[ResourceRef]:
    """As the generated plan names it; see `plans`."""
    for one in plans.named(service, operation, parameters, home.places):
        if one.kind:
            yield home.ref(one.kind, naming.bare(one.kind, one.text))
        elif is_arn(one.text):
            yield from_arn(one.text, home)


def container_of(ref: ResourceRef) -> ResourceRef | None:
    """What the resource is a member of, as far as its id tells: an object's bucket, a service's cluster. None for what stands
    by itself, and for members that are named without their container.
    """
    kind, count = ("s3:bucket", 1) if ref.kind == "s3:object" else plans.parent(ref.kind) or ("", 0)
    parts = ref.id.split("/")
    if not kind or len(parts) <= count:
        return None
    return msgspec.structs.replace(ref, kind=kind, id="/".join(parts[:count]))


def contains(kind: str) -> str:
    """What goes along when a resource of this kind is deleted; "" for what has no members."""
    service, _, noun = kind.partition(":")
    return catalogue.members_of(service, noun)


def name_or_arn(kind: str, text: str, home: Home) -> ResourceRef:
    """One resource, however it is spelled: ARN, partial ARN, queue URL, name with a qualifier."""
    if is_arn(text):
        found = from_arn(text, home)
        if kind == found.kind == "cloudformation:stack":  # its ARN ends in an id that no call needs
            return msgspec.structs.replace(found, id=found.id.partition("/")[0])
        return found
    if (
        kind == "sqs:queue" and "/" in text
    ):  # https://sqs.<region>.amazonaws.com/<account>/<name>, or a stand-in's
        account, _, name = text.rstrip("/").rpartition("/")
        owner = account.rpartition("/")[2]
        return home.ref(kind, name, account=owner if owner.isdigit() else "")
    if kind == "lambda:function":
        return _function(text, home)
    if kind in {"kms:key", "kms:alias"} and text.startswith("alias/"):
        return home.ref("kms:alias", text.removeprefix("alias/"))
    return home.ref(kind, text)


def _function(text: str, home: Home) -> ResourceRef:
    """A function by name, ``name:qualifier``, or partial ARN ``account:function:name`` (Lambda API, FunctionName)."""
    parts = text.split(":")
    if len(parts) >= 3 and parts[1] == "function":
        return home.ref("lambda:function", parts[2], account=parts[0])
    if parts[0] == "function" and len(parts) >= 2:
        return home.ref("lambda:function", parts[1])
    return home.ref("lambda:function", parts[0])


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str) and value:
        yield value
    elif isinstance(value, list):
        yield from (item for item in value if isinstance(item, str) and item)


def _by_name(service: str, parameters: dict[str, Any], home: Home) -> list[ResourceRef]:
    for name, kind in _NAMES.get(service, ()):
        value = parameters.get(name)
        if value:
            found = [name_or_arn(kind, text, home) for text in _texts(value)]
            if found:
                return found
    return []


def _tagged(parameters: dict[str, Any], home: Home) -> Iterator[ResourceRef]:
    for name in _RESOURCE_ARNS:
        yield from (from_arn(text, home) for text in _texts(parameters.get(name)) if is_arn(text))


def _dynamodb(operation: str, parameters: dict[str, Any], home: Home) -> list[ResourceRef]:
    tables = partiql.tables(operation, parameters)
    if operation in {"BatchWriteItem", "BatchGetItem"} and isinstance(parameters.get("RequestItems"), dict):
        tables = list(parameters["RequestItems"])
    elif operation in {"TransactWriteItems", "TransactGetItems"}:
        parts = [part for item in parameters.get("TransactItems") or [] for part in item.values()]
        tables = [part["TableName"] for part in parts if isinstance(part, dict) and "TableName" in part]
    elif operation == "ImportTable":
        tables = list(_texts((parameters.get("TableCreationParameters") or {}).get("TableName")))
    return [name_or_arn("dynamodb:table", table, home) for table in sorted(tables)]


def _s3(operation: str, parameters: dict[str, Any], home: Home) -> Iterator[ResourceRef]:
    bucket, key = parameters.get("Bucket"), parameters.get("Key")
    if not isinstance(bucket, str) or not bucket:
        return
    bucket_ref = name_or_arn("s3:bucket", bucket, home)
    if (
        bucket_ref.kind != "s3:bucket"
    ):  # an access point has a name of its own, which may be that of another bucket
        yield bucket_ref
        return
    if operation == "DeleteObjects":
        keys = [item.get("Key") for item in (parameters.get("Delete") or {}).get("Objects") or []]
        if 0 < len(keys) <= OBJECTS_MAX:
            yield from (
                home.ref("s3:object", f"{bucket_ref.id}/{name}") for name in sorted(set(map(str, keys)))
            )
            return
    if isinstance(key, str) and key:
        yield home.ref("s3:object", f"{bucket_ref.id}/{key}")
    else:
        yield bucket_ref


def _ssm(operation: str, parameters: dict[str, Any], home: Home) -> Iterator[ResourceRef]:
    if operation in {"AddTagsToResource", "RemoveTagsFromResource"}:
        kind = kebab(str(parameters.get("ResourceType", "resource")))
        yield from (name_or_arn(f"ssm:{kind}", text, home) for text in _texts(parameters.get("ResourceId")))
    elif "Parameter" in operation:
        for name in ("Name", "Names"):
            for text in _texts(parameters.get(name)):
                yield name_or_arn("ssm:parameter", text if is_arn(text) else text.partition(":")[0], home)
    elif operation in {"SendCommand", "StartSession"}:
        named = [*_texts(parameters.get("InstanceIds")), *_texts(parameters.get("Target"))]
        yield from (home.ref("ec2:instance", text) for text in named)


def _iam(operation: str, parameters: dict[str, Any], home: Home) -> Iterator[ResourceRef]:
    for name, kind in _IAM:
        yield from (name_or_arn(kind, text, home) for text in _texts(parameters.get(name)))
    if any(name in parameters for name, _ in _IAM):
        return
    if operation == "CreatePolicy":
        path = str(parameters.get("Path") or "/").strip("/")
        yield home.ref("iam:policy", f"{path}/{parameters.get('PolicyName')}".lstrip("/"))
    for name, value in parameters.items():
        if name.endswith(("Arn", "ARN")):
            yield from (from_arn(text, home) for text in _texts(value) if is_arn(text))


def _cloudwatch(operation: str, parameters: dict[str, Any], home: Home) -> Iterator[ResourceRef]:
    if operation == "PutMetricData":
        yield from (home.ref("cloudwatch:namespace", text) for text in _texts(parameters.get("Namespace")))


def _ec2(operation: str, parameters: dict[str, Any], home: Home) -> Iterator[ResourceRef]:
    """Ids say what they are; those that speak of the operation's noun come first, and creates name no identity."""
    if (
        operation == "CreateSecurityGroup"
    ):  # its id is the service's; a plan would name a group of another service
        yield home.ref("ec2:account", "*")
    if operation.startswith(("Create", "Run", "Allocate", "Request")) and operation != "CreateTags":
        return
    if "SecurityGroup" in operation and not parameters.get("GroupId"):  # by name, in a default VPC
        yield from (home.ref("ec2:security-group", text) for text in _texts(parameters.get("GroupName")))
    noun = kebab(_noun(operation)).rstrip("s")
    ids = [
        match for value in parameters.values() for text in _texts(value) if (match := _EC2.fullmatch(text))
    ]
    planned: dict[str, str] = {}
    if any(one["prefix"] not in EC2_KINDS for one in ids):
        planned = {ref.id: ref.kind for ref in _planned("ec2", operation, parameters, home)}
    found = []
    for one in ids:
        known = EC2_KINDS.get(one["prefix"])
        found.append(
            home.ref(f"ec2:{known}" if known else planned.get(one[0], f"ec2:{one['prefix']}"), one[0])
        )
    own = [ref for ref in found if noun and ref.kind.partition(":")[2].rstrip("s") in noun]
    yield from own or found


def _autoscaling(operation: str, parameters: dict[str, Any], home: Home) -> Iterator[ResourceRef]:
    """What belongs to a group (policies, hooks, target groups) is a side of the group; its tags name it in their entries."""
    names = list(_texts(parameters.get("AutoScalingGroupName")))
    if operation in {"CreateOrUpdateTags", "DeleteTags"}:
        names = [str(tag.get("ResourceId")) for tag in parameters.get("Tags") or [] if isinstance(tag, dict)]
    yield from (name_or_arn("autoscaling:autoScalingGroup", text, home) for text in names)


def _elbv2(operation: str, parameters: dict[str, Any], home: Home) -> Iterator[ResourceRef]:
    if operation == "SetRulePriorities":
        named = [
            one.get("RuleArn") for one in parameters.get("RulePriorities") or [] if isinstance(one, dict)
        ]
        yield from (from_arn(text, home) for text in named if isinstance(text, str) and is_arn(text))
    elif operation in {
        "CreateTargetGroup",
        "CreateLoadBalancer",
    }:  # the last part of their ids is the service's
        yield home.ref("elasticloadbalancing:account", "*")


_FINDERS: Final[dict[str, Callable[[str, dict[str, Any], Home], Iterable[ResourceRef]]]] = {
    "dynamodb": _dynamodb,
    "s3": _s3,
    "ssm": _ssm,
    "iam": _iam,
    "cloudwatch": _cloudwatch,
    "ec2": _ec2,
    "autoscaling": _autoscaling,
    "elbv2": _elbv2,
}


def _noun(operation: str) -> str:
    """``DeleteDBInstance`` -> ``DBInstance``: what is left without the verb."""
    found = re.match(r"(?:Batch)?[A-Z][a-z]+(?P<noun>[A-Z].*)$", operation)
    return found["noun"] if found else operation


def _stem(parameter: str) -> str:
    return re.sub(r"(?:_?(?:Name|Identifier|Id|ID|Arn|ARN)s?)$", "", parameter)


def _generic(service: str, operation: str, parameters: dict[str, Any], home: Home) -> Iterator[ResourceRef]:
    """ARN parameters first, then identifiers that speak of the operation's own noun, then a single required identifier."""
    noun = _noun(operation).lower()
    arns = [
        (name, text)
        for name, value in parameters.items()
        for text in _texts(value)
        if is_arn(text)
        and text.split(":")[4] != "aws"  # AWS's own, which nobody else changes
        and (not _MENTIONED.search(name) or (_stem(name).lower() in noun and not _a_role(text, service)))
    ]
    if arns:
        own = [text for name, text in arns if _stem(name) and _stem(name).lower() in noun]
        yield from (from_arn(text, home) for text in own or [text for _, text in arns])
        return
    taken = input_of(service, operation)
    required = set(taken[1].required) if taken is not None else set()
    named = [
        (name, text)
        for name, value in parameters.items()
        if re.search(r"(?i)(name|identifier|id)s?$", name) and not _MENTIONED.search(name)
        for text in _texts(value)
    ]
    own_names = [pair for pair in named if _stem(pair[0]) and _stem(pair[0]).lower() in noun]
    single = [pair for pair in named if pair[0] in required]
    chosen = _best(own_names) or (single if len({name for name, _ in single}) == 1 else [])
    for name, text in chosen:
        kind = kebab(_stem(name) or _noun(operation)).strip("-")
        yield home.ref(f"{service}:{kind}", text)


def _a_role(arn: str, service: str) -> bool:
    """A role that is given to a resource of another service: it goes along, whatever the operation is called by."""
    return arn.split(":")[2] == "iam" and service not in {"iam", "sts"}


def _best(pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Of several parameters that fit, those whose stem fits longest: DBInstance before DB."""
    longest = max((len(_stem(name)) for name, _ in pairs), default=0)
    return [pair for pair in pairs if len(_stem(pair[0])) == longest]
