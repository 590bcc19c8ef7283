"""What is said of a request, in each of its spellings, and that nothing is said by guessing."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

import keyturn
from keyturn.cli.explaining import answers
from keyturn.cli.main import main
from keyturn.explaining import Asked, Explainer, NotAskedError, asked_of, asked_of_line
from keyturn.explaining.text import text
from keyturn.policy import load

EXPLAINER = Explainer(load(["seatbelt"]))

TABLE = {
    "dynamodb:DescribeTable": {
        "Table": {
            "TableName": "orders",
            "TableStatus": "ACTIVE",
            "TableArn": "arn:aws:dynamodb:eu-west-1:123456789012:table/orders",
            "ItemCount": 10_000,
            "TableSizeBytes": 1_200_000,
            "DeletionProtectionEnabled": False,
            "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
            "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
            "BillingModeSummary": {"BillingMode": "PAY_PER_REQUEST"},
        }
    },
    "dynamodb:DescribeTimeToLive": {"TimeToLiveDescription": {"TimeToLiveStatus": "DISABLED"}},
    "dynamodb:DescribeContinuousBackups": {"ContinuousBackupsDescription": {"ContinuousBackupsStatus": "ENABLED"}},
    "dynamodb:ListTagsOfResource": {"Tags": [{"Key": "environment", "Value": "development"}]},
}  # fmt: skip


def row(question: dict[str, Any] | str) -> dict[str, Any]:
    return EXPLAINER.explain(asked_of({"command": question} if isinstance(question, str) else question)).row()


SAME: list[tuple[str, dict[str, Any]]] = [
    ("a command", {"command": "aws dynamodb delete-table --table-name orders --region eu-west-1"}),
    ("words of a command", {"command": ["aws", "--region", "eu-west-1", "dynamodb", "delete-table", "--table-name", "orders"]}),
    ("an operation", {"service": "dynamodb", "operation": "DeleteTable", "parameters": {"TableName": "orders"}, "region": "eu-west-1"}),
    ("the CLI's names", {"service": "dynamodb", "operation": "delete-table", "parameters": {"TableName": "orders"}, "region": "eu-west-1"}),
    ("an event", {"eventSource": "dynamodb.amazonaws.com", "eventName": "DeleteTable", "awsRegion": "eu-west-1", "requestParameters": {"tableName": "orders"}}),
    ("an event as lookup-events has it", {"CloudTrailEvent": json.dumps({"eventSource": "dynamodb.amazonaws.com", "eventName": "DeleteTable", "awsRegion": "eu-west-1", "requestParameters": {"tableName": "orders"}})}),
    ("a captured request", {"request": "POST / HTTP/1.1\r\nhost: dynamodb\r\nx-amz-target: DynamoDB_20120810.DeleteTable\r\ncontent-type: application/x-amz-json-1.0\r\n"
                            "x-amz-date: 20260101T000000Z\r\nx-amz-content-sha256: UNSIGNED-PAYLOAD\r\nauthorization: AWS4-HMAC-SHA256 Credential=AKID/20260101/eu-west-1/dynamodb/aws4_request, "
                            "SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-target, Signature=" + "0" * 64 + "\r\n\r\n" + '{"TableName": "orders"}'}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "question"), SAME, ids=[name for name, _ in SAME])
def test_one_request_is_one_answer_in_every_spelling(name: str, question: dict[str, Any]) -> None:
    """Command, operation, event, bytes: what is said does not depend on how it was asked."""
    expected = EXPLAINER.explain(asked_of(SAME[2][1])).row()
    found = row(question)
    found.pop("command", None)
    assert found == expected
    assert (found["effect"], found["destructive"], found["data_loss"], found["verdict"]) == (
        "delete",
        True,
        True,
        "hold",
    )


def test_bytes_may_come_in_base64() -> None:
    """A body need not be text."""
    question = dict(SAME[6][1])
    question["request"] = base64.b64encode(question["request"].encode()).decode()
    assert row(question) == row(SAME[6][1])


def test_what_stands_is_told_with_what_is_lost() -> None:
    """Facts that come along make unknowns known: the count of what goes, the environment, and the way back."""
    asked = {"service": "dynamodb", "operation": "DeleteTable", "parameters": {"TableName": "orders"}}
    without, told = row(asked), row({**asked, "live": TABLE})
    assert without["production"]
    assert not told["production"]
    assert "10,000 items" in told["lost"]
    assert len(told["unknowns"]) < len(without["unknowns"])
    assert told["narrow"]["commands"]


def test_an_answer_for_other_parameters_is_none() -> None:
    """What is known of one table says nothing of another; a refusal that came along is the service's."""
    given = [{"operation": "dynamodb:DescribeTable", "parameters": {"TableName": "other"}, "response": TABLE["dynamodb:DescribeTable"]}]  # fmt: skip
    asked = {"service": "dynamodb", "operation": "DeleteTable", "parameters": {"TableName": "orders"}}
    assert row({**asked, "live": given})["unknowns"] == row(asked)["unknowns"]
    gone = {"dynamodb:DescribeTable": {"error": "ResourceNotFoundException"}}
    assert not row({**asked, "live": gone})["data_loss"] or row({**asked, "live": gone})["unknowns"] == []


def test_what_cannot_be_read_is_held_and_no_read() -> None:
    """No operation, a service that is none, bytes that are no request: unknown, and never let through."""
    questions: list[dict[str, Any] | str] = [
        "aws nosuch list-things",
        "terraform apply",
        {"eventSource": "nosuch.amazonaws.com", "eventName": "GetThing"},
        {"request": "GET / HTTP/1.1\r\nhost: x\r\n\r\n"},
        {"service": "nosuch", "operation": "GetThing", "parameters": {}},
    ]
    for question in questions:
        found = row(question)
        assert found["effect"] == "execute", question
        assert found["verdict"] in {"hold", "deny"}, question
        assert found["unknowns"], question


def test_an_event_is_read_as_far_as_it_goes() -> None:
    """Lists of EC2 hang under items, versions behind names, secrets are taken out: what is not there is unknown."""
    found = row({
        "eventSource": "ec2.amazonaws.com", "eventName": "TerminateInstances", "awsRegion": "us-east-1", "recipientAccountId": "123456789012",
        "requestParameters": {"instancesSet": {"items": [{"instanceId": "i-0123456789abcdef0"}]}},
    })  # fmt: skip
    assert [one["arn"] for one in found["resources"]] == [
        "arn:aws:ec2:us-east-1:123456789012:instance/i-0123456789abcdef0"
    ]
    versioned = row({
        "eventSource": "lambda.amazonaws.com", "eventName": "UpdateFunctionConfiguration20150331v2",
        "requestParameters": {"functionName": "f", "environment": "HIDDEN_DUE_TO_SECURITY_REASONS"}, "errorCode": "AccessDenied",
    })  # fmt: skip
    assert versioned["operation"] == "UpdateFunctionConfiguration"
    assert "Environment is taken out of the event" in versioned["unknowns"]
    assert "AccessDenied" in versioned["note"]
    by_version = row({"eventSource": "elasticloadbalancing.amazonaws.com", "eventName": "DeleteLoadBalancer", "apiVersion": "2015-12-01", "requestParameters": {"loadBalancerArn": "arn:aws:elasticloadbalancing:eu-west-1:1:loadbalancer/app/a/b"}})  # fmt: skip
    assert by_version["service"] == "elbv2"


def test_python_says_the_same() -> None:
    """`keyturn.explain` is one import and one call."""
    found = keyturn.explain(
        "rds", "DeleteDBInstance", {"DBInstanceIdentifier": "orders", "SkipFinalSnapshot": True}
    )
    assert found.destructive
    assert found.row()["verdict"] == "hold"


def test_a_page_says_the_worst_first() -> None:
    """What it is, that it does not come back, who has to agree; sources where there are any."""
    page = text(EXPLAINER.explain(asked_of({"service": "dynamodb", "operation": "DeleteTable", "parameters": {"TableName": "orders"}, "live": TABLE})))  # fmt: skip
    assert page.splitlines()[0] == "dynamodb:DeleteTable of dynamodb:table/orders"
    assert page.splitlines()[1].startswith("DELETE · DESTRUCTIVE · DATA IS LOST")
    assert "https://docs.aws.amazon.com/" in page
    assert "Policy: HELD for people" in page


def keyturn_explain(*arguments: str, given: str | None = None) -> Result:
    return CliRunner().invoke(main, ["explain", *arguments], input=given)


def test_the_command_line_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command, an event in a file, facts in a file, files that the command names."""
    monkeypatch.setenv("KEYTURN_CONFIG", str(tmp_path / "none.toml"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "event.json").write_text(json.dumps({"Records": [SAME[4][1]]}))
    (tmp_path / "live.json").write_text(json.dumps(TABLE))
    (tmp_path / "input.json").write_text(json.dumps({"TableName": "orders"}))
    told = keyturn_explain("aws dynamodb delete-table --table-name orders", "-o", "json")
    assert json.loads(told.output)["operation"] == "DeleteTable"
    assert (
        json.loads(keyturn_explain("--file", "event.json", "-o", "json").output)["operation"] == "DeleteTable"
    )
    stood = keyturn_explain(
        "--live", "live.json", "aws", "dynamodb", "delete-table", "--cli-input-json", "file://input.json"
    )
    assert "10,000 items" in stood.output
    assert keyturn_explain().exit_code == 1
    assert "there is nothing to explain" in keyturn_explain().output


def test_lines_are_answered_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In order; a line that is no question has its error, and the others their answers; files are not read for strangers' lines."""
    monkeypatch.setenv("KEYTURN_CONFIG", str(tmp_path / "none.toml"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "input.json").write_text(json.dumps({"TableName": "orders"}))
    lines = [
        json.dumps({"command": "aws s3 ls"}),
        "",
        '{"broken": ',
        "[1]",
        "{}",
        "aws dynamodb delete-table --cli-input-json file://input.json",
        json.dumps({"service": "rds", "operation": "DeleteDBInstance", "parameters": "x"}),
    ]
    told = keyturn_explain("--jsonl", given="\n".join(lines))
    found = [json.loads(line) for line in told.output.splitlines()]
    assert told.exit_code == 0
    assert [one.get("operation", "error" in one and "error") for one in found] == [
        "ListBuckets", "error", "error", "error", "DeleteTable", "error",
    ]  # fmt: skip
    assert any("could not be read" in unknown for unknown in found[4]["unknowns"])


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
QUESTIONS = st.fixed_dictionaries(
    {},
    optional={
        "command": st.text(max_size=40) | JSON,
        "service": st.sampled_from(["ec2", "s3", "dynamodb", "iam"]) | JSON,
        "operation": st.sampled_from(["RunInstances", "DeleteObjects", "PutItem", "PutRolePolicy"]) | JSON,
        "parameters": st.dictionaries(st.sampled_from(["Bucket", "Delete", "TableName", "Item", "PolicyDocument", "Tags"]), JSON) | JSON,
        "eventName": st.sampled_from(["RunInstances", "DeleteObjects"]) | JSON,
        "eventSource": st.sampled_from(["ec2.amazonaws.com", "s3.amazonaws.com"]) | JSON,
        "requestParameters": JSON,
        "request": st.text(max_size=40) | JSON,
        "live": JSON,
        "environment": JSON,
    },
)  # fmt: skip


@given(QUESTIONS)
@settings(max_examples=150, deadline=None)
def test_any_object_has_an_answer(question: dict[str, Any]) -> None:
    """Of any shape: an answer or an error of its own, never one of ours, and never a way through by confusion."""
    (found,) = answers(EXPLAINER, [json.dumps(question).encode()], lambda _path: None)
    assert "could not be explained" not in found.get("error", "")


def test_questions_are_values() -> None:
    """A line without braces is a command; what is neither is refused with what it lacks."""
    assert isinstance(asked_of_line("aws s3 ls"), Asked)
    with pytest.raises(NotAskedError, match="neither command"):
        asked_of({"cmd": "aws s3 ls"})


def test_lines_of_a_session_are_a_sequence() -> None:
    """Delete and create in two lines is a replace; another session's lines have nothing to do with it."""
    delete = {"command": "aws dynamodb delete-table --table-name orders", "session": "a"}
    create = {"service": "dynamodb", "operation": "CreateTable", "parameters": {"TableName": "arn:aws:dynamodb:eu-west-1:123456789012:table/orders"}}  # fmt: skip
    lines = [
        json.dumps(one).encode()
        for one in (delete, {**create, "session": "b"}, create, {**create, "session": "a"})
    ]
    found = list(answers(EXPLAINER, lines, lambda _path: None))
    assert [one["effect"] for one in found] == ["delete", "create", "create", "replace"]
    assert "SEQ001" in [finding["code"] for finding in found[3]["findings"]]
    bare = json.dumps({"command": delete["command"]}).encode()
    together = list(answers(EXPLAINER, [bare, lines[2]], lambda _path: None, "one"))
    assert [one["effect"] for one in together] == ["delete", "replace"]


@pytest.mark.parametrize(
    ("question", "environment"),
    [
        ({"account": "123456789012"}, "development"),
        ({}, "development"),  # the only account that is spoken of is the one that is meant
        ({"account": "999999999999"}, "unknown"),  # somebody else's topic
    ],
)
def test_what_is_said_of_the_environment_holds_for_the_account_that_is_meant(
    question: dict[str, Any], environment: str
) -> None:
    """Where no account is given, an ARN in the request names it."""
    asked = {
        "command": "aws sns tag-resource --resource-arn arn:aws:sns:eu-west-1:123456789012:t --tags Key=a,Value=b"
    }
    assert row({**asked, **question, "environment": "development"})["environment"] == environment


def test_a_guarded_put_that_nobody_could_read_is_a_doubt_and_no_loss() -> None:
    """The attribute may not be the table's key, which is not known: unknown, and so held in production."""
    guarded = row(
        'aws dynamodb put-item --table-name t --item \'{"pk":{"S":"1"}}\' --condition-expression \'attribute_not_exists(pk)\''
    )
    assert (guarded["destructive"], guarded["findings"], guarded["verdict"]) == (False, [], "hold")
    assert any("whether pk is of the key" in unknown for unknown in guarded["unknowns"])
    loose = row(
        'aws dynamodb put-item --table-name t --item \'{"pk":{"S":"1"}}\' --condition-expression \'attribute_not_exists(x)\''
    )
    assert loose["destructive"]
