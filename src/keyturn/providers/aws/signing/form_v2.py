"""Signature version 2 in a form's own fields: how SimpleDB is signed, which takes no other.

https://docs.aws.amazon.com/AmazonSimpleDB/latest/DeveloperGuide/HMACAuth.html. The signature (HMAC-SHA256) covers the method, the host,
the path and every field of the form, so that nothing can be added; it names no region. HMAC-SHA1, which the page allows as well, is
refused: no SDK makes it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import time
from typing import Final
from urllib.parse import quote, unquote_to_bytes

from keyturn.errors import BugError
from keyturn.providers.aws.protocols.form import FORM
from keyturn.providers.aws.signing import checks
from keyturn.providers.aws.signing.values import Authentic, Claim, Form, Payload, Refused, Secret, refuse
from keyturn.providers.aws.wire import CredentialScope, WireRequest

SERVICES: Final = {"sdb": "2009-04-15"}
"""Whose endpoints take nothing else, and the API version their forms name."""

FIELDS: Final = (
    "AWSAccessKeyId",
    "SecurityToken",
    "Signature",
    "SignatureMethod",
    "SignatureVersion",
    "Timestamp",
)
"""What a signature is made of; none of these is a parameter of an operation."""

_METHOD: Final = "HmacSHA256"
_TIME: Final = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.000)?Z\Z")
_HOST: Final = re.compile(r"sdb(?:\.(?P<region>[a-z]{2}(?:-[a-z]+)+-[0-9]))?\.amazonaws\.com\Z")
_FIRST: Final = "us-east-1"
"""Where sdb.amazonaws.com is."""


def is_one(request: WireRequest) -> bool:
    """Whether it shows this form of signature."""
    return (
        request.method == "POST"
        and b"SignatureVersion=" in (request.body or b"")
        and request.by_name.get("content-type", "").startswith(FORM)
    )


def parse(request: WireRequest, *, region: str) -> Claim | Refused:
    """Read it. `region` is where the account lives; a host of AWS's own says another."""
    headers = checks.headers_once(request)
    if isinstance(headers, Refused):
        return headers
    if "?" in request.target:
        return refuse("malformed", "a form that is signed by its fields takes no query beside them")
    found = _fields(request.body or b"")
    if isinstance(found, Refused):
        return found
    fields, left = found
    missing = [name for name in FIELDS if name != "SecurityToken" and not fields.get(name)]
    if missing:
        return refuse("malformed", f"the signed form lacks {missing[0]}")
    if (fields["SignatureVersion"], fields["SignatureMethod"]) != ("2", _METHOD):
        return refuse("algorithm", f"of the forms' own signatures only version 2 with {_METHOD} is verified")
    services = [name for name, version in SERVICES.items() if fields.get("Version") == version]
    if len(services) != 1:
        return refuse("v2", "signatures of version 2 are taken for SimpleDB alone", "sign with SigV4")
    host = _HOST.match(headers.get("host", ""))
    at = _TIME.sub(r"\1\2\3T\4\5\6Z", fields["Timestamp"])
    scope = CredentialScope(
        fields["AWSAccessKeyId"], at[:8], (host["region"] or _FIRST) if host else region, services[0]
    )
    return Claim(
        form=Form.FORM_V2,
        scope=scope,
        request=WireRequest(request.method, request.target, request.headers, "&".join(left).encode()),
        original=request,
        signed_target=_signed_text(headers.get("host", ""), request.target, fields),
        signature=fields["Signature"],
        amz_date=at,
        token=fields.get("SecurityToken", ""),
    )


def verify(claim: Claim, secret: Secret, *, now_s: float) -> Authentic | Refused:
    """Whether `secret` signed this form, about now."""
    wrong = checks.time_of(claim, now_s=now_s) or checks.token_of(claim.token, secret)
    if wrong is not None:
        return wrong
    expected = _signature(claim.signed_target, secret.secret)
    if not hmac.compare_digest(expected.encode(), claim.signature.encode("utf-8", "replace")):
        return refuse(
            "signature", "the signature does not match", "the session may have ended: open a new one"
        )
    body = claim.request.body or b""
    return Authentic(claim.form, claim.scope, Payload(hashlib.sha256(body).hexdigest()), claim.request)


def signature(host: str, path: str, fields: dict[str, str], secret: str) -> str:
    """Over the method, the host, the path and all fields but the signature itself, in the order of their names; in base64."""
    return _signature(_signed_text(host, path, fields), secret)


def _signature(text: str, secret: str) -> str:
    return base64.b64encode(hmac.digest(secret.encode(), text.encode(), "sha256")).decode()


def _signed_text(host: str, path: str, fields: dict[str, str]) -> str:
    named = "&".join(
        f"{quote(name, safe='')}={quote(fields[name], safe='')}"
        for name in sorted(fields)
        if name != "Signature"
    )
    return f"POST\n{host.lower()}\n{path or '/'}\n{named}"


def signed(body: bytes, host: str, path: str, keys: tuple[str, str, str], *, now_s: float) -> bytes:
    """The form with its signature, by `keys`: access key, secret, session token or nothing. Raises `BugError` where the body is no form: what was read as one is."""
    access_key_id, secret, token = keys
    found = _fields(body)
    if isinstance(found, Refused):
        raise BugError(found.code, f"a form that was read cannot be signed: {found.reason}")
    made = {
        "AWSAccessKeyId": access_key_id,
        "SignatureMethod": _METHOD,
        "SignatureVersion": "2",
        "Timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now_s)),
    }
    if token:
        made["SecurityToken"] = token
    made["Signature"] = signature(host, path, found[0] | made, secret)
    fields = "&".join(f"{name}={quote(value, safe='')}" for name, value in made.items())
    return b"&".join(part for part in (body, fields.encode()) if part)


def _fields(body: bytes) -> tuple[dict[str, str], list[str]] | Refused:
    """Every field by its name, and the raw ones that are not the signature's."""
    fields: dict[str, str] = {}
    left: list[str] = []
    try:
        text = body.decode("ascii")
        for raw in text.split("&") if text else ():
            raw_name, equals, raw_value = raw.partition("=")
            name, value = _decoded(raw_name), _decoded(raw_value)
            if not equals or ";" in raw:
                return refuse("malformed", "the form has a field without a value, or a bare ;")
            if name in fields:
                return refuse("duplicate-parameter", f"the field {name[:60]!r} stands twice")
            if name in FIELDS and name != raw_name:
                return refuse("malformed", f"the field {name!r} is written with escapes")
            fields[name] = value
            if name not in FIELDS:
                left.append(raw)
    except UnicodeError:
        return refuse("malformed", "the form is no UTF-8 in ASCII escapes")
    return fields, left


def _decoded(raw: str) -> str:
    return unquote_to_bytes(raw.replace("+", " ")).decode("utf-8")
