"""From the wire to what is judged: secrets sealed, tokens taken out, the floor set."""

from __future__ import annotations

import json
from typing import Any

from keyturn.model.canonical import canonical
from keyturn.model.change import Change, Effect
from tests.provider.provider_world import change, operation


def test_secrets_and_data_stand_sealed() -> None:
    """The log never holds an item, a variable or a parameter's value; equal values give equal seals."""
    secret = "hunter2-is-not-logged"
    asked: list[tuple[str, dict[str, Any]]] = [
        ("dynamodb:PutItem", {"TableName": "t", "Item": {"id": {"S": secret}}}),
        (
            "lambda:UpdateFunctionConfiguration",
            {"FunctionName": "f", "Environment": {"Variables": {"KEY": secret}}},
        ),
        ("ssm:PutParameter", {"Name": "/p", "Value": secret, "Type": "SecureString"}),
        ("sqs:SendMessage", {"QueueUrl": "http://x/123456789012/q", "MessageBody": secret}),
        ("lambda:UpdateFunctionCode", {"FunctionName": "f", "ZipFile": secret.encode()}),
    ]
    for name, parameters in asked:
        written = canonical(operation(name, parameters)).decode()
        assert secret not in written, name
        assert "$sealed" in written, name
        assert operation(name, parameters) == operation(name, parameters)


def test_a_sealed_value_still_tells_two_requests_apart() -> None:
    """The digest binds what it does not show: another value is another change."""
    one = change(("ssm:PutParameter", {"Name": "/p", "Value": "1", "Type": "String"}))
    two = change(("ssm:PutParameter", {"Name": "/p", "Value": "2", "Type": "String"}))
    assert one.digest != two.digest


def test_a_token_that_an_sdk_fills_means_nothing() -> None:
    """Two requests that differ in nothing else are one change; the token is kept so that the first one seen can be sent."""
    first = change(("dynamodb:TransactWriteItems", {"TransactItems": [], "ClientRequestToken": "a"}))
    second = change(("dynamodb:TransactWriteItems", {"TransactItems": [], "ClientRequestToken": "b"}))
    assert first.digest == second.digest
    assert first.operations[0].token == "a"
    assert "ClientRequestToken" not in first.operations[0].parameters


def test_what_the_cdk_writes_anew_for_each_run_means_nothing() -> None:
    """Its token and its description have a new number each time: an approval would be of a run that never comes again. A description
    of anybody's own is part of the change.
    """

    def made(number: str, text: str = "CDK Changeset for execution") -> Change:
        described = {"Description": f"{text} {number}", "ClientToken": f"create{number}"}
        return change(
            ("cloudformation:CreateChangeSet", {"StackName": "s", "ChangeSetName": "c", **described})
        )

    one, two = "0b5ff2a4-4d55-4b5c-9b9c-0d8b8a3f6f10", "6d5c52a0-1111-4b5c-9b9c-0d8b8a3f6f11"
    assert made(one).digest == made(two).digest
    assert made(one).operations[0].token == f"create{one}"
    assert made(one, "about").digest != made(two, "about").digest
    executed = [
        change(("cloudformation:ExecuteChangeSet", {"ChangeSetName": "c", "ClientRequestToken": token}))
        for token in ("exec1", "exec2")
    ]
    assert executed[0].digest == executed[1].digest


def test_the_floor_comes_from_the_catalogue() -> None:
    """And what the catalogue does not know is execute: it fails closed."""
    assert operation("dynamodb:DeleteTable", {"TableName": "t"}).floor is Effect.DELETE
    assert operation("lambda:CreateFunction", {"FunctionName": "f"}).floor is Effect.CREATE
    assert operation("dynamodb:NotYetInvented", {}).floor is Effect.EXECUTE


def test_parameters_are_plain_json() -> None:
    """What goes into the log can be read without this program."""
    made = operation(
        "lambda:UpdateFunctionCode", {"FunctionName": "f", "ZipFile": b"\x00zip", "DryRun": True}
    )
    assert json.loads(canonical(made.parameters)) == made.parameters
