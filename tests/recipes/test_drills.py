"""Drills on a stand-in account: what comes back, what is measured, and that the original is only read."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial

import pytest
from moto import mock_aws

from keyturn.core.ports import Drill, Inquiry
from keyturn.errors import UnavailableError
from keyturn.model.change import ResourceRef
from keyturn.model.execution import Answer, Backup, Call, Role
from keyturn.providers.aws import recipes
from keyturn.providers.aws.recipes.base import Recipe, State
from keyturn.providers.aws.recipes.common import do
from keyturn.providers.aws.recipes.declared import Declared
from keyturn.providers.aws.recipes.lambda_again import DRILL_ROLE
from tests.provider.moto_account import RIGHT, SECRET, archive, function_parameters, make_role, make_table
from tests.provider.provider_world import ACCOUNT, REGION, Account, drive
from tests.recipes.database_nights import DATABASES
from tests.recipes.declared_nights import NIGHTS, QUEUE
from tests.recipes.recipe_world import PROVIDER
from tests.recipes.subjects import MAY, TRUST


@pytest.fixture
def account() -> Iterator[Account]:
    with mock_aws():
        yield Account()


def ref(kind: str, name: str) -> ResourceRef:
    return ResourceRef("aws", "aws", ACCOUNT, REGION, kind, name)


def _table(account: Account) -> None:
    make_table(account)
    account.client("dynamodb").update_table(TableName=RIGHT, DeletionProtectionEnabled=True)


def _parameter(account: Account) -> None:
    ssm = account.client("ssm")
    for value in ("first", "second"):
        ssm.put_parameter(Name="limit", Value=value, Type="String", Overwrite=value == "second")


def _secret(account: Account) -> None:
    account.client("ssm").put_parameter(Name="secret", Value="t0p", Type="SecureString")


def _alarm(account: Account) -> None:
    account.client("cloudwatch").put_metric_alarm(
        AlarmName="late",
        MetricName="Age",
        Namespace="N",
        Statistic="Maximum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
        AlarmActions=["arn:aws:sns:eu-west-1:123456789012:pager"],
    )


def _queue(account: Account) -> None:
    sqs = account.client("sqs")
    for name in ("jobs-dead", "jobs"):
        sqs.create_queue(QueueName=name, tags={"environment": "production"})
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": QUEUE}]}  # fmt: skip
    dead = {"deadLetterTargetArn": f"{QUEUE}-dead", "maxReceiveCount": 3}
    url = sqs.get_queue_url(QueueName="jobs")["QueueUrl"]
    given = {"VisibilityTimeout": "90", "Policy": json.dumps(policy), "RedrivePolicy": json.dumps(dead)}
    sqs.set_queue_attributes(QueueUrl=url, Attributes=given)
    sqs.send_message(QueueUrl=url, MessageBody="one")


def _cluster(account: Account) -> None:
    account.client("ecs").create_cluster(
        clusterName="web", tags=[{"key": "environment", "value": "production"}]
    )


def _dashboard(account: Account) -> None:
    account.client("cloudwatch").put_dashboard(DashboardName="board", DashboardBody='{"widgets": []}')


def _budget(account: Account) -> None:
    limit = {"Amount": "10", "Unit": "USD"}
    budget = {"BudgetName": "monthly", "BudgetLimit": limit, "TimeUnit": "MONTHLY", "BudgetType": "COST"}
    account.client("budgets").create_budget(AccountId=ACCOUNT, Budget=budget)


def _function(account: Account) -> None:
    """Two versions behind two aliases, somebody who may call it, and a secret among its settings."""
    given = function_parameters(make_role(account))
    client, name = account.client("lambda"), {"FunctionName": given["FunctionName"]}
    client.create_function(**given)
    for number in (1, 2):
        client.publish_version(**name)
        client.create_alias(**name, Name=f"live{number}", FunctionVersion=str(number))
        client.update_function_code(**name, ZipFile=archive(f"version {number + 1}"))
    client.add_permission(**name, StatementId="web", Action="lambda:InvokeFunction", Principal="*")
    client.put_function_concurrency(**name, ReservedConcurrentExecutions=7)
    account.client("iam").create_role(RoleName=DRILL_ROLE, AssumeRolePolicyDocument=TRUST)


def _policy(account: Account) -> None:
    """Its second version is in force, and a role has it."""
    iam = account.client("iam")
    arn = iam.create_policy(PolicyName="readers", PolicyDocument=json.dumps(MAY), Tags=[{"Key": "team", "Value": "data"}])["Policy"]["Arn"]  # fmt: skip
    iam.create_policy_version(
        PolicyArn=arn, PolicyDocument=json.dumps({**MAY, "Id": "two"}), SetAsDefault=True
    )
    iam.create_role(RoleName="reader", AssumeRolePolicyDocument=TRUST)
    iam.attach_role_policy(RoleName="reader", PolicyArn=arn)


def _named(make: Callable[[Account, str], None], name: str, account: Account) -> None:
    make(account, name)


def saved(here: ResourceRef, account: Account) -> Drill:
    """Captured and saved, as far as a drill comes before it restores anything."""
    begun = drive(PROVIDER.drill(here, drill_id="0a1b", at_ms=7), account)
    return drive(PROVIDER.drill_save(begun, at_ms=7), account)


def as_on_record(drill: Drill) -> Drill:
    """What the log knows of it after a crash."""
    return Drill(drill.resource, drill.scratch, {}, None, {}, drill.id)


KINDS: dict[str, tuple[str, Callable[[Account], None]]] = {
    "dynamodb:table": (RIGHT, _table),
    "ssm:parameter": ("limit", _parameter),
    "cloudwatch:alarm": ("late", _alarm),
    "cloudwatch:dashboard": ("board", _dashboard),
    "sqs:queue": ("jobs", _queue),
    "ecs:cluster": ("web", _cluster),
    "budgets:budget": ("monthly", _budget),
    "lambda:function": ("report", _function),
    "iam:policy": ("readers", _policy),
    **{
        night.kind: (night.name, night.make)
        for night in NIGHTS
        if night.kind not in {"secretsmanager:secret", "kms:key"}
    },
    **{
        night.kind: ("stores", partial(_named, night.make, "stores"))
        for night in DATABASES
        if night.kind in {"rds:pg", "rds:cluster-pg", "rds:subgrp", "rds:og"}
    },
}


def test_every_kind_with_a_scratch_is_drilled_here() -> None:
    """A kind whose drill nobody ran is not said to be drillable."""
    assert {one.kind for one in recipes.all_recipes() if one.drills} == set(KINDS)
    for one in recipes.all_recipes():
        assert one.drills or type(one).scratch in {Recipe.scratch, Declared.scratch}, one.kind


@pytest.mark.parametrize("kind", KINDS)
def test_it_comes_back_under_another_name_and_nothing_is_left_behind(kind: str, account: Account) -> None:
    """Equal in every declared field; the original is as it was, no call but reads was about it, all under the backup role."""
    name, make = KINDS[kind]
    make(account)
    recipe = recipes.for_kind(kind)
    assert recipe is not None
    before = drive(recipe.capture(ref(kind, name)), account)
    account.said.clear()
    drill = saved(ref(kind, name), account)
    assert drill.scratch.id == "keyturn-drill-0a1b"
    assert drive(PROVIDER.drill_restore(drill), account) == ()
    assert drive(recipe.capture(drill.scratch), account).state is not None
    drive(PROVIDER.drill_clean(as_on_record(drill)), account)
    assert recipe.gone(drive(recipe.capture(drill.scratch), account).state)
    after = drive(recipe.capture(ref(kind, name)), account)
    assert (after.state, after.unknowns) == (before.state, before.unknowns)
    mutating = [call for call in account.said if call.mutates]
    assert {call.role for call in mutating} == {Role.BACKUP}
    drive(PROVIDER.drill_clean(drill), account)  # once more changes nothing
    assert [call for call in account.said if call.mutates] == mutating


class PowerCutError(Exception):
    """The process ends, just after a call of its has taken effect."""


def cut_after(account: Account, steps: int) -> Callable[[Call], Answer]:
    """The account, until so many calls have changed something."""
    left = steps

    def answer(call: Call) -> Answer:
        nonlocal left
        given = account(call)
        left -= call.mutates
        if call.mutates and left == 0:
            raise PowerCutError
        return given

    return answer


def whole_drill(begun: Drill, answer: Callable[[Call], Answer]) -> None:
    drill = drive(PROVIDER.drill_save(begun, at_ms=7), answer)
    drive(PROVIDER.drill_restore(drill), answer)
    drive(PROVIDER.drill_clean(drill), answer)


MADE: dict[str, tuple[str, Callable[[Account], None]]] = KINDS | {
    "ssm:parameter secure": ("secret", _secret),
}


@pytest.mark.parametrize("name", MADE)
def test_the_power_is_cut_after_each_step_and_all_that_was_made_goes(name: str, account: Account) -> None:
    """The scratch, the backup, and what the backup was proved on: by what is on record and by what they bear. The original stays."""
    kind, (called, make) = name.partition(" ")[0], MADE[name]
    make(account)
    before = everything(kind, account)
    begun = drive(PROVIDER.drill(ref(kind, called), drill_id="0a1b", at_ms=7), account)
    assert everything(kind, account) == before, "nothing is made before it is on record"
    for steps in range(1, 40):
        try:
            whole_drill(begun, cut_after(account, steps))
        except PowerCutError:
            drive(PROVIDER.drill_clean(as_on_record(begun)), account)
            assert everything(kind, account) == before, f"after step {steps}"
        else:
            assert steps > 1, "it was cut once at least"
            assert everything(kind, account) == before
            return
    raise AssertionError("it has no end")


@pytest.mark.parametrize("kind", ["sqs:queue", "dynamodb:table", "ssm:parameter", "cloudwatch:dashboard"])
def test_what_somebody_else_calls_so_stays(kind: str, account: Account) -> None:
    """On record or not: it does not bear the mark, or is not what the drill would have made of it."""
    name, make = KINDS[kind]
    make(account)
    begun = drive(PROVIDER.drill(ref(kind, name), drill_id="0a1b", at_ms=7), account)
    theirs(kind, begun.scratch.id, account)
    before = everything(kind, account)
    for drill in (begun, as_on_record(begun), Drill(begun.resource, begun.scratch, {}, None, {})):
        with pytest.raises(UnavailableError, match="does not bear the mark"):
            drive(PROVIDER.drill_clean(drill), account)
    assert everything(kind, account) == before


def theirs(kind: str, name: str, account: Account) -> None:
    """Something of that kind and name that no drill has made."""
    match kind:
        case "sqs:queue":
            account.client("sqs").create_queue(QueueName=name, tags={"keyturn:drill": "another"})
        case "dynamodb:table":
            account.client("dynamodb").create_table(
                TableName=name,
                KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
                BillingMode="PAY_PER_REQUEST",
            )
        case "ssm:parameter":
            account.client("ssm").put_parameter(Name=name, Value="theirs", Type="String")
        case _:
            body = '{"widgets": [{"type": "text", "properties": {"markdown": "ours"}}]}'
            account.client("cloudwatch").put_dashboard(DashboardName=name, DashboardBody=body)


def everything(kind: str, account: Account) -> set[str]:
    """What stands in the account that a drill of this kind could have made, by name."""
    dynamodb, ssm = account.client("dynamodb"), account.client("ssm")
    found = {f"backup {one['BackupName']}" for one in dynamodb.list_backups()["BackupSummaries"]}
    found |= {f"table {one}" for one in dynamodb.list_tables()["TableNames"]}
    found |= {f"parameter {one['Name']}" for one in ssm.describe_parameters()["Parameters"]}
    recipe = recipes.for_kind(kind)
    assert recipe is not None
    for name in ("keyturn-drill-0a1b", "keyturn-drill-0a1b.fifo"):
        state = drive(recipe.capture(ref(kind, name)), account).state
        found |= {f"{kind} {name}"} if state is not None and not recipe.gone(state) else set()
    return found


def test_a_scratch_acts_on_nobody(account: Account) -> None:
    """A rule that fires, a topic that tells, a filter that sends: none of it under the scratch's name."""
    for kind, quiet in (("events:rule", {"State": "DISABLED"}), ("sns:topic", {"subscriptions": []})):
        name, make = KINDS[kind]
        make(account)
        drill = saved(ref(kind, name), account)
        drive(PROVIDER.drill_restore(drill), account)
        recipe = recipes.for_kind(kind)
        assert recipe is not None
        state = drive(recipe.capture(drill.scratch), account).state
        assert state is not None
        assert {field: state[field] for field in quiet} == quiet


def test_a_function_made_for_a_drill_runs_for_nobody(account: Account) -> None:
    """Its code, versions and aliases are there; no value of its environment, no power, nobody who may call it, and no room to run in."""
    _function(account)
    drill = saved(ref("lambda:function", "report"), account)
    assert drive(PROVIDER.drill_restore(drill), account) == ()
    client, name = account.client("lambda"), {"FunctionName": drill.scratch.id}
    told = client.get_function_configuration(**name)
    assert told["CodeSha256"] == drill.state["code_sha256"]
    assert told["Role"] == f"arn:aws:iam::{ACCOUNT}:role/{DRILL_ROLE}"
    assert set(told["Environment"]["Variables"]) == set(drill.state["environment"])
    everything = client.list_versions_by_function(**name)["Versions"]
    assert SECRET not in json.dumps(everything)
    aliases = client.list_aliases(**name)["Aliases"]
    assert [(one["Name"], one["FunctionVersion"]) for one in aliases] == [("live1", "1"), ("live2", "2")]
    assert client.get_function_concurrency(**name)["ReservedConcurrentExecutions"] == 0
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_policy(**name)


def test_a_queue_says_of_itself_what_the_first_says(account: Account) -> None:
    """A policy names what it stands on: the scratch's names the scratch; what else it names stays."""
    _queue(account)
    drill = saved(ref("sqs:queue", "jobs"), account)
    drive(PROVIDER.drill_restore(drill), account)
    sqs = account.client("sqs")
    url = sqs.get_queue_url(QueueName="keyturn-drill-0a1b")["QueueUrl"]
    told = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    mine = QUEUE.replace(":jobs", ":keyturn-drill-0a1b")
    assert json.loads(told["Policy"])["Statement"][0]["Resource"] == mine
    assert json.loads(told["RedrivePolicy"])["deadLetterTargetArn"] == f"{QUEUE}-dead"
    assert told["ApproximateNumberOfMessages"] == "0"


@pytest.mark.parametrize(("kind", "field"), [("sqs:queue", "attributes"), ("sns:topic", "FifoTopic")])
def test_a_fifo_keeps_its_ending(kind: str, field: str) -> None:
    """Its name has to end so; asked a second time, it is not put twice."""
    recipe = recipes.for_kind(kind)
    assert recipe is not None
    state: State = {"attributes": {"FifoQueue": "true"}, "url": "http://sqs/1/jobs.fifo", "FifoTopic": "true"}
    assert field in state
    for name in ("keyturn-drill-0a1b", "keyturn-drill-0a1b.fifo"):
        scratch = recipe.scratch(ref(kind, "jobs.fifo"), name, state)
        assert scratch is not None
        assert scratch.ref.id == "keyturn-drill-0a1b.fifo"
        assert "keyturn-drill-0a1b.fifo" in str(scratch.removal.parameters)


def test_nothing_but_a_scratch_is_ever_cleaned(account: Account) -> None:
    """Whatever the log is made to say."""
    _parameter(account)
    here = ref("ssm:parameter", "limit")
    with pytest.raises(UnavailableError, match="is no scratch"):
        drive(PROVIDER.drill_clean(Drill(here, here, {}, None, {})), account)


def test_a_recipe_that_would_touch_the_original_is_stopped(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a recipe says, a step on anything but the scratch is not made."""
    make_table(account)
    drill = saved(ref("dynamodb:table", RIGHT), account)
    recipe = recipes.for_kind("dynamodb:table")

    def wrong(_ref: ResourceRef, _state: State, _backup: Backup | None) -> Inquiry[tuple[str, ...]]:
        yield from do(drill.resource, "dynamodb:DeleteTable", {"TableName": RIGHT})
        return ()

    monkeypatch.setattr(recipe, "restore", wrong)
    with pytest.raises(UnavailableError, match="it was not made"):
        drive(PROVIDER.drill_restore(drill), account)
    assert account.client("dynamodb").list_tables()["TableNames"] == [RIGHT]


def test_a_difference_is_found(account: Account) -> None:
    """What does not come back as it was is said, field by field."""
    _parameter(account)
    drill = saved(ref("ssm:parameter", "limit"), account)
    other = Drill(drill.resource, drill.scratch, drill.state, drill.backup, drill.watermark, drill.id)
    account.client("ssm").put_parameter(Name=drill.scratch.id, Value="wrong", Type="String")
    assert any("value" in one for one in drive(PROVIDER.drill_restore(other), account))


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("kms:key", "not restored by a recipe"),
        ("iam:role", "the backup role may not"),
        ("iam:user", "makes nobody who could sign in"),
        ("secretsmanager:secret", "may be open to others"),
        ("ec2:thing", "there is no recipe"),
        ("dynamodb:table", "it does not stand"),
    ],
)
def test_what_cannot_be_drilled_says_so(kind: str, why: str, account: Account) -> None:
    """Never a silent skip."""
    account.client("iam").create_role(RoleName="gone", AssumeRolePolicyDocument=TRUST)
    account.client("iam").create_user(UserName="gone")
    account.client("secretsmanager").create_secret(Name="gone", SecretString=SECRET)
    with pytest.raises(UnavailableError, match=why):
        drive(PROVIDER.drill(ref(kind, "gone"), drill_id="0a1b", at_ms=7), account)
