"""What a final delete takes of a secret and of a queue: values from the vault, settings from the capture, the rest said."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from moto import mock_aws

from keyturn.errors import UnavailableError
from keyturn.model.execution import Role
from tests.provider.provider_world import Account, drive
from tests.recipes.recipe_world import PROVIDER, Asked, assessed, backed_up, perform, undone, verified

FORCED: Asked = ("secretsmanager:DeleteSecret", {"SecretId": "db", "ForceDeleteWithoutRecovery": True})
OLD, NEW = "11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222"


@pytest.fixture
def account() -> Iterator[Account]:
    with mock_aws():
        made = Account()
        secrets = made.client("secretsmanager")
        tags = [{"Key": "environment", "Value": "production"}]
        secrets.create_secret(
            Name="db", Description="of orders", SecretString="first", Tags=tags, ClientRequestToken=OLD
        )
        secrets.put_secret_value(SecretId="db", SecretString="second", ClientRequestToken=NEW)
        yield made


def values(account: Account) -> list[str]:
    secrets = account.client("secretsmanager")
    return [
        secrets.get_secret_value(SecretId="db", VersionStage=stage)["SecretString"]
        for stage in ("AWSPREVIOUS", "AWSCURRENT")
    ]


def test_a_secret_deleted_by_force_comes_back_with_its_versions(account: Account) -> None:
    """Both values, in their stages and under their version ids; what is not as it was is its ARN."""
    (said,) = undone(account, FORCED)
    assert said.startswith("its ARN")
    assert values(account) == ["first", "second"]
    described = account.client("secretsmanager").describe_secret(SecretId="db")
    assert set(described["VersionIdsToStages"]) == {OLD, NEW}
    assert (described["Description"], described["Tags"][0]["Value"]) == ("of orders", "production")


def test_its_value_is_read_by_the_backup_role_alone_and_put_in_at_the_last_moment(account: Account) -> None:
    """No call that is recorded, no backup and no runbook holds it."""
    made, assessment, before = assessed(account, FORCED)
    assert [(item.backup, item.inverse) for item in assessment.recoverable] == [(True, False)]
    backups = backed_up(account, made, before)
    perform(account, FORCED)
    drive(PROVIDER.undo(made, before, backups), account)
    reads = [call for call in account.said if call.operation == "secretsmanager:GetSecretValue"]
    assert {call.role for call in reads} == {Role.BACKUP}
    assert all(call.is_export for call in reads)
    told = [call for call in account.said if not call.operation.startswith("keyturn:")]
    plan = PROVIDER.plan_undo(made, before, backups)
    for text in (*map(repr, told), repr(backups), repr(plan), PROVIDER.manifest(made, backups[0], before)):
        assert "first" not in text
        assert "second" not in text


def test_a_secret_that_waits_to_be_deleted_is_not_exported(account: Account) -> None:
    """Its value cannot be read any more: a forced delete has no backup then, and that is said."""
    perform(account, ("secretsmanager:DeleteSecret", {"SecretId": "db"}))
    made, assessment, before = assessed(account, FORCED)
    assert [item.backup for item in assessment.recoverable] == [False]
    with pytest.raises(UnavailableError, match="waits to be deleted"):
        backed_up(account, made, before)


def test_a_deleted_queue_comes_back_empty(account: Account) -> None:
    """Attributes and tags are as they were; how many messages are gone is said."""
    sqs = account.client("sqs")
    url = sqs.create_queue(
        QueueName="jobs", Attributes={"VisibilityTimeout": "77"}, tags={"environment": "production"}
    )["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="x")
    before = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    delete: Asked = ("sqs:DeleteQueue", {"QueueUrl": url})
    made, assessment, captures = assessed(account, delete)
    assert [item.backup for item in assessment.recoverable] == [False], "messages have none"
    with pytest.raises(UnavailableError):
        backed_up(account, made, captures)
    perform(account, delete)
    assert verified(account, made, captures, delete).status == "succeeded"
    assert drive(PROVIDER.undo(made, captures, ()), account) == ("messages: about 1 of them is gone",)
    after = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert {name: after[name] for name in ("VisibilityTimeout", "QueueArn", "DelaySeconds")} == {
        name: before[name] for name in ("VisibilityTimeout", "QueueArn", "DelaySeconds")
    }
    assert sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"environment": "production"}
