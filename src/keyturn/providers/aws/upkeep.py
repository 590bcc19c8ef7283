"""What keeping a backup costs: its size as far as it is known, times a list price. An estimate that says what it rests on.

Prices are those of us-east-1 from AWS's public pages, in USD per GB and month; other regions are up to a half dearer, and what is free
(as much of a database's snapshots as the database is large, only changed blocks of a disk) is not taken off: it costs this at most.
"""

from __future__ import annotations

from typing import Final

from keyturn.core.keeping import is_kept
from keyturn.model.execution import Backup, Upkeep

GB: Final = 10**9

S3_USD: Final = 0.023
"""S3 Standard, per GB and month: https://aws.amazon.com/s3/pricing/."""

PRICES: Final[dict[str, tuple[float, str]]] = {
    "dynamodb:table": (0.10, "DynamoDB on-demand backup, https://aws.amazon.com/dynamodb/pricing/on-demand/"),
    "ec2:volume": (0.05, "EBS snapshot, standard tier, https://aws.amazon.com/ebs/pricing/"),
    "ec2:snapshot": (0.05, "EBS snapshot, standard tier, https://aws.amazon.com/ebs/pricing/"),
    "ec2:instance": (0.05, "EBS snapshots of its image, standard tier, https://aws.amazon.com/ebs/pricing/"),
    "rds:db": (0.095, "RDS backup storage, https://aws.amazon.com/rds/postgresql/pricing/"),
    "rds:snapshot": (0.095, "RDS backup storage, https://aws.amazon.com/rds/postgresql/pricing/"),
    "rds:cluster": (0.021, "Aurora backup storage, https://aws.amazon.com/rds/aurora/pricing/"),
    "rds:cluster-snapshot": (0.021, "Aurora backup storage, https://aws.amazon.com/rds/aurora/pricing/"),
    "elasticache:replicationgroup": (0.085, "ElastiCache backup storage, https://aws.amazon.com/elasticache/pricing/"),
    "elasticache:cluster": (0.085, "ElastiCache backup storage, https://aws.amazon.com/elasticache/pricing/"),
    "redshift:cluster": (0.024, "Redshift backup storage, https://aws.amazon.com/redshift/pricing/"),
}  # fmt: skip
"""USD per GB and month, and where it is said; looked up in 2025."""


def upkeep(backup: Backup) -> Upkeep:
    """What it takes to keep `backup`, with its copies in the vault account. What cannot be told is None, never nought."""
    here = _here(backup)
    if not backup.vaulted:
        return here
    copies = [one for one in backup.vaulted if not one.kind.startswith("s3:")]
    sealed = sum(one.bytes or 0 for one in backup.vaulted if one.kind.startswith("s3:"))
    says = f"{here.says}; and what lies of it in the vault account"
    if here.usd_month is None:
        return Upkeep(here.size_bytes, None, says)
    usd = here.usd_month * (1 + len(copies)) + sealed / GB * S3_USD
    return Upkeep(here.size_bytes, round(usd, 4), says)


def _here(backup: Backup) -> Upkeep:
    """Of what lies in the account, or in the plane's own store."""
    size = backup.watermark.get("bytes")
    known = size if isinstance(size, int) and not isinstance(size, bool) and size >= 0 else None
    if is_kept(backup.reference) or backup.reference == "capture":
        return Upkeep(
            size_bytes=known, usd_month=0.0, says="it lies in the plane's own store: AWS charges nothing"
        )
    price = PRICES.get(backup.resource.kind)
    if price is None:
        return Upkeep(
            size_bytes=known,
            usd_month=None,
            says=f"no price is known for a backup of a {backup.resource.kind}",
        )
    usd, source = price
    rests = f"at most, by {usd:g} USD per GB and month in us-east-1 ({source})"
    if known is None:
        return Upkeep(size_bytes=None, usd_month=None, says=rests)
    return Upkeep(size_bytes=known, usd_month=round(known / GB * usd, 4), says=rests)
