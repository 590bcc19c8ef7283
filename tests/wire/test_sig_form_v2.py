"""Forms signed by their own fields (version 2), against botocore's signer: its own are verified and leave no signature behind."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlencode

import msgspec
import pytest
from botocore.auth import SigV2Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from keyturn.errors import BugError
from keyturn.providers.aws.signing import form_v2, front
from keyturn.providers.aws.signing.values import Authentic, Form, Refused, Secret
from keyturn.providers.aws.wire import Identified, WireRequest, identify
from tests.wire.then import NOW_S

KEY, SECRET, HOME = "AKID", "sec/ret+Key", "eu-central-1"
STAMP = "2026-02-20T08:30:00Z"
ASKED = {
    "Action": "PutAttributes",
    "Version": "2009-04-15",
    "DomainName": "orders",
    "ItemName": "a b+c&ü~*'(",
}
PLAIN = Secret(SECRET)
FORM = "application/x-www-form-urlencoded; charset=utf-8"


def fields(token: str = "", **changed: str) -> dict[str, str]:
    """What botocore puts into a form, with its signature; `changed` is signed too."""
    made = ASKED | {
        "AWSAccessKeyId": KEY,
        "SignatureMethod": "HmacSHA256",
        "SignatureVersion": "2",
        "Timestamp": STAMP,
    }
    made |= ({"SecurityToken": token} if token else {}) | changed
    asked = AWSRequest("POST", f"https://{changed.get('host', 'sdb.amazonaws.com')}/", data=made)
    made.pop("host", None)
    _, signature = SigV2Auth(Credentials(KEY, SECRET)).calc_signature(asked.prepare(), made)
    return made | {"Signature": signature}


def sent(form: dict[str, str], **changed: Any) -> WireRequest:
    request = WireRequest(
        "POST", "/", (("host", "sdb.amazonaws.com"), ("content-type", FORM)), urlencode(form).encode()
    )
    return msgspec.structs.replace(request, **changed)


def authenticated(
    request: WireRequest, *, later_s: float = 0.0, secret: Secret = PLAIN
) -> Authentic | Refused:
    return front.authenticate(
        request, lambda key: secret if key == KEY else None, region=HOME, now_s=NOW_S + later_s
    )


def test_a_signed_form_is_verified_and_leaves_no_signature_behind() -> None:
    """What is identified, and signed anew, is the operation's own fields as they came."""
    found = authenticated(sent(fields()))
    assert isinstance(found, Authentic)
    assert found.form is Form.FORM_V2
    assert (found.scope.signing_name, found.scope.region, found.scope.access_key_id) == (
        "sdb",
        "us-east-1",
        KEY,
    )
    assert found.request.body == urlencode(ASKED).encode()
    known = identify(found.request, found.scope)
    assert isinstance(known, Identified)
    assert (known.service, known.operation) == ("sdb", "PutAttributes")
    assert known.parameters == {"DomainName": "orders", "ItemName": ASKED["ItemName"]}


@pytest.mark.parametrize(
    ("host", "region"),
    [
        ("sdb.amazonaws.com", "us-east-1"),
        ("sdb.eu-west-1.amazonaws.com", "eu-west-1"),
        ("127.0.0.1:4566", HOME),
    ],
)
def test_the_host_says_the_region(host: str, region: str) -> None:
    """AWS's own names do; at an endpoint of ours it is the account's home."""
    form = fields()
    form["Signature"] = form_v2.signature(host, "/", form, SECRET)
    found = authenticated(sent(form, headers=(("host", host), ("content-type", FORM))))
    assert isinstance(found, Authentic)
    assert found.scope.region == region


def test_a_key_with_a_token_is_known_by_all_three() -> None:
    """The token missing, or another: refused."""
    whole = Secret(SECRET, "tok/en+=")
    assert isinstance(authenticated(sent(fields(token="tok/en+=")), secret=whole), Authentic)
    for form in (fields(), fields(token="another")):
        refused = authenticated(sent(form), secret=whole)
        assert isinstance(refused, Refused)
        assert refused.code == "token"


@pytest.mark.parametrize(
    ("what", "request_", "code"),
    [
        ("a field is changed", sent(fields() | {"DomainName": "invoices"}), "signature"),
        ("a field is added", sent(fields() | {"Attribute.1.Name": "x"}), "signature"),
        ("a field is left out", sent({k: v for k, v in fields().items() if k != "ItemName"}), "signature"),
        ("another host", sent(fields(), headers=(("host", "x.test"), ("content-type", FORM))), "signature"),
        ("another path", sent(fields(), target="/other"), "signature"),
        ("a query beside it", sent(fields(), target="/?Action=DeleteDomain"), "malformed"),
        ("a field twice", sent({}, body=urlencode([*fields().items(), ("ItemName", "z")]).encode()), "duplicate-parameter"),
        ("two signatures", sent({}, body=urlencode([*fields().items(), ("Signature", "z")]).encode()), "duplicate-parameter"),
        ("a field in escapes", sent({}, body=urlencode(fields()).replace("Timestamp", "T%69mestamp").encode()), "malformed"),
        ("a bare ;", sent({}, body=urlencode(fields()).encode() + b"&a=b;c=d"), "malformed"),
        ("no UTF-8", sent({}, body=urlencode(fields()).encode() + b"&a=%ff"), "malformed"),
        ("SHA-1", sent(fields(SignatureMethod="HmacSHA1")), "algorithm"),
        ("version 1", sent(fields(SignatureVersion="1")), "algorithm"),
        ("no time", sent({k: v for k, v in fields().items() if k != "Timestamp"}), "malformed"),
        ("a time that is none", sent(fields(Timestamp="2026-02-31T08:30:00Z")), "date"),
        ("a time with a zone", sent(fields(Timestamp="2026-02-20T08:30:00+01:00")), "date"),
        ("another service's form", sent(fields(Version="2010-05-08")), "v2"),
        ("a signature that is no base64", sent(fields() | {"Signature": "ü"}), "signature"),
        ("the host twice", sent(fields(), headers=(("host", "sdb.amazonaws.com"),) * 2 + (("content-type", FORM),)), "duplicate-header"),
        ("in a header as well", sent(fields(), headers=(*sent({}).headers, ("authorization", "AWS AKID:x"))), "v2"),
    ],
)  # fmt: skip
def test_anything_else_is_refused(what: str, request_: WireRequest, code: str) -> None:
    """Each with its reason."""
    found = authenticated(request_)
    assert isinstance(found, Refused), what
    assert found.code == code, found.reason


@pytest.mark.parametrize("later_s", [-901.0, 901.0])
def test_it_is_good_for_a_quarter_of_an_hour(later_s: float) -> None:
    """Before and after."""
    found = authenticated(sent(fields()), later_s=later_s)
    assert isinstance(found, Refused)
    assert found.code == "skew"
    assert isinstance(authenticated(sent(fields()), later_s=later_s * 0.99), Authentic)


texts = st.text(st.characters(codec="utf-8"), max_size=12)


@given(st.dictionaries(texts.filter(lambda name: name not in form_v2.FIELDS), texts, max_size=6))
def test_what_leaves_is_signed_as_botocore_signs_it(asked: dict[str, str]) -> None:
    """And what was asked is in it as it was."""
    body = urlencode(asked).encode()
    made = form_v2.signed(body, "sdb.eu-west-1.amazonaws.com", "/", (KEY, SECRET, "tok"), now_s=NOW_S)
    form = dict(parse_qsl(made.decode(), keep_blank_values=True, strict_parsing=True))
    own = {name: value for name, value in form.items() if name != "Signature"}
    request = AWSRequest("POST", "https://sdb.eu-west-1.amazonaws.com/", data=own).prepare()
    assert SigV2Auth(Credentials(KEY, SECRET)).calc_signature(request, own)[1] == form["Signature"]
    assert {name: value for name, value in own.items() if name not in form_v2.FIELDS} == asked
    assert (own["Timestamp"], own["SecurityToken"]) == (STAMP, "tok")


def test_what_is_no_form_is_not_signed() -> None:
    """It cannot have been read as an operation before."""
    with pytest.raises(BugError):
        form_v2.signed(b"a", "h", "/", (KEY, SECRET, ""), now_s=NOW_S)
