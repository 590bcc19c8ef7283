"""Presigned URLs against botocore's own presigners: theirs are verified and leave no signature behind, anything changed is refused."""

from __future__ import annotations

import hashlib
from urllib.parse import quote, urlsplit

import msgspec
import pytest
from botocore.auth import HmacV1QueryAuth, S3SigV4QueryAuth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given, settings
from hypothesis import strategies as st

from keyturn.providers.aws.signing import front, query
from keyturn.providers.aws.signing.values import Authentic, Form, Refused, Secret
from keyturn.providers.aws.wire import CredentialScope, Identified, WireRequest, identify
from tests.wire.then import NOW_S, then

SECRET, REGION, HOST = "sec/ret+Key", "eu-central-1", "gateway.test"
PLAIN = Secret(SECRET)


def presigned(
    method: str = "GET",
    target: str = "/bucket/key",
    *,
    service: str = "s3",
    kind: str = "v4",
    headers: dict[str, str] | None = None,
    token: str = "",
    expires_s: int = 86_400,
    body: bytes | None = b"",
) -> WireRequest:
    """A URL as botocore presigns it, as it arrives when a plain HTTP client follows it."""
    made = AWSRequest(method, f"https://{HOST}{target}", headers=headers or {})
    credentials = Credentials("AKID", SECRET, token or None)
    if kind == "v2":
        with then():
            HmacV1QueryAuth(credentials, expires=expires_s).add_auth(made)
        sent: dict[str, str] = {}
    else:
        signer = S3SigV4QueryAuth if service == "s3" else SigV4QueryAuth
        with then():
            signer(credentials, service, REGION, expires=expires_s).add_auth(made)
        sent = headers or {}
    parts = urlsplit(made.url)
    lower = tuple((name.lower(), value) for name, value in sent.items())
    return WireRequest(method, f"{parts.path}?{parts.query}", (("host", HOST), *lower), body)


def authenticated(
    request: WireRequest, *, later_s: float = 0.0, secret: Secret = PLAIN
) -> Authentic | Refused:
    return front.authenticate(
        request,
        lambda key: secret if key == "AKID" else None,
        region="us-east-1",
        now_s=NOW_S + later_s,
    )


def headed(request: WireRequest, name: str, value: str) -> WireRequest:
    return msgspec.structs.replace(request, headers=(*request.headers, (name, value)))


TYPED = presigned("PUT", kind="v2", headers={"content-type": "a/b"}, body=None)
"""boto3 writes the type into the URL; whoever uses it has to send it as a header too, as S3 asks."""

GOOD: list[tuple[str, WireRequest, str, str]] = [
    ("an object", presigned(), "/bucket/key", "GetObject"),
    (
        "an odd key",
        presigned(target="/bucket/a%20b%2Bc/d%3De%26f"),
        "/bucket/a%20b%2Bc/d%3De%26f",
        "GetObject",
    ),
    (
        "a version",
        presigned(target="/bucket/key?versionId=a.b_c"),
        "/bucket/key?versionId=a.b_c",
        "GetObject",
    ),
    ("a sub-resource", presigned(target="/bucket/key?acl="), "/bucket/key?acl=", "GetObjectAcl"),
    (
        "a list",
        presigned(target="/bucket?list-type=2&prefix=a%2Fb"),
        "/bucket?list-type=2&prefix=a%2Fb",
        "ListObjectsV2",
    ),
    ("an upload", presigned("PUT", body=None), "/bucket/key", "PutObject"),
    ("V2: an object", presigned(kind="v2"), "/bucket/key", "GetObject"),
    ("V2: a sub-resource", presigned(target="/bucket/key?acl", kind="v2"), "/bucket/key?acl", "GetObjectAcl"),
    (
        "V2: an override",
        presigned(target="/bucket/key?response-content-type=text%2Fplain", kind="v2"),
        "/bucket/key?response-content-type=text%2Fplain",
        "GetObject",
    ),
    (
        "V2: a type",
        headed(TYPED, "content-type", "a/b"),
        "/bucket/key",
        "PutObject",
    ),
    (
        "V2: metadata",
        presigned("PUT", kind="v2", headers={"x-amz-meta-a": "1"}, body=None),
        "/bucket/key",
        "PutObject",
    ),
]


@pytest.mark.parametrize(("what", "request_", "target", "operation"), GOOD, ids=[row[0] for row in GOOD])
def test_what_botocore_presigns_is_verified_and_asked_plainly(
    what: str, request_: WireRequest, target: str, operation: str
) -> None:
    """The signature's parameters are gone, all others are as they were, and the rest is the operation that was presigned."""
    found = authenticated(request_)
    assert isinstance(found, Authentic), found
    assert found.request.target == target
    assert found.form is (Form.QUERY_V2 if what.startswith("V2") else Form.QUERY)
    asked = identify(found.request, found.scope)
    assert isinstance(asked, Identified), asked
    assert asked.operation == operation
    assert "ignature" not in str(found.request)


def test_other_services_are_presigned_over_their_body() -> None:
    """Sts get-caller-identity, as EKS and Vault use it: an empty body is signed, and no other is accepted."""
    request = presigned(target="/?Action=GetCallerIdentity&Version=2011-06-15", service="sts")
    found = authenticated(request)
    assert isinstance(found, Authentic), found
    assert found.payload.sha256 == hashlib.sha256(b"").hexdigest()
    assert found.scope == CredentialScope("AKID", found.scope.date, REGION, "sts")
    assert found.request.target == "/?Action=GetCallerIdentity&Version=2011-06-15"
    assert code(authenticated(msgspec.structs.replace(request, body=b"x"))) == "signature"


def test_headers_that_a_presigner_moved_into_the_query_come_back() -> None:
    """JavaScript's does so with every x-amz-* header: S3 reads them as headers, and so are they judged."""
    request = presigned("PUT", "/bucket/key?x-amz-acl=public-read&x-id=PutObject", body=b"")
    found = authenticated(request)
    assert isinstance(found, Authentic), found
    asked = identify(found.request, found.scope)
    assert isinstance(asked, Identified), asked
    assert asked.parameters["ACL"] == "public-read"
    twice = msgspec.structs.replace(request, headers=(*request.headers, ("x-amz-acl", "private")))
    assert code(authenticated(twice)) == "duplicate-header"


def test_a_bucket_in_the_host_is_under_a_v2_signature() -> None:
    """Where the caller reads the host too; where it does not, the path alone is verified, and this is another one."""
    made = presigned(target="/bucket/key", kind="v2")
    virtual = WireRequest("GET", f"/key?{made.target.partition('?')[2]}", (("host", HOST),), b"")

    def by(origin: str) -> Authentic | Refused:
        return front.authenticate(virtual, lambda _: PLAIN, region="us-east-1", now_s=NOW_S, origin=origin)

    found = by("bucket.s3.eu-central-1.amazonaws.com")
    assert isinstance(found, Authentic), found
    assert found.request.target == "/key"
    for origin in ("other.s3.amazonaws.com", "s3.amazonaws.com", "bucket.s3.amazonaws.com.evil.test", ""):
        assert code(by(origin)) == "signature"


@pytest.mark.parametrize("kind", ["v4", "v2"])
def test_the_session_token_must_be_the_keys_own(kind: str) -> None:
    """With it verified, without it or with another refused, and so is one that nobody gave."""
    request = presigned(kind=kind, token="t/o+k=en")
    assert isinstance(authenticated(request, secret=Secret(SECRET, "t/o+k=en")), Authentic)
    assert code(authenticated(request, secret=Secret(SECRET, "other"))) == "token"
    assert code(authenticated(request)) == "token"
    assert code(authenticated(presigned(kind=kind), secret=Secret(SECRET, "t/o+k=en"))) == "token"


def code(found: Authentic | Refused) -> str:
    return found.code if isinstance(found, Refused) else "verified"


V4, V2 = presigned(), presigned(kind="v2")


def target(request: WireRequest, before: str, after: str) -> WireRequest:
    assert before in request.target
    return msgspec.structs.replace(request, target=request.target.replace(before, after))


REFUSED: list[tuple[str, WireRequest, str]] = [
    ("another key", target(V4, "/bucket/key", "/bucket/other"), "signature"),
    ("a parameter more", target(V4, "?", "?acl&"), "signature"),
    ("another method", msgspec.structs.replace(V4, method="DELETE"), "signature"),
    ("longer good", target(V4, "Expires=86400", "Expires=601"), "signature"),
    ("good for more than a week", presigned(expires_s=604_801), "expiry"),
    ("good for no time", target(V4, "Expires=86400", "Expires=0"), "expiry"),
    ("good for a strange time", target(V4, "Expires=86400", "Expires=%D9%A1"), "expiry"),
    (
        "a time that stands twice",
        target(V4, "X-Amz-Expires=", "X-Amz-Expires=1&X-Amz-Expires="),
        "duplicate-parameter",
    ),
    ("a time in other letters", target(V4, "X-Amz-Expires", "x-amz-expires"), "malformed"),
    (
        "a time in other letters as well",
        target(V4, "X-Amz-Expires", "x-amz-expires=1&X-Amz-Expires"),
        "malformed",
    ),
    ("a name in escapes", target(V4, "X-Amz-Signature", "X-Amz%2DSignature"), "malformed"),
    ("a bare plus", target(V4, "?", "?a+b=c&"), "malformed"),
    ("no UTF-8", target(V4, "?", "?a=%FF&"), "malformed"),
    ("no credential", target(V4, "X-Amz-Credential=AKID", "X-Amz-Credential=&a=AKID"), "malformed"),
    ("an algorithm of its own", target(V4, "AWS4-HMAC-SHA256", "AWS4-HMAC-MD5"), "algorithm"),
    ("the host not signed", target(V4, "SignedHeaders=host", "SignedHeaders=x-a"), "unsigned-header"),
    ("a header that is not signed", headed(V4, "x-amz-copy-source", "/b/k"), "unsigned-header"),
    ("a second date", headed(V4, "x-amz-date", "20200101T000000Z"), "duplicate-header"),
    ("two hosts", headed(V4, "host", HOST), "duplicate-header"),
    ("two signatures", headed(V4, "authorization", "AWS4-HMAC-SHA256 Credential=a"), "two-signatures"),
    ("both versions", target(V4, "?", "?Signature=a&"), "two-signatures"),
    ("a key of no session", target(V4, "AKID", "AKIX"), "no-session"),
    ("V2: another key", target(V2, "/bucket/key", "/bucket/other"), "signature"),
    ("V2: another method", msgspec.structs.replace(V2, method="DELETE"), "signature"),
    ("V2: a sub-resource more", target(V2, "?", "?acl&"), "signature"),
    ("V2: a parameter that is not signed", target(V2, "?", "?list-type=2&"), "unsigned-parameter"),
    ("V2: an ampersand inside", target(V2, "?", "?versionId=a%26acl&"), "ambiguous"),
    ("V2: a header more", headed(V2, "x-amz-acl", "public-read"), "signature"),
    ("V2: a type more", headed(V2, "content-type", "a/b"), "signature"),
    ("V2: the type in the URL alone", TYPED, "signature"),
    ("V2: another type than in the URL", headed(TYPED, "content-type", "a/c"), "signature"),
    ("V2: twice", target(V2, "Expires=", "Expires=1&Expires="), "duplicate-parameter"),
    ("V2: half", target(V2, "Expires=", "Expired="), "malformed"),
    (
        "V2: in a header",
        WireRequest("GET", "/b/k", (("host", HOST), ("authorization", "AWS AKID:c2ln")), b""),
        "v2",
    ),
    ("no signature", WireRequest("GET", "/b/k", (("host", HOST),), b""), "unsigned"),
]


@pytest.mark.parametrize(("what", "request_", "expected"), REFUSED, ids=[row[0] for row in REFUSED])
def test_anything_else_is_refused_by_name(what: str, request_: WireRequest, expected: str) -> None:
    """With a reason that can be shown."""
    found = authenticated(request_)
    assert code(found) == expected, found
    assert isinstance(found, Refused)
    assert found.reason


@pytest.mark.parametrize("kind", ["v4", "v2"])
def test_a_url_is_good_until_it_expires(kind: str) -> None:
    """Its whole life long, which a header's quarter of an hour does not limit, and not a moment longer."""
    request = presigned(kind=kind, expires_s=3600)
    assert isinstance(authenticated(request, later_s=3590), Authentic)
    assert code(authenticated(request, later_s=3610)) == "expired"


def test_a_url_from_the_future_is_refused() -> None:
    """A clock that is ahead by more than a quarter of an hour."""
    assert code(authenticated(presigned(), later_s=-1_000)) == "skew"


@settings(max_examples=400, deadline=None)
@given(which=st.sampled_from(["v4", "v2"]), at=st.integers(0, 10_000), by=st.integers(1, 255))
def test_a_changed_byte_is_never_verified(which: str, at: int, by: int) -> None:
    """Anywhere in the target: what is not signed is refused, not passed over."""
    request = V4 if which == "v4" else V2
    raw = bytearray(request.target.encode())
    raw[at % len(raw)] ^= by
    changed = msgspec.structs.replace(request, target=raw.decode("latin-1"))
    found = authenticated(changed)
    if isinstance(found, Authentic):  # the one sameness: hexadecimal digits of an escape in the other case
        assert changed.target.lower() == request.target.lower()
        assert quote(found.request.target) == quote(GOOD[0][2])


@settings(max_examples=400, deadline=None)
@given(
    pairs=st.lists(
        st.tuples(
            st.sampled_from([*sorted(query.V4), *sorted(query.V2), "x-amz-acl", "acl", "a"]),
            st.one_of(
                st.sampled_from(["AWS4-HMAC-SHA256", "host", "20260101T000000Z", "60", "AKID"]),
                st.text(max_size=30),
            ),
        ),
        max_size=12,
    ),
    escaped=st.booleans(),
)
def test_any_query_is_verified_or_refused(pairs: list[tuple[str, str]], escaped: bool) -> None:  # drawn
    """Never an exception."""
    text = "&".join(f"{name}={quote(value) if escaped else value}" for name, value in pairs)
    found = authenticated(WireRequest("GET", f"/b/k?{text}", (("host", HOST),), b""))
    assert isinstance(found, Refused)
