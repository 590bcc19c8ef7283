"""Databases, their snapshots and groups keep the promises of a recipe: what is changed or deleted and taken back is as it was."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from moto import mock_aws

from keyturn.model.execution import Refused, Succeeded, Unavailable
from keyturn.providers.aws.recipes.base import State
from keyturn.providers.aws.recipes.snapshots import named
from keyturn.testing.standin_gaps import fill_databases
from tests.provider.provider_world import Account, drive
from tests.recipes.database_nights import DATABASES, IMPORTS, PASSWORD, Night
from tests.recipes.recipe_world import (
    PROVIDER,
    Asked,
    Partly,
    assessed,
    backed_up,
    captured,
    fields_of,
    perform,
    recipe,
    ref,
    verified,
)

IDS = [f"{night.kind} {night.make.__name__}" for night in DATABASES]


@pytest.fixture(scope="module")
def region() -> Iterator[Partly]:
    """One stand-in for all nights: to make its EC2 takes seconds. Each night has names of its own."""
    fill_databases()
    with mock_aws():
        yield Partly()


@pytest.fixture
def account(region: Partly) -> Partly:
    region.said.clear()
    region.broken.clear()
    return region


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A name that no other test has."""
    return f"n{abs(hash(request.node.name)) % 10**9}"


def declared(night: Night, name: str, account: Account) -> State:
    found = captured(night, name, account)
    assert PASSWORD not in str(found)
    return fields_of(night, found)


def of(asked: Asked, account: Account) -> Asked:
    """The call with a real subnet where one is meant."""
    if "SubnetIds" not in asked[1]:
        return asked
    subnet = account.client("ec2").describe_subnets()["Subnets"][0]["SubnetId"]
    return asked[0], {**asked[1], "SubnetIds": [subnet]}


@pytest.mark.parametrize("night", DATABASES, ids=IDS)
def test_absent_is_absent_and_unread_is_unknown(night: Night, account: Account) -> None:
    """The service says that there is none; whatever else keeps an answer away is an unknown."""
    found = drive(recipe(night).capture(ref(night, "nobody")), account)
    assert (found.state, found.unknowns) == (None, ())
    first = account.said[0].operation
    account.broken[first] = Unavailable("throttled")
    silent = drive(recipe(night).capture(ref(night, "nobody")), account)
    assert (silent.state, silent.unknowns) == (None, (f"{first.partition(':')[2]}: throttled",))


CHANGES = [
    pytest.param(night, place, id=f"{night.make.__name__} {asked[0].partition(':')[2]} {place}")
    for night in DATABASES
    for place, asked in enumerate(night.changes("x"))
]


@pytest.mark.parametrize(("night", "place"), CHANGES)
def test_a_change_in_place_is_taken_back(night: Night, place: int, account: Account, name: str) -> None:
    """By the inverse, from what was captured: nothing of it is left."""
    night.make(account, name)
    asked = of(night.changes(name)[place], account)
    before = declared(night, name, account)
    made, assessment, states = assessed(account, asked)
    assert made.operations[0].resources == (ref(night, name),)
    assert assessment.recoverable[0].inverse, assessment
    perform(account, asked)
    now = drive(recipe(night).capture(ref(night, name)), account).state
    assert now is None or {field: now.get(field) for field in before} != before
    assert verified(account, made, states, asked).status == "succeeded"
    plan = PROVIDER.plan_undo(made, states, ())
    assert plan.possible, plan.why
    assert drive(PROVIDER.undo(made, states, ()), account) == ()
    assert declared(night, name, account) == before


@pytest.mark.parametrize("night", DATABASES, ids=IDS)
def test_a_delete_is_taken_back(night: Night, account: Account, name: str) -> None:
    """Under its own name, in every declared property, from a snapshot of the plane's own where it bears data."""
    night.make(account, name)
    before = declared(night, name, account)
    asked = night.delete(name)
    made, assessment, states = assessed(account, asked)
    assert made.operations[0].resources == (ref(night, name),)
    promise = assessment.recoverable[0]
    assert (promise.backup, promise.loss) == (True, recipe(night).loss)
    assert night.risk in assessment.data_at_risk
    account.said.clear()
    backups = backed_up(account, made, states)
    assert account.mutations() == ([night.copy] if night.copy else [])
    perform(account, asked)
    assert verified(account, made, states, asked).status == "succeeded"
    plan = PROVIDER.plan_undo(made, states, backups)
    assert plan.possible, plan.why
    assert drive(PROVIDER.undo(made, states, backups), account) == ()
    assert declared(night, name, account) == before
    assert recipe(night).manifest(ref(night, name), states.states[str(ref(night, name))] or {}, backups[0])


INSTANCE, CLUSTER, MEMBER = DATABASES[:3]


def test_a_final_snapshot_is_enough_to_come_back_from(account: Account, name: str) -> None:
    """Where nobody obliged the plane to a backup, the delete's own last snapshot gives it back; without one, nothing does."""
    INSTANCE.make(account, name)
    before = declared(INSTANCE, name, account)
    last: Asked = (
        "rds:DeleteDBInstance",
        {"DBInstanceIdentifier": name, "FinalDBSnapshotIdentifier": f"{name}-last"},
    )
    made, _, states = assessed(account, last)
    assert not PROVIDER.plan_undo(*assessed(account, INSTANCE.delete(name))[::2], ()).possible
    perform(account, last)
    plan = PROVIDER.plan_undo(made, states, ())
    assert plan.operations[0].parameters["DBSnapshotIdentifier"] == f"{name}-last"
    assert drive(PROVIDER.undo(made, states, ()), account) == ()
    assert declared(INSTANCE, name, account) == before


def test_a_whole_cluster_comes_back_before_its_instances(account: Account, name: str) -> None:
    """Deleted member first, given back cluster first: the data with the cluster, each instance into it."""
    MEMBER.make(account, name)
    cluster = f"{name}-cluster"
    stood = declared(MEMBER, name, account), declared(CLUSTER, cluster, account)
    seen = drive(recipe(CLUSTER).capture(ref(CLUSTER, cluster)), account)
    assert [(one.resource.kind, one.resource.id) for one in seen.dependents] == [("rds:db", name)]
    asked = (MEMBER.delete(name), CLUSTER.delete(cluster))
    made, _, states = assessed(account, *asked)
    backups = backed_up(account, made, states)
    perform(account, *asked)
    assert drive(PROVIDER.undo(made, states, backups), account) == ()
    assert (declared(MEMBER, name, account), declared(CLUSTER, cluster, account)) == stood


@pytest.mark.parametrize("verb", ["AddRoleTo", "RemoveRoleFrom"])
@pytest.mark.parametrize("noun", ["DBInstance", "DBCluster"])
def test_a_role_is_given_and_taken_back(verb: str, noun: str) -> None:
    """The reverse call where it changes something, none where it asked for what stood; the stand-in takes none off."""
    kept = recipe(INSTANCE if noun == "DBInstance" else CLUSTER)
    which = {f"{noun}Identifier": "x", "RoleArn": IMPORTS, "FeatureName": "s3Import"}
    role: State = {"RoleArn": IMPORTS, "FeatureName": "s3Import"}
    had: State = {"AssociatedRoles": [role]}
    none: State = {"AssociatedRoles": []}
    stood, reverse = (none, "RemoveRoleFrom") if verb == "AddRoleTo" else (had, "AddRoleTo")
    here = ref(INSTANCE, "x")
    asked = f"rds:{verb}{noun}"
    assert [(one.operation, one.parameters) for one in kept.inverse(asked, which, here, stood)] == [
        (f"rds:{reverse}{noun}", which)
    ]
    assert kept.inverse(asked, which, here, none if stood is had else had) == ()


def test_parameters_that_were_not_set_are_reset(account: Account, name: str) -> None:
    """What stood is set again, twenty in a call; the rest falls back to what its family says (the stand-in resets nothing)."""
    night = next(one for one in DATABASES if one.kind == "rds:pg")
    night.make(account, name)
    state = drive(recipe(night).capture(ref(night, name)), account).state
    assert state is not None
    assert len(state["parameters"]) == 21
    new = {"ParameterName": "log_statement", "ParameterValue": "none", "ApplyMethod": "immediate"}
    old = {"ParameterName": "work_mem", "ParameterValue": "1", "ApplyMethod": "immediate"}
    given = {"DBParameterGroupName": name, "Parameters": [new, old]}
    steps = recipe(night).inverse("rds:ModifyDBParameterGroup", given, ref(night, name), state)
    assert [step.parameters["Parameters"] for step in steps] == [
        [{**old, "ParameterValue": "8192"}],
        [{"ParameterName": "log_statement", "ApplyMethod": "immediate"}],
    ]
    everything = {"DBParameterGroupName": name, "ResetAllParameters": True}
    again = recipe(night).inverse("rds:ResetDBParameterGroup", everything, ref(night, name), state)
    assert [len(step.parameters["Parameters"]) for step in again] == [20, 1]


def test_documentdb_and_neptune_are_called_by_their_own_names(account: Account, name: str) -> None:
    """Their clusters are RDS's in name, calls and ARN: a delete by their own operation is one, and is taken back."""
    CLUSTER.make(account, name)
    before = declared(CLUSTER, name, account)
    asked: Asked = ("docdb:DeleteDBCluster", {"DBClusterIdentifier": name, "SkipFinalSnapshot": True})
    made, assessment, states = assessed(account, asked)
    assert assessment.recoverable[0].backup
    backups = backed_up(account, made, states)
    perform(account, ("rds:DeleteDBCluster", asked[1]))
    assert verified(account, made, states, asked).status == "succeeded"
    assert drive(PROVIDER.undo(made, states, backups), account) == ()
    assert declared(CLUSTER, name, account) == before


@pytest.mark.parametrize(
    "given",
    [
        {"MasterUserPassword": "another-password"},
        {"AllocatedStorage": 600},
        {"EngineVersion": "17.2", "AllowMajorVersionUpgrade": True},
        {"Domain": "d-1234567890"},
    ],
    ids=lambda given: next(iter(given)),
)
def test_what_cannot_be_put_back_is_not_promised(given: dict[str, Any], account: Account, name: str) -> None:
    """A password nobody read, a disk that cannot shrink, a version that cannot go back, a property that is not captured."""
    INSTANCE.make(account, name)
    asked: Asked = ("rds:ModifyDBInstance", {"DBInstanceIdentifier": name, **given})
    made, assessment, states = assessed(account, asked)
    assert not assessment.recoverable[0].inverse
    assert not PROVIDER.plan_undo(made, states, ()).possible


def test_the_patch_says_what_restarts_and_leaves_it_to_the_window(account: Account, name: str) -> None:
    """A create of what stands is answered with ModifyDBInstance; a restart is named, and does not happen at once."""
    INSTANCE.make(account, name)
    create: Asked = (
        "rds:CreateDBInstance",
        {"DBInstanceIdentifier": name, "Engine": "postgres", "DBInstanceClass": "db.m6g.large", "AllocatedStorage": 600},
    )  # fmt: skip
    _, assessment, _ = assessed(account, create)
    (way,) = assessment.alternatives
    assert [(one.name, one.parameters) for one in way.operations] == [
        (
            "rds:ModifyDBInstance",
            {
                "DBInstanceIdentifier": name,
                "ApplyImmediately": False,
                "DBInstanceClass": "db.m6g.large",
                "AllocatedStorage": 600,
            },
        )
    ]
    assert "DBInstanceClass: it restarts" in way.why
    smaller = (create[0], {**create[1], "AllocatedStorage": 100, "Engine": "mysql"})
    (none,) = assessed(account, smaller)[1].alternatives
    assert not none.operations
    assert "AllocatedStorage" in none.why
    assert "Engine" in none.why


def test_a_snapshot_that_fails_lets_nothing_go(account: Account, name: str) -> None:
    """Not taken for done, nor taken for somebody else's."""
    INSTANCE.make(account, name)
    made, _, states = assessed(account, INSTANCE.delete(name))
    for told, why in (
        (Succeeded({"DBSnapshots": [{"Status": "failed"}]}), "is 'failed'"),
        (
            Succeeded({"DBSnapshots": [{"Status": "available", "AllocatedStorage": 7}]}),
            "has AllocatedStorage 7",
        ),
        (Refused("AccessDenied", "no", 403), "AccessDenied"),
    ):
        account.broken["rds:DescribeDBSnapshots"] = told
        account.broken["rds:CreateDBSnapshot"] = Succeeded({})
        with pytest.raises(Exception, match=why):
            backed_up(account, made, states)


def test_names_of_snapshots_are_such_as_every_service_takes() -> None:
    """Letters, digits, single hyphens, and the time last, so that two backups never have one name."""
    long = ref(INSTANCE, "a.b_" + "x" * 300)
    assert named("C-7", ref(INSTANCE, "Orders--db-"), 4096) == "keyturn-c-7-orders-db-1000"
    assert len(named("C-7", long, 4096)) == 255
