"""An id that is new once something was given back: what is given back after it names the new one, after a crash too."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest
from moto import mock_aws

from keyturn.core.case import Case, Phase
from keyturn.model.change import Change, ResourceRef
from keyturn.model.execution import OutcomeStatus
from keyturn.providers.aws import moved, recipes
from keyturn.runtime import asking
from keyturn.runtime.asking import Asker
from keyturn.runtime.retiring import Retiring
from keyturn.runtime.undoing import TakingBack
from keyturn.stores.memory import MemoryStore
from keyturn.stores.vault import Vault
from tests.provider.provider_world import ACCOUNT, REGION, Account, change, drive
from tests.recipes.reborn_nights import IMAGE, network
from tests.recipes.recipe_world import PROVIDER, Asked, Partly, assessed, backed_up, perform, verified
from tests.recipes.test_undo_again import Book, Stopping


@pytest.fixture(autouse=True)
def _reads_follow_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stand-in does not lag behind."""
    monkeypatch.setattr(asking, "SPACING_FIRST_S", 0.001)
    monkeypatch.setattr(asking, "SPACING_MAX_S", 0.001)


@pytest.fixture(scope="module")
def region() -> Iterator[Partly]:
    """One stand-in for all of them: to make its EC2 takes seconds."""
    with mock_aws():
        yield Partly()


@pytest.fixture
def account(region: Partly) -> Partly:
    region.said.clear()
    return region


def interface(account: Account) -> dict[str, str]:
    """A network interface in a security group of its own. (An instance's own interface outlives it on the stand-in, with the old
    group, which AWS would not let go.)
    """
    ec2, made = account.client("ec2"), network(account)
    made["web"] = ec2.create_security_group(GroupName="web", Description="of web", VpcId=made["vpc"])[
        "GroupId"
    ]
    ec2.create_tags(Resources=[made["web"]], Tags=[{"Key": "of", "Value": "web"}])
    made["eni"] = ec2.create_network_interface(
        SubnetId=made["subnet"], Groups=[made["web"]], PrivateIpAddress="10.0.1.77", Description="of web"
    )["NetworkInterface"]["NetworkInterfaceId"]
    ec2.modify_network_interface_attribute(NetworkInterfaceId=made["eni"], SourceDestCheck={"Value": False})
    return made


def asked(made: dict[str, str]) -> tuple[Asked, Asked]:
    """In the order in which they can be made: a group that is used is not deleted."""
    return (
        ("ec2:DeleteNetworkInterface", {"NetworkInterfaceId": made["eni"]}),
        ("ec2:DeleteSecurityGroup", {"GroupId": made["web"]}),
    )


def groups(account: Account, made: dict[str, str]) -> list[str]:
    """Of the one interface that stands in the network."""
    found = account.client("ec2").describe_network_interfaces(
        Filters=[{"Name": "vpc-id", "Values": [made["vpc"]]}]
    )["NetworkInterfaces"]
    (one,) = found
    return [str(group["GroupId"]) for group in one["Groups"]]


def web(account: Account, made: dict[str, str]) -> str:
    """The id of the group called web, in the network."""
    groups = account.client("ec2").describe_security_groups(
        Filters=[{"Name": "vpc-id", "Values": [made["vpc"]]}, {"Name": "group-name", "Values": ["web"]}]
    )["SecurityGroups"]
    return str(groups[0]["GroupId"])


def done(account: Account, made: dict[str, str]) -> list[Case]:
    """The two deletes as cases that were confirmed, each with its backups; what they captured stands in `states`."""
    cases = []
    for number, one in enumerate(asked(made), 1):
        case_change, judged, states = assessed(account, one)
        backups = backed_up(account, case_change, states)
        perform(account, one)
        assert verified(account, case_change, states, one).status == "succeeded"
        case = Case(
            id=f"C-{number}",
            phase=Phase.CONFIRMED,
            change=case_change,
            assessment=judged,
            backups=backups,
        )
        cases.append(case)
        STATES[case.id] = states
    return cases


STATES: dict[str, Any] = {}


def test_two_operations_of_one_change(account: Account) -> None:
    """The group comes back first, and the interface in it under its new id."""
    made = interface(account)
    both, _, states = assessed(account, *asked(made))
    backups = backed_up(account, both, states)
    perform(account, *asked(made))
    told = drive(PROVIDER.undo(both, states, backups), account)
    new = web(account, made)
    assert new != made["web"]
    assert PROVIDER.moved(told)[made["web"]] == new
    assert f"ec2:network-interface/{made['eni']}: {new} stands in it for {made['web']}" in told
    assert groups(account, made) == [new]


@pytest.mark.parametrize("lost", [True, False], ids=["the call never arrived", "its answer was lost"])
@pytest.mark.parametrize("stop", [2, 4])
async def test_two_cases_of_one_undo_and_a_crash_in_it(stop: int, lost: bool, account: Account) -> None:
    """Both cases are taken back as one, which stops at a step and goes on: the interface is in the group that stands."""
    made = interface(account)
    first, second = done(account, made)
    executor, steps = Stopping(account, stop, lost=lost), Book()
    vault = Vault(MemoryStore(), b"k" * 32)
    asker = Asker(cast("Any", steps), cast("Any", executor), vault, lambda: 0)
    cases = {case.id: case for case in (first, second)}
    marked: list[str] = []

    async def record_from(case_id: str, _event: Any) -> None:
        marked.append(case_id)

    book = SimpleNamespace(
        case=cases.get,
        plane=SimpleNamespace(halted_by=lambda _: ""),
        record_from=record_from,
        cases=steps.cases,
    )
    work = SimpleNamespace(
        book=book,
        asker=asker,
        vault=vault,
        clock=lambda: 0,
        provider=lambda _: PROVIDER,
        captures=lambda case: STATES[case.id],
    )
    undoing = TakingBack(cast("Any", work), Retiring(cast("Any", work)))
    asks = _also(change(*asked(made), undoes="C-2"))
    plan = [one for part in asks.taken_back for one in undoing._planned_again(part).operations]
    shown = msgspec.structs.replace(asks, operations=tuple(plan))
    case = Case(id="C-2", phase=Phase.EXECUTING, change=shown, assessment=second.assessment)

    with pytest.raises(asyncio.CancelledError):
        await undoing.perform(case)
    outcome = await undoing.perform(case)
    assert outcome.status is OutcomeStatus.SUCCEEDED, outcome
    new = web(account, made)
    assert f"it was {made['web']} and is {new}" in outcome.detail
    assert f"{new} stands in it for {made['web']}" in outcome.detail
    assert groups(account, made) == [new]
    assert (
        executor.made.count("ec2:CreateNetworkInterface")
        == executor.made.count("ec2:CreateSecurityGroup")
        == 1
    )
    assert marked.count("C-1") >= 1


def _also(made: Change) -> Change:
    return Change(
        principal=made.principal,
        surface=made.surface,
        operations=made.operations,
        received_at_ms=0,
        undoes="C-2",
        undoes_also=("C-1",),
    )


def test_an_instance_is_started_in_the_group_that_stands(account: Account) -> None:
    """As with the interface: the call names the new one."""
    made, ec2 = interface(account), account.client("ec2")
    run = ec2.run_instances(
        ImageId=IMAGE, MinCount=1, MaxCount=1, SubnetId=made["subnet"], SecurityGroupIds=[made["web"]]
    )
    here = ResourceRef("aws", "aws", ACCOUNT, REGION, "ec2:instance", run["Instances"][0]["InstanceId"])
    recipe = recipes.for_kind("ec2:instance")
    assert recipe is not None
    state = drive(recipe.capture(here), account).state
    assert state is not None
    goes = {**state, "kept": []}  # as where its interface goes with it
    steps = recipe.restore_plan(here, moved.renamed(goes, {made["web"]: "sg-9"}), None)
    assert steps[0].parameters["SecurityGroupIds"] == ["sg-9"]


@pytest.mark.parametrize(
    ("value", "now"),
    [
        ("sg-1", "sg-9"),
        ("sg-11", "sg-11"),
        ("arn:aws:ec2:eu-west-1:123456789012:security-group/sg-1", "arn:aws:ec2:eu-west-1:123456789012:security-group/sg-9"),
        ({"sg-1": ["sg-1", {"a": "x/sg-1"}]}, {"sg-1": ["sg-9", {"a": "x/sg-9"}]}),
        ("text about sg-1 here", "text about sg-1 here"),
        ("my-sg-1", "my-sg-1"),
        (7, 7),
    ],
    ids=str,
)  # fmt: skip
def test_an_id_is_found_where_it_is_one(value: Any, now: Any) -> None:
    """Alone, or as the end of an ARN or a path; never as a part of another word."""
    assert moved.renamed(value, {"sg-1": "sg-9"}) == now


def test_what_moved_is_heard_from_what_is_said() -> None:
    """One sentence, said alike by every recipe; a difference of another kind is none."""
    said = (
        "id: it was sg-1 and is sg-9: what names the old one has to be told (ec2:instance i-1)",
        "id: it was app/web/1 and is app/web/2: what names the old one has to be told",
        "tags: {} is now {'id': 'it was a and is b'}",
    )
    assert moved.heard(said) == {"sg-1": "sg-9", "app/web/1": "app/web/2"}
