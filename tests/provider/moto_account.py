"""A little production in moto: one table with items, one function that names the wrong table, as in the night of the README."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

from tests.provider.provider_world import Account

TAGS = {"environment": "production", "owner": "finance"}
WRONG, RIGHT = "costs-archive", "costs"
SECRET = "hunter2-is-never-shown"  # a canary: no log-safe value may hold it


def archive(text: str = "def handler(event, context): return 1\n") -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as file:
        file.writestr(zipfile.ZipInfo("app.py"), text)
    return made.getvalue()


def make_table(account: Account, name: str = RIGHT, items: int = 30) -> None:
    client = account.client("dynamodb")
    client.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        Tags=[{"Key": key, "Value": value} for key, value in TAGS.items()],
    )
    client.update_time_to_live(
        TableName=name, TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires"}
    )
    for number in range(items):
        client.put_item(TableName=name, Item={"id": {"S": f"i{number}"}, "amount": {"N": str(number)}})


def make_role(account: Account) -> str:
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
    made = account.client("iam").create_role(RoleName="runner", AssumeRolePolicyDocument=json.dumps(trust))
    return str(made["Role"]["Arn"])


def function_parameters(role: str, table: str = WRONG) -> dict[str, Any]:
    """What a client sends to make the function: the same whether for the first time or anew."""
    return {
        "FunctionName": "report",
        "Runtime": "python3.12",
        "Role": role,
        "Handler": "app.handler",
        "Code": {"ZipFile": archive()},
        "Timeout": 30,
        "Environment": {"Variables": {"TABLE": table, "KEY": SECRET}},
        "Tags": TAGS,
    }


def make_function(account: Account) -> dict[str, Any]:
    """The function as it stands; returns the parameters it was made with."""
    parameters = function_parameters(make_role(account))
    account.client("lambda").create_function(**parameters)
    return parameters
