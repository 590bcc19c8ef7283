"""Act I, as tests: the stand-in account behaves, and the reckless agent really destroys when nobody is in between."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from demo import world
from keyturn.testing.standin import StandIn

DEMO = Path(__file__).parents[2] / "demo"


@pytest.fixture(scope="module")
def standin() -> Iterator[StandIn]:
    with StandIn() as running:
        yield running


def test_unguarded_the_environment_is_gone(standin: StandIn) -> None:
    """The agent fixes the bug and loses items, objects, versions, messages and the role's identity."""
    account = world.Account(standin.endpoint, "AKIAENGINEER", "secret")
    world.build(account, "shop")
    before = world.capture(account, "shop")
    assert world.bug(account, "shop") == "shop-itmes"
    environment = {
        **os.environ,
        "AWS_ENDPOINT_URL": standin.endpoint,
        "AWS_ACCESS_KEY_ID": "AKIAENGINEER",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": account.region,
    }
    command = [
        sys.executable,
        str(DEMO / "reckless_agent.py"),
        "--service",
        "shop",
        "--set",
        "TABLE_NAME=shop-items",
    ]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr
    lost = world.losses(before, world.capture(account, "shop"))
    assert lost == {"items": 12_000, "objects": 80, "object versions": 100, "messages": 25, "identities": 1}
    assert world.bug(account, "shop") == ""


def test_lambda_revisions_are_enforced_and_code_can_be_fetched(standin: StandIn) -> None:
    """An update with an old revision is refused; the code's location gives the zip."""
    account = world.Account(standin.endpoint, "AKIAENGINEER", "secret", region="eu-west-1")
    world.build(account, "lamp")
    client = account("lambda")
    got = client.get_function(FunctionName="lamp-api")
    first = got["Configuration"]["RevisionId"]
    assert urllib.request.urlopen(got["Code"]["Location"], timeout=5).read()[:2] == b"PK"
    client.update_function_configuration(FunctionName="lamp-api", Timeout=9, RevisionId=first)
    with pytest.raises(ClientError, match="PreconditionFailed"):
        client.update_function_configuration(FunctionName="lamp-api", Timeout=10, RevisionId=first)
