"""A presigned URL inside a request: taken out where it is the agent's own for the same thing, made anew by the plane, else refused."""

from __future__ import annotations

import contextlib
import time
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.exceptions import ClientError

from keyturn.executors.interface import Credentials
from keyturn.executors.nesting import resigned
from keyturn.model.change import Request
from keyturn.providers.aws import nested
from keyturn.providers.aws.signing import front
from keyturn.providers.aws.signing.values import Refused, Secret
from keyturn.providers.aws.wire import CredentialScope, Identified, Unidentified, WireRequest, identify

REGION, SOURCE = "eu-central-1", "us-east-1"
AGENT, PLANE = Secret("agent-secret"), Credentials("ASIAPLANE", "plane-secret", "plane-token", 0)
ARN = f"arn:aws:rds:{SOURCE}:123456789012:snapshot:s"

CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "ec2 copy_snapshot": ("PresignedUrl", {"SourceSnapshotId": "snap-1", "SourceRegion": SOURCE}),
    "rds copy_db_snapshot": ("PreSignedUrl", {"SourceDBSnapshotIdentifier": ARN, "TargetDBSnapshotIdentifier": "t", "KmsKeyId": "k", "SourceRegion": SOURCE}),
    "rds copy_db_cluster_snapshot": ("PreSignedUrl", {"SourceDBClusterSnapshotIdentifier": ARN, "TargetDBClusterSnapshotIdentifier": "t", "SourceRegion": SOURCE}),
    "rds create_db_instance_read_replica": ("PreSignedUrl", {"DBInstanceIdentifier": "r", "SourceDBInstanceIdentifier": ARN, "SourceRegion": SOURCE}),
    "rds create_db_cluster": ("PreSignedUrl", {"DBClusterIdentifier": "c", "Engine": "aurora-mysql", "SourceRegion": SOURCE}),
    "rds start_db_instance_automated_backups_replication": ("PreSignedUrl", {"SourceDBInstanceArn": ARN, "SourceRegion": SOURCE}),
    "docdb copy_db_cluster_snapshot": ("PreSignedUrl", {"SourceDBClusterSnapshotIdentifier": ARN, "TargetDBClusterSnapshotIdentifier": "t", "SourceRegion": SOURCE}),
    "neptune create_db_cluster": ("PreSignedUrl", {"DBClusterIdentifier": "c", "Engine": "neptune", "SourceRegion": SOURCE}),
}  # fmt: skip


def sent(call: str, **parameters: Any) -> WireRequest:
    """What boto3 would send to the gateway for this call."""
    service, operation = call.split()
    client = boto3.client(
        service,
        region_name=REGION,
        endpoint_url="http://127.0.0.1:8420",
        aws_access_key_id="KTSESS1",
        aws_secret_access_key=AGENT.secret,
        config=Config(retries={"max_attempts": 0}),
    )
    seen: list[WireRequest] = []

    def keep(request: Any, **_: Any) -> AWSResponse:
        headers = tuple((name.lower(), _text(value)) for name, value in request.headers.items())
        body = request.body if isinstance(request.body, bytes) else request.body.encode()
        seen.append(WireRequest("POST", "/", headers, body))
        made = AWSResponse(request.url, 400, {}, None)
        made._content = b"<Error><Code>Kept</Code></Error>"
        return made

    client.meta.events.register("before-send", keep)
    with contextlib.suppress(ClientError):  # there is no answer: what was sent is what is wanted
        getattr(client, operation)(**parameters)
    client.close()
    return seen[0]


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def meant(request: WireRequest, service: str, region: str = REGION) -> Identified | Unidentified:
    scope = CredentialScope("KTSESS1", "", region, "ec2" if service == "ec2" else "rds")
    return nested.meant(identify(request, scope), request, scope, AGENT, now_s=time.time())


@pytest.mark.parametrize("call", sorted(CALLS))
def test_the_agents_url_is_taken_out_and_the_planes_is_sent(call: str) -> None:
    """What is judged names the source's region; what is sent holds a URL that the call's own credential signed for the same thing."""
    member, parameters = CALLS[call]
    service = call.split(maxsplit=1)[0]
    request = sent(call, **parameters)
    found = meant(request, service)
    assert isinstance(found, Identified), found
    assert found.parameters["SourceRegion"] == SOURCE
    assert member not in found.parameters
    signing = "ec2" if service == "ec2" else "rds"
    made = resigned(
        Request(
            operation=f"{found.service}:{found.operation}",
            parameters=found.parameters,
            method="POST",
            target="/",
            headers=(),
            body=request.body or b"",
            protocol="query",
            service=found.service,
            signing_name=signing,
            region=REGION,
        ),
        PLANE,
        lambda name, region: f"https://{name}.{region}.amazonaws.com",
    )
    before, after = dict(parse_qsl((request.body or b"").decode())), dict(parse_qsl(made.body.decode()))
    url = urlsplit(after.pop(member))
    assert url.netloc == f"{found.service}.{SOURCE}.amazonaws.com"
    ours = front.claim(WireRequest("GET", f"/?{url.query}", (("host", url.netloc),), b""), region="")
    assert not isinstance(ours, Refused)
    assert (ours.scope.access_key_id, ours.scope.region) == ("ASIAPLANE", SOURCE)
    signed = front.verify(ours, Secret("plane-secret", "plane-token"), now_s=time.time())
    assert not isinstance(signed, Refused), signed
    theirs = urlsplit(before.pop(member))
    assert after == before
    assert b"KTSESS1" not in made.body
    plain = [pair for pair in theirs.query.split("&") if not pair.lower().startswith("x-amz-")]
    assert [pair for pair in url.query.split("&") if not pair.lower().startswith("x-amz-")] == plain


CALL = "rds copy_db_snapshot"


def changed(request: WireRequest, **given: str) -> WireRequest:
    pairs = dict(parse_qsl((request.body or b"").decode())) | given
    return WireRequest("POST", "/", request.headers, urlencode(pairs).encode())


@pytest.mark.parametrize(
    ("what", "region"),
    [("another source", REGION), ("another signature", REGION), ("no URL of AWS's form", REGION), ("another destination", "eu-west-1")],
)  # fmt: skip
def test_a_url_for_something_else_is_refused(what: str, region: str) -> None:
    """Where the request says one thing and the URL in it another, nobody would see what is copied."""
    request = sent(CALL, **CALLS[CALL][1])
    url = dict(parse_qsl((request.body or b"").decode()))["PreSignedUrl"]
    tried = {
        "another source": {"SourceDBSnapshotIdentifier": ARN + "-other"},
        "another signature": {"PreSignedUrl": url[:-4] + "0000"},
        "no URL of AWS's form": {"PreSignedUrl": "https://example.org/?Action=CopyDBSnapshot"},
        "another destination": {},
    }[what]
    found = meant(changed(request, **tried), "rds", region)
    assert isinstance(found, Unidentified)
    assert found.code == "nested-url"


def test_a_copy_within_a_region_holds_no_url() -> None:
    """Most copies have none, and are as they were."""
    given = {name: value for name, value in CALLS[CALL][1].items() if name != "SourceRegion"}
    found = meant(sent(CALL, **given), "rds")
    assert isinstance(found, Identified)
    assert found.parameters == given
