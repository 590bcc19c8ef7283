"""One of each kind whose copies go to the vault account, encrypted under a key of the account's own where its service lets it be."""

from __future__ import annotations

from typing import Any, Final

from tests.provider.provider_world import REGION, Account
from tests.recipes.drawing import Draw, perform
from tests.recipes.subjects import PASSWORD, Made, Subject

IMAGE: Final = "ami-12c6146b"
DISK: Final = {"AvailabilityZone": f"{REGION}a", "Size": 7, "VolumeType": "gp2"}


def _key(account: Account) -> str:
    return str(account.client("kms").create_key()["KeyMetadata"]["Arn"])


def plain(account: Account, _draw: Draw) -> Made:
    found = perform(account, "ec2:CreateVolume", dict(DISK))["VolumeId"]
    return Made(found, {}, ("ec2:DeleteVolume", {"VolumeId": found}))


def volume(account: Account, _draw: Draw) -> Made:
    given = {**DISK, "Encrypted": True, "KmsKeyId": _key(account)}
    found = perform(account, "ec2:CreateVolume", given)["VolumeId"]
    return Made(found, {}, ("ec2:DeleteVolume", {"VolumeId": found}))


def awss(account: Account, _draw: Draw) -> Made:
    """Encrypted, and nobody said under which key: AWS's own."""
    found = perform(account, "ec2:CreateVolume", {**DISK, "Encrypted": True})["VolumeId"]
    return Made(found, {}, ("ec2:DeleteVolume", {"VolumeId": found}))


def snapshot(account: Account, draw: Draw) -> Made:
    made = volume(account, draw).id
    found = perform(account, "ec2:CreateSnapshot", {"VolumeId": made, "Description": "monthly"})["SnapshotId"]
    return Made(found, {}, ("ec2:DeleteSnapshot", {"SnapshotId": found}))


def instance(account: Account, _draw: Draw) -> Made:
    given = {"ImageId": IMAGE, "InstanceType": "t3.micro", "MinCount": 1, "MaxCount": 1}
    found = perform(account, "ec2:RunInstances", given)["Instances"][0]["InstanceId"]
    return Made(found, {}, ("ec2:TerminateInstances", {"InstanceIds": [found]}))


def _database(account: Account) -> dict[str, Any]:
    return {
        "Engine": "postgres",
        "MasterUsername": "root",
        "MasterUserPassword": PASSWORD,
        "StorageEncrypted": True,
        "KmsKeyId": _key(account),
    }


def database(account: Account, _draw: Draw) -> Made:
    given = {**_database(account), "DBInstanceClass": "db.t3.micro", "AllocatedStorage": 20}
    perform(account, "rds:CreateDBInstance", {"DBInstanceIdentifier": "orders", **given})
    return Made("orders", {}, ("rds:DeleteDBInstance", {"DBInstanceIdentifier": "orders", "SkipFinalSnapshot": True}))  # fmt: skip


def kept_database(account: Account, draw: Draw) -> Made:
    database(account, draw)
    named = {"DBSnapshotIdentifier": "orders-2026", "DBInstanceIdentifier": "orders"}
    perform(account, "rds:CreateDBSnapshot", named)
    return Made("orders-2026", {}, ("rds:DeleteDBSnapshot", {"DBSnapshotIdentifier": "orders-2026"}))


def cluster(account: Account, _draw: Draw) -> Made:
    given = {**_database(account), "Engine": "aurora-postgresql"}
    perform(account, "rds:CreateDBCluster", {"DBClusterIdentifier": "ledger", **given})
    return Made("ledger", {}, ("rds:DeleteDBCluster", {"DBClusterIdentifier": "ledger", "SkipFinalSnapshot": True}))  # fmt: skip


def kept_cluster(account: Account, draw: Draw) -> Made:
    cluster(account, draw)
    named = {"DBClusterSnapshotIdentifier": "ledger-2026", "DBClusterIdentifier": "ledger"}
    perform(account, "rds:CreateDBClusterSnapshot", named)
    return Made("ledger-2026", {}, ("rds:DeleteDBClusterSnapshot", {"DBClusterSnapshotIdentifier": "ledger-2026"}))  # fmt: skip


def item(account: Account, _draw: Draw) -> Made:
    """An object of a bucket without versions: it is exported."""
    s3 = account.client("s3")
    s3.create_bucket(Bucket="reports", CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket="reports", Key="q1.csv", Body=bytes(range(256)), ContentType="text/csv")
    return Made("reports/q1.csv", {}, ("s3:DeleteObject", {"Bucket": "reports", "Key": "q1.csv"}))


def parameter(account: Account, _draw: Draw) -> Made:
    perform(account, "ssm:PutParameter", {"Name": "/app/mode", "Value": "fast", "Type": "String"})
    return Made("/app/mode", {}, ("ssm:DeleteParameter", {"Name": "/app/mode"}))


COPIED: Final = (
    Subject("ec2:volume", ("ec2",), plain),
    Subject("ec2:volume", ("ec2",), volume),
    Subject("ec2:snapshot", ("ec2",), snapshot),
    Subject("ec2:instance", ("ec2",), instance),
    Subject("rds:db", ("rds",), database),
    Subject("rds:snapshot", ("rds",), kept_database),
    Subject("rds:cluster", ("rds",), cluster),
    Subject("rds:cluster-snapshot", ("rds",), kept_cluster),
)
EXPORTED: Final = (Subject("s3:object", ("s3",), item), Subject("ssm:parameter", ("ssm",), parameter))
AWSS: Final = Subject("ec2:volume", ("ec2",), awss)
