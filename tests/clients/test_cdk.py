"""The CDK's command line: a bootstrap goes through by both doors, and what is held of it waits, or is told, as everything is."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from keyturn.testing.standin import StandIn
from tests.clients.clients_world import (
    ENDPOINT,
    EVERYTHING,
    HELD,
    NUMBER,
    PROXY,
    REGION,
    Told,
    World,
    left_out,
    npm_folder,
    run,
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
MADE = ["CREATE_COMPLETE"]


@pytest.fixture
def account() -> Iterator[StandIn]:
    with StandIn() as made:
        yield made


def cdk(world: World, door: str, *arguments: str) -> Told:
    folder = npm_folder()
    if folder is None or not (program := folder / "node_modules" / ".bin" / "cdk").exists():
        left_out("the CDK: Node, and `make clients`, which fetches it from npm")
    quiet = {"NODE_NO_WARNINGS": "1", "CDK_DISABLE_CLI_TELEMETRY": "true"}
    return run([str(program), *arguments], world.environment(door, **quiet), cwd=world.folder, limit_s=120)


def bootstrap(world: World, door: str) -> Told:
    return cdk(world, door, "bootstrap", f"aws://{NUMBER}/{REGION}", "--no-notices", "--ci")


ROLE = f"arn:aws:iam::{NUMBER}:role/deployer"


def deploy(world: World, door: str) -> Told:
    """An app of one table, deployed as modern apps are: the CDK assumes a role first, and does all else with what it is given."""
    app = world.folder / "app"
    app.mkdir(exist_ok=True)
    table = {
        "Type": "AWS::DynamoDB::Table",
        "Properties": {
            "TableName": "from-the-cdk",
            "BillingMode": "PAY_PER_REQUEST",
            "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
            "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        },
    }
    stack = {
        "type": "aws:cloudformation:stack",
        "environment": f"aws://{NUMBER}/{REGION}",
        "properties": {"templateFile": "shop.template.json", "assumeRoleArn": ROLE},
    }
    (app / "shop.template.json").write_text(json.dumps({"Resources": {"Table": table}}))
    (app / "manifest.json").write_text(json.dumps({"version": "36.0.0", "artifacts": {"Shop": stack}}))
    arguments = ["deploy", "Shop", "--app", str(app), "--require-approval", "never", "--no-notices", "--ci"]
    return cdk(world, door, *arguments)


@pytest.mark.parametrize("door", [ENDPOINT, PROXY])
def test_a_deploy_by_an_assumed_role(account: StandIn, tmp_path: Path, door: str) -> None:
    """The credentials that AssumeRole gives are the gateway's own, and every call with them comes in as the session's."""
    world = World(account, tmp_path, packs=EVERYTHING, environments={NUMBER: "test"})
    try:
        make_role(world)
        told = deploy(world, door)
        assert told.code == 0, told.err
        assert world.tables() == ["from-the-cdk"]
        assert world.calls("sts:AssumeRole") != []
        assert {one["outcome"] for one in world.asked()} == {"sent"}
    finally:
        world.plane.stop()


def test_a_deploy_that_is_held_comes_again_as_the_same_change(account: StandIn, tmp_path: Path) -> None:
    """Every run writes a number of its own into token and description; it is the run that was approved all the same."""
    world = World(account, tmp_path, packs=HELD, environments={NUMBER: "test"})
    try:
        make_role(world)
        told = deploy(world, ENDPOINT)
        assert told.code != 0
        assert "Keyturn holds this as case C-" in told.err + told.out
        assert world.calls("cloudformation:CreateChangeSet") == ["held"]
        first = world.approve(told.err + told.out)
        again = deploy(world, ENDPOINT)
        assert world.calls("cloudformation:CreateChangeSet") == ["held", "sent"]
        assert world.calls("cloudformation:ExecuteChangeSet") == ["held"]
        assert first not in again.err + again.out
        assert world.tables() == []
    finally:
        world.plane.stop()


def make_role(world: World) -> None:
    trust = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"AWS": f"arn:aws:iam::{NUMBER}:root"},
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    world.direct("iam").create_role(RoleName="deployer", AssumeRolePolicyDocument=document)


def stacks(world: World) -> list[str]:
    return [one["StackStatus"] for one in world.direct("cloudformation").list_stacks()["StackSummaries"]]


@pytest.mark.parametrize("door", [ENDPOINT, PROXY])
def test_a_bootstrap_that_policy_allows(account: StandIn, tmp_path: Path, door: str) -> None:
    """It notices nothing: the stack stands, and no request was refused."""
    world = World(account, tmp_path, packs=EVERYTHING, environments={NUMBER: "test"})
    try:
        told = bootstrap(world, door)
        assert told.code == 0, told.err
        assert "bootstrapped" in told.out + told.err
        assert stacks(world) == MADE
        assert {one["outcome"] for one in world.asked()} == {"sent"}
    finally:
        world.plane.stop()


def test_a_bootstrap_that_is_held_says_so(account: StandIn, tmp_path: Path) -> None:
    """Access denied, after one call, with the case. (Its next run names the change set anew and is another change: it has to wait.)"""
    world = World(account, tmp_path, packs=HELD, environments={NUMBER: "test"})
    try:
        told = bootstrap(world, ENDPOINT)
        assert told.code != 0
        assert "AccessDenied: Keyturn holds this as case C-1" in told.err + told.out
        assert world.calls("cloudformation:CreateChangeSet") == ["held"]
        assert stacks(world) == []
    finally:
        world.plane.stop()


def test_a_bootstrap_that_waits_while_people_decide(account: StandIn, tmp_path: Path) -> None:
    """The CDK bears silence: each of its two changes waits for two people, and the one run comes to its end."""
    world = World(account, tmp_path, packs=HELD, environments={NUMBER: "test"}, wait_s=60.0)
    try:
        approving = threading.Thread(target=approve_each, args=(world, ["C-1", "C-2"]), daemon=True)
        approving.start()
        told = bootstrap(world, ENDPOINT)
        assert told.code == 0, told.err
        assert stacks(world) == MADE
        assert world.calls("cloudformation:CreateChangeSet") == ["sent"]
        assert world.calls("cloudformation:ExecuteChangeSet") == ["sent"]
    finally:
        world.plane.stop()


def approve_each(world: World, cases: list[str]) -> None:
    for case_id in cases:
        world.plane.until(case_id, "held")
        world.plane.approve(case_id, "anna", "ben")
