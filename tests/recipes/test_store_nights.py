"""Caches, search domains and warehouses keep the promises of a recipe: what is changed or deleted and taken back is as it was."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from moto import mock_aws

from keyturn.model.assessment import Reversibility
from keyturn.model.decision import Verdict
from keyturn.model.execution import Refused, Succeeded, Unavailable
from keyturn.providers.aws.recipes.base import State
from keyturn.testing.standin_caches import fill_caches
from tests.provider.provider_world import Account, drive
from tests.recipes.database_nights import PASSWORD, Night
from tests.recipes.recipe_world import (
    PROVIDER,
    Asked,
    assessed,
    backed_up,
    captured,
    decided,
    fields_of,
    perform,
    recipe,
    ref,
    verified,
)
from tests.recipes.store_nights import DOMAIN, LOADS, STORES

ALL = (*STORES, DOMAIN)
IDS = [night.make.__name__ for night in ALL]
GROUP, _, SINGLE, MEMCACHED, WAREHOUSE = STORES


@pytest.fixture(scope="module")
def region() -> Iterator[Account]:
    """One stand-in for all nights: to make its EC2 takes seconds. Each night has names of its own."""
    fill_caches()
    with mock_aws():
        yield Account()


@pytest.fixture
def account(region: Account) -> Account:
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


@pytest.mark.parametrize("night", ALL, ids=IDS)
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
    for night in ALL
    for place, asked in enumerate(night.changes("x"))
]


@pytest.mark.parametrize(("night", "place"), CHANGES)
def test_a_change_in_place_is_taken_back(night: Night, place: int, account: Account, name: str) -> None:
    """By the inverse, from what was captured: nothing of it is left."""
    night.make(account, name)
    asked = night.changes(name)[place]
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


@pytest.mark.parametrize("night", STORES, ids=IDS[:-1])
def test_a_delete_is_taken_back(night: Night, account: Account, name: str) -> None:
    """Under its own name, in every declared property, from a snapshot of the plane's own where its engine has such."""
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


def test_a_domain_comes_back_empty_and_that_is_said_before(account: Account, name: str) -> None:
    """What it is made of is as it was; what was indexed is gone for good, so that policy holds the delete for people."""
    DOMAIN.make(account, name)
    before = declared(DOMAIN, name, account)
    asked = DOMAIN.delete(name)
    assessment, decision = decided(account, asked)
    assert assessment.reversibility is Reversibility.R4
    assert DOMAIN.risk in assessment.data_at_risk
    assert "everything that is indexed in it" in assessment.recoverable[0].loss[0]
    assert decision.verdict is not Verdict.ALLOW
    made, _, states = assessed(account, asked)
    perform(account, asked)
    assert verified(account, made, states, asked).status == "succeeded"
    assert drive(PROVIDER.undo(made, states, ()), account) == ()
    assert declared(DOMAIN, name, account) == before


def test_the_last_snapshot_of_a_delete_is_enough_to_come_back_from(account: Account, name: str) -> None:
    """Where nobody obliged the plane to a backup; without one, nothing gives it back."""
    WAREHOUSE.make(account, name)
    before = declared(WAREHOUSE, name, account)
    last: Asked = (
        "redshift:DeleteCluster",
        {"ClusterIdentifier": name, "SkipFinalClusterSnapshot": False, "FinalClusterSnapshotIdentifier": f"{name}-last"},
    )  # fmt: skip
    made, _, states = assessed(account, last)
    assert not PROVIDER.plan_undo(*assessed(account, WAREHOUSE.delete(name))[::2], ()).possible
    perform(account, last)
    assert (
        PROVIDER.plan_undo(made, states, ()).operations[0].parameters["SnapshotIdentifier"] == f"{name}-last"
    )
    assert drive(PROVIDER.undo(made, states, ()), account) == ()
    assert declared(WAREHOUSE, name, account) == before


def test_a_token_that_nobody_can_read_is_said_not_to_come_back(account: Account, name: str) -> None:
    """Beforehand among the losses, and afterwards by name: whoever gives the cache back has to set one."""
    SINGLE.make(account, f"{name}-net")
    account.client("elasticache").create_replication_group(
        ReplicationGroupId=name, ReplicationGroupDescription="x", Engine="redis", CacheNodeType="cache.t4g.small",
        NumCacheClusters=1, TransitEncryptionEnabled=True, AuthToken=PASSWORD * 2,
    )  # fmt: skip
    made, assessment, states = assessed(account, GROUP.delete(name))
    assert any("AUTH token" in one for one in assessment.recoverable[0].loss)
    backups = backed_up(account, made, states)
    perform(account, GROUP.delete(name))
    drive(recipe(GROUP).capture(ref(GROUP, name)), account)
    assert drive(PROVIDER.undo(made, states, backups), account) == ("AuthTokenEnabled: True is now False",)


@pytest.mark.parametrize(
    ("night", "asked"),
    [
        (GROUP, ("elasticache:ModifyReplicationGroup", {"AuthToken": "another-token-of-16"})),
        (GROUP, ("elasticache:ModifyReplicationGroup", {"EngineVersion": "7.2"})),
        (WAREHOUSE, ("redshift:ModifyCluster", {"MasterUserPassword": "Another-password-1"})),
        (WAREHOUSE, ("redshift:ModifyCluster", {"ClusterVersion": "2.0"})),
        (DOMAIN, ("opensearch:UpdateDomainConfig", {"IdentityCenterOptions": {"EnabledAPIAccess": True}})),
        (DOMAIN, ("opensearch:UpdateDomainConfig", {"AdvancedSecurityOptions": {"Enabled": True}})),
    ],
    ids=lambda value: next(iter(value[1])) if isinstance(value, tuple) else "",
)
def test_what_cannot_be_put_back_is_not_promised(
    night: Night, asked: Asked, account: Account, name: str
) -> None:
    """A secret nobody read, a version or a switch that is not gone back to, a property that is not captured."""
    night.make(account, name)
    which = next(iter(night.changes(name)[0][1].items()))
    made, assessment, states = assessed(account, (asked[0], {which[0]: which[1], **asked[1]}))
    assert not assessment.recoverable[0].inverse
    assert not PROVIDER.plan_undo(made, states, ()).possible


def test_roles_of_a_warehouse_are_given_and_taken_back() -> None:
    """The reverse where something is changed, none where it stood so; the stand-in does not know the call."""
    kept, here = recipe(WAREHOUSE), ref(WAREHOUSE, "x")

    def back(**given: Any) -> list[dict[str, Any]]:
        steps = kept.inverse(
            "redshift:ModifyClusterIamRoles", {"ClusterIdentifier": "x", **given}, here, {"IamRoles": [LOADS]}
        )
        return [step.parameters for step in steps]

    assert back(AddIamRoles=["arn:new"], RemoveIamRoles=[LOADS]) == [
        {"ClusterIdentifier": "x", "AddIamRoles": [LOADS], "RemoveIamRoles": ["arn:new"]}
    ]
    assert back(AddIamRoles=[LOADS], RemoveIamRoles=["arn:other"]) == []


def test_a_patch_that_replaces_nodes_waits_for_its_window(account: Account, name: str) -> None:
    """A create of what stands is answered with ModifyReplicationGroup; what it costs is named."""
    GROUP.make(account, name)
    create: Asked = (
        "elasticache:CreateReplicationGroup",
        {"ReplicationGroupId": name, "ReplicationGroupDescription": "sessions", "CacheNodeType": "cache.r7g.2xlarge"},
    )  # fmt: skip
    (way,) = assessed(account, create)[1].alternatives
    assert [(one.name, one.parameters) for one in way.operations] == [
        (
            "elasticache:ModifyReplicationGroup",
            {"ReplicationGroupId": name, "ApplyImmediately": False, "CacheNodeType": "cache.r7g.2xlarge"},
        )
    ]
    assert "CacheNodeType: its nodes are replaced" in way.why


def test_a_snapshot_that_fails_lets_nothing_go(account: Account, name: str) -> None:
    """Not taken for done, nor taken for somebody else's."""
    GROUP.make(account, name)
    made, _, states = assessed(account, GROUP.delete(name))
    account.broken["elasticache:CreateSnapshot"] = Succeeded({})
    for told, why in (
        (Succeeded({"Snapshots": [{"SnapshotStatus": "failed"}]}), "is 'failed'"),
        (
            Succeeded({"Snapshots": [{"SnapshotStatus": "available", "CacheNodeType": "x"}]}),
            "has CacheNodeType 'x'",
        ),
        (Refused("AccessDenied", "no", 403), "AccessDenied"),
    ):
        account.broken["elasticache:DescribeSnapshots"] = told
        with pytest.raises(Exception, match=why):
            backed_up(account, made, states)


def test_memcached_has_no_last_snapshot(account: Account, name: str) -> None:
    """What the delete names is not taken for a copy."""
    MEMCACHED.make(account, name)
    state = drive(recipe(MEMCACHED).capture(ref(MEMCACHED, name)), account).state
    assert state is not None
    given = {"CacheClusterId": name, "FinalSnapshotIdentifier": "last"}
    assert (
        recipe(MEMCACHED).own_copy("elasticache:DeleteCacheCluster", given, ref(MEMCACHED, name), state)
        is None
    )
