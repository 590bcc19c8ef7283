"""`keyturn rehearse` through everything that ships: a script against two stand-in accounts, one taken for live, one its twin."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from demo.stage import AWS, Stage
from demo.world import Account
from keyturn.testing.standin import StandIn

pytestmark = pytest.mark.timeout(300)

TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}


class World:
    """One installation over one live account, and scripts that agents run."""

    def __init__(self, stage: Stage, live: Account, folder: Path) -> None:
        self.stage, self.live, self.folder = stage, live, folder

    def rehearse(self, script: str, *options: str, bash: bool = False) -> Any:
        """What the command line says of a script; as a value with the process's code and words."""
        path = self.folder / "agent"
        path.write_text(script if bash else f"import boto3, json, os\n{script}")
        command = ("bash", str(path)) if bash else (sys.executable, str(path))
        return self.stage.cli("bob", "rehearse", "--agent", "kiro", *options, "--", *command)

    def told(self, script: str, *options: str, code: int, bash: bool = False) -> dict[str, Any]:
        """The plan as data."""
        done = self.rehearse(script, *options, "-o", "json", bash=bash)
        assert done.returncode == code, (done.stdout[-3_000:], done.stderr)
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def approve(self, case: str) -> dict[str, Any]:
        """Both reviewers say yes; the case as it ended."""
        for person in ("dana", "erin"):
            self.stage.cli(person, "approve", case, "--note", "seen", "--yes")
        return self.stage.until(case, {"confirmed", "failed", "inconclusive", "invalidated"})

    def rules(self, group: str) -> list[Any]:
        found = self.live("ec2").describe_security_groups(GroupIds=[group])["SecurityGroups"][0]
        return [
            (one.get("FromPort"), [r["CidrIp"] for r in one["IpRanges"]]) for one in found["IpPermissions"]
        ]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    kept = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("AWS_")}
    folder = tmp_path_factory.mktemp("rehearsing")
    with StandIn() as running:
        live = Account(running.endpoint, "AKIAENGINEER", "secret")
        stage = Stage(folder, running.endpoint)
        stage.open()
        try:
            yield World(stage, live, folder)
        finally:
            stage.close()
            os.environ.update(kept)


def table(live: Account, name: str) -> None:
    live("dynamodb").create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        DeletionProtectionEnabled=True,
        Tags=[{"Key": "environment", "Value": "production"}],
    )


def group(live: Account, name: str) -> tuple[str, str]:
    """A security group in a VPC of its own: (VPC, group)."""
    ec2 = live("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    return vpc, ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc)["GroupId"]


def test_three_services_are_one_plan_approved_once_and_taken_back(world: World) -> None:
    """A table, a security group and a role's policy: nothing happens live before two people said yes, then all of it, as shown."""
    table(world.live, "orders")
    _, web = group(world.live, "web")
    world.live("iam").create_role(RoleName="worker", AssumeRolePolicyDocument=json.dumps(TRUST))
    script = f"""
boto3.client("dynamodb").update_table(TableName="orders", DeletionProtectionEnabled=False)
boto3.client("ec2").authorize_security_group_ingress(GroupId="{web}", IpPermissions=[
    {{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{{"CidrIp": "10.1.0.0/16"}}]}}])
boto3.client("iam").put_role_policy(RoleName="worker", PolicyName="read", PolicyDocument=json.dumps(
    {{"Version": "2012-10-17", "Statement": [{{"Effect": "Allow", "Action": "dynamodb:GetItem", "Resource": "*"}}]}}))
"""
    found = world.told(script, code=2)
    shown = [
        (step["operation"], [(one["path"], one["before"], one["after"]) for one in step["differences"]][:1])
        for step in found["steps"]
    ]
    rule = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "10.1.0.0/16"}]}
    statement = {"Effect": "Allow", "Action": "dynamodb:GetItem", "Resource": "*"}
    assert shown == [
        ("dynamodb:UpdateTable", [("protection", True, False)]),
        ("ec2:AuthorizeSecurityGroupIngress", [("ingress", None, rule)]),
        ("iam:PutRolePolicy", [("inline.read", None, {"Version": "2012-10-17", "Statement": [statement]})]),
    ]
    assert found["obstacles"] == []
    assert "dynamodb:table/orders: without its items" in found["unseen"]
    case = found["case"]["id"]
    assert found["case"]["phase"] == "held"

    def protection() -> bool:
        found: dict[str, Any] = world.live("dynamodb").describe_table(TableName="orders")
        return bool(found["Table"]["DeletionProtectionEnabled"])

    assert (protection(), world.rules(web)) == (True, [])
    refused = world.stage.cli("bob", "approve", case, "--note", "mine", "--yes")
    assert refused.returncode != 0
    assert (protection(), world.rules(web)) == (True, [])

    ended = world.approve(case)
    assert (ended["phase"], ended["reason"]) == ("confirmed", "3 steps, and all stands as it was rehearsed")
    assert (protection(), world.rules(web)) == (False, [(443, ["10.1.0.0/16"])])
    assert world.live("iam").list_role_policies(RoleName="worker")["PolicyNames"] == ["read"]

    world.stage.cli("bob", "undo", case)
    undo = next(one["id"] for one in world.stage.cases() if one["undoes"] == case)
    assert world.approve(undo)["phase"] == "confirmed"
    assert (protection(), world.rules(web)) == (True, [])
    assert world.live("iam").list_role_policies(RoleName="worker")["PolicyNames"] == []


def test_an_id_that_a_step_gives_is_the_live_one_when_it_is_made(world: World) -> None:
    """By AWS's own command line: a group is made, and let in; live it has another id, and the rule is on that one."""
    vpc, web = group(world.live, "front")
    script = f"""set -e
id=$({AWS} ec2 create-security-group --group-name db --description db --vpc-id {vpc} --query GroupId --output text)
{AWS} ec2 authorize-security-group-ingress --group-id $id --protocol tcp --port 5432 --source-group {web}
"""
    found = world.told(script, code=2, bash=True)
    made, let_in = found["steps"]
    twin = made["resources"][0].partition("/")[2]
    assert let_in["takes"] == [{"value": twin, "output": "GroupId", "step": 1}]
    assert world.approve(found["case"]["id"])["phase"] == "confirmed"
    named = [{"Name": "group-name", "Values": ["db"]}]
    (live,) = world.live("ec2").describe_security_groups(Filters=named)["SecurityGroups"]
    assert live["GroupId"] != twin
    (rule,) = live["IpPermissions"]
    assert (rule["FromPort"], rule["UserIdGroupPairs"][0]["GroupId"]) == (5432, web)


def test_what_moved_since_is_not_made(world: World) -> None:
    """Somebody else opens the group meanwhile: an approval of what was rehearsed would be of something else."""
    _, moved = group(world.live, "moved")
    allow = f'boto3.client("ec2").authorize_security_group_ingress(GroupId="{moved}", IpProtocol="tcp", FromPort=22, ToPort=22, CidrIp="10.9.0.0/16")'
    case = world.told(allow, code=2)["case"]["id"]
    world.live("ec2").authorize_security_group_ingress(
        GroupId=moved, IpProtocol="tcp", FromPort=80, ToPort=80, CidrIp="10.8.0.0/16"
    )
    assert world.approve(case)["phase"] == "invalidated"
    assert world.rules(moved) == [(80, ["10.8.0.0/16"])]


def test_what_the_twin_does_not_have_is_said_and_nothing_is_held(world: World) -> None:
    """A call that the stand-in lacks: the command hears so once, and its plan is none that could be replayed."""
    _, some = group(world.live, "some")
    script = f"""
from botocore.exceptions import ClientError
ec2 = boto3.client("ec2")
try:
    ec2.modify_instance_placement(InstanceId="i-0123456789abcdef0", Tenancy="host")
except ClientError as error:
    print(error.response["Error"]["Code"], error.response["Error"]["Message"])
ec2.create_tags(Resources=["{some}"], Tags=[{{"Key": "team", "Value": "blue"}}])
"""
    done = world.rehearse(script)
    assert done.returncode == 1
    assert (
        "UnauthorizedOperation Keyturn: this is a rehearsal, and ec2:ModifyInstancePlacement" in done.stdout
    )
    assert "CANNOT BE REPLAYED" in done.stdout
    assert "No case was made of it" in done.stdout
    assert max(len(line) for line in done.stdout.splitlines()[1:]) <= 80


@pytest.mark.slow
def test_an_id_that_only_a_read_told_of_is_said_to_be_unknown_live(world: World) -> None:
    """The rule's id is in no answer of a step that a replay would hear, but in a listing of the twin's."""
    vpc, _ = group(world.live, "ruled")
    script = f"""
ec2 = boto3.client("ec2")
made = ec2.create_security_group(GroupName="young", Description="young", VpcId="{vpc}")["GroupId"]
told = ec2.describe_security_group_rules(Filters=[{{"Name": "group-id", "Values": [made]}}])["SecurityGroupRules"]
ec2.create_tags(Resources=[told[0]["SecurityGroupRuleId"]], Tags=[{{"Key": "a", "Value": "b"}}])
"""
    found = world.told(script, code=1)
    assert found["case"] is None
    assert [("which the twin made up" in text) for text in found["obstacles"]] == [True]


@pytest.mark.slow
def test_a_command_that_only_looks_changes_nothing(world: World) -> None:
    """What stands live is listed in the twin; there is no plan, no case, and no error."""
    table(world.live, "looked-at")
    done = world.rehearse('print(boto3.client("dynamodb").list_tables()["TableNames"])')
    assert "looked-at" in done.stdout
    assert "It changed nothing." in done.stdout
    assert done.returncode == 0


def test_the_key_of_a_rehearsal_opens_nothing_live(world: World) -> None:
    """Not the gateway of the live account; and there is no other key in the command's environment."""
    script = f"""
from botocore.exceptions import ClientError
try:
    boto3.client("dynamodb", endpoint_url="http://127.0.0.1:{world.stage.gateway}").list_tables()
except ClientError as error:
    print(error.response["Error"]["Code"])
print(sorted(name for name in os.environ if name.startswith("AWS_") and "KEY" in name or "TOKEN" in name))
"""
    said = world.rehearse(script).stdout.splitlines()
    assert said[:2] == ["InvalidClientTokenId", "['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY']"]


@pytest.mark.slow
def test_the_plan_of_a_command_that_failed_is_held_by_nobody(world: World) -> None:
    """Half of something is shown, and no case is made of it."""
    _, half = group(world.live, "half")
    script = f"""
boto3.client("ec2").create_tags(Resources=["{half}"], Tags=[{{"Key": "team", "Value": "blue"}}])
raise SystemExit(3)
"""
    found = world.told(script, code=1)
    assert (len(found["steps"]), found["case"], found["exit"]) == (1, None, 3)
    assert "ended with 3" in found["not_held"]


def test_a_queue_is_named_by_its_live_address_and_an_object_keeps_its_body(world: World) -> None:
    """What the twin calls by its own address is live where it is live; what streamed to it is sent again, byte for byte."""
    queue = world.live("sqs").create_queue(QueueName="jobs")["QueueUrl"]
    world.live("s3").create_bucket(
        Bucket="reports-of-bob", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
    )
    script = """
sqs = boto3.client("sqs")
sqs.set_queue_attributes(QueueUrl=sqs.get_queue_url(QueueName="jobs")["QueueUrl"], Attributes={"VisibilityTimeout": "99"})
boto3.client("s3").put_object(Bucket="reports-of-bob", Key="a.txt", Body=b"hello " * 1000)
"""
    found = world.told(script, code=2)
    ended = world.approve(found["case"]["id"])
    assert ended["phase"] == "confirmed", ended["reason"]
    held = world.live("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
    assert held["VisibilityTimeout"] == "99"
    body = world.live("s3").get_object(Bucket="reports-of-bob", Key="a.txt")["Body"].read()
    assert body == b"hello " * 1000


@pytest.mark.slow
def test_what_scope_names_is_copied_before_it_begins(world: World) -> None:
    """Named twice over: by kind and name, and by something that is no name at all."""
    table(world.live, "scoped")
    found = world.told("pass", "--scope", "dynamodb:table/scoped", code=0)
    assert found["copied"] == ["dynamodb:table/scoped"]
    done = world.rehearse("pass", "--scope", "scoped")
    assert done.returncode == 1
    assert "names no resource" in done.stderr


def test_a_plan_makes_one_thing_and_deletes_another(world: World) -> None:
    """What the plan makes itself needs no backup; what it deletes is saved first, with the items that stand live and not those of its copy."""
    table(world.live, "ledger")
    ddb = world.live("dynamodb")
    ddb.update_table(TableName="ledger", DeletionProtectionEnabled=False)
    for number in range(3):
        ddb.put_item(TableName="ledger", Item={"id": {"S": str(number)}})
    found = world.told(
        """
queue = boto3.client("sqs").create_queue(QueueName="ledger-events")["QueueUrl"]
boto3.client("sqs").set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": "60"})
boto3.client("dynamodb").delete_table(TableName="ledger")
""",
        code=2,
    )
    assert [one["message"] for one in found["steps"][2]["findings"]] == [
        "The table ledger would be deleted with 3 items."
    ]
    case = found["case"]["id"]
    shown = world.stage.cli("dana", "show", case).stdout
    assert "HINDERED" not in shown
    assert "0 items" not in shown
    ended = world.approve(case)
    assert (ended["phase"], ended["reason"]) == ("confirmed", "3 steps, and all stands as it was rehearsed")
    assert "ledger" not in ddb.list_tables()["TableNames"]
    queue = world.live("sqs").get_queue_url(QueueName="ledger-events")["QueueUrl"]
    kept = world.live("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["VisibilityTimeout"])
    assert kept["Attributes"] == {"VisibilityTimeout": "60"}
    world.stage.cli("bob", "undo", case)
    undo = next(one["id"] for one in world.stage.cases() if one["undoes"] == case)
    assert world.approve(undo)["phase"] == "confirmed"
    assert ddb.scan(TableName="ledger")["Count"] == 3
