"""The plane over two accounts of the stand-in: its own, and the vault account, which one role alone is let into."""

from __future__ import annotations

from typing import Any, Final

import boto3
from moto import mock_aws

from keyturn.core.ports import Seal
from keyturn.model.execution import Answer, Call, Role, VaultAccount
from keyturn.providers.aws.provider import AwsProvider
from keyturn.testing.simulation.clock import VirtualLoop, virtual_time
from tests.provider.provider_world import ACCOUNT, REGION
from tests.recipes.cut_world import Cut, Near, Night, Told
from tests.recipes.subject_table import Gapless, filled
from tests.recipes.subjects import Subject

FAR: Final = "222222222222"
ROLE: Final = f"arn:aws:iam::{FAR}:role/keyturn-vault"
BUCKET: Final = f"keyturn-vault-{FAR}"


class Two(Gapless):
    """Both accounts, asked by name. A call in the vault account is of the vault's role, and that role makes no other."""

    def __init__(self) -> None:
        super().__init__()
        self._far: dict[str, Any] = {}
        self._there = False
        self.kms_key = ""

    def open(self) -> VaultAccount:
        """What a person has made there: a bucket with versions and a key."""
        s3, kms = self.far("s3"), self.far("kms")
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        s3.put_public_access_block(
            Bucket=BUCKET,
            PublicAccessBlockConfiguration=dict.fromkeys(
                ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True
            ),
        )
        self.kms_key = kms.create_key()["KeyMetadata"]["Arn"]
        return self.vault_account

    @property
    def vault_account(self) -> VaultAccount:
        return VaultAccount(FAR, REGION, ROLE, BUCKET, self.kms_key, prefix="keyturn-test")

    def far(self, service: str) -> Any:
        if service not in self._far:
            sts = boto3.client(
                "sts", region_name=REGION, aws_access_key_id="AKIDTEST", aws_secret_access_key="test"
            )
            given = sts.assume_role(RoleArn=ROLE, RoleSessionName="plane")["Credentials"]
            self._far[service] = boto3.client(
                service,
                region_name=REGION,
                aws_access_key_id=given["AccessKeyId"],
                aws_secret_access_key=given["SecretAccessKey"],
                aws_session_token=given["SessionToken"],
            )
        return self._far[service]

    def client(self, service: str) -> Any:
        return self.far(service) if self._there else super().client(service)

    def __call__(self, call: Call) -> Answer:
        there = call.account == FAR
        assert there is (call.role in {Role.VAULT, Role.VAULT_READ}), call
        self._there = there
        try:
            return super().__call__(call)
        finally:
            self._there = False

    def objects(self) -> list[str]:
        """Names of all that lies in the bucket."""
        found = self.far("s3").list_objects_v2(Bucket=BUCKET).get("Contents") or []
        return [one["Key"] for one in found]


class VaultNight(Night):
    """A night with a vault account. `loses`: what the account and the database have lost by the time of the undo."""

    def __init__(self, loop: VirtualLoop, cut: Cut, *, loses: bool) -> None:
        self.two = Two()
        vault = self.two.open()

        def provider(seal: Seal, accounts: dict[str, str]) -> AwsProvider:
            return Near(seal, accounts, (), vault)

        super().__init__(loop, cut, provider)
        self.account, self.loses = self.two, loses

    def lost(self) -> None:
        if not self.loses:
            return
        for case in self.plane.book.cases.values():
            for backup in case.backups:
                self._gone(backup.resource.kind, backup.reference, backup.also)
        kinds = ("vault:kept:", "vault:manifest:", "vault:assessing:")
        for reference in [name for name in self.platter.blobs if name.startswith(kinds)]:
            del self.platter.blobs[reference]

    def _gone(self, kind: str, name: str, also: tuple[str, ...]) -> None:
        ec2, rds = self.two.client("ec2"), self.two.client("rds")
        match kind:
            case "ec2:volume" | "ec2:snapshot":
                ec2.delete_snapshot(SnapshotId=name)
            case "ec2:instance":
                ec2.deregister_image(ImageId=name)
                for snapshot in also:
                    ec2.delete_snapshot(SnapshotId=snapshot)
            case "rds:db" | "rds:snapshot":
                rds.delete_db_snapshot(DBSnapshotIdentifier=name)
            case "rds:cluster" | "rds:cluster-snapshot":
                rds.delete_db_cluster_snapshot(DBClusterSnapshotIdentifier=name)


def told_far(subject: Subject, seed: int, cut: Cut, *, loses: bool = True) -> tuple[Told, VaultNight]:
    """The whole of it, in virtual time."""
    filled()
    with virtual_time() as loop, mock_aws():
        night = VaultNight(loop, cut, loses=loses)
        return loop.run_until_complete(night.live(subject, seed)), night


__all__ = ["ACCOUNT", "BUCKET", "FAR", "ROLE", "Two", "VaultNight", "told_far"]
