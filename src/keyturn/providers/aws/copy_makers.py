"""How a copy for a rehearsal is made, where a restore takes from a backup what a copy has to do without: rows, code, blocks, values of secrets.

Nothing of what is made here was read of anybody's data: a password says that it was not copied, a key has material of its own.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any, Final

import msgspec

from keyturn.core.ports import Inquiry
from keyturn.errors import UnavailableError
from keyturn.model.change import ResourceRef
from keyturn.model.execution import Succeeded
from keyturn.providers.aws.recipes.base import Recipe, State, call
from keyturn.providers.aws.recipes.common import do
from keyturn.providers.aws.recipes.ec2_disks import Snapshot
from keyturn.providers.aws.recipes.reborn import Reborn
from keyturn.providers.aws.recipes.snapshots import Snapshotted

Maker = Callable[[Recipe, ResourceRef, State], Inquiry[None]]

NOT_COPIED: Final = "(not copied into the rehearsal)"
"""What stands in the twin for a value that is not copied."""

NO_PASSWORD: Final = "not-copied-into-the-rehearsal"  # it says that it is none
"""The master password of a database in the twin: of printable letters, as the service takes it (API_CreateDBInstance)."""


def _table(recipe: Recipe, ref: ResourceRef, state: State) -> Inquiry[None]:
    given: dict[str, Any] = {
        "TableName": ref.id,
        "KeySchema": state["keys"],
        "AttributeDefinitions": state["attributes"],
        "BillingMode": state["billing"],
        "ProvisionedThroughput": state["throughput"],
        "GlobalSecondaryIndexes": state["global_indexes"],
        "LocalSecondaryIndexes": state["local_indexes"],
        "TableClass": state["class"] if state["class"] != "STANDARD" else None,
        "SSESpecification": {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": state["encryption"]}
        if state["encryption"]
        else None,
    }
    yield from do(ref, "dynamodb:CreateTable", {name: value for name, value in given.items() if value})
    for step in recipe.restore_plan(ref, state, None)[1:]:
        yield from do(ref, step.operation, step.parameters)


def _parameter(recipe: Recipe, ref: ResourceRef, state: State) -> Inquiry[None]:
    (put,) = recipe.restore_plan(ref, state, None)
    secure = {"Value": NOT_COPIED} if state["type"] == "SecureString" else {}
    yield from do(ref, put.operation, {**put.parameters, **secure})


def _secret(recipe: Recipe, ref: ResourceRef, state: State) -> Inquiry[None]:
    """With one version that says what it is: a value of a secret is read by nobody for a rehearsal."""
    made = recipe.restore_plan(ref, state, None)[0]
    yield from do(ref, made.operation, {**made.parameters, "SecretString": NOT_COPIED})


_ANY_IMAGE: Final = "ami-0000000000000000f"
"""Which image an instance was made of is in no capture; the stand-in takes any."""

_EMPTY_ZIP: Final = base64.b64decode("UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA==")
"""An archive without files (APPNOTE.TXT, 4.3.16: the end of central directory record alone)."""


def _function(recipe: Recipe, ref: ResourceRef, state: State) -> Inquiry[None]:
    """Its configuration as it is now, with no code."""
    shown = recipe.restore_plan(ref, state, None)
    first = next(step for step in shown if step.action == "CreateFunction")
    given = {**first.parameters, "Code": {"ZipFile": _EMPTY_ZIP}, "PackageType": "Zip"}
    given |= {"Handler": given.get("Handler") or "none", "Runtime": given.get("Runtime") or "provided.al2023"}
    given.pop("Publish", None)
    yield from do(ref, first.operation, given)
    if state.get("concurrency") is not None:
        wanted = {"FunctionName": ref.id, "ReservedConcurrentExecutions": state["concurrency"]}
        yield from do(ref, "lambda:PutFunctionConcurrency", wanted)


_BEGUN_BY_OTHERS: Final = {"iam:policy": "attached_to", "iam:role": "instance_profiles"}
"""What the others say as well: they are copied when they are asked for, and name it then."""


def _alone(recipe: Recipe, ref: ResourceRef, state: State) -> Inquiry[None]:
    yield from recipe.restore(ref, {**state, _BEGUN_BY_OTHERS[ref.kind]: []}, None)


def _user(recipe: Recipe, ref: ResourceRef, state: State) -> Inquiry[None]:
    """In those of its groups that are in the twin by now; the others are copied when they are asked for, with their members."""
    groups = state["groups"]
    told = yield tuple(call(ref, "iam:GetGroup", {"GroupName": name}) for name in groups)
    here = [name for name, answer in zip(groups, told, strict=True) if isinstance(answer, Succeeded)]
    yield from recipe.restore(ref, {**state, "groups": here}, None)


def _copied(recipe: Recipe, ref: ResourceRef, state: State) -> Inquiry[None]:
    """What comes back from a copy of its data, made without one."""
    if not isinstance(recipe, Reborn):
        raise UnavailableError("no-copy", f"a {recipe.title} is made from a copy of its data alone")
    alone = {**state, "attachments": [], "addresses": [], "kept": [], "disks": []}
    step = recipe._made_from(ref, alone, _ANY_IMAGE)  # type: ignore[attr-defined]  # noqa: SLF001  # of one package
    given = {name: value for name, value in step.parameters.items() if name != "SnapshotId"}
    made = recipe.born_as(ref, (yield from do(ref, step.operation, given)))
    yield from recipe._finish(made, alone)  # noqa: SLF001  # of one package


def _without_data(recipe: Recipe, ref: ResourceRef, state: State) -> Inquiry[None]:
    """What comes back from the service's own snapshot, made without one; a node or an instance of something larger as it always is."""
    if not isinstance(recipe, Snapshotted):
        raise UnavailableError("no-copy", f"a {recipe.title} is made from a copy of its data alone")
    for place, step in enumerate(recipe.made_empty(ref, state)):
        given = step.parameters
        if not place and given.get("MasterUsername") and not given.get("ManageMasterUserPassword"):
            given = {**given, "MasterUserPassword": NO_PASSWORD}
        yield from do(ref, step.operation, given)
        yield from recipe.steady(ref)


def _member(recipe: Recipe, ref: ResourceRef, state: State) -> Inquiry[None]:
    """An instance of a cluster holds no data; one by itself does."""
    if state.get("DBClusterIdentifier"):
        yield from recipe.restore(ref, state, None)
    else:
        yield from _without_data(recipe, ref, state)


def _blocks(recipe: Recipe, ref: ResourceRef, state: State) -> Inquiry[None]:
    """A snapshot of an empty volume: of its own, where that stands, or of one that is made for it and goes again."""
    if not isinstance(recipe, Snapshot):
        raise UnavailableError("no-copy", f"a {recipe.title} is made from a copy of its data alone")
    volume = str(state["volume"])
    (answer,) = yield (call(ref, "ec2:DescribeVolumes", {"VolumeIds": [volume]}),)
    stands = isinstance(answer, Succeeded) and bool(answer.value.get("Volumes"))
    if not stands:
        wanted = {"AvailabilityZone": f"{ref.region}a", "Size": state["VolumeSize"]}
        wanted |= {name: state[name] for name in ("Encrypted", "KmsKeyId") if state.get(name)}
        volume = str((yield from do(ref, "ec2:CreateVolume", wanted))["VolumeId"])
    given = {
        "VolumeId": volume,
        **({"Description": state["Description"]} if state.get("Description") else {}),
    }
    made = yield from do(ref, "ec2:CreateSnapshot", given)
    if not stands:
        yield from do(ref, "ec2:DeleteVolume", {"VolumeId": volume})
    yield from recipe._finish(msgspec.structs.replace(ref, id=str(made["SnapshotId"])), state)  # noqa: SLF001  # of one package


def _key(_recipe: Recipe, ref: ResourceRef, state: State) -> Inquiry[None]:
    """With its policy, its names and in its state; with other material, so that it decrypts nothing that the live one encrypted."""
    if state.get("Origin") not in {"AWS_KMS", "EXTERNAL"}:
        raise UnavailableError("no-copy", "its material lies in a key store of its own")
    given = {
        name: state[name]
        for name in ("Description", "KeyUsage", "KeySpec", "Origin", "MultiRegion")
        if state.get(name)
    }
    given |= {"Policy": state["policy"]} if state.get("policy") else {}
    tags = [{"TagKey": name, "TagValue": value} for name, value in (state.get("tags") or {}).items()]
    made = yield from do(ref, "kms:CreateKey", {**given, **({"Tags": tags} if tags else {})})
    which = {"KeyId": made["KeyMetadata"]["KeyId"]}
    for name in state.get("aliases") or []:
        yield from do(ref, "kms:CreateAlias", {"AliasName": name, "TargetKeyId": which["KeyId"]})
    if state.get("rotation"):
        period = state.get("RotationPeriodInDays")
        turned = {"RotationPeriodInDays": period} if period else {}
        yield from do(ref, "kms:EnableKeyRotation", {**which, **turned})
    if state.get("KeyState") == "Disabled":
        yield from do(ref, "kms:DisableKey", which)
    if state.get("KeyState") == "PendingDeletion":
        yield from do(ref, "kms:ScheduleKeyDeletion", which)


MAKERS: Final[dict[str, Maker]] = {
    "dynamodb:table": _table,
    "ssm:parameter": _parameter,
    "secretsmanager:secret": _secret,
    "lambda:function": _function,
    "iam:policy": _alone,
    "iam:role": _alone,
    "iam:user": _user,
    "ec2:volume": _copied,
    "ec2:instance": _copied,
    "ec2:snapshot": _blocks,
    "kms:key": _key,
    "rds:db": _member,
    **dict.fromkeys(
        ("rds:cluster", "elasticache:replicationgroup", "elasticache:cluster", "redshift:cluster"),
        _without_data,
    ),
}
