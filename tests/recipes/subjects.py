"""One of a kind, with everything that botocore's shapes let be asked of it drawn by seed: what such a thing is, and how it is made."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from tests.provider.moto_account import make_role
from tests.provider.provider_world import ACCOUNT, REGION, Account
from tests.recipes.drawing import Draw, Drawn, accepted, perform
from tests.recipes.recipe_world import Asked

PASSWORD = "hunter2hunter2"  # a stand-in's


MAY = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}


TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
    }
)  # fmt: skip


ROLE = f"arn:aws:iam::{ACCOUNT}:role/worker"


QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:jobs"


TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:alerts"


class Made(msgspec.Struct):
    """What stands: its id, what opens its reads, and how it is taken away."""

    id: str
    keys: dict[str, Any]
    delete: Asked
    first: tuple[Asked, ...] = ()


class Subject(msgspec.Struct, frozen=True):
    """A kind, and how one of it is drawn. `stated`: what reads otherwise by the service's own nature, with the reason."""

    kind: str
    services: tuple[str, ...]
    make: Callable[[Account, Draw], Made]
    stated: Mapping[str, str] = {}  # expression over paths -> why
    skip: str = ""  # reads that are of something else


def some(
    draw: Draw, account: Account, name: str, given: dict[str, Any], *, always: bool = False
) -> Drawn | None:
    """Sometimes a further call on what was made, if the account takes it."""
    return accepted(account, name, given, draw) if always or draw.chance.random() < 0.6 else None


def must(found: Drawn | None) -> Drawn:
    assert found is not None
    return found


def label(chance: random.Random) -> str:
    return "n" + "".join(chance.choice("abcdefghkmnpqrstuvwxyz") for _ in range(9))


def roles(account: Account) -> None:
    make_role(account)
    perform(account, "iam:CreateRole", {"RoleName": "worker", "AssumeRolePolicyDocument": TRUST})
    perform(account, "sqs:CreateQueue", {"QueueName": "jobs"})
