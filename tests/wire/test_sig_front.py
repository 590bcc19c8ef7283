"""The one door: every form to its own verifier, SigV4A against AWS's own runtime, heads of chunked bodies, and any bytes at all."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keyturn.providers.aws import sigv4
from keyturn.providers.aws.signing import front, sigv4a
from keyturn.providers.aws.signing.values import Authentic, ChunkSigning, Form, Refused, Secret
from keyturn.providers.aws.wire import WireRequest
from tests.wire.oracle import MOMENT
from tests.wire.then import NOW_S

KEY, SECRET, REGION, HOST = "AKID", "sec/ret+Key", "eu-central-1", "gateway.test"
PLAIN = Secret(SECRET)


def authenticated(
    request: WireRequest, *, secret: Secret = PLAIN, now_s: float = NOW_S
) -> Authentic | Refused:
    return front.authenticate(
        request, lambda key: secret if key == KEY else None, region="us-east-1", now_s=now_s
    )


def code(found: Authentic | Refused) -> str:
    return found.code if isinstance(found, Refused) else "verified"


def by_header(
    declared: str, body: bytes | None, *more: tuple[str, str], service: str = "s3", token: str = ""
) -> WireRequest:
    headers = sigv4.sign(
        "PUT",
        "/b/k",
        (("host", HOST), *more),
        payload_sha256=declared,
        access_key_id=KEY,
        secret=SECRET,
        token=token,
        region=REGION,
        signing_name=service,
        now_s=NOW_S,
    )
    return WireRequest("PUT", "/b/k", headers, body)


DIGEST = hashlib.sha256(b"abc").hexdigest()


def test_the_header_form_is_verified_as_ever() -> None:
    """With the digest its body has, or must have where it is still to come."""
    for body in (b"abc", None):
        found = authenticated(by_header(DIGEST, body))
        assert isinstance(found, Authentic), found
        assert (found.form, found.payload.sha256, found.scope.region) == (Form.HEADER, DIGEST, REGION)
    assert code(authenticated(by_header(DIGEST, b"abd"))) == "body"


def test_a_session_token_is_the_keys_own_or_none() -> None:
    """A token that is left over in the environment belongs to somebody else's credentials."""
    assert code(authenticated(by_header(DIGEST, b"abc", token="t"))) == "token"
    assert code(authenticated(by_header(DIGEST, b"abc", token="t"), secret=Secret(SECRET, "t"))) == "verified"
    assert code(authenticated(by_header(DIGEST, b"abc"), secret=Secret(SECRET, "t"))) == "token"


# --- heads of bodies in chunks ---------------------------------------------------------------------------------------

LENGTH = ("x-amz-decoded-content-length", "66560")
CRC = ("x-amz-trailer", "x-amz-checksum-crc32")


def test_a_body_in_chunks_is_said_how_to_be_decoded() -> None:
    """From the verified head alone; what leaves is as long as is said."""
    found = authenticated(by_header("STREAMING-AWS4-HMAC-SHA256-PAYLOAD", None, LENGTH))
    assert isinstance(found, Authentic), found
    chunks = found.payload.chunks
    assert chunks is not None
    assert (chunks.signing, chunks.decoded_bytes, chunks.trailers) == (ChunkSigning.MAC, 66_560, ())
    assert SECRET not in repr(found)
    assert found.request.by_name["content-length"] == "66560"
    assert "x-amz-decoded-content-length" not in found.request.by_name


def test_a_body_in_chunks_that_was_read_whole_is_decoded() -> None:
    """What is judged then is the decoded body."""
    body = b"3\r\nabc\r\n0\r\nx-amz-checksum-crc32:NSRBwg==\r\n\r\n"
    request = by_header(sigv4.UNSIGNED_TRAILER, body, (LENGTH[0], "3"), CRC)
    found = authenticated(request)
    assert isinstance(found, Authentic), found
    assert found.request.body == b"abc"
    changed = msgspec.structs.replace(request, body=body.replace(b"abc", b"abd"))
    assert code(authenticated(changed)) == "trailer"


STREAMED: list[tuple[str, WireRequest, str]] = [
    ("no length", by_header("STREAMING-AWS4-HMAC-SHA256-PAYLOAD", None), "chunked"),
    ("a length that is none", by_header(sigv4.UNSIGNED_TRAILER, None, (LENGTH[0], "-1"), CRC), "chunked"),
    (
        "a length over five gigabytes",
        by_header(sigv4.UNSIGNED_TRAILER, None, (LENGTH[0], "5368709121")),
        "chunked",
    ),
    ("a kind of its own", by_header("STREAMING-SOMETHING", None, LENGTH), "chunked"),
    (
        "chunks of another algorithm",
        by_header("STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD", None, LENGTH),
        "chunked",
    ),
    (
        "a trailer for a body that has none",
        by_header("STREAMING-AWS4-HMAC-SHA256-PAYLOAD", None, LENGTH, CRC),
        "trailer",
    ),
    (
        "a trailer that is a header",
        by_header(sigv4.UNSIGNED_TRAILER, None, LENGTH, (CRC[0], "x-amz-acl")),
        "trailer",
    ),
    (
        "a trailer twice",
        by_header(sigv4.UNSIGNED_TRAILER, None, LENGTH, (CRC[0], f"{CRC[1]},{CRC[1]}")),
        "trailer",
    ),
    ("another service", by_header(sigv4.UNSIGNED_TRAILER, None, LENGTH, service="lambda"), "unsigned-body"),
    (
        "a trailer that is not signed",
        msgspec.structs.replace(
            (bare := by_header(sigv4.UNSIGNED_TRAILER, None, LENGTH)), headers=(*bare.headers, CRC)
        ),
        "unsigned-header",
    ),
]


@pytest.mark.parametrize(("what", "request_", "expected"), STREAMED, ids=[row[0] for row in STREAMED])
def test_a_head_that_does_not_say_it_in_one_way_is_refused(
    what: str, request_: WireRequest, expected: str
) -> None:
    """Before a byte of its body is taken."""
    assert code(authenticated(request_)) == expected, what


# --- SigV4A ----------------------------------------------------------------------------------------------------------


def asymmetric(body: bytes = b"{}", region_set: str = "*", token: str = "") -> WireRequest:
    head = WireRequest("POST", "/v1/a%20b?x=1&y=", (("host", HOST), ("x-amz-target", "T.Op")), body)
    headers = sigv4a.sign(
        head,
        payload_sha256=hashlib.sha256(body).hexdigest(),
        access_key_id=KEY,
        secret=SECRET,
        token=token,
        region_set=region_set,
        signing_name="events",
        now_s=NOW_S,
    )
    return msgspec.structs.replace(head, headers=headers)


@pytest.mark.parametrize(
    ("region_set", "region"),
    [("*", "us-east-1"), ("eu-west-1", "eu-west-1"), ("eu-west-1,eu-west-2", "us-east-1")],
)
def test_what_is_signed_by_an_elliptic_curve_is_verified(region_set: str, region: str) -> None:
    """The one region of its set, or the given one; the set itself does not go on."""
    found = authenticated(asymmetric(region_set=region_set))
    assert isinstance(found, Authentic), found
    assert (found.form, found.scope.region, found.scope.signing_name) == (Form.ASYMMETRIC, region, "events")
    assert "x-amz-region-set" not in found.request.by_name


GOOD_A = asymmetric()


def with_header(request: WireRequest, name: str, value: str) -> WireRequest:
    kept = tuple(pair for pair in request.headers if pair[0] != name)
    return msgspec.structs.replace(request, headers=(*kept, (name, value)))


AUTH = GOOD_A.by_name["authorization"]

REFUSED_A: list[tuple[str, WireRequest, str]] = [
    ("another body", msgspec.structs.replace(GOOD_A, body=b"[]"), "signature"),
    ("another path", msgspec.structs.replace(GOOD_A, target="/v1/b"), "signature"),
    ("another operation", with_header(GOOD_A, "x-amz-target", "T.Other"), "signature"),
    ("another region set", with_header(GOOD_A, "x-amz-region-set", "eu-west-1"), "signature"),
    ("no region set", with_header(GOOD_A, "x-amz-region-set", ""), "malformed"),
    ("a header more", with_header(GOOD_A, "x-amz-acl", "private"), "unsigned-header"),
    ("an old one", with_header(GOOD_A, "x-amz-date", "20200101T000000Z"), "date"),
    (
        "a scope with a region",
        with_header(GOOD_A, "authorization", AUTH.replace("/events/", "/eu/events/")),
        "malformed",
    ),
    ("a part twice", with_header(GOOD_A, "authorization", AUTH + ", Signature=00"), "malformed"),
    ("no signature", with_header(GOOD_A, "authorization", AUTH.partition(", Signature")[0]), "malformed"),
    ("a signature that is no DER", with_header(GOOD_A, "authorization", AUTH[:-4]), "signature"),
    (
        "a signature in capitals",
        with_header(GOOD_A, "authorization", AUTH.replace("=30", "=3F")),
        "signature",
    ),
]


@pytest.mark.parametrize(("what", "request_", "expected"), REFUSED_A, ids=[row[0] for row in REFUSED_A])
def test_anything_changed_under_an_elliptic_curve_is_refused(
    what: str, request_: WireRequest, expected: str
) -> None:
    """By name."""
    assert code(authenticated(request_)) == expected, what


def test_the_derived_key_is_the_published_one() -> None:
    """The test vector of AWS's SigV4A test suite for this example key pair."""
    point = sigv4a.public_point("AKISORANDOMAASORANDOM", "q+jcrXGc+0zWN6uzclKVhvMmUsIfRPa4rlRandom")
    assert point[1:33].hex() == "15d242ceebf8d8169fd6a8b5a746c41140414c3b07579038da06af89190fffcb"
    assert point[33:].hex() == "0515242cedd82e94799482e4c0514b505afccf2c0c98d6a553bf539f424c5ec0"


@pytest.fixture(name="runtime")
def awss_own_runtime() -> Any:
    return pytest.importorskip(
        "awscrt.auth", reason="awscrt is not installed: SigV4A is not tried against AWS's runtime"
    )


def by_runtime(auth: Any, *, query: bool, service: str, body_header: bool) -> WireRequest:
    """A request as AWS's own runtime signs it."""
    http = pytest.importorskip("awscrt.http")
    made = http.HttpRequest("GET", "/b/a%20b?x=1&y=", http.HttpHeaders([("host", HOST)]))
    kind = auth.AwsSignatureType
    config = auth.AwsSigningConfig(
        algorithm=auth.AwsSigningAlgorithm.V4_ASYMMETRIC,
        signature_type=kind.HTTP_REQUEST_QUERY_PARAMS if query else kind.HTTP_REQUEST_HEADERS,
        credentials_provider=auth.AwsCredentialsProvider.new_static(KEY, SECRET),
        region="eu-*",
        service=service,
        date=MOMENT,
        use_double_uri_encode=service != "s3",
        should_normalize_uri_path=service != "s3",
        signed_body_value=auth.AwsSignedBodyValue.UNSIGNED_PAYLOAD if service == "s3" else None,
        signed_body_header_type=auth.AwsSignedBodyHeaderType.X_AMZ_CONTENT_SHA_256
        if body_header
        else auth.AwsSignedBodyHeaderType.NONE,
        expiration_in_seconds=600 if query else None,
    )
    auth.aws_sign_request(made, config).result(10)
    headers = tuple((name.lower(), value) for name, value in made.headers)
    return WireRequest("GET", made.path, headers, b"")


@pytest.mark.parametrize("query", [False, True], ids=["header", "query"])
@pytest.mark.parametrize("service", ["s3", "events"])
def test_what_awss_own_runtime_signs_is_verified(runtime: Any, service: str, query: bool) -> None:  # a row
    """In the header and in the query; a changed path is refused."""
    request = by_runtime(runtime, query=query, service=service, body_header=service == "s3" and not query)
    found = authenticated(request)
    assert isinstance(found, Authentic), found
    assert found.form is (Form.ASYMMETRIC_QUERY if query else Form.ASYMMETRIC)
    assert found.request.target == "/b/a%20b?x=1&y="
    changed = msgspec.structs.replace(request, target=request.target.replace("a%20b", "a%20c"))
    assert code(authenticated(changed)) == "signature"


BY_NAME: list[tuple[str, dict[str, str], str]] = [
    ("nothing", {}, "unsigned"),
    ("a policy form", {"content-type": "multipart/form-data; boundary=a"}, "post-form"),
    ("version 2", {"authorization": "AWS AKID:c2lnbmF0dXJl"}, "v2"),
    ("a bearer's token", {"authorization": "Bearer abc"}, "algorithm"),
]


@pytest.mark.parametrize(("what", "headers", "expected"), BY_NAME, ids=[row[0] for row in BY_NAME])
def test_what_is_not_taken_is_refused_with_what_to_do(
    what: str, headers: dict[str, str], expected: str
) -> None:
    """In a word of its own."""
    found = authenticated(WireRequest("POST", "/b", (("host", HOST), *headers.items()), b""))
    assert code(found) == expected, what
    assert isinstance(found, Refused)
    assert found.help


# --- anything --------------------------------------------------------------------------------------------------------


@settings(max_examples=300, deadline=None)
@given(at=st.integers(0, 10_000), by=st.integers(1, 255))
def test_a_changed_byte_of_a_header_is_never_verified(at: int, by: int) -> None:
    """Anywhere in what SigV4A signs, and in the signature itself."""
    names = [name for name, _ in GOOD_A.headers]
    name = names[at % len(names)]
    raw = bytearray(GOOD_A.by_name[name].encode())
    raw[at % len(raw)] ^= by
    value = raw.decode("latin-1")
    if " ".join(value.split()) == GOOD_A.by_name[name] or (
        name == "authorization" and value.split() == AUTH.split()
    ):
        return  # white space around a value is no part of it
    assert code(authenticated(with_header(GOOD_A, name, value))) != "verified"


@settings(max_examples=400, deadline=None)
@given(
    headers=st.lists(
        st.tuples(
            st.sampled_from(
                ["authorization", "x-amz-date", "host", "x-amz-region-set", "x-amz-content-sha256", "x"]
            ),
            st.one_of(
                st.sampled_from(
                    [
                        AUTH,
                        "AWS4-HMAC-SHA256 Credential=AKID/1/2/3/aws4_request, SignedHeaders=host, Signature=a",
                        HOST,
                        "*",
                    ]
                ),
                st.text(max_size=60),
            ),
        ),
        max_size=6,
    ),
    target=st.one_of(
        st.text(max_size=40),
        st.sampled_from(["/?X-Amz-Signature=a", "/?Signature=a&X-Amz-Signature=b", "/?%"]),
    ),
    body=st.one_of(st.none(), st.binary(max_size=20)),
)
def test_any_bytes_are_verified_or_refused(
    headers: list[tuple[str, str]], target: str, body: bytes | None
) -> None:
    """Never an exception; nothing of this is ever verified."""
    assert isinstance(authenticated(WireRequest("POST", target, tuple(headers), body)), Refused)
