"""The API as command lines and other programs meet it: who may do what, what is refused, and in which words."""

from __future__ import annotations

import base64
from typing import Any

import httpx
import pytest
from starlette.routing import Route

from keyturn.console.web import make_app
from tests.console.running_plane import SECRET, Plane, ask

OK, FORBIDDEN, UNAUTHORISED, STALE, BAD = 200, 403, 401, 409, 400


def code(answer: httpx.Response) -> str:
    """The stable code of an error, empty where it is none."""
    return str(answer.json().get("error", {}).get("code", ""))


def binding(plane: Plane, case: str) -> str:
    return str(plane.case(case)["binding"])


def events(plane: Plane, case: str) -> list[str]:
    return [line["event"] for line in plane.case(case)["story"]]


# --- getting in ------------------------------------------------------------------------------------------------------


def test_a_login_is_needed_everywhere(plane: Plane) -> None:
    """Every route but the login itself asks for a token first, whatever else is wrong with the request."""
    app = plane.app
    every = make_app(app.runtime, app.identity).routes
    routes = [route for route in every if isinstance(route, Route) and route.path.startswith("/api/")]
    assert len(routes) > 15
    for route in routes:
        path = route.path.replace("{id}", "C-1").replace("{name}", "dana")
        for method in sorted((route.methods or set()) - {"HEAD"}):
            answer = ask(method, plane.url + path)
            if path.endswith("/login"):
                assert (answer.status_code, code(answer)) == (415, "content-type"), path
            else:
                assert (answer.status_code, code(answer)) == (UNAUTHORISED, "login"), f"{method} {path}"


@pytest.mark.parametrize("given", ["kt_wrong", "Bearer", "kt_" + "x" * 4_000, "' or 1=1 --"])
def test_a_wrong_token_is_nobody(plane: Plane, given: str) -> None:
    """Neither a wrong bearer token nor a wrong invite gets in, and the answer does not repeat it."""
    answer = ask("GET", f"{plane.url}/api/v1/whoami", headers={"authorization": f"Bearer {given}"})
    assert (answer.status_code, code(answer)) == (UNAUTHORISED, "login")
    assert len(answer.text) < 200


def test_a_cookie_is_no_login_here(plane: Plane) -> None:
    """A page of somebody else can make a browser send its cookies, so the API does not look at them."""
    with plane.browser("dana") as browser:
        assert browser.get("/").status_code == OK
        assert browser.get("/api/v1/whoami").status_code == UNAUTHORISED
        answer = browser.post("/api/v1/halt", json={"reason": "from elsewhere"})
    assert answer.status_code == UNAUTHORISED
    assert not plane.app.runtime.status()["halted_by"]


def test_logging_out_ends_the_token(plane: Plane) -> None:
    """What was a login is worth nothing after it, and other logins of the same person stay."""
    token = plane.login(plane.invite("gone", "auditor"))
    headers = {"authorization": f"Bearer {token}"}
    assert ask("GET", f"{plane.url}/api/v1/whoami", headers=headers).json()["user"] == "gone"
    assert ask("POST", f"{plane.url}/api/v1/logout", headers=headers, json={}).status_code == OK
    assert ask("GET", f"{plane.url}/api/v1/whoami", headers=headers).status_code == UNAUTHORISED


def test_who_is_removed_is_out_at_once(plane: Plane) -> None:
    """An administrator removes a person: the next request with her token is nobody's."""
    token = plane.login(plane.invite("leaver", "reviewer"))
    with plane.api("bob") as bob:
        assert bob.post("/users/leaver/remove", json={}).status_code == OK
    answer = ask("GET", f"{plane.url}/api/v1/cases", headers={"authorization": f"Bearer {token}"})
    assert answer.status_code == UNAUTHORISED


# --- lists -----------------------------------------------------------------------------------------------------------


def test_cases_are_found_as_in_the_inbox(plane: Plane) -> None:
    """By list, by words, so many; and how many wait in each list, whatever was asked."""
    with plane.api("dana") as client, plane.browser("dana") as page:
        for tab in ("needs", "waiting", "decided"):
            told = client.get("/cases", params={"tab": tab}).json()
            shown = page.get("/index.json", params={"tab": tab}).json()
            assert {one["id"] for one in shown["cases"]} <= {one["id"] for one in told["cases"]}
            assert told["counts"] == shown["counts"]
        found = client.get("/cases", params={"q": "effect:replace env:prod", "open": "1"}).json()["cases"]
        assert [one["id"] for one in found] == [plane.cases["replace"]]
        assert (
            client.get("/cases", params={"q": "-effect:x", "limit": "2"}).json()["cases"]
            == (client.get("/cases", params={"limit": "2"}).json()["cases"])
        )
    with plane.api("ada") as client:
        assert client.get("/cases", params={"tab": "needs"}).json()["cases"] == [], (
            "an auditor decides nothing"
        )


# --- taking back -----------------------------------------------------------------------------------------------------


def test_an_undo_is_planned_without_being_asked_for(plane: Plane) -> None:
    """Order, calls, or why a case stays as it is; no case is opened. Who reads a backup's runbook is a reviewer or an operator."""
    before = len(plane.inbox())
    half = plane.cases["half"]
    with plane.api("dana") as client:
        parts = client.post("/undo", json={"cases": [half], "plan": True}).json()["parts"]
        assert [(part["case"], part["possible"]) for part in parts] == [(half, False)]
        assert "nothing to take back" in parts[0]["why"]
        assert code(client.post("/undo", json={})) == "nothing-chosen"
        assert client.get(f"/cases/{half}/backups").json() == {"backups": [], "retired": []}
    with plane.api("ada") as client:
        assert client.get(f"/cases/{half}/backups").status_code == FORBIDDEN
    assert len(plane.inbox()) == before


# --- roles -----------------------------------------------------------------------------------------------------------

MAY_NOT: list[tuple[str, str, dict[str, Any]]] = [
    ("ada", "/cases/{half}/review", {"approve": True, "binding": "{half}"}),
    ("ada", "/cases/{half}/review", {"approve": False, "binding": "{half}", "note": "no"}),
    ("ada", "/cases/{approved}/execute", {}),
    ("ada", "/cases/{undone}/undo", {}),
    ("ada", "/undo", {"session": "S-1"}),
    ("dana", "/drill", {}),
    ("ada", "/cases/{half}/settle", {"succeeded": True}),
    ("ada", "/sessions", {"agent": "mine"}),
    ("ada", "/resume", {}),
    ("ada", "/users", {"name": "eve", "roles": ["administrator"]}),
    ("dana", "/users", {"name": "dana", "roles": ["administrator"]}),
    ("dana", "/users/bob/remove", {}),
    ("dana", "/sessions", {"agent": "mine"}),
    ("dana", "/cases/{half}/withdraw", {"reason": "not mine"}),
    ("olga", "/cases/{half}/review", {"approve": True, "binding": "{half}"}),
    ("olga", "/cases/{approved}/execute", {}),
    ("olga", "/cases/{half}/withdraw", {"reason": "not mine"}),
    ("olga", "/resume", {}),
    ("olga", "/users", {"name": "olga", "roles": ["reviewer"]}),
    ("bob", "/cases/{half}/review", {"approve": True, "binding": "{half}"}),
    ("bob", "/cases/{half}/review", {"approve": False, "binding": "{half}", "note": "no"}),
    ("bob", "/cases/{approved}/execute", {}),
]


@pytest.mark.parametrize(("person", "path", "body"), MAY_NOT, ids=lambda value: str(value)[:30])
def test_who_may_not(plane: Plane, person: str, path: str, body: dict[str, Any]) -> None:
    """Ada audits, dana reviews, olga operates, bob may do everything but stand behind his own agent's case: all refused."""
    before = len(plane.inbox())
    filled = body | ({"binding": binding(plane, plane.cases["half"])} if "binding" in body else {})
    with plane.api(person) as client:
        answer = client.post(path.format(**plane.cases), json=filled)
    assert answer.status_code in {FORBIDDEN, BAD}, answer.text
    assert code(answer) in {"forbidden", "own-agent", "not-yours"}, answer.text
    said = answer.json()["error"]["message"]
    assert person in said or "asked for bob" in said, "it says who lacks what"
    assert len(plane.inbox()) == before
    assert plane.case(plane.cases["half"])["approvals"] == ["erin"]
    assert plane.case(plane.cases["approved"])["phase"] == "approved"


def test_only_those_who_check_take_the_log_out(plane: Plane) -> None:
    """The whole log is for auditors, reviewers and administrators."""
    for person, status in (("olga", FORBIDDEN), ("ada", OK)):
        with plane.api(person) as client:
            assert client.get("/export").status_code == status, person


def test_a_session_is_ended_by_its_operator_or_by_those_who_watch(plane: Plane) -> None:
    """Another operator cannot end it; its own can."""
    with plane.api("bob") as bob, plane.api("olga") as olga:
        session = bob.post("/sessions", json={"agent": "short"}).json()["session"]
        assert code(olga.post(f"/sessions/{session}/end", json={})) == "not-yours"
        assert bob.post(f"/sessions/{session}/end", json={}).status_code == OK


# --- reviews ---------------------------------------------------------------------------------------------------------


def test_nobody_reviews_their_own_agent_and_the_attempt_is_on_record(plane: Plane) -> None:
    """Bob has every role and runs the agent: his yes is refused, counts for nothing, and stands in the story."""
    case = plane.held_table()
    with plane.api("bob") as bob:
        assert bob.get(f"/cases/{case}").json()["may_not"].startswith("bob runs")
        answer = bob.post(f"/cases/{case}/review", json={"approve": True, "binding": binding(plane, case)})
    assert (answer.status_code, code(answer)) == (FORBIDDEN, "own-agent")
    assert plane.case(case)["approvals"] == []
    assert "review_refused" in events(plane, case)


@pytest.mark.parametrize("wrong", ["", "sha256:" + "0" * 64, "{other}", "{change}"])
def test_a_review_is_of_exactly_what_was_shown(plane: Plane, wrong: str) -> None:
    """Another case's binding, the change's own digest, or none: stale, with nothing approved."""
    case = plane.cases["table"]
    given = wrong.format(other=binding(plane, plane.cases["half"]), change=plane.case(case)["change_digest"])
    with plane.api("dana") as dana:
        answer = dana.post(f"/cases/{case}/review", json={"approve": True, "binding": given})
    assert (answer.status_code, code(answer)) == (STALE, "stale")
    assert plane.case(case)["approvals"] == []


def test_two_yeses_are_two_people(plane: Plane) -> None:
    """The same reviewer twice is one; a second person makes two, and then it is approved."""
    case = plane.held_table()
    assert plane.review("dana", case, approve=True)["phase"] == "held"
    with plane.api("dana") as dana:
        again = dana.post(f"/cases/{case}/review", json={"approve": True, "binding": binding(plane, case)})
    assert code(again) == "twice"
    assert plane.case(case)["approvals"] == ["dana"]
    assert plane.review("erin", case, approve=True)["phase"] == "approved"


def test_one_no_is_enough(plane: Plane) -> None:
    """After a denial another's yes finds nothing open."""
    case = plane.held_table()
    shown = binding(plane, case)
    assert plane.review("dana", case, approve=False, note="not tonight")["phase"] == "rejected"
    with plane.api("erin") as erin:
        late = erin.post(f"/cases/{case}/review", json={"approve": True, "binding": shown})
    assert code(late) == "not-open"
    assert "not tonight" in plane.case(case)["reason"]


def test_what_changed_voids_the_yes(plane: Plane) -> None:
    """The table is changed behind the reviewer's back: her yes voids the case instead of approving something unseen."""
    case = plane.held_table()
    table = plane.case(case)["resources"][0].partition("/")[2]
    plane.account("dynamodb").update_table(TableName=table, DeletionProtectionEnabled=True)
    with plane.api("dana") as dana:
        answer = dana.post(f"/cases/{case}/review", json={"approve": True, "binding": binding(plane, case)})
    assert code(answer) == "not-open"
    found = plane.case(case)
    assert (found["phase"], found["approvals"]) == ("invalidated", [])


# --- what is sent ----------------------------------------------------------------------------------------------------

BAD_BODIES: list[tuple[str, bytes, str, str]] = [
    ("no JSON", b"approve=true", "application/json", "bad-json"),
    ("a list", b"[]", "application/json", "bad-json"),
    ("no binding", b'{"approve": true}', "application/json", "bad-json"),
    ("a yes in quotes", b'{"approve": "true", "binding": "x"}', "application/json", "bad-json"),
    ("a one for yes", b'{"approve": 1, "binding": "x"}', "application/json", "bad-json"),
    ("a null for yes", b'{"approve": null, "binding": "x"}', "application/json", "bad-json"),
    ("not UTF-8", b'{"approve": true, "binding": "\xff"}', "application/json", "bad-json"),
    ("too long", b'{"note": "' + b"x" * 70_000 + b'"}', "application/json", "too-large"),
    ("a form", b'{"approve": true, "binding": "x"}', "text/plain", "content-type"),
    ("a form in disguise", b'{"approve": true, "binding": "x"}', "text/plain; charset=json", "content-type"),
]


@pytest.mark.parametrize(
    ("body", "kind", "expected"),
    [pytest.param(*row[1:], id=row[0]) for row in BAD_BODIES],
)
def test_a_review_that_is_none(plane: Plane, body: bytes, kind: str, expected: str) -> None:
    """Bytes that are no review are refused by name; nothing is guessed from them, least of all a yes."""
    with plane.api("dana") as dana:
        answer = dana.post(
            f"/cases/{plane.cases['table']}/review", content=body, headers={"content-type": kind}
        )
    assert answer.status_code in {BAD, 415}
    assert code(answer) == expected
    assert plane.case(plane.cases["table"])["approvals"] == []


@pytest.mark.parametrize("limit", ["x", "-1", "1e9", "9" * 40, "٣"])
def test_a_limit_is_a_number(plane: Plane, limit: str) -> None:
    """What is no number is said to be none, not a broken server."""
    with plane.api("dana") as dana:
        answer = dana.get("/cases", params={"limit": limit})
    assert (answer.status_code, code(answer)) == (BAD, "limit")


@pytest.mark.parametrize("case", ["C-999", "c-1", "%2e%2e", "C-1%00", "🔑"])
def test_there_is_no_such_case(plane: Plane, case: str) -> None:
    """A number that nobody has given is 404 by name, for looking and for deciding."""
    with plane.api("dana") as dana:
        assert dana.get(f"/cases/{case}").status_code == 404
        review = dana.post(f"/cases/{case}/review", json={"approve": True, "binding": "x"})
        assert review.status_code == 404


# --- what is given ---------------------------------------------------------------------------------------------------


def test_no_answer_holds_a_secret(plane: Plane) -> None:
    """A secret that an agent sent stands in no answer: not in the list, the case, the story; nor as base64."""
    hidden = (SECRET, base64.b64encode(SECRET.encode()).decode(), "AKIAPLANE")
    with plane.api("dana") as dana:
        texts = [dana.get("/cases").text, dana.get("/status").text, dana.get("/sessions").text]
        texts += [dana.get(f"/cases/{case['id']}").text for case in plane.inbox()]
    assert "$sealed" in "".join(texts), "something was sealed at all"
    for text in texts:
        assert not [secret for secret in hidden if secret in text]


def test_a_sessions_key_is_shown_once(plane: Plane) -> None:
    """The list of sessions has no keys, for nobody."""
    with plane.api("bob") as bob:
        made = bob.post("/sessions", json={"agent": "lister"}).json()
        assert made["secret_access_key"]
        listed = bob.get("/sessions").text
        bob.post(f"/sessions/{made['session']}/end", json={})
    assert made["session"] in listed
    assert made["secret_access_key"] not in listed
    assert made["access_key_id"] not in listed


def test_what_is_hidden_in_a_name_is_seen(plane: Plane) -> None:
    """Right-to-left override, zero-width space and bell stand as their code points, in the list and in the case."""
    with plane.api("dana") as dana:
        case = dana.get(f"/cases/{plane.cases['hostile']}").json()
    name = case["resources"][0]
    assert all(mark in name for mark in ("⟨U+202E⟩", "⟨U+200B⟩", "⟨U+0007⟩"))
    assert not {"\u202e", "\u200b", "\u0007"} & set(str(case))


def test_a_case_answers_five_questions(plane: Plane) -> None:
    """What happens, what breaks, can it come back, the narrow way, who decides: in this order, for programs too."""
    with plane.api("dana") as dana:
        answers = dana.get(f"/cases/{plane.cases['replace']}").json()["answers"]
    assert [one["question"] for one in answers] == [
        "What happens",
        "What breaks",
        "Can it come back",
        "The narrow way",
        "Who decides",
    ]
    assert answers[0]["tone"] == "bad"
    assert "lambda:UpdateFunctionConfiguration" in answers[3]["text"]
    assert "not bob" in answers[4]["text"]
