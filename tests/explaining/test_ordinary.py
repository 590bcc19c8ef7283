"""What only looks like a loss: each with three requests in which it is one, and three, as near as can be, in which it is none."""

from __future__ import annotations

import json
from typing import Any

import pytest

from keyturn.explaining import Explainer, asked_of
from keyturn.policy import load

EXPLAINER = Explainer(load(["seatbelt"]))


def found(question: dict[str, Any], code: str) -> list[str]:
    """The kinds of the findings of this code."""
    row = EXPLAINER.explain(asked_of(question)).row()
    return [one["kind"] for one in row["findings"] if one["code"] == code]


TABLE = {"Type": "AWS::DynamoDB::Table", "Properties": {}}


def change_set(policy: str = "", action: str = "", **template: Any) -> dict[str, Any]:
    """A change set that removes a table, with a DeletionPolicy in the template that stands, and what the change set says of it."""
    removed = {"Action": "Remove", "LogicalResourceId": "t", "ResourceType": "AWS::DynamoDB::Table"}
    removed |= {"PolicyAction": action} if action else {}
    stood = {"Resources": {"t": TABLE | ({"DeletionPolicy": policy} if policy else {})}} | template
    live = {
        "cloudformation:DescribeChangeSet": {"Changes": [{"Type": "Resource", "ResourceChange": removed}]},
        "cloudformation:GetTemplate": {"TemplateBody": json.dumps(stood)},
    }
    asked = {"StackName": "s", "ChangeSetName": "c"}
    return {"service": "cloudformation", "operation": "ExecuteChangeSet", "parameters": asked, "live": live}


REMOVES: list[tuple[str, dict[str, Any], list[str]]] = [
    ("nothing keeps it", change_set(), ["data_loss"]),
    ("the template says so", change_set("Delete"), ["data_loss"]),
    ("the change set says so, whatever the template did", change_set("Retain", "Delete"), ["data_loss"]),
    ("of another resource's template", change_set(Resources={"u": TABLE | {"DeletionPolicy": "Retain"}}), ["data_loss"]),
    ("a snapshot is taken", change_set("Snapshot"), ["outage"]),
    ("the template keeps it", change_set("Retain"), ["note"]),
    ("the template keeps what once stood", change_set("RetainExceptOnCreate"), ["note"]),
    ("the change set says that it stays", change_set("", "Retain"), ["note"]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "question", "kinds"), REMOVES, ids=[name for name, _, _ in REMOVES])
def test_what_its_deletion_policy_keeps_is_not_deleted(
    name: str, question: dict[str, Any], kinds: list[str]
) -> None:
    """A change set need not say it: then the template that stands does."""
    assert found(question, "CFN003") == kinds, name


WRITES: list[tuple[str, list[str]]] = [
    ("aws s3 sync s3://backup s3://prod", ["note"]),
    ("aws s3 cp s3://backup/x s3://prod/x --recursive", ["note"]),
    ("aws s3 mv s3://staging s3://prod --recursive", ["note"]),
    ("aws s3 sync ./build s3://site", ["note"]),
    ("aws s3 cp ./build s3://site/assets --recursive --acl private", ["note"]),
    ("aws s3 sync s3://backup s3://prod --dryrun", []),
    ("aws s3 sync s3://prod ./copy", []),
]


@pytest.mark.parametrize(("command", "kinds"), WRITES)
def test_an_upload_of_many_is_no_loss_by_itself(command: str, kinds: list[str]) -> None:
    """What it meets there decides: S3004 asks."""
    assert found({"command": command}, "CLI003") == kinds


def bucket(**versioning: str) -> dict[str, Any]:
    return {"s3:HeadBucket": {}, "s3:GetBucketVersioning": versioning}


UPLOAD = "aws s3 sync ./build s3://site"
MEETS: list[tuple[str, dict[str, Any], list[str]]] = [
    ("no versions", {"live": bucket()}, ["overwrite"]),
    ("versions no more", {"live": bucket(Status="Suspended")}, ["overwrite"]),
    ("versions", {"live": bucket(Status="Enabled")}, []),
    ("not read", {}, []),
]


@pytest.mark.parametrize(("name", "facts", "kinds"), MEETS, ids=[name for name, _, _ in MEETS])
def test_an_upload_of_many_asks_for_versions(name: str, facts: dict[str, Any], kinds: list[str]) -> None:
    """A bucket that keeps versions loses nothing; one that was not read is an unknown."""
    question = {"command": UPLOAD, **facts}
    assert found(question, "S3004") == kinds, name
    unknown = "s3:bucket/site: whether objects stand there, and the bucket keeps versions, could not be read"
    assert (unknown in EXPLAINER.explain(asked_of(question)).row()["unknowns"]) is (name == "not read")


def items(operation: str, **more: Any) -> dict[str, Any]:
    key = {"id": {"S": "1"}}
    asked = {"TableName": "t", **({"Item": key} if operation == "PutItem" else {"Key": key}), **more}
    return {"service": "dynamodb", "operation": operation, "parameters": asked}


LIVE = {
    "dynamodb:DescribeTable": {"Table": {"TableName": "t", "TableStatus": "ACTIVE", "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}]}},
    "dynamodb:BatchGetItem": {"Responses": {"t": [{"id": {"S": "1"}, "n": {"N": "1"}}]}},
}  # fmt: skip
SET = {"UpdateExpression": "SET n = :n", "ExpressionAttributeValues": {":n": {"N": "2"}}}
OVERWRITES: list[tuple[str, dict[str, Any], list[str]]] = [
    ("a put that was not read", items("PutItem"), ["overwrite"]),
    ("a put over what stands", items("PutItem") | {"live": LIVE}, ["overwrite"]),
    ("a put beside an update, not read", {"service": "dynamodb", "operation": "TransactWriteItems", "parameters": {"TransactItems": [{"Put": items("PutItem")["parameters"]}, {"Update": items("UpdateItem", **SET)["parameters"]}]}}, ["overwrite"]),
    ("an update that takes something off, not read", items("UpdateItem", UpdateExpression="SET a = :a REMOVE balance"), ["overwrite"]),
    ("an update of what is only called so, not read", items("UpdateItem", UpdateExpression="SET #remove = :delete, removed = :a"), []),
    ("an update that was not read", items("UpdateItem", **SET), []),
    ("an update of nothing, not read", items("UpdateItem"), []),
    ("updates that were not read", {"service": "dynamodb", "operation": "TransactWriteItems", "parameters": {"TransactItems": [{"Update": items("UpdateItem", **SET)["parameters"]}]}}, []),
]  # fmt: skip


@pytest.mark.parametrize(("name", "question", "kinds"), OVERWRITES, ids=[name for name, _, _ in OVERWRITES])
def test_an_update_that_was_not_read_is_an_unknown(
    name: str, question: dict[str, Any], kinds: list[str]
) -> None:
    """A put writes over a whole item; an update leaves it, and what its attributes held is not known."""
    assert found(question, "DDB008") == kinds, name
    unknowns = EXPLAINER.explain(asked_of(question)).row()["unknowns"]
    assert any("DDB008: whether the items stand" in one for one in unknowns) is (not kinds)
