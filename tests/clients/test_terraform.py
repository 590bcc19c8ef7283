"""Terraform and its AWS provider: an apply goes through, and a plan that replaces a table stops at the delete.

Where Terraform or a mirror of its provider is missing, these tests say so. A mirror is looked for where Terraform itself would
(https://developer.hashicorp.com/terraform/cli/config/config-file#implied-local-mirror-directories), in ``KEYTURN_TF_MIRROR``, and below /opt.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from keyturn.model.assessment import Kind
from keyturn.testing.standin import StandIn
from tests.clients.clients_world import (
    ENDPOINT,
    HELD,
    HERE,
    NUMBER,
    PROXY,
    Told,
    World,
    left_out,
    run,
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


def mirror() -> Path | None:
    """A folder that holds the AWS provider for this machine."""
    given = os.environ.get("KEYTURN_TF_MIRROR")
    home = Path.home()
    places = [
        *([Path(given)] if given else ()),
        home / ".terraform.d" / "plugins",
        home / ".local" / "share" / "terraform" / "plugins",
        Path("/usr/local/share/terraform/plugins"),
        Path("/usr/share/terraform/plugins"),
        *sorted(Path("/opt").glob("*")),
    ]
    return next((one for one in places if (one / "registry.terraform.io/hashicorp/aws").is_dir()), None)


class Terraform:
    """One working folder, by one door."""

    def __init__(self, world: World, door: str) -> None:
        found, plugins = shutil.which("terraform"), mirror()
        if found is None or plugins is None:
            left_out("Terraform: it is not installed, or there is no mirror of its AWS provider")
        self.program, self.plugins = found, plugins
        self.folder = world.folder / "terraform"
        self.folder.mkdir()
        shutil.copy(HERE / "terraform" / "main.tf", self.folder)
        self.environment = world.environment(door, TF_IN_AUTOMATION="1", CHECKPOINT_DISABLE="1")

    def __call__(self, *arguments: str) -> Told:
        return run([self.program, *arguments], self.environment, cwd=self.folder, limit_s=300)


@pytest.fixture(params=[ENDPOINT, PROXY])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    with StandIn() as account:
        made = World(account, tmp_path, packs=HELD, environments={NUMBER: "staging"})
        made.door = request.param
        yield made
        made.plane.stop()


def test_an_apply_and_the_replace_that_stops(world: World) -> None:
    """Eleven kinds of resources are made. Then the key of the table is changed: the plan says
    delete and create, DeleteTable is held as one call, Terraform stops with the message, and the table stands with what it holds.
    Approved, the same apply goes to its end: its create is on record as the other half of a replace, and not held a second time.
    """
    terraform = Terraform(world, world.door)
    assert (began := terraform("init", "-plugin-dir", str(terraform.plugins), "-no-color")).code == 0, began
    applied = terraform("apply", "-auto-approve", "-no-color", "-input=false")
    assert applied.code == 0, applied.err
    assert "Apply complete! Resources: 11 added" in applied.out
    refused = [one for one in world.asked() if one["outcome"] != "sent"]
    assert refused == []
    world.direct("dynamodb").put_item(TableName="orders", Item={"id": {"S": "1"}})

    changed = ("-var", "hash_key=number", "-no-color", "-input=false")
    planned = terraform("plan", "-out", "plan", *changed)
    assert planned.code == 0, planned.err
    shown = json.loads(terraform("show", "-json", "plan").out)["resource_changes"]
    assert [one["change"]["actions"] for one in shown if one["address"] == "aws_dynamodb_table.orders"] == [
        ["delete", "create"]
    ]

    since = len(world.asked())
    stopped = terraform("apply", "-auto-approve", *changed)
    assert stopped.code == 1
    assert "AccessDeniedException" in stopped.err
    assert "Keyturn holds this as case C-" in " ".join(stopped.err.split())
    assert world.calls("dynamodb:DeleteTable", since) == ["held"]
    assert world.calls("dynamodb:CreateTable", since) == []
    assert world.direct("dynamodb").scan(TableName="orders")["Count"] == 1

    world.approve(" ".join(stopped.err.split()))
    finished = terraform("apply", "-auto-approve", *changed)
    assert finished.code == 0, finished.err
    assert world.calls("dynamodb:DeleteTable", since) == ["held", "sent"]
    assert world.calls("dynamodb:CreateTable", since) == ["sent"]
    created = [one for one in world.asked()[since:] if one.get("operation") == "dynamodb:CreateTable"]
    case = world.plane.app.runtime.case(created[0]["case"])
    assert case is not None
    assert case.assessment is not None
    assert ("SEQ001", Kind.NOTE) in {(one.code, one.kind) for one in case.assessment.findings}
    table = world.direct("dynamodb").describe_table(TableName="orders")["Table"]
    assert [key["AttributeName"] for key in table["KeySchema"]] == ["number"]
