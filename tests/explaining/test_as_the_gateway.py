"""What is explained is what the gateway decides: the same requests through both, and through the first with the facts of the second."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from keyturn.explaining import Explainer, asked_of
from keyturn.model.execution import Answer, Call, Refused, Succeeded
from keyturn.testing.standin import StandIn
from tests.gateway.gateway_world import NUMBER, REGION, Running, running


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with StandIn() as account, running(tmp_path_factory.mktemp("plane"), account.endpoint) as made:
        table = {
            "TableName": "orders",
            "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
            "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
            "BillingMode": "PAY_PER_REQUEST",
        }
        made.client("dynamodb").create_table(**table)
        made.client("sqs").create_queue(QueueName="jobs")
        made.client("s3").create_bucket(
            Bucket="papers", CreateBucketConfiguration={"LocationConstraint": REGION}
        )
        yield made


REQUESTS: list[tuple[str, str, dict[str, Any]]] = [
    ("dynamodb", "DeleteTable", {"TableName": "orders"}),
    ("dynamodb", "DeleteTable", {"TableName": "nowhere"}),
    ("dynamodb", "UpdateTable", {"TableName": "orders", "DeletionProtectionEnabled": False}),
    ("dynamodb", "PutItem", {"TableName": "orders", "Item": {"id": {"S": "1"}}}),
    ("sqs", "PurgeQueue", {"QueueUrl": f"https://sqs.{REGION}.amazonaws.com/{NUMBER}/jobs"}),
    ("s3", "DeleteBucket", {"Bucket": "papers"}),
    ("s3", "PutBucketVersioning", {"Bucket": "papers", "VersioningConfiguration": {"Status": "Suspended"}}),
    ("rds", "DeleteDBInstance", {"DBInstanceIdentifier": "d", "SkipFinalSnapshot": True}),
    ("ec2", "TerminateInstances", {"InstanceIds": ["i-0123456789abcdef0"]}),
    ("ec2", "TerminateInstances", {"InstanceIds": ["i-0123456789abcdef0"], "DryRun": True}),
    ("iam", "PutRolePolicy", {"RoleName": "r", "PolicyName": "p", "PolicyDocument": '{"Statement":[]}'}),
    ("secretsmanager", "GetSecretValue", {"SecretId": "s"}),
    ("lambda", "Invoke", {"FunctionName": "f"}),
    ("elasticbeanstalk", "RebuildEnvironment", {"EnvironmentName": "prod"}),
]


def overheard(plane: Running, ask: Callable[[], object]) -> list[dict[str, Any]]:
    """What the plane read of the account meanwhile, as facts that can come along."""
    heard: list[tuple[Call, Answer]] = []
    executor = plane.app.executor
    answered = executor.ask

    async def listening(call: Call, *, tags: dict[str, str]) -> Answer:
        answer = await answered(call, tags=tags)
        heard.append((call, answer))
        return answer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(executor, "ask", listening)
        ask()
    facts = []
    for call, answer in heard:
        fact: dict[str, Any] = {"operation": call.operation, "parameters": call.parameters}
        match answer:
            case Succeeded():
                facts.append({**fact, "response": answer.value})
            case Refused():
                facts.append({**fact, "error": answer.code})
    return facts


@pytest.mark.parametrize(
    ("service", "operation", "parameters"),
    REQUESTS,
    ids=[f"{s}:{o}:{n}" for n, (s, o, _) in enumerate(REQUESTS)],
)
def test_both_say_the_same(plane: Running, service: str, operation: str, parameters: dict[str, Any]) -> None:
    """Effect, findings, reversibility, what is lost, the environment, the verdict and who gave it."""
    plane.key = plane.session("kiro")  # each in a session of its own: a sequence is judged as one
    client = plane.client(service)
    method = {made: name for name, made in client.meta.method_to_api_mapping.items()}[operation]
    before = set(plane.app.runtime.book.cases)

    def ask() -> None:
        with contextlib.suppress(
            ClientError
        ):  # held, or refused by the account: what was decided is what counts
            getattr(client, method)(**parameters)

    facts = overheard(plane, ask)
    (case_id,) = set(plane.app.runtime.book.cases) - before
    case = plane.app.runtime.case(case_id)
    assert case is not None
    assert case.assessment is not None
    assert case.decision is not None
    asked = {
        "service": service,
        "operation": operation,
        "parameters": parameters,
        "account": NUMBER,
        "region": REGION,
    }
    told = Explainer(plane.app.policy).explain(asked_of({**asked, "live": facts}))
    decided, said = case.decision, told.decision
    assert (said.verdict, said.reasons, said.obligations) == (
        decided.verdict,
        decided.reasons,
        decided.obligations,
    )
    stood, explained = case.assessment, told.assessment
    for field in (
        "effect",
        "effects",
        "reversibility",
        "environment",
        "recover_s",
        "data_at_risk",
        "data_bearing",
        "findings",
        "recoverable",
    ):
        assert getattr(explained, field) == getattr(stood, field), field
    assert len(explained.unknowns) == len(stood.unknowns)
