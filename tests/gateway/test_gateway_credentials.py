"""Credentials that AWS hands out: the agent gets virtual ones, works with them through the gateway, and AWS's own never reach it."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import parse_qs
from urllib.request import urlopen

import boto3
import httpx
import pytest
from botocore.config import Config as BotoConfig
from botocore.exceptions import ClientError

from keyturn.core.case import Case
from keyturn.testing.standin import StandIn
from tests.console.running_plane import PLAIN
from tests.gateway.gateway_world import NUMBER, REGION, Answering, Running, Seen, Upstream, running

ROLE = f"arn:aws:iam::{NUMBER}:role/deploy"
CLIENTS: list[Any] = []


@pytest.fixture(scope="module")
def account() -> Iterator[StandIn]:
    with StandIn() as made:
        yield made
    for client in CLIENTS:
        client.close()


@pytest.fixture
def plane(account: StandIn, tmp_path: Path) -> Iterator[Running]:
    with running(tmp_path, account.endpoint) as made:
        yield made


def client(endpoint: str, service: str, key: str, secret: str, token: str | None = None) -> Any:
    made = boto3.client(
        service,
        region_name=REGION,
        endpoint_url=endpoint,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        aws_session_token=token,
        config=BotoConfig(retries={"max_attempts": 0}, s3={"addressing_style": "path"}),
    )
    CLIENTS.append(made)
    return made


def through(plane: Running, service: str, given: dict[str, Any]) -> Any:
    """A client with credentials that the gateway gave."""
    url = f"http://127.0.0.1:{plane.port}"
    return client(url, service, given["AccessKeyId"], given["SecretAccessKey"], given.get("SessionToken"))


def direct(account: StandIn, service: str) -> Any:
    return client(account.endpoint, service, "AKIAENGINEER", "secret")


def approved(plane: Running, call: Any, **parameters: Any) -> tuple[dict[str, Any], Case]:
    """Ask, have it approved by somebody else, ask again: what the agent gets, and the case."""
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    said = caught.value.response["Error"]["Message"]
    found = re.search(r"C-\d+", said)
    assert found is not None, said
    held = plane.app.runtime.case(found[0])
    assert held is not None
    assert held.request is not None
    plane.approve(found[0], *("rita", "ravi")[: held.request.quorum])
    answer: dict[str, Any] = call(**parameters)
    case = plane.app.runtime.case(found[0])
    assert case is not None
    return answer, case


def assumed(plane: Running, name: str = "bug-hunt") -> tuple[dict[str, Any], Case]:
    answer, case = approved(
        plane, plane.client("sts").assume_role, RoleArn=ROLE, RoleSessionName=name, DurationSeconds=900
    )
    return answer["Credentials"], case


def test_a_role_is_assumed_and_used_and_its_credentials_stay_with_the_plane(
    plane: Running, account: StandIn
) -> None:
    """What the agent gets opens nothing but the gateway; each call with it is decided, and made as the role."""
    given, case = assumed(plane)
    minted = plane.app.runtime.minted(given["AccessKeyId"])
    assert minted is not None
    assert minted.real.secret_access_key not in repr(given)
    assert given["AccessKeyId"].startswith("KTTEMP")
    assert (minted.identity, minted.account) == (f"arn:aws:sts::{NUMBER}:assumed-role/deploy", NUMBER)
    assert case.outcomes[0].detail.startswith("the credential in its answer stays with Keyturn")

    make_table(account, "of-the-role", "development")
    dynamodb = through(plane, "dynamodb", given)
    dynamodb.put_item(TableName="of-the-role", Item={"id": {"S": "2"}})
    assert dynamodb.scan(TableName="of-the-role")["Count"] == 1
    through(plane, "s3", given).list_buckets()
    who = through(plane, "sts", given).get_caller_identity()["Arn"]
    assert who.startswith(f"arn:aws:sts::{NUMBER}:assumed-role/deploy/")

    make_table(account, "production", "production")
    with pytest.raises(ClientError) as caught:
        dynamodb.delete_table(TableName="production")
    assert caught.value.response["Error"]["Code"] == "AccessDeniedException"
    assert "C-" in caught.value.response["Error"]["Message"]


def make_table(account: StandIn, name: str, environment: str) -> None:
    direct(account, "dynamodb").create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        Tags=[{"Key": "environment", "Value": environment}],
    )


def test_without_the_session_token_they_open_nothing(plane: Running) -> None:
    """The three belong together, in a header and in a presigned URL; another secret is a forged signature."""
    given, _ = assumed(plane)
    wrong = [
        ({**given, "SessionToken": None}, "InvalidToken"),
        ({**given, "SessionToken": given["SessionToken"] + "x"}, "InvalidToken"),
        ({**given, "SecretAccessKey": "guessed"}, "SignatureDoesNotMatch"),
    ]
    for credentials, code in wrong:
        with pytest.raises(ClientError) as caught:
            through(plane, "sts", credentials).get_caller_identity()
        assert caught.value.response["Error"]["Code"] == code
    right = through(plane, "s3", given).generate_presigned_url("list_buckets")
    with urlopen(right) as answer:
        assert answer.status == 200
    stripped = re.sub(r"&X-Amz-Security-Token=[^&]*|&x-amz-security-token=[^&]*", "", right)
    assert stripped != right
    with pytest.raises(HTTPError) as refused:
        urlopen(stripped)
    assert refused.value.code == 403
    refused.value.close()  # an error is an answer too, and holds its socket


def test_they_end_with_the_session(plane: Running) -> None:
    """The key is one of no session any more."""
    given, _ = assumed(plane)
    sealed = plane.app.store.rows("minted")[0].value.decode()
    plane.do(plane.app.runtime.end_session(plane.key.session, by="olga", reason="done"))
    with pytest.raises(ClientError) as caught:
        through(plane, "sts", given).get_caller_identity()
    assert caught.value.response["Error"]["Code"] == "InvalidClientTokenId"
    assert plane.app.store.rows("minted") == ()
    assert plane.app.store.get_blob(sealed) is None, "what AWS gave is sealed no more"


def test_they_end_with_a_halt(plane: Running) -> None:
    """A halt takes them away for good: when the plane goes on, the role has to be assumed anew."""
    given, _ = assumed(plane)
    plane.do(plane.app.runtime.halt(by="olga", reason="stop", agent="kiro"))
    plane.do(plane.app.runtime.resume(by="olga", agent="kiro"))
    with pytest.raises(ClientError) as caught:
        through(plane, "sts", given).get_caller_identity()
    assert caught.value.response["Error"]["Code"] == "InvalidClientTokenId"


def test_a_sessions_key_opens_nothing_but_the_gateway(plane: Running, account: StandIn) -> None:
    """With all that an agent holds nothing can be approved, and no halt be lifted: the console takes people's logins, and a signature is none."""
    engineer = client(account.endpoint, "dynamodb", "AKIAENGINEER", "secret")
    engineer.create_table(
        TableName="kept",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        Tags=[{"Key": "environment", "Value": "production"}],
    )
    dynamodb = plane.client("dynamodb")
    with pytest.raises(ClientError):
        dynamodb.delete_table(TableName="kept")
    case = plane.app.runtime.case("C-1")
    assert case is not None
    assert case.request is not None
    plane.do(plane.app.runtime.halt(by="olga", reason="stop"))
    key = plane.key
    signed_for_it = f"AWS4-HMAC-SHA256 Credential={key.access_key_id}/20261130/{REGION}/dynamodb/aws4_request"
    held = (f"Bearer {key.secret}", f"Bearer {key.access_key_id}", f"Bearer kt_{key.secret}", signed_for_it)
    review = {"approve": True, "binding": case.request.digest}
    for authorization in held:
        for path, body in (
            ("/cases/C-1/review", review),
            ("/resume", {}),
            ("/halt", {}),
            ("/login", {"token": key.secret}),
        ):
            answer = httpx.post(
                f"{plane.console_url}/api/v1{path}",
                json=body,
                headers={"authorization": authorization},
                verify=PLAIN,
                timeout=60,
            )
            assert answer.status_code in {401, 403}, (path, answer.text)
    assert plane.app.runtime.status()["halted_by"] == {"": "olga"}
    with pytest.raises(ClientError, match="olga has halted"):
        dynamodb.update_table(TableName="kept", BillingMode="PAY_PER_REQUEST")
    with pytest.raises(ClientError):
        dynamodb.list_tables()
    after = plane.app.runtime.case("C-1")
    assert after is not None
    assert (after.phase, after.approvals) == ("held", ())


def test_they_survive_a_restart(account: StandIn, tmp_path: Path) -> None:
    """The plane that starts again over the same store knows them; a database without its key says nothing of them."""
    with running(tmp_path, account.endpoint) as plane:
        given, _ = assumed(plane)
        minted = plane.app.runtime.minted(given["AccessKeyId"])
        assert minted is not None
    with running(tmp_path, account.endpoint) as again:
        who = through(again, "sts", given).get_caller_identity()["Arn"]
        assert ":assumed-role/deploy/" in who
        stored = b"".join(path.read_bytes() for path in tmp_path.rglob("keyturn.db*"))
        for secret in (minted.real.secret_access_key, minted.real.session_token, given["SecretAccessKey"]):
            assert secret.encode() not in stored


def test_a_users_key_keeps_its_id_and_nothing_else(plane: Running, account: StandIn) -> None:
    """It can be listed and deleted by its id; its secret is the gateway's own, and acts as the user."""
    direct(account, "iam").create_user(UserName="robot")
    answer, _ = approved(plane, plane.client("iam").create_access_key, UserName="robot")
    given = answer["AccessKey"]
    minted = plane.app.runtime.minted(given["AccessKeyId"])
    assert minted is not None
    assert (minted.identity, minted.real.session_token) == (f"arn:aws:iam::{NUMBER}:user/robot", "")
    assert minted.real.secret_access_key != given["SecretAccessKey"]
    listed = direct(account, "iam").list_access_keys(UserName="robot")["AccessKeyMetadata"]
    assert [each["AccessKeyId"] for each in listed] == [given["AccessKeyId"]]
    assert through(plane, "sts", given).get_caller_identity()["Arn"].endswith(":user/robot")


def test_no_secret_of_aws_is_in_the_log_an_export_or_an_answer(
    plane: Running, account: StandIn, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """After a flow that mints, uses and is refused: not in the database, its export, what was logged or a page."""
    caplog.set_level(logging.DEBUG, logger="keyturn")
    given, case = assumed(plane)
    through(plane, "dynamodb", given).list_tables()
    minted = plane.app.runtime.minted(given["AccessKeyId"])
    assert minted is not None
    secrets = (minted.real.secret_access_key, minted.real.session_token, given["SecretAccessKey"])

    async def exported() -> bytes:
        return b"".join([piece async for piece in plane.app.runtime.export()])

    seen = [
        plane.do(exported()),
        *(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()),
        *(record.getMessage().encode() for record in caplog.records if record.name.startswith("keyturn")),
        repr((minted, case, plane.app.runtime.story(case.id))).encode(),
    ]
    for secret in secrets:
        assert not any(secret.encode() in place for place in seen)


def test_queues_are_used_by_the_url_that_was_given(plane: Running, account: StandIn) -> None:
    """The URL leads back to the gateway, the log and the service know the queue by its own."""
    real = direct(account, "sqs").create_queue(QueueName="work")["QueueUrl"]
    sqs = plane.client("sqs")
    url = sqs.get_queue_url(QueueName="work")["QueueUrl"]
    assert url == f"http://127.0.0.1:{plane.port}/{NUMBER}/work"
    assert sqs.list_queues()["QueueUrls"] == [url]
    sqs.send_message(QueueUrl=url, MessageBody=url)
    change = plane.app.runtime.cases()[0].change
    assert change is not None
    assert change.operations[0].parameters["QueueUrl"] == real
    assert [str(ref) for ref in change.resources] == ["sqs:queue/work"]
    received = direct(account, "sqs").receive_message(QueueUrl=real)["Messages"]
    assert [message["Body"] for message in received] == [url]
    made = sqs.create_queue(QueueName="made")["QueueUrl"]
    assert made == f"http://127.0.0.1:{plane.port}/{NUMBER}/made"


def test_a_role_of_another_account_is_of_no_use_here(plane: Running) -> None:
    """The plane can neither read nor judge what it would do there."""
    answer, _ = approved(
        plane,
        plane.client("sts").assume_role,
        RoleArn="arn:aws:iam::999999999999:role/elsewhere",
        RoleSessionName="sess",
    )
    for call in ("list_buckets", "create_bucket"):
        with pytest.raises(ClientError) as caught:
            getattr(through(plane, "s3", answer["Credentials"]), call)(
                **({} if call == "list_buckets" else {"Bucket": "b"})
            )
        assert "another account" in caught.value.response["Error"]["Message"]
    assert plane.refused() == ["other-account", "other-account"]


# --- what is sent, seen from the other side --------------------------------------------------------------------------


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    made = Upstream()
    yield made
    made.close()


def answering(arn: str, *, odd: str = "") -> Answering:
    """An account that numbers the credentials it gives, and does nothing else."""
    count = iter(range(1, 100))

    def answer(seen: Seen) -> tuple[int, dict[str, str], bytes]:
        target = seen.headers.get("x-amz-target", "")
        if target:
            there = target.endswith((".ListTables", ".TagResource"))
            body = b"{}" if there else b'{"__type":"ResourceNotFoundException"}'
            return (200 if there else 400), {"content-type": "application/x-amz-json-1.0"}, body
        if b"Action=AssumeRole" not in seen.body:
            return 404, {}, b"<ErrorResponse><Error><Code>NoSuchEntity</Code></Error></ErrorResponse>"
        number = next(count)
        inside = (
            f"<Credentials><AccessKeyId>ASIA{number}</AccessKeyId><SecretAccessKey>secret-{number}</SecretAccessKey>"
            f"<SessionToken>token-{number}</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>"
            f"<AssumedRoleUser><AssumedRoleId>A:s</AssumedRoleId><Arn>{arn}</Arn></AssumedRoleUser>"
        )
        text = (
            f"<AssumeRoleResponse><AssumeRoleResult>{odd or inside}</AssumeRoleResult></AssumeRoleResponse>"
        )
        return 200, {"content-type": "text/xml"}, text.encode()

    return answer


TAGGING: dict[str, Any] = {
    "ResourceArn": f"arn:aws:dynamodb:{REGION}:{NUMBER}:table/t",
    "Tags": [{"Key": "k", "Value": "v"}],
}


def test_a_call_by_a_role_is_made_with_the_role_narrowed_to_that_call(
    upstream: Upstream, tmp_path: Path
) -> None:
    """For a change the role is assumed again with the change's scope as session policy, for a read with AWS's read-only one."""
    upstream.answer = answering(f"arn:aws:sts::{NUMBER}:assumed-role/deploy/s")
    with running(tmp_path, upstream.endpoint) as plane:
        given, _ = assumed(plane)
        through(plane, "dynamodb", given).list_tables()
        through(plane, "dynamodb", given).tag_resource(**TAGGING)
    sent = [
        (
            seen.headers["authorization"].partition("Credential=")[2].partition("/")[0],
            parse_qs(seen.body.decode()),
        )
        for seen in upstream.seen
    ]
    assumptions = [form for _, form in sent if form.get("Action") == ["AssumeRole"]]
    assert all(form["RoleArn"] == [ROLE] for form in assumptions)
    assert "Policy" not in assumptions[0]
    assert assumptions[1]["PolicyArns.member.1.arn"] == ["arn:aws:iam::aws:policy/ReadOnlyAccess"]
    assert '"dynamodb:TagResource"' in assumptions[2]["Policy"][0]
    by = {
        seen.headers.get("x-amz-target", ""): (key, seen.headers.get("x-amz-security-token"))
        for (key, _), seen in zip(sent, upstream.seen, strict=True)
    }
    assert by["DynamoDB_20120810.ListTables"] == ("ASIA2", "token-2")
    assert by["DynamoDB_20120810.TagResource"] == ("ASIA3", "token-3")


def test_a_role_that_the_agent_narrowed_itself_is_used_as_it_is_and_the_log_says_so(
    upstream: Upstream, tmp_path: Path
) -> None:
    """Assumed again it would be wider: two session policies cannot be joined."""
    upstream.answer = answering(f"arn:aws:sts::{NUMBER}:assumed-role/deploy/s")
    with running(tmp_path, upstream.endpoint) as plane:
        answer, _ = approved(
            plane,
            plane.client("sts").assume_role,
            RoleArn=ROLE,
            RoleSessionName="sess",
            Policy='{"Version":"2012-10-17","Statement":[]}',
        )
        through(plane, "dynamodb", answer["Credentials"]).tag_resource(**TAGGING)
        case = plane.app.runtime.cases()[0]
    assert case.grant is not None
    assert (case.grant.narrowed, case.grant.why) == (
        False,
        "the credential that was handed out cannot be narrowed",
    )
    last = next(seen for seen in upstream.seen if "TagResource" in seen.headers.get("x-amz-target", ""))
    assert last.headers["x-amz-security-token"] == "token-1"


def test_an_answer_that_cannot_be_exchanged_is_withheld(upstream: Upstream, tmp_path: Path) -> None:
    """The call took effect and is on record as such; the agent is told that it may not have its answer."""
    odd = "<Credentials><SecretAccessKey>secret-of-an-answer-nobody-knows</SecretAccessKey></Credentials>"
    upstream.answer = answering("arn", odd=odd)
    with running(tmp_path, upstream.endpoint) as plane:
        with pytest.raises(ClientError) as caught:
            assumed(plane)
        assert caught.value.response["Error"]["Code"] == "KeyturnWithheld"
        assert "secret-of-an-answer" not in str(caught.value.response)
        outcome = plane.app.runtime.cases()[0].outcomes[0]
        assert (outcome.status, outcome.detail) == (
            "succeeded",
            "its answer was withheld: the answer holds a secret without its id",
        )
