"""Signed approvals, through page and API: what is not a verified person's signature under what was shown is refused, with a code."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from keyturn.console.nonces import Nonces
from keyturn.core import receipts
from keyturn.model.review import Statement
from keyturn.testing.passkey import SoftPasskey, b64url
from tests.console.running_plane import Plane
from tests.console.signing_world import SEE_OTHER, Person, code_on_record, signing

MADE: dict[str, Person] = {}


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plane]:
    with signing(tmp_path_factory.mktemp("signing")) as made:
        for name in ("dana", "erin", "fay"):
            MADE[name] = Person(made, name, made.invite(name, "reviewer"))
            assert MADE[name].enrol().status_code == SEE_OTHER
        MADE["bob"] = Person(made, "bob", made.invite("bob", "operator", "reviewer", "administrator"))
        MADE["bob"].enrol()
        yield made
        for person in MADE.values():
            person.browser.close()


class Attempt:
    """An approval of dana's, made wrong in one place, and sent by a page or by the API."""

    def __init__(self, plane: Plane, case: str) -> None:
        self.plane, self.case, self.who = plane, case, MADE["dana"]
        self.note = ""
        self.binding = self.who.binding(case)
        self.asked = self.who.ask(case)
        self.answer: dict[str, Any] | None = self.who.key.get(self.asked["options"])

    def signed_by(self, key: SoftPasskey) -> Attempt:
        """With another passkey that says it is hers."""
        key.id = self.who.key.id
        self.answer = key.get(self.asked["options"])
        return self

    def private(self) -> Any:
        return self.who.key._key

    def as_hers(self, **wrong: Any) -> Attempt:
        """Her own key in an authenticator that does this wrong."""
        key = SoftPasskey(**({"origin": self.who.origin} | wrong))
        key._key = self.private()
        return self.signed_by(key)

    def over(self, **fields: Any) -> Attempt:
        """Her signature under a statement of which a field is another."""
        said = Statement(**(self.asked["statement"] | fields))
        self.answer = self.who.key.sign(receipts.challenge(said))
        return self

    def but(self, **fields: Any) -> Attempt:
        for name, value in fields.items():
            setattr(self, name, value)
        return self

    def nonce(self, text: str) -> Attempt:
        self.asked = self.asked | {"nonce": text}
        return self

    def old(self) -> Attempt:
        """Asked so long ago that its time is over."""
        key = self.plane.app.vault.seal(b"console forms v1").encode()
        past = Nonces(self.plane.app.store, key, lambda: 1_000_000).make("passkey-sign", "dana")
        said = Statement(**(self.asked["statement"] | {"nonce": past, "expires_at_ms": 1_300_000}))
        self.answer = self.who.key.sign(receipts.challenge(said))
        return self.nonce(past)

    def used(self) -> Attempt:
        """The same answer, sent a second time: the first came to nothing for another reason."""
        assert self.answer is not None
        assert self.send("api", binding="sha256:" + "0" * 64) == "stale"
        return self

    def send(self, door: str, **other: str) -> str:
        """The code of the refusal, by page or API; "counts" when there is none."""
        signature = self.answer and {"nonce": self.asked["nonce"], "credential": self.answer}
        binding = other.get("binding", self.binding)
        if door == "page":
            fields = (
                {"nonce": self.asked["nonce"], "credential": json.dumps(self.answer)} if signature else {}
            )
            answer = self.who.approve(self.case, note=self.note, binding=binding, **fields)
            if answer.status_code == SEE_OTHER:
                return "counts"
            assert answer.status_code == httpx.codes.FORBIDDEN
            return code_on_record(self.plane, self.case)[-1]
        body = {"approve": True, "binding": binding, "note": self.note, "signature": signature}
        with self.plane.api(self.who.name) as api:
            found = api.post(f"/cases/{self.case}/review", json=body)
        if found.is_success:
            return "counts"
        said: str = found.json()["error"]["code"]
        assert said == code_on_record(self.plane, self.case)[-1], "on record with the same code"
        return said


def other_user(attempt: Attempt) -> Attempt:
    """Erin's passkey under dana's approval."""
    return attempt.but(answer=MADE["erin"].key.get(attempt.asked["options"]))


Wrong = Callable[[Attempt], Attempt]


def _over(field: str, value: Any) -> Wrong:
    return lambda one: one.over(**{field: value})


REFUSED: dict[str, tuple[Wrong, str]] = {
    "no signature": (lambda one: one.but(answer=None), "unsigned"),
    "another key under her passkey's name": (lambda one: one.signed_by(SoftPasskey(one.who.origin)), "forged"),
    "a passkey nobody knows": (lambda one: one.but(answer=SoftPasskey(one.who.origin).get(one.asked["options"])), "unknown-passkey"),
    "somebody else's passkey": (other_user, "wrong-user"),
    "another page": (lambda one: one.as_hers(origin="https://evil.example"), "wrong-origin"),
    "another port": (lambda one: one.as_hers(origin="http://localhost:1"), "wrong-origin"),
    "a passkey of another site": (lambda one: one.as_hers(rp_id="evil.example"), "wrong-origin"),
    "nobody asked who is there": (lambda one: one.as_hers(verified=False), "not-verified"),
    "another note than was signed": (lambda one: one.but(note="I never said this"), "altered"),
    "a nonce of nobody's": (lambda one: one.nonce("1.x.y"), "forged"),
    "a nonce for another person": (lambda one: one.nonce(MADE["erin"].ask(one.case)["nonce"]), "forged"),
    "too late": (lambda one: one.old(), "late"),
    "replayed": (lambda one: one.used(), "replayed"),
    "the binding of something else": (lambda one: one.but(binding="sha256:" + "0" * 64), "stale"),
    **{
        f"another {field}": (_over(field, value), "altered")
        for field, value in {
            "case_id": "C-9999",
            "revision": 7,
            "change_digest": "sha256:x",
            "state_digest": "sha256:x",
            "assessment_digest": "sha256:x",
            "binding": "sha256:x",
            "decision": "deny",
            "reviewer": "erin",
            "note_digest": "sha256:x",
            "nonce": "x",
            "expires_at_ms": 1,
            "rp_id": "evil.example",
            "origin": "https://evil.example",
        }.items()
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def case(plane: Plane) -> str:
    """One held case for all that is refused: a refusal leaves it as it was."""
    return plane.held_table()


@pytest.mark.parametrize("door", ["page", "api"])
@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_signature_of_hers_under_this_is_refused(
    plane: Plane, case: str, what: str, door: str
) -> None:
    """Each with its code, through page and API, on record, and nothing of it counts."""
    wrong, code = REFUSED[what]
    assert wrong(Attempt(plane, case)).send(door) == code
    assert plane.case(case)["approvals"] == []


def test_the_list_names_every_field() -> None:
    """A field that is added to the statement is tried too."""
    assert {f"another {field}" for field in Statement.__struct_fields__} <= set(REFUSED)


@pytest.mark.parametrize("door", ["page", "api"])
def test_the_right_signature_counts_once(plane: Plane, door: str) -> None:
    """By the book it counts; the same again is refused, and so is a fresh one of the same person."""
    case = plane.held_table()
    attempt, second = Attempt(plane, case), Attempt(plane, case)
    assert attempt.send(door) == "counts"
    assert plane.case(case)["approvals"] == ["dana"]
    assert attempt.send(door) == "replayed"
    assert second.send(door) == "twice"
    MADE["erin"].sign(case, "seen")
    assert plane.case(case)["phase"] == "approved"


@pytest.mark.parametrize("door", ["page", "api"])
def test_nobody_signs_for_her_own_agent(plane: Plane, door: str) -> None:
    """Bob's passkey is as good as anybody's, and his signature under his own agent's change counts for nothing."""
    case = plane.held_table()
    bob = MADE["bob"]
    asked = bob.post(f"/c/{case}/sign", binding=bob.binding(case), note="")
    assert (asked.status_code, asked.json()["error"]["code"]) == (403, "may-not")
    key = plane.app.vault.seal(b"console forms v1").encode()
    now = plane.app.identity.clock
    nonce = Nonces(plane.app.store, key, now).make("passkey-sign", "bob")
    request = plane.app.runtime.case(case).request  # type: ignore[union-attr]  # it was made above
    assert request is not None
    said = receipts.statement_of(
        request,
        reviewer="bob",
        note="",
        nonce=nonce,
        expires_at_ms=int(nonce.partition(".")[0]),
        rp_id="localhost",
        origin=bob.origin,
    )
    answer = bob.key.sign(receipts.challenge(said))
    if door == "page":
        assert bob.approve(case, nonce=nonce, credential=json.dumps(answer)).status_code == 403
    else:
        with plane.api("bob") as api:
            body = {
                "approve": True,
                "binding": request.digest,
                "signature": {"nonce": nonce, "credential": answer},
            }
            assert api.post(f"/cases/{case}/review", json=body).json()["error"]["code"] == "own-agent"
    assert code_on_record(plane, case)[-1] == "own-agent"


def test_a_token_signs_nothing(plane: Plane, case: str) -> None:
    """A program of dana's may review what needs no signature, and not even ask what is to be signed."""
    with plane.api("dana") as api:
        made = (
            api.post("/tokens", json={"name": "bot", "scopes": ["read", "review"]}).raise_for_status().json()
        )
    attempt = Attempt(plane, case)
    headers = {"authorization": f"Bearer {made['token']}"}
    with plane.api("dana") as api:
        body = {
            "approve": True,
            "binding": attempt.binding,
            "signature": {"nonce": attempt.asked["nonce"], "credential": attempt.answer},
        }
        answers = [
            api.post(f"/cases/{case}/review", json=body, headers=headers),
            api.post(f"/cases/{case}/review", json=body | {"signature": None}, headers=headers),
            api.post(f"/cases/{case}/sign", json={"binding": attempt.binding}, headers=headers),
        ]
    assert [one.json()["error"]["code"] for one in answers] == ["token-cannot-sign"] * 2 + ["forbidden"]


def test_a_no_is_not_signed(plane: Plane) -> None:
    """Stopping asks for nothing."""
    case = plane.held_table()
    assert plane.review("dana", case, approve=False, note="not tonight")["phase"] == "rejected"


def test_the_receipt_holds_with_nothing_of_ours_running(plane: Plane) -> None:
    """What the log has of a signed approval is checked from the log alone, and its key is the one on record for her."""
    case = plane.held_table()
    assert Attempt(plane, case).send("api") == "counts"
    found = plane.app.runtime.case(case)
    assert found is not None
    assert found.request is not None
    review = found.reviews[0]
    assert receipts.check_review(found.request, review) == ()
    keys = [
        event.public_key  # type: ignore[union-attr]
        for entry in plane.app.runtime.log(after=0, limit=1_000)
        if type(event := entry.event()).__name__ == "PasskeyChanged" and event.user == "dana"  # type: ignore[union-attr]
    ]
    assert review.receipt is not None
    assert review.receipt.public_key in keys


def test_a_state_that_moved_voids_what_was_signed(plane: Plane) -> None:
    """Between reading and signing the table changed: the signature is under what is no longer there."""
    case = plane.held_table()
    attempt = Attempt(plane, case)
    table = plane.case(case)["resources"][0].partition("/")[2]
    plane.account("dynamodb").update_table(
        TableName=table,
        BillingMode="PROVISIONED",
        ProvisionedThroughput={"ReadCapacityUnits": 5, "WriteCapacityUnits": 5},
    )
    assert attempt.send("api") in {"stale", "not-open"}
    assert plane.case(case)["approvals"] == []


def test_a_challenge_is_the_statements_digest(plane: Plane, case: str) -> None:
    """What the passkey is asked is SHA-256 of the statement that is shown beside it, and nothing else."""
    asked = MADE["dana"].ask(case, "because")
    said = Statement(**asked["statement"])
    assert asked["options"]["challenge"] == b64url(receipts.challenge(said))
    assert asked["options"]["userVerification"] == "required"
