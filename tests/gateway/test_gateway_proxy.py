"""The gateway as HTTPS proxy: clients believe to speak to AWS's own names, and notice nothing but the holds."""

from __future__ import annotations

import base64
import contextlib
import os
import shutil
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, SSLError
from botocore.httpsession import where as own_bundle

from keyturn import config as settings
from keyturn.agent.run import proxy_environment
from keyturn.surfaces.aws_gateway.proxy import Intercept, NotHere, PassThrough, where
from keyturn.testing.standin import StandIn
from tests.gateway.gateway_world import REGION, Running, running


@pytest.fixture(scope="module")
def account() -> Iterator[StandIn]:
    with StandIn() as made:
        yield made


@pytest.fixture(scope="module")
def plane(account: StandIn, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    gateway = settings.Gateway(port=0, proxy=True, tunnels=("localhost",))
    with running(tmp_path_factory.mktemp("proxy"), account.endpoint, gateway=gateway) as made:
        yield made


@pytest.fixture(scope="module")
def environment(plane: Running, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return child_of(plane, tmp_path_factory.mktemp("trust"), "*, .amazonaws.com,localhost")


def child_of(plane: Running, trust: Path, no_proxy: str = "") -> dict[str, str]:
    """What `keyturn run --proxy` gives a child of the plane's session, whose own environment names `no_proxy`."""
    session = {
        "session": plane.key.session,
        "access_key_id": plane.key.access_key_id,
        "secret_access_key": plane.key.secret,
        "region": REGION,
        "endpoint_url": "",
        "proxy_url": f"http://127.0.0.1:{plane.port}",
        "ca": (plane.config.data / "ca" / "ca.pem").read_text(),
    }
    return proxy_environment(session, {"NO_PROXY": no_proxy}, trust)


def client(plane: Running, environment: dict[str, str], service: str) -> Any:
    """boto3 without any endpoint: AWS's own names, by way of the proxy. Closed with the plane."""
    made = boto3.client(
        service,
        region_name=REGION,
        aws_access_key_id=plane.key.access_key_id,
        aws_secret_access_key=plane.key.secret,
        verify=environment["AWS_CA_BUNDLE"],
        config=Config(
            proxies={"https": environment["HTTPS_PROXY"]}, retries={"max_attempts": 0}, read_timeout=60
        ),
    )
    plane.clients.append(made)
    return made


@contextlib.contextmanager
def direct(account: StandIn, service: str) -> Iterator[Any]:
    """The engineer's own way, around everything."""
    made = boto3.client(
        service,
        region_name=REGION,
        endpoint_url=account.endpoint,
        aws_access_key_id="AKIAENGINEER",
        aws_secret_access_key="secret",
    )
    try:
        yield made
    finally:
        made.close()


def test_reads_and_holds_under_awss_own_names(
    plane: Running, environment: dict[str, str], account: StandIn
) -> None:
    """Five services, in their own protocols; a delete in production is held there as everywhere."""
    table = {
        "TableName": "proxied",
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "BillingMode": "PAY_PER_REQUEST",
        "Tags": [{"Key": "environment", "Value": "production"}],
    }
    with direct(account, "dynamodb") as dynamodb:
        dynamodb.create_table(**table)
    assert "proxied" in client(plane, environment, "dynamodb").list_tables()["TableNames"]
    assert client(plane, environment, "sts").get_caller_identity()["Account"]
    assert client(plane, environment, "sqs").list_queues()["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert client(plane, environment, "lambda").list_functions()["Functions"] == []
    assert client(plane, environment, "cloudwatch").describe_alarms()["MetricAlarms"] == []
    with pytest.raises(ClientError, match=r"(?s)C-\d+.*2 reviewers"):
        client(plane, environment, "dynamodb").delete_table(TableName="proxied")
    with direct(account, "dynamodb") as dynamodb:
        assert "proxied" in dynamodb.list_tables()["TableNames"]


def test_a_bucket_in_the_host_name(plane: Running, environment: dict[str, str], account: StandIn) -> None:
    """Virtual hosting, as S3's clients prefer it: objects up and down, and the bucket's own delete held as the bucket's."""
    with direct(account, "s3") as s3:
        s3.create_bucket(Bucket="proxied-bucket", CreateBucketConfiguration={"LocationConstraint": REGION})
    s3 = client(plane, environment, "s3")
    body = os.urandom(3_000_000)
    s3.put_object(Bucket="proxied-bucket", Key="a/b c", Body=body)
    assert s3.get_object(Bucket="proxied-bucket", Key="a/b c")["Body"].read() == body
    assert [one["Key"] for one in s3.list_objects_v2(Bucket="proxied-bucket")["Contents"]] == ["a/b c"]
    with pytest.raises(ClientError, match=r"delete of s3:bucket/proxied-bucket"):
        s3.delete_bucket(Bucket="proxied-bucket")


def test_operations_with_a_host_of_their_own(plane: Running, environment: dict[str, str]) -> None:
    """What stands before the endpoint's name does not keep them from being read."""
    control = client(plane, environment, "s3control")
    with pytest.raises(ClientError) as refused:
        control.get_public_access_block(AccountId="123456789012")
    assert refused.value.response["Error"]["Code"] == "NoSuchPublicAccessBlockConfiguration", (
        "the account's own answer"
    )


def test_who_does_not_trust_the_authority_is_not_deceived(
    plane: Running, environment: dict[str, str]
) -> None:
    """The certificate is ours, not AWS's: a client with its own bundle ends the handshake."""
    own = environment | {"AWS_CA_BUNDLE": own_bundle()}
    with pytest.raises(SSLError):
        client(plane, own, "sts").get_caller_identity()


def ask(plane: Running, data: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", plane.port), 5) as connection:
        connection.sendall(data)
        return connection.recv(65_536)


@pytest.mark.parametrize(
    ("target", "status", "says"),
    [
        ("registry.example:443", 403, "gateway.tunnels"),
        ("169.254.169.254:80", 403, "only port 443"),
        ("127.0.0.1:8421", 403, "only port 443"),
        ("amazonaws.com.evil.example:443", 403, "no endpoint of AWS's"),
        ("dynamodb.eu-central-1.amazonaws.com:22", 403, "only port 443"),
        ("localhost:443", 407, "session's key"),
        (":443", 403, "no endpoint"),
        ("443", 403, ""),
    ],
)
def test_where_the_proxy_does_not_lead(plane: Running, target: str, status: int, says: str) -> None:
    """Named, with what to do; the gateway's own place in the network is nobody's to use."""
    heard = ask(plane, f"CONNECT {target} HTTP/1.1\r\nhost: {target}\r\n\r\n".encode())
    assert heard.startswith(f"HTTP/1.1 {status} ".encode())
    assert says.encode() in heard


AWS_NAMES: list[tuple[str, tuple[str, ...], type]] = [
    ("servicereference.us-east-1.amazonaws.com", ("servicereference.us-east-1.amazonaws.com",), PassThrough),
    ("servicereference.us-east-1.amazonaws.com", (), Intercept),
    ("servicereference.us-east-1.amazonaws.com", ("*.amazonaws.com",), Intercept),
    ("sts.amazonaws.com", ("sts.amazonaws.com",), Intercept),
    ("iam-fips.amazonaws.com", ("iam-fips.amazonaws.com", "*"), Intercept),
]


@pytest.mark.parametrize(("host", "tunnels", "leads"), AWS_NAMES)
def test_of_awss_names_only_documents_pass(
    plane: Running, host: str, tunnels: tuple[str, ...], leads: type
) -> None:
    """And only where the settings name them as they are: no setting leads a call around the gateway."""
    key = base64.b64encode(f"{plane.key.access_key_id}:{plane.key.secret}".encode()).decode()
    assert type(where(f"{host}:443", f"Basic {key}", plane.app.runtime, tunnels=tunnels)) is leads
    if leads is PassThrough:
        assert type(where(f"{host}:443", "", plane.app.runtime, tunnels=tunnels)) is NotHere


def test_a_request_for_another_host_inside_a_tunnel(plane: Running, environment: dict[str, str]) -> None:
    """The connection is to one service; a request in it that names another is refused, and goes nowhere."""
    trust = ssl.create_default_context(cafile=environment["AWS_CA_BUNDLE"])
    with socket.create_connection(("127.0.0.1", plane.port), 5) as plain:
        plain.sendall(b"CONNECT sts.eu-central-1.amazonaws.com:443 HTTP/1.1\r\n\r\n")
        assert plain.recv(1000).startswith(b"HTTP/1.1 200")
        with trust.wrap_socket(plain, server_hostname="sts.eu-central-1.amazonaws.com") as secured:
            assert secured.version() in {"TLSv1.2", "TLSv1.3"}
            from botocore.auth import SigV4Auth
            from botocore.awsrequest import AWSRequest
            from botocore.credentials import Credentials

            body = "Action=GetCallerIdentity&Version=2011-06-15"
            request = AWSRequest(
                "POST",
                "https://iam.amazonaws.com/",
                data=body,
                headers={"content-type": "application/x-www-form-urlencoded"},
            )
            SigV4Auth(Credentials(plane.key.access_key_id, plane.key.secret), "sts", REGION).add_auth(request)
            lines = [
                "POST / HTTP/1.1",
                "host: iam.amazonaws.com",
                f"content-length: {len(body)}",
                *(f"{name}: {value}" for name, value in request.headers.items()),
            ]
            secured.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body.encode())
            heard = secured.recv(65_536)
    assert heard.startswith(b"HTTP/1.1 403")
    assert b"the connection is to sts.eu-central-1.amazonaws.com" in heard


def test_a_named_host_passes_through_unread(plane: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a session's key, and only to port 443: bytes both ways, half-closed in turn."""
    server = socket.create_server(("127.0.0.1", 0))
    real = type(plane._loop).create_connection

    async def there(self: Any, factory: Any, host: str, port: int, **more: Any) -> Any:
        if (host, port) == ("localhost", 443):
            host, port = server.getsockname()
        return await real(self, factory, host, port, **more)

    monkeypatch.setattr(type(plane._loop), "create_connection", there)

    def echo() -> None:
        connection, _ = server.accept()
        with connection:
            while data := connection.recv(65_536):
                connection.sendall(data.upper())
            connection.sendall(b"END")

    threading.Thread(target=echo, daemon=True).start()
    key = base64.b64encode(f"{plane.key.access_key_id}:{plane.key.secret}".encode()).decode()
    with socket.create_connection(("127.0.0.1", plane.port), 5) as connection:
        connection.sendall(
            f"CONNECT localhost:443 HTTP/1.1\r\nproxy-authorization: Basic {key}\r\n\r\n".encode()
        )
        assert connection.recv(1000).startswith(b"HTTP/1.1 200")
        connection.sendall(b"a" * 300_000)
        connection.shutdown(socket.SHUT_WR)
        heard = b""
        while data := connection.recv(65_536):
            heard += data
    server.close()
    assert heard == b"A" * 300_000 + b"END"


def test_a_gateway_that_is_no_proxy_says_so(account: StandIn, tmp_path: Path) -> None:
    """And how it becomes one."""
    with running(tmp_path, account.endpoint) as plain:
        heard = ask(plain, b"CONNECT sts.amazonaws.com:443 HTTP/1.1\r\n\r\n")
    assert heard.startswith(b"HTTP/1.1 405")
    assert b"gateway.proxy = true" in heard


def test_what_the_environment_says(environment: dict[str, str]) -> None:
    """Every runtime's own variable; a NO_PROXY that would lead around Keyturn is taken out."""
    assert environment["HTTPS_PROXY"] == environment["https_proxy"]
    assert environment["NO_PROXY"] == environment["no_proxy"] == "localhost"
    assert "AWS_ENDPOINT_URL" not in environment
    assert "AWS_DISABLE_HOST_PREFIX_INJECTION" not in environment, (
        "the names are AWS's own, and have their words before them"
    )
    ours = Path(environment["NODE_EXTRA_CA_CERTS"]).read_text()
    for name in ("AWS_CA_BUNDLE", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        assert Path(environment[name]).read_text().endswith(ours)


def test_the_aws_cli_by_proxy(plane: Running, environment: dict[str, str], account: StandIn) -> None:
    """With nothing but that environment."""
    with direct(account, "sqs") as sqs:
        sqs.create_queue(QueueName="by-cli")
    aws = shutil.which("aws", path=str(Path(sys.executable).parent))
    if aws is None:
        pytest.skip("LEFT OUT: there is no aws CLI here")
    told = subprocess.run(
        [aws, "sqs", "list-queues", "--output", "text"],
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    assert "by-cli" in told.stdout
