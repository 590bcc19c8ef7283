"""SigV4 against botocore's own signers: what they sign is verified, what we sign is what they would sign; anything changed is not."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import botocore.session
import msgspec
import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given, settings
from hypothesis import strategies as st

from keyturn.providers.aws import sigv4
from keyturn.providers.aws.signing import checks, front
from keyturn.providers.aws.signing.values import Authentic, Secret
from keyturn.providers.aws.wire import CredentialScope, WireRequest
from tests.wire.then import NOW_S, then

SECRET, REGION, HOST = "sec/ret+Key", "eu-central-1", "gateway.test"


def signed(
    method: str = "POST",
    target: str = "/",
    body: bytes = b"{}",
    *,
    service: str = "dynamodb",
    headers: dict[str, str] | None = None,
) -> WireRequest:
    """A request as botocore signs it, as it arrives."""
    made = AWSRequest(method, f"https://{HOST}{target}", data=body, headers={"Host": HOST, **(headers or {})})
    signer = S3SigV4Auth if service == "s3" else SigV4Auth
    if service == "s3":
        made.context["payload_signing_enabled"] = True
        made.context["client_config"] = None
    with then():
        signer(Credentials("AKID", SECRET), service, REGION).add_auth(made)
    got = tuple((name.lower(), value) for name, value in made.headers.items())
    return WireRequest(method, target, got, body)


def signed_here(
    request: WireRequest,
    headers: tuple[tuple[str, str], ...],
    *,
    service: str,
    now_s: float = NOW_S,
    token: str = "",
) -> tuple[tuple[str, str], ...]:
    """The headers under the plane's own signature, over this very body."""
    return sigv4.sign(
        request.method,
        request.target,
        headers,
        payload_sha256=hashlib.sha256(request.body or b"").hexdigest(),
        access_key_id="AKID",
        secret=SECRET,
        token=token,
        region=REGION,
        signing_name=service,
        now_s=now_s,
    )


def verified(request: WireRequest, *, secret: str = SECRET, now_s: float = NOW_S) -> object:
    found = sigv4.parse(request)
    if isinstance(found, sigv4.SignatureRefused):
        return found
    return sigv4.verify(request, found, secret, now_s=now_s)


TARGETS: list[tuple[str, str, str]] = [
    ("dynamodb", "POST", "/"),
    ("lambda", "GET", "/2015-03-31/functions/"),
    ("lambda", "GET", "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aeu%3A1%3Afunction%3Af"),
    ("lambda", "DELETE", "/2015-03-31/functions/f?Qualifier=1"),
    ("apigateway", "GET", "/tags/arn%3Aaws%3Aapigateway%3Aeu%3A%3A%2Frestapis%2Fx"),
    ("iotdata", "POST", "/topics/a%2Fb"),
    ("s3", "GET", "/bucket/key"),
    ("s3", "GET", "/bucket/a%20b%2Bc/d%3De%26f"),
    ("s3", "GET", "/bucket/%C3%BCn%C3%AF"),
    ("s3", "GET", "/bucket/a//b"),
    ("s3", "GET", "/bucket?list-type=2&prefix=a%2Fb&delimiter=%2F"),
    ("s3", "GET", "/bucket?acl"),
    ("s3", "GET", "/bucket?prefix=&list-type=2"),
    ("s3", "DELETE", "/bucket/key?versionId=a.b_c"),
]


@pytest.mark.parametrize(("service", "method", "target"), TARGETS, ids=[f"{r[0]} {r[2]}" for r in TARGETS])
def test_what_botocore_signs_is_verified(service: str, method: str, target: str) -> None:
    """Paths, queries and payloads, however oddly written."""
    body = b"" if method in {"GET", "DELETE"} else b"{}"
    answer = verified(signed(method, target, body, service=service))
    assert isinstance(answer, sigv4.Verified), answer
    assert answer.payload_sha256 == hashlib.sha256(body).hexdigest()


@pytest.mark.parametrize(("service", "method", "target"), TARGETS, ids=[f"{r[0]} {r[2]}" for r in TARGETS])
def test_what_we_sign_is_what_botocore_would_sign(
    service: str, method: str, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same signature, for the same moment."""
    body = b"" if method in {"GET", "DELETE"} else b"{}"
    theirs = signed(method, target, body, service=service)
    at = dict(theirs.headers)["x-amz-date"]
    moment = datetime.strptime(at, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    bare = tuple(pair for pair in theirs.headers if pair[0] not in {"authorization", "x-amz-date"})
    ours = signed_here(theirs, bare, service=service, now_s=moment)
    assert dict(ours)["authorization"] == dict(theirs.headers)["authorization"]


def test_what_we_sign_with_a_token_verifies() -> None:
    """A role's credentials: the token is under the signature."""
    bare = WireRequest("POST", "/", (("host", HOST), ("x-amz-target", "T.Op")), b"{}")
    ours = signed_here(bare, bare.headers, service="dynamodb", token="t/o+k=en")
    assert "x-amz-security-token" in dict(ours)["authorization"]
    assert isinstance(verified(WireRequest("POST", "/", ours, b"{}")), sigv4.Verified)


def changed(request: WireRequest, **fields: object) -> WireRequest:
    return msgspec.structs.replace(request, **fields)


def with_header(request: WireRequest, name: str, value: str) -> WireRequest:
    kept = tuple(pair for pair in request.headers if pair[0] != name)
    return changed(request, headers=(*kept, (name, value)))


HEADERS = {"X-Amz-Target": "DynamoDB_20120810.ListTables", "Content-Type": "application/x-amz-json-1.0"}
GOOD = signed(headers=HEADERS)

REFUSED: list[tuple[str, WireRequest, str]] = [
    ("another body", changed(GOOD, body=b'{"a":1}'), "signature"),
    ("another method", changed(GOOD, method="PUT"), "signature"),
    ("another path", changed(GOOD, target="/x"), "signature"),
    ("a query more", changed(GOOD, target="/?x=1"), "signature"),
    ("another operation", with_header(GOOD, "x-amz-target", "DynamoDB_20120810.DeleteTable"), "signature"),
    ("another host", with_header(GOOD, "host", "elsewhere.test"), "signature"),
    ("a header that is not signed", with_header(GOOD, "x-amz-copy-source", "/b/k"), "unsigned-header"),
    ("no signature", changed(GOOD, headers=()), "unsigned"),
    ("two signatures", changed(GOOD, headers=(*GOOD.headers, GOOD.headers[-1])), "duplicate-header"),
    ("two hosts", changed(GOOD, headers=(*GOOD.headers, ("host", HOST))), "duplicate-header"),
    (
        "another algorithm",
        with_header(GOOD, "authorization", "AWS4-ECDSA-P256-SHA256 Credential=a"),
        "algorithm",
    ),
    (
        "half a credential",
        with_header(GOOD, "authorization", "AWS4-HMAC-SHA256 Credential=AKID, Signature=a"),
        "malformed",
    ),
    ("another day", with_header(GOOD, "x-amz-date", "20200101T000000Z"), "date"),
    ("no time", with_header(GOOD, "x-amz-date", dict(GOOD.headers)["x-amz-date"][:8]), "date"),
    ("a presigned URL", changed(GOOD, headers=(), target="/?X-Amz-Signature=abc"), "presigned"),
    ("an unsigned body", with_header(GOOD, "x-amz-content-sha256", "UNSIGNED-PAYLOAD"), "unsigned"),
]


@pytest.mark.parametrize(("what", "request_", "code"), REFUSED, ids=[row[0] for row in REFUSED])
def test_anything_changed_is_refused(what: str, request_: WireRequest, code: str) -> None:
    """With a code that names it."""
    answer = verified(request_)
    assert isinstance(answer, sigv4.SignatureRefused)
    assert answer.code.startswith(code)
    assert answer.reason


NOT_COVERED = {"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"}


def test_bodies_that_sdks_do_not_sign_are_those_of_the_models() -> None:
    """Botocore's models say which: S3's own aside, these and no others."""
    session = botocore.session.get_session()
    found: dict[str, set[str]] = {}
    for service in session.get_available_services():
        model = session.get_service_model(service)
        for name in model.operation_names:
            if model.operation_model(name).unsigned_payload and service != "s3":
                found.setdefault(model.signing_name, set()).add(f"{service}:{name}")
    assert found == sigv4.UNSIGNED_BODIES


@pytest.mark.parametrize("service", sigv4.UNSIGNED_BODIES)
def test_a_body_that_the_sdk_does_not_sign_is_taken_and_signed_from_here(service: str) -> None:
    """Whoever asked is known; what leaves has its body under the plane's signature, said in the header and in the sum."""
    body = b"a block of a snapshot"
    came = signed("PUT", "/snapshots/snap-1/blocks/5", body, service=service, headers=NOT_COVERED)
    assert verified(came) == sigv4.Verified(verified_scope(service), "")
    digest = hashlib.sha256(body).hexdigest()
    bare = tuple(pair for pair in came.headers if pair[0] != "authorization")
    ours = signed_here(came, bare, service=service)
    assert [value for name, value in ours if name == "x-amz-content-sha256"] == [digest]
    assert verified(changed(came, headers=ours)) == sigv4.Verified(verified_scope(service), digest)


def verified_scope(service: str) -> CredentialScope:
    return CredentialScope("AKID", datetime.fromtimestamp(NOW_S, UTC).strftime("%Y%m%d"), REGION, service)


OF_EBS = signed("POST", "/snapshots/completion/snap-1", b"", service="ebs", headers=NOT_COVERED)


def test_such_a_body_is_for_such_operations_alone() -> None:
    """The signing name is known before the operation is: another of the same service is refused then."""
    found = front.authenticate(OF_EBS, lambda _: Secret(SECRET), region=REGION, now_s=NOW_S)
    assert isinstance(found, Authentic)
    assert checks.uncovered(found, "ebs:PutSnapshotBlock") is None
    wrong = checks.uncovered(found, "ebs:CompleteSnapshot")
    assert wrong is not None
    assert wrong.code == "unsigned-body"


TWO_READINGS = ["/a/../", "/=/..", "//", "/./", "/..", "/2015-03-31/functions/..", "/a//b", "/~dynamodb//"]


@pytest.mark.parametrize("target", TWO_READINGS)
def test_a_path_that_shares_its_signature_with_another_is_refused(target: str) -> None:
    """AWS signs the normal form of a path: what is written otherwise could be exchanged for it, or be read as it."""
    answer = verified(signed(target=target, service="lambda"))
    assert isinstance(answer, sigv4.SignatureRefused)
    assert answer.code == "path"


@pytest.mark.parametrize("target", ["/b/a/../c", "/b/a//c", "/b/.", "/b/a/"])
def test_a_key_of_s3_may_hold_dots_and_slashes(target: str) -> None:
    """S3 signs the path as it is: nothing is shared, nothing is refused, and each is its own."""
    request = signed("GET", target, b"", service="s3")
    assert isinstance(verified(request), sigv4.Verified)
    assert isinstance(verified(changed(request, target="/b/c")), sigv4.SignatureRefused)


def test_another_secret_and_another_time_are_refused() -> None:
    """A quarter of an hour either way is as far as clocks may differ (AWS: RequestTimeTooSkewed)."""
    fresh = signed(headers=HEADERS)
    assert isinstance(verified(fresh, secret="guess"), sigv4.SignatureRefused)
    for off in (-1_000, 1_000):
        answer = verified(fresh, now_s=NOW_S + off)
        assert isinstance(answer, sigv4.SignatureRefused)
        assert answer.code == "skew"
    assert isinstance(verified(fresh, now_s=NOW_S + 800), sigv4.Verified)


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_a_changed_byte_is_never_verified(data: st.DataObject) -> None:
    """Anywhere in body, target, or any header that is signed."""
    where = data.draw(st.sampled_from(["body", "target", "header"]))
    if where == "body":
        request = changed(GOOD, body=data.draw(st.binary(max_size=20).filter(lambda body: body != GOOD.body)))
    elif where == "target":
        request = changed(GOOD, target="/" + data.draw(st.text("abc?&=/.%", min_size=1, max_size=10)))
        if request.target == "/?":
            return  # an empty query is none
    else:
        name = data.draw(st.sampled_from(["x-amz-target", "host", "content-type", "x-amz-date"]))
        value = data.draw(st.text("abcDEF0123456789.TZ", min_size=1, max_size=20))
        if value == dict(GOOD.headers)[name]:
            return
        request = with_header(GOOD, name, value)
    assert not isinstance(verified(request), sigv4.Verified)


@settings(max_examples=300, deadline=None)
@given(
    headers=st.lists(
        st.tuples(st.sampled_from(["authorization", "x-amz-date", "host", "x"]), st.text(max_size=80)),
        max_size=6,
    ),
    target=st.text(max_size=40),
    body=st.one_of(st.none(), st.binary(max_size=20)),
)
def test_any_bytes_are_verified_or_refused(
    headers: list[tuple[str, str]], target: str, body: bytes | None
) -> None:
    """Never an exception."""
    verified(WireRequest("POST", target, tuple(headers), body))
