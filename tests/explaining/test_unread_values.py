"""A parameter whose value could not be read is given and not known: rules find it, or say that they cannot tell, and nothing is named by it."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import pytest

from keyturn.explaining import Explainer, asked_of
from keyturn.policy import load
from keyturn.providers.aws.assess import judge
from keyturn.providers.aws.operation import operation_from
from keyturn.providers.aws.resources import Home
from keyturn.providers.aws.rules import Context
from keyturn.providers.aws.unread_value import is_mark, mark, read_of, unread_in

EXPLAINER = Explainer(load(["seatbelt"]))


class Row(NamedTuple):
    """A command; what is found of it; what is said to be unknown because of its file, without the resource before it; what it is about."""

    command: str
    codes: list[str]
    unread: list[str]
    about: list[str]


ROWS = [
    Row("aws iam put-role-policy --role-name app --policy-name p --policy-document file://gone", ["POL004"], [], ["app"]),
    Row("aws iam update-assume-role-policy --role-name app --policy-document file://gone", ["POL004"],
        ["IAM010: whether nobody could become the role any more, could not be read"], ["app"]),
    Row("aws s3api put-bucket-policy --bucket b --policy file://gone", ["POL004"], [], ["b"]),
    Row("aws s3api put-bucket-lifecycle-configuration --bucket b --lifecycle-configuration file://gone", [],
        ["S3006: what LifecycleConfiguration says, could not be read"], ["b"]),
    Row("aws s3api put-public-access-block --bucket b --public-access-block-configuration $BLOCK", ["S3007"], [], ["b"]),
    Row("aws rds-data execute-statement --resource-arn arn:aws:rds:eu-west-1:123456789012:cluster:c --secret-arn s --sql file://gone", ["SQL005"],
        ["SQL001, SQL002, SQL003, SQL004, SQL006: what sql says, could not be read"], ["c"]),
    Row("aws route53 change-resource-record-sets --hosted-zone-id Z1 --change-batch file://gone", [],
        ["R5001: whether names would no longer resolve; resolvers remember that for a while, could not be read",
         "R5002: whether a name that stands would point elsewhere, could not be read",
         "R5003: whether who answers for the domain, or takes its mail, would change, could not be read"], ["Z1"]),
    Row("aws dynamodb delete-table --table-name file://gone", ["DDB001"], [], ["*"]),
    Row("aws ec2 terminate-instances --instance-ids file://gone", ["GEN012"],
        ["EC007: whether volumes would be deleted with the instances (DeleteOnTermination), could not be read",
         "EC010: whether instance store is gone once the instance stops, could not be read"], ["*"]),
    Row("aws lambda update-function-code --function-name f --zip-file fileb://gone", ["LAM003"], [], ["f"]),
]  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.command.split(" --")[0])
def test_what_could_not_be_read_is_given_and_unknown(row: Row) -> None:
    """It is held, what is known of the parameter is found, and the unknown names who could not tell."""
    said = EXPLAINER.explain(asked_of({"command": row.command})).row()
    of_file = [one for one in said["unknowns"] if "among the facts" not in one and "no live facts" not in one and "does not say of what" not in one]  # fmt: skip
    unread = [one.split(": ", 1)[1] for one in of_file if one.endswith("could not be read") and ": " in one]
    assert (said["verdict"], [one["code"] for one in said["findings"]], unread) == (
        "hold",
        row.codes,
        row.unread,
    )
    assert [one["id"] for one in said["resources"]] == row.about
    assert any("gone could not be read" in one or "only the shell knows" in one for one in of_file)
    assert "not read" not in json.dumps(said["resources"])


HARMLESS: list[tuple[str, dict[str, Any]]] = [
    ("rds-data:ExecuteStatement", {"sql": "SELECT 1"}),
    ("athena:StartQueryExecution", {"QueryString": "SELECT 1"}),
    ("dynamodb:ExecuteStatement", {"Statement": 'SELECT * FROM "t"'}),
]


@pytest.mark.parametrize(("name", "parameters"), HARMLESS, ids=[name for name, _ in HARMLESS])
def test_no_mark_turns_a_call_harmless(name: str, parameters: dict[str, Any]) -> None:
    """What is read and only reads is lowered; the same call with a mark in its place is not."""
    service, _, action = name.partition(":")
    seen = []
    for asked in (parameters, dict.fromkeys(parameters, mark("file://gone", "string"))):
        made = operation_from(service, action, asked, home=Home("aws", "1", "eu-west-1"), seal=lambda _: "")
        seen.append(judge(Context(made, asked, {})).effect.value)
    assert seen == ["read", "execute"]


MARKS: list[tuple[str, Any]] = [
    ("string", "<not read: file://x>"),
    ("blob", "<not read: file://x>"),
    ("structure", {"$unread": "file://x"}),
    ("map", {"$unread": "file://x"}),
    ("list structure", [{"$unread": "file://x"}]),
    ("list string", ["<not read: file://x>"]),
    ("integer", None),
    ("list integer", None),
]


@pytest.mark.parametrize(("kind", "made"), MARKS, ids=[kind for kind, _ in MARKS])
def test_a_mark_is_of_the_kind_that_its_member_takes(kind: str, made: Any) -> None:
    """So that whoever reads it finds the shape it expects; a number that is not known is left out."""
    assert mark("file://x", kind) == made
    assert is_mark(made) is (made is not None)


def test_marks_are_told_from_values() -> None:
    """Only members that could not be read are left out of what names a resource."""
    given = {
        "A": "file://x",
        "B": mark("f", "string"),
        "C": ["<not read", "b"],
        "D": [mark("f", "map")],
        "E": {},
        "F": [],
    }
    assert (unread_in(given), list(read_of(given))) == (frozenset({"B", "D"}), ["A", "C", "E", "F"])
