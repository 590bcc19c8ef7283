"""An upload in parts is one change to whoever reviews it: decided when it begins, its parts pass under that, its end is looked at again."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from keyturn.model import record as r
from keyturn.testing.standin import StandIn
from tests.gateway.gateway_world import REGION, Running, running

AWS = shutil.which("aws", path=str(Path(sys.executable).parent)) or shutil.which("aws")
PART = os.urandom(1024) * 5120
SCRATCH, SHELF = "scratch-versions", "shelf-plain"


@pytest.fixture(scope="module")
def account() -> Iterator[StandIn]:
    with StandIn() as made:
        yield made


@pytest.fixture(scope="module")
def engineer(account: StandIn) -> Iterator[Any]:
    """Beside Keyturn: a test bucket that keeps versions, a production bucket that keeps none, an object in each."""
    s3 = boto3.client(
        "s3",
        region_name=REGION,
        endpoint_url=account.endpoint,
        aws_access_key_id="AKIAENGINEER",
        aws_secret_access_key="secret",
    )
    for bucket, environment in ((SCRATCH, "test"), (SHELF, "production")):
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        s3.put_bucket_tagging(
            Bucket=bucket, Tagging={"TagSet": [{"Key": "environment", "Value": environment}]}
        )
        if bucket == SCRATCH:
            s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        s3.put_object(Bucket=bucket, Key="old", Body=b"old")
    yield s3
    s3.close()


@pytest.fixture
def plane(account: StandIn, engineer: Any, tmp_path: Path) -> Iterator[Running]:
    del engineer
    with running(tmp_path, account.endpoint) as made:
        yield made


def cases(plane: Running) -> list[tuple[str, str]]:
    """(operation, phase) of every case, oldest first."""
    return [
        (case.change.operations[0].action, str(case.phase))
        for case in reversed(plane.app.runtime.cases())
        if case.change is not None
    ]


def parts_sent(plane: Running) -> list[tuple[str, str, int]]:
    """(case, which part, status) of the parts on record."""
    plane.do(plane.app.runtime.flush_reads())
    plane.do(plane.app.store.append(()))
    events = [entry.event() for entry in plane.app.store.entries()]
    return [
        (case, what.rpartition(", ")[2], status)
        for event in events
        if isinstance(event, r.PartsSent)
        for _, _, case, _, what, status in event.parts
    ]


def upload(client: Any, key: str, bucket: str = SCRATCH) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Begin, and send two parts."""
    begun = client.create_multipart_upload(Bucket=bucket, Key=key)
    here = {"Bucket": bucket, "Key": key, "UploadId": begun["UploadId"]}
    sent = [
        {"PartNumber": number, "ETag": client.upload_part(**here, PartNumber=number, Body=body)["ETag"]}
        for number, body in ((1, PART), (2, b"end"))
    ]
    return here, sent


def test_an_upload_is_two_cases_and_its_parts_a_line_each(plane: Running, engineer: Any) -> None:
    """Where nothing is lost it goes through at once; what is read back is what was sent."""
    client = plane.client("s3")
    here, sent = upload(client, "new")
    client.complete_multipart_upload(**here, MultipartUpload={"Parts": sent})
    assert engineer.get_object(Bucket=SCRATCH, Key="new")["Body"].read() == PART + b"end"
    plane.until("C-2", "confirmed")
    assert cases(plane) == [("CreateMultipartUpload", "confirmed"), ("CompleteMultipartUpload", "confirmed")]
    assert parts_sent(plane) == [("C-1", "PartNumber=1", 200), ("C-1", "PartNumber=2", 200)]
    ended = plane.app.runtime.case("C-2")
    assert ended is not None
    assert ended.change is not None
    assert ended.change.operations[0].within == "C-1"


def test_an_upload_of_ones_own_is_given_up_without_asking_anybody(plane: Running) -> None:
    """Nobody has seen its parts; the object that stands there stays."""
    client = plane.client("s3")
    here, _ = upload(client, "old")
    client.abort_multipart_upload(**here)
    assert client.get_object(Bucket=SCRATCH, Key="old")["Body"].read() == b"old"
    plane.until("C-2", "confirmed")
    assert [action for action, _ in cases(plane)] == ["CreateMultipartUpload", "AbortMultipartUpload"]


def test_what_would_replace_for_good_is_held_before_a_part_is_sent(plane: Running) -> None:
    """The whole consequence is judged at the beginning, where it costs nobody an upload."""
    with pytest.raises(ClientError) as caught:
        plane.client("s3").create_multipart_upload(Bucket=SHELF, Key="old")
    assert "would be replaced" in str(caught.value)
    assert cases(plane) == [("CreateMultipartUpload", "held")]


def test_one_approval_covers_the_upload_to_its_end(plane: Running, engineer: Any) -> None:
    """The retry gets the upload that was approved meanwhile; its end passes, since what it replaces is what people saw."""
    client = plane.client("s3")
    with pytest.raises(ClientError):
        client.create_multipart_upload(Bucket=SHELF, Key="old")
    plane.approve("C-1", "rita")
    here, sent = upload(client, "old", SHELF)
    client.complete_multipart_upload(**here, MultipartUpload={"Parts": sent})
    assert engineer.get_object(Bucket=SHELF, Key="old")["Body"].read() == PART + b"end"
    ended = plane.app.runtime.case("C-2")
    assert ended is not None
    assert ended.decision is not None
    assert "seatbelt.upload-was-reviewed" in str(ended.decision.reasons)
    engineer.put_object(Bucket=SHELF, Key="old", Body=b"old")


def test_an_approval_is_worth_nothing_when_something_else_stands_there(plane: Running, engineer: Any) -> None:
    """It was given for the object people saw: the end of the upload is held when that is another by then."""
    client = plane.client("s3")
    with pytest.raises(ClientError):
        client.create_multipart_upload(Bucket=SHELF, Key="old")
    plane.approve("C-1", "rita")
    here, sent = upload(client, "old", SHELF)
    engineer.put_object(Bucket=SHELF, Key="old", Body=b"somebody else's work")
    with pytest.raises(ClientError, match="would be replaced"):
        client.complete_multipart_upload(**here, MultipartUpload={"Parts": sent})
    assert engineer.get_object(Bucket=SHELF, Key="old")["Body"].read() == b"somebody else's work"
    engineer.put_object(Bucket=SHELF, Key="old", Body=b"old")


@pytest.mark.parametrize("whose", ["an engineer's", "another session's"])
def test_a_foreign_upload_is_nobodys_to_add_to_complete_or_abort(
    plane: Running, engineer: Any, whose: str
) -> None:
    """Knowing an id is not having begun it: parts, end and abort are held, and the upload stays as it was."""
    client = plane.client("s3")
    begun = (engineer if whose == "an engineer's" else client).create_multipart_upload(
        Bucket=SCRATCH, Key="theirs"
    )
    if whose == "another session's":
        plane.key = plane.session("other")
        client = plane.client("s3")
    here = {"Bucket": SCRATCH, "Key": "theirs", "UploadId": begun["UploadId"]}
    for call, given in (
        (client.upload_part, {"PartNumber": 1, "Body": b"mine"}),
        (client.complete_multipart_upload, {"MultipartUpload": {"Parts": [{"PartNumber": 1, "ETag": "x"}]}}),
        (client.abort_multipart_upload, {}),
    ):
        with pytest.raises(ClientError) as caught:
            call(**here, **given)
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert "Parts" not in engineer.list_parts(**here)
    assert parts_sent(plane) == []


def test_a_halt_stops_an_upload_in_its_middle(plane: Running, engineer: Any) -> None:
    """A part is a call like any other to who halts; after it the upload goes on."""
    client = plane.client("s3")
    here, sent = upload(client, "halted")
    plane.do(plane.app.runtime.halt(by="rita", reason="look at this"))
    with pytest.raises(ClientError, match="halted"):
        client.upload_part(**here, PartNumber=3, Body=b"more")
    assert len(engineer.list_parts(**here)["Parts"]) == 2
    plane.do(plane.app.runtime.resume(by="rita"))
    client.complete_multipart_upload(**here, MultipartUpload={"Parts": sent})


def test_after_a_restart_the_upload_is_still_its_own(account: StandIn, engineer: Any, tmp_path: Path) -> None:
    """Whose it is comes from the log, not from what the process remembered."""
    with running(tmp_path, account.endpoint) as plane:
        here, sent = upload(plane.client("s3"), "across")
        key = plane.key
    with running(tmp_path, account.endpoint) as plane:
        plane.key = key
        client = plane.client("s3")
        more = client.upload_part(**here, PartNumber=3, Body=b"!")
        sent[1:] = [{"PartNumber": 3, "ETag": more["ETag"]}]
        client.complete_multipart_upload(**here, MultipartUpload={"Parts": sent})
    assert engineer.get_object(Bucket=SCRATCH, Key="across")["Body"].read() == PART + b"!"


def test_a_part_copied_from_elsewhere_is_looked_at_by_itself(plane: Running) -> None:
    """It reads another object: a case of its own, within the upload."""
    client = plane.client("s3")
    here, _ = upload(client, "copied")
    client.upload_part_copy(**here, PartNumber=3, CopySource={"Bucket": SCRATCH, "Key": "old"})
    assert [action for action, _ in cases(plane)] == ["CreateMultipartUpload", "UploadPartCopy"]


@pytest.mark.slow
@pytest.mark.skipif(AWS is None, reason="the aws CLI is not installed")
def test_the_cli_copies_twenty_megabytes_as_one_story(plane: Running, engineer: Any, tmp_path: Path) -> None:
    """``aws s3 cp`` is told before a part has left, and goes through when it is asked for again after one approval."""
    large = tmp_path / "large"
    large.write_bytes(PART * 4)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "AWS_ACCESS_KEY_ID": plane.key.access_key_id,
        "AWS_SECRET_ACCESS_KEY": plane.key.secret,
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{plane.port}",
        "AWS_DEFAULT_REGION": REGION,
    }

    def copy() -> subprocess.CompletedProcess[str]:
        command = [str(AWS), "s3", "cp", str(large), f"s3://{SHELF}/old", "--no-progress"]
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=60, check=False
        )

    told = copy()
    assert told.returncode == 1
    assert "holds this as case C-1" in told.stderr
    plane.approve("C-1", "rita")
    told = copy()
    assert (told.returncode, told.stderr) == (0, "")
    assert engineer.get_object(Bucket=SHELF, Key="old")["Body"].read() == PART * 4
    assert len(cases(plane)) == 2
    assert len(parts_sent(plane)) == 3
