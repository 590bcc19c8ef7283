"""S3's policy forms: what boto3 presigns is verified, with every condition; anything changed is refused by name."""

from __future__ import annotations

from typing import Any

import boto3
import msgspec
import pytest
from botocore.config import Config
from hypothesis import given, settings
from hypothesis import strategies as st

from keyturn.providers.aws.signing import postform
from keyturn.providers.aws.signing.values import Refused, Secret
from keyturn.providers.aws.wire import WireRequest
from tests.wire.then import NOW_S, then

SECRET, LINE = "sec/ret+Key", "----line"


def form(
    fields: dict[str, str], file: bytes = b"abc", *, name: str = "f.txt", after: bytes = b""
) -> WireRequest:
    """The fields and the file as a browser posts them."""
    body = "".join(
        f'--{LINE}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'
        for key, value in fields.items()
    )
    body += f'--{LINE}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: text/plain\r\n\r\n'
    whole = body.encode() + file + f"\r\n--{LINE}--\r\n".encode() + after
    headers = (("host", "h"), ("content-type", f"multipart/form-data; boundary={LINE}"))
    return WireRequest("POST", "/bucket", headers, whole)


def presigned(version: str = "s3v4", **more: Any) -> dict[str, str]:
    """What boto3 presigns."""
    client = boto3.client(
        "s3",
        region_name="eu-central-1",
        aws_access_key_id="AKID",
        aws_secret_access_key=SECRET,
        config=Config(signature_version=version),
    )
    with then():
        made: dict[str, str] = client.generate_presigned_post("bucket", "up/${filename}", **more)["fields"]
    client.close()
    return made


def verified(
    request: WireRequest, *, later_s: float = 0.0, secret: str = SECRET
) -> postform.PostForm | Refused:
    found = postform.parse(request)
    return (
        found if isinstance(found, Refused) else postform.verify(found, Secret(secret), now_s=NOW_S + later_s)
    )


def code(found: postform.PostForm | Refused) -> str:
    return found.code if isinstance(found, Refused) else "verified"


RANGE = ["content-length-range", 1, 5]
GOOD = presigned(
    Fields={"acl": "private"}, Conditions=[{"acl": "private"}, RANGE], ExpiresIn=86_400
)  # signed when this is imported, long before the tables are read


def test_what_boto3_presigns_is_verified() -> None:
    """Bucket, key with the file's name in it, the fields, and the file byte for byte."""
    found = verified(form(GOOD))
    assert isinstance(found, postform.PostForm), found
    assert (found.bucket, found.key, found.file) == ("bucket", "up/f.txt", b"abc")
    assert found.fields["acl"] == "private"
    assert "x-amz-signature" not in found.fields
    assert found.scope.access_key_id == "AKID"


BODY = form(GOOD)

REFUSED: list[tuple[str, WireRequest, str]] = [
    ("another policy", form({**GOOD, "policy": GOOD["policy"][:-4] + "AAAA"}), "signature"),
    ("another signature", form({**GOOD, "x-amz-signature": "0" * 64}), "signature"),
    ("another key", form({**GOOD, "key": "elsewhere/${filename}"}), "policy"),
    ("another bucket", msgspec.structs.replace(BODY, target="/other"), "policy"),
    ("another ACL", form({**GOOD, "acl": "public-read"}), "policy"),
    ("a field more", form({**GOOD, "x-amz-meta-a": "1"}), "policy"),
    ("a field less", form({name: value for name, value in GOOD.items() if name != "acl"}), "policy"),
    ("too long", form(GOOD, b"abcdef"), "policy"),
    ("too short", form(GOOD, b""), "policy"),
    ("a token nobody gave", form({**GOOD, "x-amz-security-token": "t"}), "token"),
    ("another algorithm", form({**GOOD, "x-amz-algorithm": "AWS4-HMAC-MD5"}), "algorithm"),
    ("another service", form({**GOOD, "x-amz-credential": "AKID/20260101/eu/ec2/aws4_request"}), "malformed"),
    (
        "no signature",
        form({name: value for name, value in GOOD.items() if name != "x-amz-signature"}),
        "form",
    ),
    ("something behind the file", form(GOOD, after=b"x"), "form"),
    ("to an object", msgspec.structs.replace(BODY, target="/bucket/key"), "form"),
    ("with a query", msgspec.structs.replace(BODY, target="/bucket?acl"), "form"),
    (
        "no boundary",
        msgspec.structs.replace(BODY, headers=(("content-type", "multipart/form-data"),)),
        "form",
    ),
    (
        "the key twice",
        msgspec.structs.replace(BODY, body=(BODY.body or b"").replace(b'name="acl"', b'name="Key"')),
        "form",
    ),
    (
        "a name in another way",
        msgspec.structs.replace(BODY, body=(BODY.body or b"").replace(b'name="acl"', b"name=acl")),
        "form",
    ),
    ("version 2", form(presigned("s3")), "v2"),
]


@pytest.mark.parametrize(("what", "request_", "expected"), REFUSED, ids=[row[0] for row in REFUSED])
def test_anything_else_is_refused_by_name(what: str, request_: WireRequest, expected: str) -> None:
    """Each condition counts, and each field needs one."""
    found = verified(request_)
    assert code(found) == expected, (what, found)


def test_a_policy_expires() -> None:
    """When it says; another secret has not signed it."""
    fresh = presigned(Fields={"acl": "private"}, Conditions=[{"acl": "private"}, RANGE])
    assert code(verified(form(fresh), later_s=3_500)) == "verified"
    assert code(verified(form(fresh), later_s=3_700)) == "expired"
    assert code(verified(form(fresh), secret="other")) == "signature"


@settings(max_examples=300, deadline=None)
@given(at=st.integers(0, 100_000), by=st.integers(1, 255))
def test_a_changed_byte_is_refused_or_is_the_files(at: int, by: int) -> None:
    """The file and its name are the browser's own; all else is signed, or read in one way only."""
    raw = bytearray(BODY.body or b"")
    raw[at % len(raw)] ^= by
    found = verified(msgspec.structs.replace(BODY, body=bytes(raw)))
    if isinstance(found, postform.PostForm):
        whole = verified(BODY)
        assert isinstance(whole, postform.PostForm)
        assert found.bucket == "bucket"
        assert found.key.startswith("up/")
        assert found.fields.items() <= {**whole.fields}.items()


@settings(max_examples=200, deadline=None)
@given(
    body=st.one_of(
        st.binary(max_size=60), st.binary(max_size=60).map(lambda tail: (BODY.body or b"")[:400] + tail)
    )
)
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    """Never an exception."""
    assert isinstance(verified(msgspec.structs.replace(BODY, body=body)), Refused)
