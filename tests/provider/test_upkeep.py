"""What keeping a backup costs is estimated from its size by a list price; what is not known is not nought."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from keyturn.model.change import ResourceRef
from keyturn.model.execution import Backup, Vaulted
from keyturn.providers.aws.recipes.base import GIB
from keyturn.providers.aws.recipes.ec2_disks import Volume
from keyturn.providers.aws.upkeep import PRICES, upkeep
from tests.provider.provider_world import ACCOUNT, REGION

VAULT = "vault:kept:0123"


def saved(kind: str, reference: str, **watermark: Any) -> Backup:
    return Backup(
        resource=ResourceRef("aws", "aws", ACCOUNT, REGION, kind, "x"),
        state_digest="",
        watermark=watermark,
        reference=reference,
        manifest="",
        taken_at_ms=1,
    )


def far(kind: str, reference: str, **watermark: Any) -> Backup:
    """With a copy in the vault account: by the service, or sealed and as large."""
    of = "s3:object" if reference == VAULT else "ec2:snapshot"
    size = watermark["bytes"] if reference == VAULT else None
    copy = Vaulted("222222222222", REGION, of, "there", "it is there", bytes=size)
    return msgspec.structs.replace(saved(kind, reference, **watermark), vaulted=(copy,))


@pytest.mark.parametrize(
    ("backup", "size", "usd", "said"),
    [
        (saved("dynamodb:table", "arn:backup", bytes=500 * 10**9), 500 * 10**9, 50.0, "0.1 USD per GB"),
        (saved("ec2:volume", "snap-1", bytes=100 * 10**9), 100 * 10**9, 5.0, "0.05 USD per GB"),
        (saved("rds:cluster", "keyturn-c-1"), None, None, "at most, by 0.021 USD"),
        (saved("s3:object", VAULT, bytes=7), 7, 0.0, "AWS charges nothing"),
        (far("ec2:volume", "snap-1", bytes=100 * 10**9), 100 * 10**9, 10.0, "in the vault account"),
        (far("s3:object", VAULT, bytes=10**9), 10**9, 0.023, "in the vault account"),
        (saved("iam:role", "capture"), None, 0.0, "AWS charges nothing"),
        (saved("new:kind", "copy-1", bytes=7), 7, None, "no price is known"),
        (saved("ec2:volume", "snap-1", bytes=-1), None, None, "at most, by 0.05 USD"),
        (saved("ec2:volume", "snap-1", bytes=True), None, None, "at most, by 0.05 USD"),
    ],
    ids=lambda value: value.resource.kind if isinstance(value, Backup) else "",
)
def test_what_it_costs_to_keep(backup: Backup, size: int | None, usd: float | None, said: str) -> None:
    """Size times price, or None with the reason; what lies in the plane's own store costs nothing at AWS."""
    found = upkeep(backup)
    assert (found.size_bytes, found.usd_month) == (size, usd)
    assert said in found.says


def test_every_price_says_where_it_is_from() -> None:
    """A figure without its page is a guess."""
    assert [
        kind for kind, (usd, source) in PRICES.items() if usd <= 0 or "https://aws.amazon.com/" not in source
    ] == []


def test_a_disk_says_its_size() -> None:
    """In GiB, as the service counts; what is no whole number is not known."""
    volume = Volume()
    assert volume.size_bytes({"Size": 8}) == 8 * GIB
    assert [volume.size_bytes(one) for one in ({}, {"Size": None}, {"Size": True})] == [None, None, None]
    assert msgspec.to_builtins(upkeep(saved("ec2:volume", "snap-1", bytes=8 * GIB)))["usd_month"] == 0.4295
