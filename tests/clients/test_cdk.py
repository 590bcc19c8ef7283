"""The CDK's command line: a bootstrap goes through by both doors, and what is held of it waits, or is told, as everything is."""

from __future__ import annotations

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


def bootstrap(world: World, door: str) -> Told:
    folder = npm_folder()
    if folder is None or not (cdk := folder / "node_modules" / ".bin" / "cdk").exists():
        left_out("the CDK: Node, and `make clients`, which fetches it from npm")
    quiet = {"NODE_NO_WARNINGS": "1", "CDK_DISABLE_CLI_TELEMETRY": "true"}
    arguments = ["bootstrap", f"aws://{NUMBER}/{REGION}", "--no-notices", "--ci"]
    return run([str(cdk), *arguments], world.environment(door, **quiet), cwd=world.folder, limit_s=120)


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
