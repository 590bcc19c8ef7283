"""Slack, against a server that speaks as Slack does: messages with buttons, a press that counts as its presser's, and buttons that die."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import re
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlencode

import httpx
import pytest

from keyturn import config as settings
from keyturn.core import shown
from tests.console.running_plane import Plane, ask, guarded, written_pack

Server = TypeVar("Server", "Said", "Mailbox")

SECRET, TOKEN = "8f742231b10e8888abcd99yyyzzz85a5", "xoxb-t0p-secret"
PACK = """
@id("looks.at-updates")
@outcome("hold")
@quorum("1")
@message("a person looks at every update")
forbid (principal, action, resource)
when { context.effect == "update" };
"""
PACK_TESTS = """
[[case]]
name = "an update is held for one"
given = { effect = "update", environment = "test" }
expect = { verdict = "hold", quorum = 1 }
"""


class Said(threading.Thread):
    """A Slack of our own: remembers what was posted, and gives each message its time as Slack does."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        said = self
        self.calls: list[tuple[str, dict[str, Any]]] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"])).decode()
                kind = self.headers["content-type"]
                given = json.loads(body) if "json" in kind else {k: v[0] for k, v in parse_qs(body).items()}
                blocks = given.get("blocks", [])
                given["blocks"] = json.loads(blocks) if isinstance(blocks, str) else blocks
                assert self.headers["authorization"] == f"Bearer {TOKEN}"
                said.calls.append((self.path.rpartition("/")[2], given))
                answer = json.dumps({"ok": True, "ts": f"1700000000.{len(said.calls):06}"}).encode()
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_words: object) -> None:
                """Nothing on the terminal."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/api/"

    def run(self) -> None:
        self.server.serve_forever(poll_interval=0.05)

    def until(self, count: int) -> list[tuple[str, dict[str, Any]]]:
        end = time.monotonic() + 60
        while len(self.calls) < count:
            assert time.monotonic() < end, f"Slack heard only {[name for name, _ in self.calls]}"
            time.sleep(0.05)
        return self.calls


class Mailbox(threading.Thread):
    """Where apprise's ``json://`` delivers: what people get as a mail or on a pager."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.messages: list[str] = []
        messages = self.messages

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                told = json.loads(self.rfile.read(int(self.headers["content-length"])))
                messages.append(f"{told['title']}\n{told['message']}")
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_words: object) -> None:
                """Nothing on the terminal."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"json://127.0.0.1:{self.server.server_port}/"

    def run(self) -> None:
        self.server.serve_forever(poll_interval=0.05)

    def of(self, case: str) -> str:
        """The first message about this case, once it is there."""
        end = time.monotonic() + 60
        while True:
            for one in tuple(self.messages):
                if re.search(rf"/c/{case}\b", one):
                    return one
            assert time.monotonic() < end, f"nobody was told of {case}: {self.messages}"
            time.sleep(0.05)


@contextlib.contextmanager
def serving(server: Server) -> Iterator[Server]:
    """It listens until the end of the block."""
    server.start()
    try:
        yield server
    finally:
        server.server.shutdown()
        server.server.server_close()


@pytest.fixture(scope="module")
def mailbox() -> Iterator[Mailbox]:
    with serving(Mailbox()) as server:
        yield server


@pytest.fixture(scope="module")
def slack() -> Iterator[Said]:
    with serving(Said()) as server:
        yield server


@pytest.fixture(scope="module")
def plane(slack: Said, mailbox: Mailbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plane]:
    """A plane that holds every update for one person, and tells Slack."""
    folder = tmp_path_factory.mktemp("slack")
    (folder / "token").write_text(TOKEN + "\n")
    (folder / "secret").write_text(SECRET + "\n")
    (folder / "urls").write_text(mailbox.url + "\n")
    told = settings.SlackConfig(
        channel="C1",
        token_file=str(folder / "token"),
        secret_file=str(folder / "secret"),
        api=slack.url,
        people={"UDANA": "dana", "UBOB": "bob", "UADA": "ada"},
    )
    with guarded(
        folder,
        written_pack(folder, "looks", PACK, PACK_TESTS),
        slack=told,
        channels=settings.Channels(digest_s=0, urls_file=str(folder / "urls")),
    ) as made:
        yield made


def held_update(plane: Plane, name: str) -> str:
    """A mild case: an attribute of a queue outside production."""
    sqs = plane.account("sqs")
    url = sqs.create_queue(QueueName=name, tags={"environment": "test"})["QueueUrl"]
    with plane.agent() as aws:
        return plane.held(
            name,
            lambda: aws("sqs").set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "99"}),
        )


def buttons(message: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """By their action; none where the message has none."""
    return {
        element["action_id"]: element
        for block in message["blocks"]
        if block["type"] == "actions"
        for element in block["elements"]
    }


def press(
    plane: Plane,
    member: str,
    button: dict[str, Any],
    *,
    secret: str = SECRET,
    age_s: int = 0,
    changed: str = "",
    why: str | None = None,
) -> httpx.Response:
    """As Slack sends it (https://docs.slack.dev/authentication/verifying-requests-from-slack)."""
    typed = {"keyturn_why": {"keyturn_note": {"type": "plain_text_input", "value": why}}}
    payload = {
        "type": "block_actions",
        "user": {"id": member},
        "actions": [button],
        "state": {"values": typed},
    }
    body = urlencode({"payload": json.dumps(payload)})
    at = str(int(time.time()) - age_s)
    mac = hmac.new(secret.encode(), f"v0:{at}:{body}".encode(), hashlib.sha256).hexdigest()
    headers = {
        "content-type": "application/x-www-form-urlencoded",
        "x-slack-request-timestamp": at,
        "x-slack-signature": f"v0={mac}",
    }
    return ask("POST", f"{plane.url}/channels/slack", content=body + changed, headers=headers)


def test_a_mild_case_is_decided_in_slack_and_its_buttons_die(plane: Plane, slack: Said) -> None:
    """Nobody's, a stranger's and the operator's press count for nothing; dana's approves; the message says so without buttons; hers
    again is late.
    """
    slack.calls.clear()
    case = held_update(plane, "mild")
    [(method, message)] = slack.until(1)
    assert (method, message["channel"]) == ("chat.postMessage", "C1")
    assert message["text"] == f"{case} waits for you: update sqs:queue/mild in test"
    assert set(buttons(message)) == {"keyturn_approve", "keyturn_deny"}
    approve = buttons(message)["keyturn_approve"]
    heard = {member: press(plane, member, approve).json()["text"] for member in ("UNOBODY", "UADA", "UBOB")}
    assert "knows no reviewer" in heard["UNOBODY"]
    assert "knows no reviewer" in heard["UADA"]  # an auditor
    assert "counts for nothing" in heard["UBOB"]  # he runs the agent
    assert plane.case(case)["phase"] == "held"
    assert press(plane, "UDANA", approve).json()["text"].startswith(f"dana approved {case}; it is ")
    assert [review["via"] for review in plane.case(case)["reviews"]] == ["slack"]
    calls = slack.until(3)
    assert [method for method, _ in calls] == ["chat.postMessage", "chat.update", "chat.postMessage"]
    assert all(not buttons(message) for _, message in calls[1:])
    assert calls[1][1]["ts"] == calls[2][1]["thread_ts"] == "1700000000.000001"
    assert "counts for nothing" in press(plane, "UDANA", approve).json()["text"]


def test_a_decision_elsewhere_settles_the_message_too(plane: Plane, slack: Said) -> None:
    """Turned down through the API: the buttons in Slack are gone, and an old one is refused."""
    slack.calls.clear()
    case = held_update(plane, "elsewhere")
    [(_, message)] = slack.until(1)
    plane.review("erin", case, approve=False, note="not today")
    calls = slack.until(3)
    assert calls[1][0] == "chat.update"
    assert calls[1][1]["text"].startswith(f"{case} was turned down by erin")
    assert not buttons(calls[1][1])
    assert "counts for nothing" in press(plane, "UDANA", buttons(message)["keyturn_approve"]).json()["text"]


def test_a_denial_in_slack_says_why(plane: Plane, slack: Said) -> None:
    """Without a reason it counts for nothing, as everywhere; what is typed in the message reaches the agent."""
    slack.calls.clear()
    case = held_update(plane, "denied-here")
    [(_, message)] = slack.until(1)
    deny = buttons(message)["keyturn_deny"]
    for why in (None, "  "):
        assert "A denial needs a reason" in press(plane, "UDANA", deny, why=why).json()["text"]
    assert plane.case(case)["phase"] == "held"
    said = press(plane, "UDANA", deny, why="99 s is too long; 30 will do").json()["text"]
    assert said == f"dana turned down {case}; it is rejected."
    [review] = plane.case(case)["reviews"]
    assert (review["approve"], review["via"], review["note"]) == (
        False,
        "slack",
        "99 s is too long; 30 will do",
    )
    assert not buttons(slack.until(3)[1][1])


def test_what_is_decided_in_slack_is_shown_there_in_full(
    plane: Plane, slack: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every value that is asked for, as data: no mention and no link is made of it. What does not fit has no buttons, and no press counts."""
    slack.calls.clear()
    held_update(plane, "shown")
    [(_, message)] = slack.until(1)
    [asked] = [block for block in message["blocks"] if block["type"] == "rich_text"]
    [preformatted] = asked["elements"]
    [text] = preformatted["elements"]
    assert text["text"].startswith("sqs:SetQueueAttributes {")
    assert '"VisibilityTimeout": "99"' in text["text"]
    slack.calls.clear()
    monkeypatch.setattr(shown, "MESSAGE_CHARS_MAX", 40)
    case = held_update(plane, "long")
    [(_, message)] = slack.until(1)
    assert not buttons(message)
    button = {
        "action_id": "keyturn_approve",
        "value": json.dumps({"case": case, "binding": plane.case(case)["binding"]}),
    }
    assert "is decided on its page" in press(plane, "UDANA", button).json()["text"]
    assert plane.case(case)["reviews"] == []


def test_what_destroys_is_told_with_its_address_alone(plane: Plane, slack: Said) -> None:
    """No button; and one that was made by hand, with the right binding, is turned away to the page."""
    slack.calls.clear()
    case = plane.held_table()
    [(_, message)] = slack.until(1)
    assert not buttons(message)
    assert f"/c/{case}|Open the case>" in message["blocks"][0]["text"]["text"]
    forged = {
        "action_id": "keyturn_approve",
        "value": json.dumps({"case": case, "binding": plane.case(case)["binding"]}),
    }
    assert "is decided on its page" in press(plane, "UDANA", forged).json()["text"]
    assert plane.case(case)["reviews"] == []


WRONG: list[tuple[str, dict[str, Any]]] = [
    ("signed by somebody else", {"secret": "another"}),
    ("recorded ten minutes ago", {"age_s": 600}),
    ("of ten minutes ahead", {"age_s": -600}),
    ("changed on its way", {"changed": "&x=1"}),
]


@pytest.mark.parametrize("given", [row[1] for row in WRONG], ids=[row[0] for row in WRONG])
def test_only_what_slack_signed_a_moment_ago_is_heard(plane: Plane, given: dict[str, Any]) -> None:
    """401, and nothing is decided."""
    button = {"action_id": "keyturn_approve", "value": json.dumps({"case": "C-1", "binding": "x"})}
    assert press(plane, "UDANA", button, **given).status_code == httpx.codes.UNAUTHORIZED


def test_what_is_no_interaction_is_refused_and_unsigned_asks_nothing(plane: Plane) -> None:
    """Bytes of any kind: 400 where they are signed, 401 where they are not; never an error of ours."""
    assert press(plane, "UDANA", {"action_id": "other", "value": "{}"}).status_code == httpx.codes.BAD_REQUEST
    assert (
        press(plane, "UDANA", {"action_id": "keyturn_deny", "value": "[]"}).status_code
        == httpx.codes.BAD_REQUEST
    )
    assert (
        ask("POST", f"{plane.url}/channels/slack", content=b"\xff\x00").status_code
        == httpx.codes.UNAUTHORIZED
    )
