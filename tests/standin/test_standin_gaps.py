"""Each gap of moto that the stand-in fills, asked by boto3, as AWS documents it."""

from __future__ import annotations

import base64
import io
import json
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import pytest
from botocore.exceptions import ClientError

from demo.world import Account

KEYS = [{"AttributeName": "account", "KeyType": "HASH"}, {"AttributeName": "day", "KeyType": "RANGE"}]
ATTRIBUTES = [{"AttributeName": name, "AttributeType": "S"} for name in ("account", "day", "team")]
CAPACITY = {"ReadCapacityUnits": 7, "WriteCapacityUnits": 3}
INDEX = {
    "IndexName": "by-team",
    "KeySchema": [{"AttributeName": "team", "KeyType": "HASH"}],
    "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["note"]},
}
LOCAL_INDEX = {
    "IndexName": "by-day-team",
    "KeySchema": [
        {"AttributeName": "account", "KeyType": "HASH"},
        {"AttributeName": "team", "KeyType": "RANGE"},
    ],
    "Projection": {"ProjectionType": "KEYS_ONLY"},
}


def refused(call: Callable[[], object]) -> str:
    """The code of the error that a call ends in."""
    with pytest.raises(ClientError) as error:
        call()
    code: str = error.value.response["Error"]["Code"]
    return code


# --- Lambda ----------------------------------------------------------------------------------------------------------


def package(text: str) -> bytes:
    """One text, one package: an entry's default time is the clock's, to two seconds."""
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w") as archive:
        archive.writestr(zipfile.ZipInfo("app.py"), text)
    return raw.getvalue()


def make_function(account: Account, name: str, **given: Any) -> Any:
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    role = account("iam").create_role(
        RoleName=f"{name}-role",
        AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
    )["Role"]["Arn"]
    return account("lambda").create_function(
        FunctionName=name,
        Runtime="python3.12",
        Handler="app.handler",
        Role=role,
        Code={"ZipFile": package("one")},
        Environment={"Variables": {"TABLE_NAME": "wrong"}},
        **given,
    )


def test_a_revision_is_new_after_each_update_and_enforced(account: Account) -> None:
    """An update on an old revision is refused and changes nothing, each time; on the latest it passes."""
    client, name = account("lambda"), "gap-revision"
    revisions = [make_function(account, name)["RevisionId"]]
    for turn in range(3):
        latest = revisions[-1]
        revisions.append(
            client.update_function_configuration(FunctionName=name, Timeout=10 + turn, RevisionId=latest)[
                "RevisionId"
            ]
        )
        revisions.append(
            client.update_function_code(
                FunctionName=name, ZipFile=package(f"two {turn}"), RevisionId=revisions[-1]
            )["RevisionId"]
        )
        for update in (
            lambda old=latest: client.update_function_configuration(
                FunctionName=name, Timeout=99, RevisionId=old
            ),
            lambda old=latest: client.update_function_code(
                FunctionName=name, ZipFile=package("late"), RevisionId=old
            ),
        ):
            assert refused(update) == "PreconditionFailedException"
    now = client.get_function_configuration(FunctionName=name)
    assert len(set(revisions)) == len(revisions)
    assert (now["RevisionId"], now["Timeout"]) == (revisions[-1], 12)
    assert now["CodeSha256"] == base64.b64encode(sha256(package("two 2")).digest()).decode()


def test_a_dry_run_of_new_code_changes_nothing(account: Account) -> None:
    """Neither code nor revision."""
    client, name = account("lambda"), "gap-dry-run"
    before = make_function(account, name)
    client.update_function_code(FunctionName=name, ZipFile=package("other"), DryRun=True)
    after = client.get_function_configuration(FunctionName=name)
    assert (after["RevisionId"], after["CodeSha256"]) == (before["RevisionId"], before["CodeSha256"])


def test_code_can_be_fetched_from_its_location(account: Account) -> None:
    """Of the newest and of a published version; 404 once the function is gone."""
    client, name = account("lambda"), "gap-location"
    make_function(account, name, Publish=True)
    client.update_function_code(FunctionName=name, ZipFile=package("newest"))

    def fetch(**which: str) -> bytes:
        place = client.get_function(FunctionName=name, **which)["Code"]["Location"]
        with urllib.request.urlopen(place, timeout=30) as answer:
            body: bytes = answer.read()
            return body

    assert fetch() == package("newest")
    assert fetch(Qualifier="1") == package("one")
    place = client.get_function(FunctionName=name)["Code"]["Location"]
    client.delete_function(FunctionName=name)
    with pytest.raises(urllib.error.HTTPError, match="404") as gone:
        urllib.request.urlopen(place, timeout=30)
    gone.value.close()


def test_an_update_keeps_what_moto_drops(account: Account) -> None:
    """Tracing, storage, dead letters; an environment may be emptied; what is not named stays."""
    client, name = account("lambda"), "gap-update"
    queue = {"TargetArn": "arn:aws:sqs:eu-central-1:123456789012:dead"}
    made = make_function(account, name, DeadLetterConfig=queue)
    assert made["DeadLetterConfig"] == queue
    client.update_function_configuration(
        FunctionName=name,
        TracingConfig={"Mode": "Active"},
        EphemeralStorage={"Size": 1024},
        DeadLetterConfig={},
        Environment={},
    )
    now = client.get_function_configuration(FunctionName=name)
    assert (now["TracingConfig"], now["EphemeralStorage"]) == ({"Mode": "Active"}, {"Size": 1024})
    assert "DeadLetterConfig" not in now
    assert "Environment" not in now
    assert (now["Handler"], now["Timeout"]) == (made["Handler"], made["Timeout"])
    assert now["LastModified"] > made["LastModified"]


# --- DynamoDB --------------------------------------------------------------------------------------------------------


def make_table(account: Account, name: str, *, billing: str = "PROVISIONED", **given: Any) -> None:
    """A table with one of everything; 40 items of every shape."""
    capacity = {"ProvisionedThroughput": CAPACITY} if billing == "PROVISIONED" else {}
    account("dynamodb").create_table(
        TableName=name,
        KeySchema=KEYS,
        AttributeDefinitions=ATTRIBUTES,
        GlobalSecondaryIndexes=[INDEX | capacity],
        LocalSecondaryIndexes=[LOCAL_INDEX],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"},
        SSESpecification={"Enabled": True, "SSEType": "KMS"},
        Tags=[{"Key": "environment", "Value": "production"}],
        BillingMode=billing,
        **capacity,
        **given,
    )
    for number in range(40):
        account("dynamodb").put_item(TableName=name, Item=item(number))


def item(number: int) -> dict[str, Any]:
    return {
        "account": {"S": f"a{number % 4}"},
        "day": {"S": f"d{number}"},
        "team": {"S": "t"},
        "amount": {"N": f"{number}.50"},
        "paid": {"BOOL": number % 2 == 0},
        "none": {"NULL": True},
        "raw": {"B": bytes([number, 0, 255])},
        "days": {"SS": ["mon", "tue"]},
        "cents": {"NS": ["1", "2.5"]},
        "raws": {"BS": [b"\x00\x01"]},
        "lines": {"L": [{"S": "x"}, {"M": {"deep": {"B": b"\xff"}}}, {"L": []}]},
        "map": {"M": {"empty": {"S": ""}, "flags": {"L": [{"BOOL": False}]}}},
    }


def described(account: Account, name: str) -> dict[str, Any]:
    table: dict[str, Any] = account("dynamodb").describe_table(TableName=name)["Table"]
    return table


def by_day(items: list[dict[str, Any]]) -> dict[str, Any]:
    return {found["day"]["S"]: found for found in items}


def test_items_of_every_type_are_read_as_they_were_written(account: Account) -> None:
    """The quickened way and moto's own give the same values, from scan, get and query."""
    make_table(account, "gap-items")
    client, wanted = account("dynamodb"), by_day([item(number) for number in range(40)])
    scanned = by_day(client.scan(TableName="gap-items")["Items"])
    assert scanned == wanted
    key = {"account": {"S": "a3"}, "day": {"S": "d7"}}
    assert client.get_item(TableName="gap-items", Key=key)["Item"] == wanted["d7"]
    asked = client.query(
        TableName="gap-items",
        KeyConditionExpression="account = :a",
        ExpressionAttributeValues={":a": {"S": "a1"}},
        ProjectionExpression="amount, map.flags",
    )["Items"]
    assert asked[0] == {"amount": {"N": "1.50"}, "map": {"M": {"flags": {"L": [{"BOOL": False}]}}}}


@pytest.mark.parametrize("billing", ["PROVISIONED", "PAY_PER_REQUEST"])
def test_a_restored_table_has_what_aws_gives_back_and_lacks_the_rest(account: Account, billing: str) -> None:
    """Items, keys, indexes, capacity and encryption come back; tags, stream, time to live, recovery and protection do not."""
    source, target, client = f"gap-{billing}", f"gap-{billing}-back", account("dynamodb")
    make_table(account, source, billing=billing)
    client.update_time_to_live(
        TableName=source, TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires"}
    )
    client.update_continuous_backups(
        TableName=source, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )
    client.update_table(TableName=source, DeletionProtectionEnabled=True)
    before = described(account, source)
    backup = client.create_backup(TableName=source, BackupName="before")["BackupDetails"]
    client.restore_table_from_backup(TargetTableName=target, BackupArn=backup["BackupArn"])
    after = described(account, target)
    for same in (
        "KeySchema",
        "AttributeDefinitions",
        "BillingModeSummary",
        "ProvisionedThroughput",
        "GlobalSecondaryIndexes",
        "LocalSecondaryIndexes",
        "SSEDescription",
        "ItemCount",
    ):
        assert after[same] == before[same], same
    assert after["BillingModeSummary"]["BillingMode"] == billing
    assert by_day(client.scan(TableName=target)["Items"]) == by_day(client.scan(TableName=source)["Items"])
    assert not after.get("DeletionProtectionEnabled")
    assert "StreamSpecification" not in after
    assert "LatestStreamArn" not in after
    assert client.list_tags_of_resource(ResourceArn=after["TableArn"])["Tags"] == []
    ttl = client.describe_time_to_live(TableName=target)["TimeToLiveDescription"]
    assert ttl["TimeToLiveStatus"] == "DISABLED"
    recovery = client.describe_continuous_backups(TableName=target)["ContinuousBackupsDescription"]
    assert recovery["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "DISABLED"


def test_a_backup_stands_when_its_table_is_gone(account: Account) -> None:
    """It holds what was there when it was taken, not what came later, and its size is a number."""
    client, name = account("dynamodb"), "gap-backup"
    make_table(account, name)
    backup = client.create_backup(TableName=name, BackupName="before")["BackupDetails"]
    client.delete_item(TableName=name, Key={"account": {"S": "a1"}, "day": {"S": "d1"}})
    assert refused(
        lambda: client.restore_table_from_backup(TargetTableName=name, BackupArn=backup["BackupArn"])
    ).endswith("TableAlreadyExistsException")
    client.delete_table(TableName=name)
    client.restore_table_from_backup(TargetTableName=name, BackupArn=backup["BackupArn"])
    assert by_day(client.scan(TableName=name)["Items"]) == by_day([item(number) for number in range(40)])
    size = described(account, name)["TableSizeBytes"]
    assert 40 * 50 < size < 40 * 500
    listed = client.list_backups(TableName=name)["BackupSummaries"][0]
    assert listed["BackupSizeBytes"] == backup["BackupSizeBytes"] == size


def test_an_empty_table_has_no_size(account: Account) -> None:
    """Nothing is divided by nothing, with a range key or without."""
    for name, keys in (("gap-empty-range", KEYS), ("gap-empty", KEYS[:1])):
        account("dynamodb").create_table(
            TableName=name,
            KeySchema=keys,
            AttributeDefinitions=ATTRIBUTES[: len(keys)],
            BillingMode="PAY_PER_REQUEST",
        )
        assert described(account, name)["TableSizeBytes"] == 0
    account("dynamodb").put_item(TableName="gap-empty", Item={"account": {"S": "a"}})
    assert described(account, "gap-empty")["TableSizeBytes"] == len("account") + len("a")


def test_recovery_to_a_point_needs_it_switched_on_and_never_answers_with_wrong_items(
    account: Account,
) -> None:
    """Off: refused as on AWS. On: the newest state, with indexes and billing mode. An earlier time: refused, saying why."""
    client, name = account("dynamodb"), "gap-point"
    make_table(account, name)

    def restore(target: str, **when: Any) -> Any:
        return client.restore_table_to_point_in_time(
            SourceTableName=name, TargetTableName=target, **(when or {"UseLatestRestorableTime": True})
        )

    assert refused(lambda: restore("gap-point-1")).endswith("PointInTimeRecoveryUnavailableException")
    client.update_continuous_backups(
        TableName=name, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )
    with pytest.raises(ClientError, match="keeps no history"):
        restore("gap-point-1", RestoreDateTime=datetime(2026, 1, 1, tzinfo=UTC))
    restore("gap-point-1")
    after = described(account, "gap-point-1")
    assert (after["ItemCount"], after["BillingModeSummary"]["BillingMode"]) == (40, "PROVISIONED")
    assert [index["IndexName"] for index in after["GlobalSecondaryIndexes"]] == ["by-team"]


def test_a_stream_goes_off_and_on_again(account: Account) -> None:
    """Off: items are still written. On again: it has a new ARN. On while it is on: refused."""
    client, name = account("dynamodb"), "gap-stream"
    make_table(account, name)
    first = described(account, name)["LatestStreamArn"]
    on = {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
    client.update_table(TableName=name, StreamSpecification={"StreamEnabled": False})
    client.put_item(TableName=name, Item=item(41))
    client.update_table(TableName=name, StreamSpecification=on)
    client.put_item(TableName=name, Item=item(42))
    after = described(account, name)
    assert (after["StreamSpecification"], after["ItemCount"]) == (on, 42)
    assert after["LatestStreamArn"] != first
    assert refused(lambda: client.update_table(TableName=name, StreamSpecification=on))


def test_protection_holds(account: Account) -> None:
    """A protected table is not deleted; once the protection is off it is."""
    client, name = account("dynamodb"), "gap-protected"
    make_table(account, name, DeletionProtectionEnabled=True)
    assert refused(lambda: client.delete_table(TableName=name)) == "ValidationException"
    assert described(account, name)["ItemCount"] == 40
    client.update_table(TableName=name, DeletionProtectionEnabled=False)
    client.delete_table(TableName=name)
    assert refused(lambda: described(account, name)) == "ResourceNotFoundException"


# --- what moto does by itself, and the demonstration rests on -----------------------------------------------------------


def test_a_bucket_that_is_not_empty_is_not_deleted(account: Account) -> None:
    """An object holds it, and so does an old version under a delete marker."""
    client = account("s3")
    place = {"LocationConstraint": account.region}
    client.create_bucket(Bucket="gap-bucket", CreateBucketConfiguration=place)
    client.put_bucket_versioning(Bucket="gap-bucket", VersioningConfiguration={"Status": "Enabled"})
    client.put_object(Bucket="gap-bucket", Key="a", Body=b"1")
    assert refused(lambda: client.delete_bucket(Bucket="gap-bucket")) == "BucketNotEmpty"
    client.delete_object(Bucket="gap-bucket", Key="a")
    assert refused(lambda: client.delete_bucket(Bucket="gap-bucket")) == "BucketNotEmpty"


def test_a_role_with_policies_is_not_deleted_and_never_comes_back_as_itself(account: Account) -> None:
    """The policy holds it; made again under the same name it has another unique id."""
    client = account("iam")
    made = make_function(account, "gap-identity")
    may = {"Effect": "Allow", "Action": "dynamodb:GetItem", "Resource": "*"}
    name = "gap-identity-role"
    client.put_role_policy(
        RoleName=name,
        PolicyName="p",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [may]}),
    )
    first = client.get_role(RoleName=name)["Role"]
    assert made["Role"] == first["Arn"]
    assert refused(lambda: client.delete_role(RoleName=name)) == "DeleteConflict"
    client.delete_role_policy(RoleName=name, PolicyName="p")
    client.delete_role(RoleName=name)
    trust = json.dumps(first["AssumeRolePolicyDocument"])
    second = client.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]
    assert (second["Arn"], second["RoleId"] == first["RoleId"]) == (first["Arn"], False)
