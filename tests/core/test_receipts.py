"""Signed approvals: a receipt is a verified person's signature under exactly what was shown, or it says what it is not."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from keyturn.core import receipts
from keyturn.core.case import Case
from keyturn.core.review import judge, quorum_reached
from keyturn.model.review import Accepted, NotAccepted, Receipt, Review, ReviewRequest, Statement
from keyturn.testing.passkey import SoftPasskey, b64url
from tests.core import core_world as w

ORIGIN = "http://localhost:8421"
NOW, GOOD_FOR = 10, 300_000


def held(quorum: int = 1) -> Case:
    """A case whose approvals have to be signed."""
    case = w.held(quorum=quorum, signed=True)
    assert case.request is not None
    return msgspec.structs.replace(case, request=msgspec.structs.replace(case.request, signed=True))


def statement(request: ReviewRequest, **fields: Any) -> Statement:
    given: dict[str, Any] = {
        "reviewer": "anna",
        "note": "",
        "nonce": "n-1",
        "expires_at_ms": NOW + GOOD_FOR,
        "rp_id": "localhost",
        "origin": ORIGIN,
    }
    return receipts.statement_of(request, **(given | fields))


def sign(said: Statement, key: SoftPasskey | None = None) -> Receipt:
    key = key or SoftPasskey(ORIGIN)
    answer = key.sign(receipts.challenge(said))
    return Receipt(
        statement=said,
        credential=answer["id"],
        public_key=key.public_key,
        authenticator_data=answer["response"]["authenticatorData"],
        client_data=answer["response"]["clientDataJSON"],
        signature=answer["response"]["signature"],
    )


def signed(case: Case, who: str = "anna", key: SoftPasskey | None = None, **fields: Any) -> Review:
    """A review with its receipt, by the book."""
    assert case.request is not None
    receipt = sign(statement(case.request, reviewer=who, **fields), key)
    return w.review(case, who, receipt=receipt)


def but(review: Review, **fields: Any) -> Review:
    assert review.receipt is not None
    return msgspec.structs.replace(review, receipt=msgspec.structs.replace(review.receipt, **fields))


def said(review: Review, **fields: Any) -> Review:
    """The statement changed after it was signed."""
    assert review.receipt is not None
    return but(review, statement=msgspec.structs.replace(review.receipt.statement, **fields))


def client(review: Review, **fields: Any) -> str:
    assert review.receipt is not None
    raw = json.loads(base64.urlsafe_b64decode(review.receipt.client_data + "=="))
    return b64url(json.dumps(raw | fields).encode())


def flipped(text: str) -> str:
    raw = bytearray(base64.urlsafe_b64decode(text + "=="))
    raw[-1] ^= 1
    return b64url(bytes(raw))


def one_bit_off(review: Review) -> Review:
    assert review.receipt is not None
    return but(review, signature=flipped(review.receipt.signature))


Made = Callable[[Case], Review]
REFUSED: list[tuple[str, Made, str]] = [
    ("without a signature", lambda case: w.review(case, "anna"), "unsigned"),
    ("signed for another person", lambda case: msgspec.structs.replace(signed(case, "ben"), reviewer="anna"), "wrong-user"),
    ("the statement's reviewer put in afterwards", lambda case: said(msgspec.structs.replace(signed(case, "ben"), reviewer="anna"), reviewer="anna"), "altered"),
    ("another note than was signed", lambda case: msgspec.structs.replace(signed(case), note="yes!"), "altered"),
    ("another key's signature", lambda case: but(signed(case), public_key=SoftPasskey(ORIGIN).public_key), "forged"),
    ("a signature of which a bit is another", lambda case: one_bit_off(signed(case)), "forged"),
    ("client data written by somebody else", lambda case: but(signed(case), client_data=client(signed(case), extra=1)), "forged"),
    ("signed on another page", lambda case: signed(case, key=SoftPasskey("https://evil.example")), "wrong-origin"),
    ("signed on another port", lambda case: signed(case, key=SoftPasskey("http://localhost:9")), "wrong-origin"),
    ("a passkey of another site", lambda case: signed(case, key=SoftPasskey(ORIGIN, "evil.example")), "wrong-origin"),
    ("an origin that is not under its name", lambda case: signed(case, key=SoftPasskey("http://notlocalhost"), origin="http://notlocalhost"), "wrong-origin"),
    ("in a frame of another page", lambda case: but(signed(case), client_data=client(signed(case), crossOrigin=True)), "wrong-origin"),
    ("nobody was asked who is there", lambda case: signed(case, key=SoftPasskey(ORIGIN, verified=False)), "not-verified"),
    ("signed too long ago", lambda case: signed(case, expires_at_ms=NOW), "late"),
    ("good for longer than a statement may be", lambda case: signed(case, expires_at_ms=NOW + receipts.SIGNED_FOR_MS_MAX + 1), "late"),
    ("without a nonce", lambda case: signed(case, nonce=""), "replayed"),
    ("a registration in place of a signature", lambda case: but(signed(case), client_data=client(signed(case), type="webauthn.create")), "altered"),
    ("no JSON", lambda case: but(signed(case), client_data="bm9wZQ"), "receipt"),
    ("no base64", lambda case: but(signed(case), signature="\u00e4\u00e4"), "receipt"),
    ("no key", lambda case: but(signed(case), public_key="MFkw"), "receipt"),
    ("cut short", lambda case: but(signed(case), authenticator_data="AAAA"), "receipt"),
    ("too long", lambda case: but(signed(case), signature="A" * (receipts.FIELD_CHARS_MAX + 1)), "receipt"),
]  # fmt: skip


def _request(case: Case) -> ReviewRequest:
    assert case.request is not None
    return case.request


@pytest.mark.parametrize(("what", "make", "code"), REFUSED, ids=[row[0] for row in REFUSED])
def test_an_approval_that_is_not_signed_as_it_should_be_does_not_count(
    what: str, make: Made, code: str
) -> None:
    """Each with its code, and neither when it is given nor when it is counted before the call."""
    case = held()
    review = make(case)
    judged = judge(case, review)
    assert isinstance(judged, NotAccepted)
    assert judged.code == code, judged
    assert not quorum_reached(msgspec.structs.replace(case, reviews=(review,)))[0]


def test_a_signed_approval_counts() -> None:
    """By the book it counts; so does a no without a signature: stopping asks for nothing."""
    case = held()
    assert judge(case, signed(case)) == Accepted(approvals=1, quorum=1)
    assert judge(case, w.review(case, "anna", approve=False)) == Accepted(approvals=0, quorum=1)
    assert quorum_reached(msgspec.structs.replace(case, reviews=(signed(case),))) == (True, "1 of 1: anna")


@pytest.mark.parametrize("field", sorted(set(Statement.__struct_fields__) - {"reviewer"}))
def test_no_word_of_a_statement_can_be_changed(field: str) -> None:
    """Whatever is altered after it was signed, the signature is no longer under it."""
    case = held()
    review = signed(case)
    assert review.receipt is not None
    value = getattr(review.receipt.statement, field)
    altered = said(review, **{field: value + (1 if isinstance(value, int) else "x")})
    judged = judge(case, altered)
    assert isinstance(judged, NotAccepted)
    assert judged.code in {"altered", "wrong-origin"}, judged


def test_a_nonce_is_good_once() -> None:
    """Two people cannot stand under one statement's nonce, whoever made it."""
    case = held(quorum=2)
    case = msgspec.structs.replace(case, reviews=(signed(case, "ben"),))
    judged = judge(case, signed(case, "anna"))
    assert isinstance(judged, NotAccepted)
    assert judged.code == "replayed"
    assert judge(case, signed(case, "anna", nonce="n-2")) == Accepted(approvals=2, quorum=2)


def test_an_approval_of_another_revision_is_not_one_of_this() -> None:
    """The same case, asked about anew: what was signed before is not what is shown now."""
    case = held()
    old = signed(case)
    now = msgspec.structs.replace(case, request=msgspec.structs.replace(_request(case), revision=2))
    again = msgspec.structs.replace(old, binding=_request(now).digest)
    judged = judge(now, again)
    assert isinstance(judged, NotAccepted)
    assert judged.code == "altered"


def test_the_operator_cannot_sign_for_her_own_agent() -> None:
    """A perfect signature of somebody who is excluded is refused as any other of hers."""
    case = held()
    judged = judge(case, signed(case, "olga"))
    assert isinstance(judged, NotAccepted)
    assert judged.code == "own-agent"
