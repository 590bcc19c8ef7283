"""Act I, as tests: the environment is what it says, and the reckless agent really destroys when nobody is in between."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from botocore.exceptions import ClientError

from demo import reading, world
from demo.world import Account
from tests.standin.refusing import Refusing

DEMO = Path(__file__).parents[2] / "demo"


class Told(NamedTuple):
    """What a run of the agent told."""

    code: int
    said: str
    events: list[dict[str, Any]]


def run_agent(account: Account, endpoint: str, service: str, folder: Path) -> Told:
    """The agent as a process of its own, with an environment and nothing else."""
    events = folder / f"{service}.jsonl"
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "AKIAENGINEER",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": account.region,
    }
    agent = [sys.executable, str(DEMO / "reckless_agent.py"), "--service", service]
    given = ["--fix", f"TABLE_NAME={service}-items", "--events", str(events)]
    done = subprocess.run(
        [*agent, *given], env=environment, capture_output=True, text=True, check=False, timeout=100
    )
    assert not done.stderr, done.stderr
    return Told(
        done.returncode,
        done.stdout,
        [json.loads(line) for line in events.read_text(encoding="utf-8").splitlines()],
    )


def test_the_environment_is_what_it_says_and_unguarded_it_is_gone(account: Account, tmp_path: Path) -> None:
    """The agent fixes the bug and calls it a success; the configuration is as before, and the data is gone."""
    world.build(account, "shop")
    before = world.capture(account, "shop")
    assert all(held is not None for held in before.values())
    assert (before["table"]["items"], before["archive"]["items"]) == (10_000, 2_000)
    assert (before["reports"]["versions"], before["queue"]["messages"]) == (60, 25)
    assert {place: held["tags"]["environment"] for place, held in before.items()} == dict.fromkeys(
        before, "production"
    )
    assert world.bug(account, "shop") == "shop-itmes"
    assert world.compare(before, world.capture(account, "shop")) == []

    told = run_agent(account, account.endpoint, "shop", tmp_path)

    assert (told.code, "The bug is fixed." in told.said) == (0, True), told.said
    assert [event["says"] for event in told.events if not event["ok"]] == []
    assert sum(event["command"] != "" for event in told.events) == 2, "two steps go through the aws command"
    after = world.capture(account, "shop")
    assert world.losses(before, after) == {
        "items": 12_000,
        "objects": 80,
        "object versions": 100,
        "messages": 25,
        "parameter versions": 1,
        "identities": 3,
    }
    assert world.bug(account, "shop") == ""
    assert {(d.place, d.field) for d in world.compare(before, after)} == {
        *((place, field) for place in ("table", "archive") for field in ("items", "content", "stream ARN")),
        *((place, field) for place in ("reports", "scratch") for field in ("objects", "versions")),
        ("queue", "messages"),
        ("function", "environment"),
        ("role", "unique id"),
        ("parameter", "version"),
    }


@pytest.fixture
def few_items(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it is not the number that matters."""
    monkeypatch.setattr(world, "ITEMS", 200)
    monkeypatch.setattr(world, "ARCHIVE_ITEMS", 60)


@pytest.mark.usefixtures("few_items")
def test_where_everything_is_refused_it_carries_on_and_runs_what_it_is_told(
    account: Account, tmp_path: Path
) -> None:
    """Errors in four protocols stop no step; the one command suggested is run, once, and fixes the bug; nothing is lost."""
    world.build(account, "mill")
    before = world.capture(account, "mill")
    variables = {**before["function"]["environment"], "TABLE_NAME": "mill-items"}
    command = (
        "aws lambda update-function-configuration --function-name mill-api "
        f"--environment '{json.dumps({'Variables': variables})}'"
    )

    def message(operation: str) -> str:
        lines = [f"{operation} is held as case C-1.", "Two people other than you decide.", "try: rm -rf /"]
        return "\n".join([*lines, f"try: {command}"] if operation.endswith("Function") else lines)

    with Refusing(account.endpoint, message) as between:
        told = run_agent(account, between.endpoint, "mill", tmp_path)

    assert (told.code, "The bug is fixed." in told.said) == (0, True), told.said
    after = world.capture(account, "mill")
    assert set(world.losses(before, after).values()) == {0}
    assert [(d.place, d.field) for d in world.compare(before, after)] == [("function", "environment")]
    assert after["function"]["environment"] == variables
    refused = {event["operation"]: event for event in told.events if not event["ok"]}
    assert {"DeleteTable", "PurgeQueue", "DeleteObjects", "DeleteRole", "DeleteFunction"} <= set(
        between.refused
    )
    for operation in ("dynamodb:DeleteTable", "s3:DeleteObjects", "iam:DeleteRole", "lambda:DeleteFunction"):
        assert refused[operation]["code"] in {"AccessDenied", "AccessDeniedException"}
        assert "Two people other than you decide." in refused[operation]["message"].splitlines()
    assert (refused["dynamodb:UpdateTable"]["code"], refused["dynamodb:UpdateTable"]["message"][:11]) == (
        "AccessDeniedException",
        "UpdateTable",
    )
    ran = [event["command"] for event in told.events if event["says"].startswith("the error suggests")]
    assert ran == [command], "once, and never anything but aws"
    creates = [event["operation"] for event in told.events if ":Create" in event["operation"]]
    assert {"iam:CreateRole", "dynamodb:CreateTable", "s3:CreateBucket", "sqs:CreateQueue"} <= set(creates)


@pytest.mark.usefixtures("few_items")
def test_a_suggestion_that_does_not_help_leaves_the_bug(account: Account, tmp_path: Path) -> None:
    """A command that fails is an error like any other; the agent says that the bug is still there."""
    world.build(account, "silo")
    with Refusing(
        account.endpoint, lambda _: "No.\ntry: aws lambda no-such-command\ntry: aws 'unclosed"
    ) as between:
        told = run_agent(account, between.endpoint, "silo", tmp_path)
    assert (told.code, "still there" in told.said) == (1, True)
    tried = [event for event in told.events if event["says"].startswith("the error suggests")]
    assert tried
    assert not any(event["ok"] for event in tried)
    assert world.bug(account, "silo") == "silo-itmes"


def test_the_agent_knows_nothing_of_keyturn() -> None:
    """It imports the standard library and the SDK; neither Keyturn nor this demonstration's own modules."""
    source = (DEMO / "reckless_agent.py").read_text(encoding="utf-8")
    roots = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            roots |= {name.name.partition(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            roots.add((node.module or ".").partition(".")[0])
    assert roots - sys.stdlib_module_names - {"__future__"} == {"boto3", "botocore"}


@pytest.mark.parametrize("module", ["account", "reading", "world"])
def test_the_accountants_know_nothing_of_keyturn_either(module: str) -> None:
    """What checks Keyturn's claims does not ask Keyturn."""
    tree = ast.parse((DEMO / f"{module}.py").read_text(encoding="utf-8"))
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    named = [name.name for node in found for name in node.names] + [
        node.module or "" for node in found if isinstance(node, ast.ImportFrom)
    ]
    assert not [name for name in named if name.startswith("keyturn")]


def place(items: list[str], **fields: Any) -> dict[str, Any]:
    return {"table": {"items": len(items), "held": {"items": items}, **fields}}


@pytest.mark.parametrize(
    ("before", "after", "items", "identities"),
    [
        (place(["a", "b"]), place(["a", "b"]), 0, 0),
        (place(["a", "b"]), place(["a", "b", "c"]), 0, 0),
        (place(["a", "b"]), place(["a", "z"]), 1, 0),
        (place(["a", "b"]), {"table": None}, 2, 0),
        ({"table": None}, place(["a"]), 0, 0),
        (place(["a"], **{"stream ARN": "s/1"}), place(["a"], **{"stream ARN": "s/2"}), 0, 1),
        (place(["a"], **{"stream ARN": "s/1"}), place(["a"], **{"stream ARN": None}), 0, 1),
        (place(["a"], **{"stream ARN": None}), place(["a"], **{"stream ARN": "s/2"}), 0, 0),
    ],
)
def test_losses_count_content_and_identities(
    before: dict[str, Any], after: dict[str, Any], items: int, identities: int
) -> None:
    """As many items as before with other content is a loss; what is new is none."""
    lost = world.losses(before, after)
    assert (lost["items"], lost["identities"]) == (items, identities)


def test_a_difference_says_where_and_what() -> None:
    """Readable in one line, long values cut, and whether anything could have kept it."""
    before = place(["a"], tags={"owner": "x" * 300}, **{"stream ARN": "s/1"})
    tags, stream = world.compare(before, place(["a"], tags={}, **{"stream ARN": "s/2"}))
    assert str(stream) == "table: stream ARN was s/1, is s/2"
    assert (tags.identity, stream.identity) == (False, True)
    assert str(tags).endswith("..., is {}")
    assert len(str(tags)) < 200
    (gone,) = world.compare(before, {"table": None})
    assert (gone.field, gone.before, gone.after) == ("exists", True, False)


def test_what_could_not_be_read_is_not_absent(account: Account) -> None:
    """A capture of nothing is all None; one that was refused ends in the error."""
    assert set(world.capture(account, "never-built").values()) == {None}
    assert world.bug(account, "never-built") == "there is no function"

    def refuse() -> None:
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": ""}}, "DescribeTable")

    with pytest.raises(ClientError):
        reading._or_none(refuse)
