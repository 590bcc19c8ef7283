"""Accounts that stand in moto by calls that were really made, and the requests that rules are asked on there: a file each of
`corpus/real`. A file begins with what is made; ``base`` says what a request of an operation has to name in that account.

    do ec2:CreateVpc {CidrBlock: 10.0.0.0/16} -> vpc=Vpc.VpcId
    base ec2:ModifyVpcAttribute {VpcId: $vpc}
    EC018 ++ ModifyVpcAttribute {EnableDnsSupport: {Value: false}} -- ModifyVpcAttribute {EnableDnsSupport: {Value: true}}
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml
from botocore import xform_name
from moto.core.responses import BaseResponse

from tests.provider.ordinary_work import archive, perform
from tests.provider.provider_world import Account

HERE: Final = Path(__file__).parent / "corpus" / "real"
_MODULES: Final = {"lambda": "awslambda"}
_S3_OTHERWISE: Final = frozenset(
    {"CompleteMultipartUpload", "CreateMultipartUpload", "DeleteObjects", "PutBucketCors", "PutBucketEncryption",
     "PutBucketLifecycleConfiguration", "PutBucketLogging", "PutBucketNotificationConfiguration", "PutBucketOwnershipControls",
     "PutBucketPolicy", "PutBucketReplication", "PutBucketVersioning", "PutBucketWebsite", "PutObjectLockConfiguration",
     "PutPublicAccessBlock"}
)  # fmt: skip
"""What moto does under no method of that name: it takes S3's requests apart by hand."""


class Asked(NamedTuple):
    """One request that a rule is asked on: whether it must speak, the operation, and the request's members as they are written."""

    code: str
    speaks: bool
    name: str
    given: str


class Place(NamedTuple):
    """One account: what is made in it, what requests have to name there, and what is asked."""

    name: str
    made: tuple[str, ...]
    bases: dict[str, str]
    asked: tuple[Asked, ...]


@cache
def _classes(service: str) -> tuple[type[BaseResponse], ...]:
    names = (_MODULES.get(service, service.replace("-", "")), service.replace("-", "_"))
    for name in names:
        try:
            module = importlib.import_module(f"moto.{name}.responses")
        except ModuleNotFoundError:
            continue
        return tuple(
            found
            for found in vars(module).values()
            if isinstance(found, type) and issubclass(found, BaseResponse) and found is not BaseResponse
        )
    return ()


@cache
def in_moto(name: str) -> bool:
    """Whether moto has this operation."""
    service, _, action = name.partition(":")
    if service == "s3" and action in _S3_OTHERWISE:
        return True
    return any(hasattr(found, xform_name(action)) for found in _classes(service))


@cache
def places() -> tuple[Place, ...]:
    """Every account of the corpus."""
    return tuple(_place(path) for path in sorted(HERE.glob("*.txt")))


def _place(path: Path) -> Place:
    made: list[str] = []
    bases: dict[str, str] = {}
    asked: list[Asked] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        kind, _, rest = line.partition(" ")
        if kind == "do":
            made.append(rest)
        elif kind == "base":
            name, _, given = rest.partition(" ")
            bases[name] = given
        elif line and not line.startswith("#"):
            asked += _requests(kind, rest)
    return Place(path.stem, tuple(made), bases, tuple(asked))


def _requests(code: str, text: str) -> Iterator[Asked]:
    for part in re.split(r" (?=(?:\+\+|--) )", f" {text}"):
        if part.strip():
            mark, _, said = part.strip().partition(" ")
            name, _, given = said.partition(" ")
            yield Asked(code, mark == "++", name, given or "{}")


def make(account: Account, place: Place) -> dict[str, Any]:
    """Makes what stands there; returns what only the account can name."""
    names: dict[str, Any] = {"zip": archive()}
    for line in place.made:
        call, _, kept = line.partition(" -> ")
        name, _, given = call.partition(" ")
        answer = perform(account, name, members(given or "{}", names))
        for one in kept.split():
            to, _, path = one.partition("=")
            names[to] = _at(answer, path)
    return names


def _at(value: Any, path: str) -> Any:
    for part in path.split("."):
        value = value[int(part)] if part.isdigit() else value[part]
    return value


def members(text: str, names: dict[str, Any]) -> dict[str, Any]:
    """The members that a line writes, with the names of the account in them."""
    found: dict[str, Any] = _named(yaml.safe_load(text), names)
    return found


def _named(value: Any, names: dict[str, Any]) -> Any:
    if isinstance(value, dict):
        return {_named(name, names): _named(inner, names) for name, inner in value.items()}
    if isinstance(value, list):
        return [_named(item, names) for item in value]
    if not isinstance(value, str):
        return value
    whole = re.fullmatch(r"\$(\w+)", value)
    if whole and whole[1] in names:
        return names[whole[1]]
    return re.sub(r"\$\{(\w+)\}", lambda found: str(names[found[1]]), value)
