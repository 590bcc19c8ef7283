"""Events for others: each is a CloudEvent with an OCSF API Activity in it; told in order, at least once, signed, from where it stopped."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, Final

import pytest
from cloudevents.core.formats.json import JSONFormat

from keyturn.errors import OperatorError
from keyturn.model import record as r
from keyturn.model.record import Draft, Entry
from keyturn.outward.ocsf import encode, envelope
from keyturn.outward.pump import CURSORS, Pump
from keyturn.outward.sinks import FileSink, Webhook, signature
from keyturn.stores.memory import MemoryStore
from tests.stores.exported_log import chained, change, story

REQUIRED: Final = {
    *(
        "activity_id",
        "actor",
        "api",
        "category_uid",
        "class_uid",
        "metadata",
        "severity_id",
        "src_endpoint",
        "time",
    ),
    "type_uid",
}
"""Of API Activity (OCSF 1.6.0, class 6003), without a profile."""

SECRET: Final = b"whsec-test"
CORPUS: Final = Path(__file__).parents[1] / "record" / "corpus" / "events.jsonl"


def told(entry: Entry) -> dict[str, Any] | None:
    about = change("DeleteTable") if entry.case_id else None
    return envelope(entry, about, source="keyturn.local/log", version="0.1.0")


def test_every_event_ever_written_is_told_rightly_or_not_at_all() -> None:
    """By the library that others read with: version, id, type, time; and what OCSF requires, with its numbers in agreement."""
    events = [r.decode_event(line) for line in CORPUS.read_bytes().splitlines()]
    plane = tuple(r.PlaneEvent.__args__)
    entries = chained([Draft("" if isinstance(event, plane) else "C-1", event) for event in events])
    seen = set()
    for entry in entries:
        made = told(entry)
        if made is None:
            continue
        read = JSONFormat().read(None, encode(made))
        assert (read.get_specversion(), read.get_id(), read.get_source()) == (
            "1.0",
            str(entry.seq),
            "keyturn.local/log",
        )
        data = read.get_data()
        assert isinstance(data, dict)
        assert data.keys() >= REQUIRED
        assert data["type_uid"] == data["class_uid"] * 100 + data["activity_id"]
        assert data["api"]["operation"]
        assert data["metadata"]["uid"] == entry.hash
        seen.add(read.get_type())
    assert "keyturn.decided.v1" in seen
    assert "keyturn.reads_forwarded.v1" not in seen


def test_a_decision_says_what_was_decided_of_what() -> None:
    """Who, what, on which resource, how it went; no parameter of the request."""
    entries = chained(story())
    made = [one for entry in entries if (one := told(entry)) is not None and entry.case_id == "C-3"]
    assert [one["type"] for one in made] == ["keyturn.received.v1", "keyturn.decided.v1"]
    data = made[1]["data"]
    assert (made[1]["subject"], data["activity_id"], data["severity_id"], data["status_id"]) == (
        "C-3",
        4,
        4,
        2,
    )
    assert data["actor"] == {"user": {"name": "ada"}, "app_name": "kiro"}
    assert data["resources"] == [{"uid": "costs", "type": "dynamodb:table"}]
    assert data["unmapped"]["verdict"] == "deny"


def test_a_backup_that_goes_or_leaves_the_vault_is_told() -> None:
    """Who did it, which, and through what; the words of her reason are not, since anything may stand in them."""
    gone = r.BackupRetired(at_ms=1, by="anna", reason="secret words", references=("arn:b",), by_case="C-9")
    taken = r.BackupExported(at_ms=2, by="ben", case="C-3", references=("vault:kept:1",))
    first, second = chained([Draft("C-3", gone), Draft("", taken)])
    made = [told(first), told(second)]
    assert [
        one and (one["type"], one["data"]["severity_id"], one["data"]["actor"]["user"]) for one in made
    ] == [
        ("keyturn.backup_retired.v1", 3, {"name": "anna"}),
        ("keyturn.backup_exported.v1", 4, {"name": "ben"}),
    ]
    said = [one["data"]["unmapped"] for one in made if one]
    assert (said[0]["by_case"], said[0]["references"]) == ("C-9", ("arn:b",))
    assert (said[1]["of_case"], said[1]["references"]) == ("C-3", ("vault:kept:1",))
    assert b"secret words" not in encode(made)


class Receiver(BaseHTTPRequestHandler):
    """Answers what it is told to, then 204; keeps what it took."""

    answers: list[int]
    taken: list[tuple[dict[str, str], bytes]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        status = self.answers.pop(0) if self.answers else 204
        if status < 300:
            self.taken.append(({name.lower(): value for name, value in self.headers.items()}, body))
        self.send_response(status)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base class's name
        """Quietly."""


@pytest.fixture
def receiver() -> Iterator[HTTPServer]:
    Receiver.answers, Receiver.taken = [], []
    with HTTPServer(("127.0.0.1", 0), Receiver) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


async def filled() -> MemoryStore:
    store = MemoryStore()
    await store.append(story())
    return store


def pump(store: MemoryStore, sink: Any, waits: list[float], stop_after: int = 100) -> Pump:
    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) >= stop_after:
            raise asyncio.CancelledError

    return Pump(store, sink, lambda _case: change("DeleteTable"), source="log", version="1", sleep=sleep)


async def test_a_webhook_is_told_everything_in_order_and_signed(receiver: HTTPServer) -> None:
    """Two refusals are waited for, twice as long each time; nothing is left out and nothing overtakes."""
    store, waits = await filled(), list[float]()
    Receiver.answers = [503, 500]
    sink = Webhook(f"http://127.0.0.1:{receiver.server_port}/in?a=1", SECRET)
    await store.put_row(CURSORS, sink.name, b"0")
    assert await pump(store, sink, waits).round() == 24
    assert waits == [0.5, 1.0]
    ids = [int(headers["webhook-id"]) for headers, _ in Receiver.taken]
    assert ids == sorted(set(ids))
    assert ids == [entry.seq for entry in store.entries() if told(entry) is not None]
    for headers, body in Receiver.taken:
        at_s = int(headers["webhook-timestamp"])
        assert headers["webhook-signature"] == signature(SECRET, headers["webhook-id"], at_s, body)
        assert headers["content-type"] == "application/cloudevents+json"


async def test_it_goes_on_where_it_stopped(tmp_path: Path) -> None:
    """A new place hears what comes from now on; after a restart what came meanwhile, and nothing twice that was certain."""
    store, file = await filled(), tmp_path / "events.jsonl"
    first = pump(store, FileSink(str(file)), [])
    await first.begin()
    assert await first.round() == 0
    await store.append([Draft("", r.HaltRaised(at_ms=1, by="dana"))])
    again = pump(store, FileSink(str(file)), [])
    await again.begin()
    assert (await again.round(), await again.round()) == (1, 0)
    assert [json.loads(line)["type"] for line in file.read_text().splitlines()] == ["keyturn.halt_raised.v1"]


async def test_what_was_not_certain_is_told_again_under_the_same_id(receiver: HTTPServer) -> None:
    """It ended between delivery and cursor: the receiver hears it twice, and knows by the id."""
    store = await filled()
    sink = Webhook(f"http://localhost:{receiver.server_port}", SECRET)
    await store.put_row(CURSORS, sink.name, b"20")
    await pump(store, sink, []).round()
    before = len(Receiver.taken)
    await store.put_row(CURSORS, sink.name, b"20")
    await pump(store, sink, []).round()
    halves = [
        [headers["webhook-id"] for headers, _ in part]
        for part in (Receiver.taken[:before], Receiver.taken[before:])
    ]
    assert halves[0] == halves[1]
    assert halves[0]


async def test_a_receiver_that_is_not_there_holds_everything_back() -> None:
    """Nothing is skipped: the pump waits, up to a minute at a time, until it is stopped."""
    store, waits = await filled(), list[float]()
    sink = Webhook("http://127.0.0.1:9", SECRET)
    await store.put_row(CURSORS, sink.name, b"0")
    with pytest.raises(asyncio.CancelledError):
        await pump(store, sink, waits, stop_after=9).round()
    assert waits == [0.5, 1, 2, 4, 8, 16, 32, 60, 60]
    row = store.get_row(CURSORS, sink.name)
    assert row is not None
    assert row.value == b"0"


@pytest.mark.parametrize(
    ("url", "secret", "code"),
    [
        ("http://collector.example/in", SECRET, "events-webhook"),
        ("ftp://collector.example", SECRET, "events-webhook"),
        ("nowhere", SECRET, "events-webhook"),
        ("https://collector.example/in", b"", "events-secret"),
    ],
)
def test_a_webhook_is_signed_and_encrypted_or_there_is_none(url: str, secret: bytes, code: str) -> None:
    """The operator hears it at the start."""
    with pytest.raises(OperatorError) as caught:
        Webhook(url, secret)
    assert caught.value.code == code
