"""The same recipes over the wire: the executor that ships, a stand-in account in a process of its own, the real aws command."""

from __future__ import annotations

import asyncio
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from demo.account import names
from demo.world import Account, build
from keyturn.executors.aws import AwsExecutor
from keyturn.executors.aws_config import AwsConfig
from keyturn.model.execution import Answer, Call
from keyturn.providers.aws.capturing import take
from keyturn.testing.standin import StandIn
from tests.provider.provider_world import ACCOUNT, REGION, change, drive, requests
from tests.recipes.recipe_world import PROVIDER, Asked

SERVICE = "by-server"
NAMES = names(SERVICE)
TOLD: dict[str, Asked] = {
    # kind -> any operation on the resource of the demonstration's environment
    "dynamodb:table": ("dynamodb:DeleteTable", {"TableName": NAMES["table"]}),
    "s3:bucket": ("s3:DeleteBucket", {"Bucket": NAMES["reports"]}),
    "s3:object": ("s3:DeleteObject", {"Bucket": NAMES["reports"], "Key": "2026/001.csv"}),
    "sqs:queue": ("sqs:PurgeQueue", {"QueueUrl": f"https://sqs/{ACCOUNT}/{NAMES['queue']}"}),
    "lambda:function": ("lambda:DeleteFunction", {"FunctionName": NAMES["function"]}),
    "iam:role": ("iam:DeleteRole", {"RoleName": NAMES["role"]}),
    "ssm:parameter": ("ssm:DeleteParameter", {"Name": NAMES["secret"]}),
    "cloudwatch:alarm": ("cloudwatch:DeleteAlarms", {"AlarmNames": [NAMES["alarm"]]}),
}


@pytest.fixture(scope="module")
def standin() -> Iterator[StandIn]:
    with StandIn() as running:
        build(Account(running.endpoint, "AKIAENGINEER", "secret", REGION), SERVICE, items=40)
        yield running


@pytest.fixture(scope="module")
def account(standin: StandIn) -> Account:
    return Account(standin.endpoint, "AKIAENGINEER", "secret", REGION)


@pytest.fixture(scope="module")
def ask(standin: StandIn) -> Iterator[Callable[[Call], Answer]]:
    """What the runtime asks through, one call at a time."""
    config = AwsConfig(
        region=REGION,
        account=ACCOUNT,
        endpoint_url=standin.endpoint,
        access_key_id="AKIAPLANE",
        secret_access_key="x",
    )
    with asyncio.Runner() as runner:
        executor = AwsExecutor(config)
        yield lambda call: runner.run(executor.ask(call, tags={}))
        runner.run(executor.close())


@pytest.mark.parametrize("kind", sorted(TOLD))
def test_every_kind_of_the_demonstration_is_read_whole(ask: Callable[[Call], Answer], kind: str) -> None:
    """Nothing is left unknown, nothing is absent, and reading again finds the same."""
    made = change(TOLD[kind])
    assert {ref.kind for ref in made.resources} == {kind}
    first, again = (drive(take(made), ask).captures for _ in range(2))
    assert first.unknowns == ()
    assert all(state is not None for state in first.states.values())
    assert first.digest == again.digest


def back_and_forth(ask: Callable[[Call], Answer], account: Account, asked: Asked) -> tuple[str, ...]:
    """Assessed, saved, carried out by the engineer's own client, and taken back by the plane."""
    made = change(asked)
    before = drive(PROVIDER.assess(made, requests(asked), at_ms=0), ask).captures
    backups = drive(PROVIDER.backup(made, before, case_id="C-1", at_ms=0), ask)
    service, _, operation = asked[0].partition(":")
    client = account(service)
    method = {made: python for python, made in client.meta.method_to_api_mapping.items()}[operation]
    getattr(client, method)(**asked[1])
    return drive(PROVIDER.undo(made, before, backups), ask)


def test_an_object_comes_back_over_the_wire(ask: Callable[[Call], Answer], account: Account) -> None:
    """A copy of the version that stood, named as the SDK sends it."""
    given = {"Bucket": NAMES["reports"], "Key": "2026/001.csv"}
    stood = account("s3").get_object(**given)["Body"].read()
    said = back_and_forth(ask, account, ("s3:DeleteObject", given))
    assert account("s3").get_object(**given)["Body"].read() == stood
    assert [line.partition(":")[0] for line in said] == ["version"]


def test_settings_come_back_over_the_wire(ask: Callable[[Call], Answer], account: Account) -> None:
    """A bucket's tags are written as a whole, a queue's attributes by name: both are as they were."""
    tags = {"TagSet": [{"Key": "environment", "Value": "dev"}]}
    assert (
        back_and_forth(ask, account, ("s3:PutBucketTagging", {"Bucket": NAMES["reports"], "Tagging": tags}))
        == ()
    )
    url = account("sqs").get_queue_url(QueueName=NAMES["queue"])["QueueUrl"]
    asked = {"QueueUrl": url, "Attributes": {"VisibilityTimeout": "1", "DelaySeconds": "5"}}
    assert back_and_forth(ask, account, ("sqs:SetQueueAttributes", asked)) == ()


def suggested(ask: Callable[[Call], Answer], *asked: Asked) -> str:
    """The one command that the answer suggests for a delete and a create."""
    found = drive(PROVIDER.assess(change(*asked), requests(*asked), at_ms=0), ask)
    (command,) = found.reply_commands
    return command


def run(standin: StandIn, command: str) -> None:
    """As an agent types it. Version 1 of the command looks past AWS_ENDPOINT_URL for SQS, so the endpoint is named to it."""
    words = shlex.split(command)
    assert words[0] == "aws"
    words[1:1] = ["--endpoint-url", standin.endpoint]
    environment = {
        **os.environ,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_PAGER": "",
    }
    keys = {"AWS_ACCESS_KEY_ID": "AKIAENGINEER", "AWS_SECRET_ACCESS_KEY": "secret"}
    done = subprocess.run(
        [str(Path(sys.executable).parent / "aws"), *words[1:]],
        env={**environment, **keys},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr


def test_the_suggested_command_does_it(
    standin: StandIn, ask: Callable[[Call], Answer], account: Account
) -> None:
    """What a create asked for otherwise stands after the one command, typed as it was suggested; the messages are still there."""
    bucket: dict[str, Any] = {"Bucket": NAMES["scratch"], "ObjectOwnership": "BucketOwnerEnforced"}
    run(
        standin,
        suggested(ask, ("s3:DeleteBucket", {"Bucket": NAMES["scratch"]}), ("s3:CreateBucket", bucket)),
    )
    controls = account("s3").get_bucket_ownership_controls(Bucket=NAMES["scratch"])["OwnershipControls"]
    assert controls == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    url = account("sqs").get_queue_url(QueueName=NAMES["queue"])["QueueUrl"]
    queue = {"QueueName": NAMES["queue"], "Attributes": {"VisibilityTimeout": "77"}}
    run(standin, suggested(ask, ("sqs:DeleteQueue", {"QueueUrl": url}), ("sqs:CreateQueue", queue)))
    found = account("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert found["VisibilityTimeout"] == "77"
    assert int(found["ApproximateNumberOfMessages"]) > 0
