"""A plan as a rehearsal leaves it, held on a plane that runs: three steps, one of which lets everybody in."""

from __future__ import annotations

from typing import Any, Final

from keyturn.model.assessment import Difference, Finding, Kind, RehearsedStep, Reversibility
from keyturn.model.change import Binding, Effect, Operation, Request, ResourceRef
from keyturn.model.rehearsal import Made, Plan, Record
from keyturn.providers.aws.operation import operation_from
from keyturn.providers.aws.resources import Home
from tests.console.running_plane import NUMBER, REGION, Plane

GROUP: Final = ResourceRef("aws", "aws", NUMBER, REGION, "ec2:security-group", "sg-1ff0b5c3aa3395e8a")
RULE: Final = {
    "IpProtocol": "tcp",
    "FromPort": 443,
    "ToPort": 443,
    "IpRanges": [
        {"CidrIp": "0.0.0.0/0", "Description": "for the new checkout, until the load balancer is there"}
    ],
}
ASKED: Final[tuple[tuple[str, str, dict[str, Any]], ...]] = (
    ("ec2", "CreateSecurityGroup", {"GroupName": "checkout", "Description": "checkout", "VpcId": "vpc-1"}),
    ("ec2", "AuthorizeSecurityGroupIngress", {"GroupId": GROUP.id, "IpPermissions": [RULE]}),
)
OPEN: Final = Finding(
    "EC2004",
    Kind.EXPOSURE,
    f"{GROUP.id} would let everybody in on port 443.",
    Effect.PERMISSION,
    Reversibility.R1,
    (GROUP,),
)


def hold_plan(plane: Plane, *, table: str = "orders", plan: str = "S-b4f66d619409") -> str:
    """The id of the case; the table stands, the group is to be made."""
    standing = ResourceRef("aws", "aws", NUMBER, REGION, "dynamodb:table", table)
    asked_for = (*ASKED, ("dynamodb", "UpdateTable", {"TableName": table, "BillingMode": "PAY_PER_REQUEST"}))
    plane.account("dynamodb").create_table(
        TableName=table,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        ProvisionedThroughput={"ReadCapacityUnits": 1, "WriteCapacityUnits": 1},
    )
    home = Home("aws", NUMBER, REGION)
    operations = tuple(
        operation_from(service, action, given, home=home, seal=lambda data: f"{len(data):016x}")
        for service, action, given in asked_for
    )
    shown = (
        _step(operations[0], GROUP, Effect.CREATE, Difference(GROUP, "stands", before=False, after=True)),
        _step(operations[1], GROUP, Effect.PERMISSION, Difference(GROUP, "ingress", None, [RULE]), OPEN),
        _step(
            operations[2],
            standing,
            Effect.UPDATE,
            Difference(standing, "billing", "PROVISIONED", "PAY_PER_REQUEST"),
        ),
    )
    steps = tuple(
        Made(_request(*asked), {}, {}, {}, step, operation.resources)
        for asked, step, operation in zip(asked_for, shown, operations, strict=True)
    )
    rehearsed = Plan(
        id=plan,
        agent="kiro",
        operator="bob",
        steps=shown,
        operations=operations,
        bindings=(Binding(1, GROUP.id, 0, "GroupId"),),
        unseen=(
            f"dynamodb:table/{table}: without its items",
            "permissions: a twin does not ask whether the agent may",
        ),
    )
    hold = plane.app.runtime.hold_rehearsed(rehearsed, Record({}, {}, steps), intent="open the checkout")
    case_id = plane.await_(hold)
    plane.until(case_id, "held")
    return case_id


def _step(
    operation: Operation, ref: ResourceRef, effect: Effect, difference: Difference, *findings: Finding
) -> RehearsedStep:
    return RehearsedStep(
        operation.name, (ref,), effect, Reversibility.R1, findings=findings, differences=(difference,)
    )


def _request(service: str, action: str, given: dict[str, Any]) -> Request:
    protocol = {"ec2": "ec2", "dynamodb": "json"}[service]
    return Request(action, given, "POST", "/", (), b"", protocol, service, service, REGION)
