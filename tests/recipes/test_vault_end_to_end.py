"""The whole way with a vault account: a real SDK, the command line, and two accounts of a stand-in, one of which the agent never reaches."""

from __future__ import annotations

import json
import os
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import boto3
import pytest

from demo.stage import REGION, Stage
from keyturn.testing.standin import StandIn

FAR: Final = "222222222222"
ROLE: Final = f"arn:aws:iam::{FAR}:role/keyturn-vault"
BUCKET: Final = f"keyturn-vault-{FAR}"
CONTENT: Final = bytes(range(256)) * 40

PACK: Final = """
@id("far.deletes")
@outcome("hold")
@quorum("1")
@backup("vault-account")
@message("what is deleted has a copy in the vault account first")
forbid(principal, action, resource) when { context.effect == "delete" };

@id("far.reads")
permit(principal, action, resource) when { context.effect == "read" || context.effect == "list" };

@id("far.rest")
permit(principal, action, resource) when { context.effect != "read" && context.effect != "list" };
"""

AGENT: Final = """
import json, sys, boto3
for service, method, parameters in json.loads(sys.argv[1]):
    try:
        getattr(boto3.client(service), method)(**parameters)
        print("done", flush=True)
    except Exception as error:
        print(str(error).replace(chr(10), " "), flush=True)
"""
"""Makes the calls it is given, and says of each what it heard."""


class Account:
    """The stand-in, as one of its two accounts."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        given = self.own("sts").assume_role(RoleArn=ROLE, RoleSessionName="setup")["Credentials"]
        self._far = {
            "aws_access_key_id": given["AccessKeyId"],
            "aws_secret_access_key": given["SecretAccessKey"],
            "aws_session_token": given["SessionToken"],
        }

    def own(self, service: str) -> Any:
        keys = {"aws_access_key_id": "AKIAENGINEER", "aws_secret_access_key": "secret"}
        return boto3.client(service, endpoint_url=self.endpoint, region_name=REGION, **keys)

    def far(self, service: str) -> Any:
        return boto3.client(service, endpoint_url=self.endpoint, region_name=REGION, **self._far)


class Far(Stage):
    """A stage with a vault account and a pack that asks for it."""

    kms_key = ""

    def _configure(self) -> None:
        super()._configure()
        pack = self.folder / "far.cedar"
        pack.write_text(PACK, encoding="utf-8")
        path = self.folder / "keyturn.toml"
        text = path.read_text(encoding="utf-8")
        text = "\n".join(
            f'packs = ["{pack}"]' if line.startswith("packs") else line for line in text.splitlines()
        )
        text += f'\n[vault]\naccount = "{FAR}"\nrole = "{ROLE}"\nbucket = "{BUCKET}"\nkms_key = "{self.kms_key}"\n'
        path.write_text(text, encoding="utf-8")


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    with StandIn() as running:
        made = Account(running.endpoint)
        where = {"CreateBucketConfiguration": {"LocationConstraint": REGION}}
        made.own("s3").create_bucket(Bucket="reports", **where)
        made.own("s3").put_object(Bucket="reports", Key="q1.csv", Body=CONTENT, ContentType="text/csv")
        far = made.far("s3")
        far.create_bucket(Bucket=BUCKET, **where)
        far.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        shut = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
        far.put_public_access_block(Bucket=BUCKET, PublicAccessBlockConfiguration=dict.fromkeys(shut, True))
        yield made


def heard(stage: Stage, *calls: tuple[str, str, dict[str, Any]]) -> list[str]:
    words = [sys.executable, "-c", AGENT, json.dumps(calls)]
    return stage.cli("bob", "run", "--agent", "worker", "--", *words).stdout.splitlines()


def approved(stage: Stage, *asked: tuple[str, str, dict[str, Any]]) -> dict[str, Any]:
    """Asked for by the agent, let by dana, and done; the case."""
    heard(stage, *asked)
    (case,) = [found["id"] for found in stage.held()]
    said = stage.cli("dana", "approve", case)
    assert said.returncode == 0, said.stderr
    executed = stage.cli("dana", "execute", case)
    assert executed.returncode == 0, executed.stderr + executed.stdout
    return stage.until(case, {"confirmed", "failed"})


def lost(stage: Stage) -> int:
    """The database's sealed copies are gone, as after a disk that half came back; how many that were."""
    with sqlite3.connect(stage.folder / "data" / "keyturn.db") as database:
        gone = sum(
            database.execute("DELETE FROM blob WHERE ref LIKE ?", (f"vault:{kind}:%",)).rowcount
            for kind in ("kept", "manifest", "assessing")
        )
    database.close()
    return gone


def test_an_object_comes_back_from_the_other_account(account: Account, tmp_path: Path) -> None:
    """Deleted through the gateway; what the plane had sealed of it is lost; one undo gives it back from the vault account."""
    stage = Far(tmp_path, account.endpoint)
    try:
        stage.open()
        ready = stage.cli("bob", "backup", "vault")
        assert ready.stdout == f"The vault account is ready: account {FAR}, bucket {BUCKET}.\n", stage.log()
        case = approved(stage, ("s3", "delete_object", {"Bucket": "reports", "Key": "q1.csv"}))
        assert case["phase"] == "confirmed", case["reason"]
        (backup,) = case["backups"]
        (copy,) = backup["vaulted"]
        assert copy["account"] == FAR
        assert "read back equal by SHA-256" in copy["verified_by"]
        written = account.far("s3").list_objects_v2(Bucket=BUCKET)["Contents"]
        assert {one["Key"].rpartition("/")[2].partition("-")[0] for one in written} == {
            *("assessing", "kept", "manifest")
        }
        for one in written:
            body = account.far("s3").get_object(Bucket=BUCKET, Key=one["Key"])["Body"].read()
            assert CONTENT[:64] not in body, "what lies there is sealed"
        assert "  yes" in stage.cli("bob", "backup", "list").stdout
        stage.close()
        assert lost(stage) >= 3
        stage.up("status")
        undone = stage.cli("dana", "undo", case["id"])
        assert undone.returncode == 0, undone.stderr + undone.stdout
        back = account.own("s3").get_object(Bucket="reports", Key="q1.csv")
        assert (back["Body"].read(), back["ContentType"]) == (CONTENT, "text/csv")
    finally:
        stage.close()


def test_an_agent_reaches_nothing_of_the_vault_account(account: Account, tmp_path: Path) -> None:
    """By its bucket, its role, its number or its key, in any place of a call: refused, and nothing is forwarded. What may be read beside it
    is read.
    """
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": ROLE}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    stage = Far(tmp_path, account.endpoint)
    try:
        stage.open()
        refused = heard(
            stage,
            ("s3", "put_object", {"Bucket": BUCKET, "Key": "x", "Body": "mine"}),
            ("s3", "delete_object", {"Bucket": BUCKET, "Key": "x"}),
            ("s3", "delete_bucket", {"Bucket": BUCKET}),
            ("s3", "copy_object", {"Bucket": "reports", "Key": "y", "CopySource": f"{BUCKET}/x"}),
            ("s3", "get_object", {"Bucket": BUCKET, "Key": "x"}),
            ("sts", "assume_role", {"RoleArn": ROLE, "RoleSessionName": "me"}),
            ("iam", "create_policy", {"PolicyName": "p", "PolicyDocument": policy}),
            ("kms", "schedule_key_deletion", {"KeyId": f"arn:aws:kms:{REGION}:{FAR}:key/1"}),
            ("ec2", "modify_snapshot_attribute", {
                "SnapshotId": "snap-0123456789abcdef0", "Attribute": "createVolumePermission",
                "OperationType": "remove", "UserIds": [FAR],
            }),
        )  # fmt: skip
        assert len(refused) == 9
        assert [line for line in refused if "of the vault account" not in line] == []
        assert heard(stage, ("s3", "list_objects_v2", {"Bucket": "reports"})) == ["done"]
        assert account.far("s3").list_objects_v2(Bucket=BUCKET).get("Contents", []) == []
        assert stage.held() == []
    finally:
        stage.close()


def test_what_cannot_go_there_is_not_sent_where_policy_wants_it_there(
    account: Account, tmp_path: Path
) -> None:
    """A table's backup stays in its account: reviewers are told beforehand, and the table stands whatever they say."""
    account.own("dynamodb").create_table(
        TableName="orders",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    stage = Far(tmp_path, account.endpoint)
    try:
        stage.open()
        heard(stage, ("dynamodb", "delete_table", {"TableName": "orders"}))
        (case,) = [found["id"] for found in stage.held()]
        shown = stage.cli("dana", "show", case).stdout
        assert "it has to lie in the vault account, and an on-demand backup of a table stays" in " ".join(
            shown.split()
        )
        assert stage.cli("dana", "approve", case).returncode == 0
        stage.cli("dana", "execute", case)
        ended = stage.until(case, {"failed", "invalidated"})
        assert ended["phase"] == "failed", ended["reason"]
        assert account.own("dynamodb").describe_table(TableName="orders")["Table"]["TableStatus"] == "ACTIVE"
    finally:
        stage.close()


def test_a_vault_account_that_is_wrong_is_told_at_the_start_and_by_doctor(
    account: Account, tmp_path: Path
) -> None:
    """And a change that needs a copy there does not leave."""
    account.far("s3").put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Suspended"})
    stage = Far(tmp_path, account.endpoint)
    try:
        stage.open()
        assert f"The bucket {BUCKET} keeps no versions" in stage.log()
        looked = stage.cli("bob", "backup", "vault")
        assert looked.returncode == 1
        assert "Switch versioning on" in looked.stdout
        assert "WRONG      The bucket" in stage.cli("bob", "doctor").stdout
        assert "VAULT      The bucket" in stage.cli("bob", "status").stdout
        account.far("s3").delete_bucket(Bucket=BUCKET)
        case = approved_though_it_fails(stage)
        assert "keyturn-vault" in case["reason"]
        assert account.own("s3").get_object(Bucket="reports", Key="q1.csv")["Body"].read() == CONTENT
    finally:
        stage.close()


def approved_though_it_fails(stage: Stage) -> dict[str, Any]:
    heard(stage, ("s3", "delete_object", {"Bucket": "reports", "Key": "q1.csv"}))
    (case,) = [found["id"] for found in stage.held()]
    assert stage.cli("dana", "approve", case).returncode == 0
    stage.cli("dana", "execute", case)
    return stage.until(case, {"failed", "invalidated"})
