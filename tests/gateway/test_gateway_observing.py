"""What operators see: one JSON line a request, counters and histograms, and nothing of what the requests held."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from prometheus_client.parser import text_string_to_metric_families

from keyturn import config as settings
from keyturn.errors import OperatorError
from keyturn.surfaces.aws_gateway.observing import AccessLog, span_of, trace_of
from keyturn.testing.standin import StandIn
from tests.gateway.gateway_world import Running, raw, running, signed

TABLE = {
    "TableName": "seen",
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "BillingMode": "PAY_PER_REQUEST",
    "Tags": [{"Key": "environment", "Value": "production"}],
}
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("observed")
    gateway = settings.Gateway(port=0, access_log=str(folder / "access.log"))
    console = settings.Console(port=0, open_metrics=True)
    with StandIn() as account, running(folder, account.endpoint, gateway=gateway, console=console) as made:
        yield made


@pytest.fixture(scope="module")
def lines(plane: Running) -> list[dict[str, Any]]:
    """A create, a read, a held delete, and a stranger."""
    dynamodb = plane.client("dynamodb")
    dynamodb.create_table(**TABLE)
    traced = signed(plane.key, plane.port, b'{"TableName":"seen"}', target="DynamoDB_20120810.DescribeTable")
    raw(plane.port, traced.replace(b"\r\n\r\n", f"\r\ntraceparent: {TRACE}\r\n\r\n".encode(), 1))
    dynamodb.get_item(TableName="seen", Key={"id": {"S": "a-secret-value"}})
    with pytest.raises(ClientError):
        dynamodb.delete_table(TableName="seen")
    raw(plane.port, signed(plane.key, plane.port, secret="guess"))
    path = Path(plane.config.gateway.access_log)
    for _ in range(100):
        found = [json.loads(line) for line in path.read_text().splitlines()]
        if len(found) >= 5:
            return found
        time.sleep(0.05)
    raise AssertionError(f"only {found}")


def test_each_request_is_a_line(lines: list[dict[str, Any]]) -> None:
    """What was asked of what, in which lane, what became of it, in what time."""
    told = [(one["lane"], one.get("operation", ""), one["outcome"], one["status"]) for one in lines]
    assert told == [
        ("change", "dynamodb:CreateTable", "sent", 200),
        ("read", "dynamodb:DescribeTable", "sent", 200),
        ("read", "dynamodb:GetItem", "sent", 200),
        ("change", "dynamodb:DeleteTable", "held", 403),
        ("refused", "", "refused", 403),
    ]
    held = lines[3]
    assert held["case"].startswith("C-")
    assert held["resources"] == ["dynamodb:table/seen"]
    assert held["us"] >= 100_000, "it was held for a tenth of a second"
    assert lines[4]["code"] == "signature"
    assert len({one["request"] for one in lines}) == len(lines)
    assert all(one["at"].endswith("Z") for one in lines)


def test_a_trace_is_carried_through(lines: list[dict[str, Any]]) -> None:
    """Into the line, and what is no trace is not."""
    assert lines[1]["trace"] == TRACE
    assert "trace" not in lines[0]
    assert trace_of({"traceparent": "a\nb"}) == ""
    assert trace_of({"x-amzn-trace-id": "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1"}).startswith(
        "Root="
    )


@pytest.mark.parametrize(
    ("name", "said", "span"),
    [
        ("traceparent", TRACE, TRACE),
        ("traceparent", f"cc-{TRACE[3:]}-what-comes-later", TRACE),
        ("traceparent", f"{TRACE[:-2]}00", TRACE),
        ("traceparent", f"ff-{TRACE[3:]}", ""),
        ("traceparent", TRACE.upper().replace("0AF", "0AG"), ""),
        ("traceparent", f"00-{'0' * 32}-b7ad6b7169203331-01", ""),
        ("traceparent", f"00-0af7651916cd43dd8448eb211c80319c-{'0' * 16}-01", ""),
        ("traceparent", f"{TRACE}\n", ""),
        (
            "x-amzn-trace-id",
            "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1",
            "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01",
        ),
        ("x-amzn-trace-id", "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1", ""),
        ("x-amzn-trace-id", "Self=1-x;Root=oops", ""),
    ],
)
def test_the_callers_span_is_told_apart_from_what_is_none(name: str, said: str, span: str) -> None:
    """W3C's header in any version that is one, and X-Ray's where it names a span; whether the caller keeps its own is not ours to follow."""
    assert span_of({name: said}) == span


def test_nothing_of_a_requests_content_is_in_a_line(plane: Running, lines: list[dict[str, Any]]) -> None:
    """Keys, values, secrets and signatures stay where they are; the file is its owner's alone."""
    path = Path(plane.config.gateway.access_log)
    for word in ("a-secret-value", plane.key.secret, "Signature"):
        assert word not in path.read_text()
    assert path.stat().st_mode & 0o077 == 0


def page(plane: Running) -> str:
    url = f"{plane.console_url}/metrics"
    with urllib.request.urlopen(url, timeout=30) as answer:  # this machine's own console
        text: str = answer.read().decode()
    return text


def test_prometheus_reads_the_page(plane: Running, lines: list[dict[str, Any]]) -> None:
    """By its own parser; counters as the lines have it, gauges as the plane stands."""
    samples = {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(page(plane))
        for sample in family.samples
    }
    requests = {
        tuple(dict(labels).values()): value
        for (name, labels), value in samples.items()
        if name == "keyturn_requests_total"
    }
    assert requests[("read", "sent", "dynamodb")] == 2
    assert requests[("change", "held", "dynamodb")] == 1
    assert samples[("keyturn_open_cases", (("phase", "held"),))] == 1
    assert samples[("keyturn_request_seconds_count", (("lane", "read"),))] == 2
    assert samples[("keyturn_mode", (("mode", "advisory"),))] == 1
    assert samples[("keyturn_halted", ())] == 0
    assert samples[("keyturn_freezes", ())] == 0
    assert samples[("keyturn_sessions", ())] == 1


def test_without_the_setting_it_takes_a_token(tmp_path: Path) -> None:
    """Numbers say who is busy; by default only who is logged in reads them."""
    with StandIn() as account, running(tmp_path, account.endpoint) as closed:
        with pytest.raises(urllib.error.HTTPError) as refused:
            page(closed)
        assert refused.value.code == 401
        refused.value.close()


def test_a_file_that_cannot_be_written_is_said_at_the_start(tmp_path: Path) -> None:
    """A log that was asked for and cannot be had is an error at the start, not a silence later."""
    with pytest.raises(OperatorError, match="cannot be written"):
        AccessLog(tmp_path / "nowhere" / "access.log")


def test_a_full_disk_loses_lines_and_nothing_else() -> None:
    """The gateway goes on; how many were lost is known."""
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("LEFT OUT: there is no /dev/full here")
    log = AccessLog(full)
    for _ in range(1_000):
        log._lines.append(b"{}")
    log.flush()
    assert log.lost == 1_000
    log.close()
