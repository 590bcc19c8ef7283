"""Every form of signature through the gateway, by real clients, against a stand-in account: presigned URLs, and bodies in chunks."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.httpchecksum import AwsChunkedWrapper, Crc32Checksum

from keyturn.providers.aws import sigv4
from keyturn.providers.aws.wire import CredentialScope
from keyturn.testing.standin import StandIn
from tests.gateway.gateway_world import NUMBER, REGION, Running, Seen, Upstream, running

DATA = os.urandom(1024) * 300
EVERYTHING = (str(Path(__file__).parents[1] / "clients" / "packs" / "everything"),)


@pytest.fixture(scope="module")
def account() -> Iterator[StandIn]:
    with StandIn() as made:
        yield made


@pytest.fixture(scope="module")
def engineer(account: StandIn) -> Iterator[Any]:
    """Beside Keyturn: to make things and to look."""
    made = boto3.client(
        "s3",
        region_name="us-east-1",
        endpoint_url=account.endpoint,
        aws_access_key_id="AKIAENGINEER",
        aws_secret_access_key="secret",
    )
    made.create_bucket(Bucket="shelf")
    made.put_object(Bucket="shelf", Key="a b+c", Body=DATA)
    yield made
    made.close()


@pytest.fixture(scope="module")
def plane(account: StandIn, engineer: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    del engineer
    with running(tmp_path_factory.mktemp("plane"), account.endpoint) as made:
        yield made


def followed(url: str, method: str = "GET", body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
    """What a plain HTTP client gets from this URL: it knows of no keys."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
    try:
        connection.request(method, f"{parts.path}?{parts.query}", body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


@pytest.mark.parametrize("version", ["s3v4", "s3"])
def test_a_url_that_boto3_presigns_is_followed(plane: Running, version: str) -> None:
    """Of either version; the account is asked under the plane's own key. A changed URL is refused."""
    client = plane.client("s3", signature_version=version)
    url = client.generate_presigned_url("get_object", Params={"Bucket": "shelf", "Key": "a b+c"})
    assert ("X-Amz-Signature" in url) == (version == "s3v4")
    assert followed(url) == (200, DATA)
    status, said = followed(url.replace("a%20b", "a%20c"))
    assert status == 403
    assert b"SignatureDoesNotMatch" in said
    assert followed(url, "DELETE")[0] == 403


def test_a_url_presigned_over_other_services_is_followed(plane: Running) -> None:
    """Who am I, as clusters and vaults ask it."""
    status, said = followed(
        plane.client("sts").generate_presigned_url("get_caller_identity", HttpMethod="GET")
    )
    assert (status, b"GetCallerIdentityResult" in said) == (200, True), said


def test_a_presigned_upload_streams(plane: Running, engineer: Any) -> None:
    """The body is not under its signature; it reaches the account as it was sent."""
    client = plane.client("s3", signature_version="s3v4")
    url = client.generate_presigned_url("put_object", Params={"Bucket": "shelf", "Key": "up"})
    status, said = followed(url, "PUT", DATA)
    assert status == 200, said
    assert engineer.get_object(Bucket="shelf", Key="up")["Body"].read() == DATA


def test_an_expired_url_is_refused(plane: Running) -> None:
    """As S3 says it."""
    client = plane.client("s3", signature_version="s3v4")
    url = client.generate_presigned_url("get_object", Params={"Bucket": "shelf", "Key": "a b+c"}, ExpiresIn=1)
    time.sleep(2.1)
    status, said = followed(url)
    assert status == 403
    assert b"AccessDenied" in said
    assert b"expired" in said
    assert "expired" in plane.refused()


AWS = shutil.which("aws", path=str(Path(sys.executable).parent)) or shutil.which("aws")


@pytest.mark.skipif(AWS is None, reason="the aws CLI is not installed")
@pytest.mark.parametrize("region", ["us-east-1", REGION])
def test_a_url_that_the_cli_presigns_is_followed(plane: Running, region: str, tmp_path: Path) -> None:
    """Version 2 in us-east-1, version 4 elsewhere."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "AWS_ACCESS_KEY_ID": plane.key.access_key_id,
        "AWS_SECRET_ACCESS_KEY": plane.key.secret,
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{plane.port}",
        "AWS_DEFAULT_REGION": region,
    }
    made = subprocess.run(
        [str(AWS), "s3", "presign", "s3://shelf/a b+c"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    url = made.stdout.strip()
    assert ("AWSAccessKeyId" in url) == (region == "us-east-1")
    assert followed(url) == (200, DATA)


# --- bodies in chunks ------------------------------------------------------------------------------------------------


def upload(
    plane: Running, declared: str, key: str, body: bytes, decoded_bytes: int, **more: str
) -> tuple[dict[str, str], str]:
    """The head of an upload in chunks, signed; and its signature, with which the chunks' chain begins."""
    host = f"127.0.0.1:{plane.port}"
    headers = sigv4.sign(
        "PUT",
        f"/shelf/{key}",
        (
            ("host", host),
            ("content-encoding", "aws-chunked"),
            ("content-length", str(len(body))),
            ("x-amz-decoded-content-length", str(decoded_bytes)),
            *((name.replace("_", "-"), value) for name, value in more.items()),
        ),
        payload_sha256=declared,
        access_key_id=plane.key.access_key_id,
        secret=plane.key.secret,
        token="",
        region=REGION,
        signing_name="s3",
        now_s=time.time(),
    )
    made = dict(headers)
    return made, made["authorization"].rpartition("=")[2]


def sent(plane: Running, key: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
    return followed(f"http://127.0.0.1:{plane.port}/shelf/{key}?", "PUT", body, **headers)


def with_checksum(data: bytes) -> bytes:
    """As botocore and JavaScript's SDK send a stream: no signatures inside, a checksum behind."""
    made: bytes = AwsChunkedWrapper(
        BytesIO(data), checksum_cls=Crc32Checksum, checksum_name="x-amz-checksum-crc32", chunk_size=70_000
    ).read()
    return made


def test_an_upload_with_a_checksum_behind_it(plane: Running, engineer: Any) -> None:
    """Verified here, framed anew, and verified by the service once more."""
    body = with_checksum(DATA)
    headers, _ = upload(
        plane, sigv4.UNSIGNED_TRAILER, "trailer", body, len(DATA), x_amz_trailer="x-amz-checksum-crc32"
    )
    status, said = sent(plane, "trailer", headers, body)
    assert status == 200, said
    assert engineer.get_object(Bucket="shelf", Key="trailer")["Body"].read() == DATA


def in_signed_chunks(plane: Running, headers: dict[str, str], seed: str, data: bytes) -> bytes:
    """As older SDKs for Java and Go do it, by hand."""
    date = headers["x-amz-date"]
    scope = CredentialScope(plane.key.access_key_id, date[:8], REGION, "s3")
    key = sigv4._signing_key(plane.key.secret, date[:8], REGION, "s3")  # signs as a client would
    made, before = b"", seed
    named = f"{scope.date}/{REGION}/s3/aws4_request"
    for at in (*range(0, len(data), 65_536), len(data)):
        piece = data[at : at + 65_536]
        digest = hashlib.sha256(piece).hexdigest()
        text = f"AWS4-HMAC-SHA256-PAYLOAD\n{date}\n{named}\n{before}\n{sigv4.EMPTY_SHA256}\n{digest}"
        before = hmac.digest(key, text.encode(), "sha256").hex()
        made += b"%x;chunk-signature=%s\r\n%s\r\n" % (len(piece), before.encode(), piece)
    return made


SIGNED_CHUNKS = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"


@pytest.mark.parametrize("data", [DATA, b""], ids=["some", "none"])
def test_an_upload_in_signed_chunks(plane: Running, engineer: Any, data: bytes) -> None:
    """Each verified before it leaves; what leaves is plain."""
    key = f"signed-{len(data)}"
    headers, seed = upload(plane, SIGNED_CHUNKS, key, b"", len(data))
    body = in_signed_chunks(plane, headers, seed, data)
    headers["content-length"] = str(len(body))
    status, said = sent(plane, key, headers, body)
    assert status == 200, said
    found = engineer.get_object(Bucket="shelf", Key=key)
    assert found["Body"].read() == data
    assert "aws-chunked" not in found.get("ContentEncoding", "")


@pytest.mark.parametrize("what", ["changed", "short", "empty"])
def test_an_upload_that_was_tampered_with_never_becomes_an_object(
    plane: Running, engineer: Any, what: str
) -> None:
    """The first chunks have gone by then: the connection to the service ends before the last byte, and nothing is stored."""
    key = f"tampered-{what}"
    data = b"" if what == "empty" else DATA
    headers, seed = upload(plane, SIGNED_CHUNKS, key, b"", len(data))
    body = bytearray(in_signed_chunks(plane, headers, seed, data))
    if what == "short":
        del body[-86 - 10 :]
    else:
        body[-10] ^= 1
    headers["content-length"] = str(len(body))
    status, said = sent(plane, key, headers, bytes(body))
    assert status in {400, 403}, said
    listed = engineer.list_objects_v2(Bucket="shelf", Prefix=key)
    assert listed["KeyCount"] == 0


def like_an_empty_bucket(seen: Seen) -> tuple[int, dict[str, str], bytes]:
    """As far as an upload is assessed by it: a test bucket that keeps versions, and no such object yet."""
    answers = {
        "/shelf?versioning": b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>",
        "/shelf?tagging": b"<Tagging><TagSet><Tag><Key>environment</Key><Value>test</Value></Tag></TagSet></Tagging>",
    }
    status = 404 if seen.method == "HEAD" and seen.path == "/shelf/k" else 200
    return status, {"content-type": "application/xml"}, answers.get(seen.path, b"")


def test_nothing_of_the_agents_signature_goes_on(tmp_path: Path) -> None:
    """Neither a presigned URL's parameters nor the words that say how the body was signed."""
    upstream = Upstream()
    upstream.answer = like_an_empty_bucket
    try:
        with running(tmp_path, upstream.endpoint) as plane:
            client = plane.client("s3", signature_version="s3v4")
            followed(client.generate_presigned_url("get_object", Params={"Bucket": "shelf", "Key": "k"}))
            headers, seed = upload(plane, SIGNED_CHUNKS, "k", b"", len(DATA))
            body = in_signed_chunks(plane, headers, seed, DATA)
            headers["content-length"] = str(len(body))
            status, said = sent(plane, "k", headers, body)
            assert status == 200, said
            (written,) = (seen for seen in upstream.seen if seen.method == "PUT")
            read = upstream.seen[0]
            assert (read.method, read.path) == ("GET", "/shelf/k")
            assert written.body == DATA
            assert written.headers["x-amz-content-sha256"] == "UNSIGNED-PAYLOAD"
            for seen in upstream.seen:
                assert "Credential=AKIAPLANE/" in seen.headers["authorization"]
                assert plane.key.access_key_id not in str(seen)
                assert "STREAMING" not in str(seen)
                assert "chunk" not in str(seen.headers)
    finally:
        upstream.close()


def test_a_block_of_a_snapshot_is_put_though_its_body_is_not_signed(account: StandIn, tmp_path: Path) -> None:
    """SDKs leave the body of PutSnapshotBlock out of the signature; what arrives is what was given. Another of EBS's calls sent so is not
    taken.
    """
    block = DATA[:1024] * 512
    digest = base64.b64encode(hashlib.sha256(block).digest()).decode()
    with running(tmp_path, account.endpoint, packs=EVERYTHING, environments={NUMBER: "test"}) as plane:
        client = plane.client("ebs")
        snapshot = client.start_snapshot(VolumeSize=1)["SnapshotId"]
        put = client.put_snapshot_block(
            SnapshotId=snapshot,
            BlockIndex=5,
            BlockData=block,
            DataLength=len(block),
            Checksum=digest,
            ChecksumAlgorithm="SHA256",
        )
        assert put["Checksum"] == digest

        def unsigned(request: Any, **_: Any) -> None:
            request.headers["X-Amz-Content-SHA256"] = "UNSIGNED-PAYLOAD"

        client.meta.events.register("before-sign.ebs.CompleteSnapshot", unsigned)
        with pytest.raises(ClientError, match="the body is not under the signature"):
            client.complete_snapshot(SnapshotId=snapshot, ChangedBlocksCount=1)
