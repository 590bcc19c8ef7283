"""What leaves is what was judged: byte for byte, as somebody else's parser reads it, and as often as it was asked."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
from botocore import xform_name
from botocore.exceptions import ClientError
from botocore.model import ServiceModel
from botocore.parsers import BaseCBORParser
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.utils import get_service_model
from werkzeug.datastructures import CombinedMultiDict, Headers, MultiDict
from werkzeug.routing import Map, Rule

from keyturn.model.change import Operation
from keyturn.testing.standin import StandIn
from tests.gateway.gateway_world import REGION, Running, Seen, Watched, raw, running, signed

PACKS = tuple(str(Path(__file__).parents[1] / "clients" / "packs" / name) for name in ("everything", "held"))
CBOR = "smithy-rpc-v2-cbor"
KEYS: dict[str, Any] = {
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "BillingMode": "PAY_PER_REQUEST",
}
TAGS = [{"Key": "team", "Value": "a & b = c+d %20"}]


@pytest.fixture(scope="module")
def account() -> Iterator[Watched]:
    with StandIn() as standin:
        made = Watched(standin.endpoint)
        yield made
        made.close()


@pytest.fixture(scope="module")
def plane(account: Watched, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("same"), account.endpoint, packs=PACKS[:1]) as made:
        yield made


# --- byte for byte, and as moto and werkzeug read it -----------------------------------------------------------------

CALLS: list[tuple[str, str, str, dict[str, Any]]] = [
    ("json", "dynamodb", "CreateTable", {"TableName": "t-1", **KEYS, "Tags": TAGS}),
    ("query", "sns", "CreateTopic", {"Name": "topic-1", "Attributes": {"DisplayName": "ü & <x>"}, "Tags": TAGS}),
    ("ec2", "ec2", "CreateVpc", {"CidrBlock": "10.9.0.0/16", "TagSpecifications": [{"ResourceType": "vpc", "Tags": TAGS}]}),
    ("rest-json", "scheduler", "CreateScheduleGroup", {"Name": "group_1", "Tags": TAGS}),
    ("rest-xml", "s3", "PutBucketTagging", {"Bucket": "b-1", "Tagging": {"TagSet": TAGS}}),
    (CBOR, "cloudwatch", "PutMetricAlarm", {"AlarmName": "a-1", "MetricName": "m", "Namespace": "n/x",
     "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1, "Threshold": 1.5, "ComparisonOperator": "LessThanThreshold"}),
]  # fmt: skip


@pytest.mark.parametrize(("protocol", "service", "name", "given"), CALLS, ids=[row[0] for row in CALLS])
def test_what_leaves_is_what_was_asked_and_judged(
    plane: Running,
    account: Watched,
    monkeypatch: pytest.MonkeyPatch,
    protocol: str,
    service: str,
    name: str,
    given: dict[str, Any],
) -> None:
    """A method, a target and a body go out as they came in; another parser finds the operation and the parameters of the case."""
    with monkeypatch.context() as patched:
        if protocol == CBOR:  # botocore itself would take JSON
            patched.setattr(ServiceModel, "resolved_protocol", CBOR)
        client = plane.client(service)
    sent: list[Any] = []
    client.meta.events.register("before-send", lambda request, **_: sent.append(request))
    if service == "s3":
        client.create_bucket(
            Bucket=given["Bucket"], CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
        )
    with contextlib.suppress(ClientError) if protocol == CBOR else contextlib.nullcontext():
        getattr(client, xform_name(name))(**given)  # moto's server has no route for CBOR's paths
    asked = sent[-1]
    path = asked.url.removeprefix(f"http://127.0.0.1:{plane.port}")
    body: bytes = asked.body if isinstance(asked.body, bytes) else str(asked.body or "").encode()
    same = [
        seen for seen in account.seen if (seen.method, seen.path, seen.body) == (asked.method, path, body)
    ]
    assert len(same) == 1, "it left once, as it came"
    judged = _judged(plane, f"{service}:{name}")
    model = get_service_model(service)
    assert _operation(model, protocol, same[0]) == name
    read = _parameters(model, protocol, name, same[0])
    tokens = {member for member in read if member in {"ClientToken", "ChecksumAlgorithm"}}
    assert {key: value for key, value in read.items() if key not in tokens} == {
        key: value for key, value in judged.parameters.items() if key not in tokens
    }
    assert given.items() <= read.items()


def _judged(plane: Running, name: str) -> Operation:
    cases = [case for case in plane.app.runtime.cases(open_only=False) if case.change is not None]
    found = [
        case.change.operations[0] for case in cases if case.change and case.change.operations[0].name == name
    ]
    assert len(found) == 1
    return found[0]


def _map(model: Any, method: str) -> Map:
    rules = []
    for name in model.operation_names:
        spoken = model.operation_model(name).http
        path, _, query = spoken["requestUri"].partition("?")
        if spoken["method"] == method and not query:
            rules.append(Rule(path.replace("{", "<").replace("+}", ">").replace("}", ">"), endpoint=name))
    return Map(rules, strict_slashes=False)


def _operation(model: Any, protocol: str, seen: Seen) -> str:
    """As moto's responses find it: by target, by Action, by the path's words, by werkzeug's routing."""
    if protocol == "json":
        return seen.headers["x-amz-target"].partition(".")[2]
    if protocol in {"query", "ec2"}:
        return parse_qs(seen.body.decode())["Action"][0]
    if protocol == CBOR:
        return seen.path.rpartition("/")[2]
    where = urlsplit(seen.path)
    if protocol == "rest-xml":  # S3's operations are told apart by a word of the query
        words = {f"{one['requestUri'].partition('?')[2]}": name for name in model.operation_names
                 if (one := model.operation_model(name).http)["method"] == seen.method and "{Key+}" not in one["requestUri"]}  # fmt: skip
        return str(words[where.query])
    return str(_map(model, seen.method).bind("x").match(where.path, seen.method)[0])


def _parameters(model: Any, protocol: str, name: str, seen: Seen) -> dict[str, Any]:
    """As moto's own parser of this protocol reads them; it has none of CBOR: there botocore does."""
    if protocol == CBOR:
        return dict(BaseCBORParser().parse_data_item(io.BufferedReader(io.BytesIO(seen.body))))
    where, operation = urlsplit(seen.path), model.operation_model(name)
    values: list[MultiDict[str, str]] = [MultiDict(parse_qs(where.query, keep_blank_values=True))]
    if protocol in {"query", "ec2"}:
        values.append(MultiDict(parse_qs(seen.body.decode(), keep_blank_values=True)))
    uri: dict[str, Any] = {}
    if protocol == "rest-json":
        uri = dict(_map(model, seen.method).bind("x").match(where.path, seen.method)[1])
    elif protocol == "rest-xml":
        uri = {"Bucket": where.path.strip("/")}
    parsed = PROTOCOL_PARSERS[protocol](operation).parse(
        {
            "method": seen.method,
            "values": CombinedMultiDict(values),
            "headers": Headers(list(seen.headers.items())),
            "body": seen.body,
            "url_path": where.path,
            "url_params": uri,
        }
    )
    return json.loads(json.dumps(parsed, default=lambda value: base64.b64encode(value).decode()))  # type: ignore[no-any-return]


SPELLINGS: list[tuple[str, bytes]] = [
    ("spaces", b'{ "TableName" :  "spelled" , "Item":{"id":{"S":"1"}}  }'),
    ("escapes", b'{"TableName":"spelled","Item":{"id":{"S":"\\u00e9\\/"}}}'),
    ("order", b'{"Item":{"id":{"S":"1"}},"TableName":"spelled"}'),
    ("numbers", b'{"TableName":"spelled","Item":{"id":{"S":"1"},"n":{"N":"1.0e2"}}}'),
]


@pytest.mark.parametrize(("what", "body"), SPELLINGS, ids=[row[0] for row in SPELLINGS])
def test_a_body_leaves_in_its_own_spelling(plane: Running, account: Watched, what: str, body: bytes) -> None:
    """It is never written anew, where it could come to mean something else."""
    with_table(plane, "spelled")
    heard = raw(plane.port, signed(plane.key, plane.port, body, target="DynamoDB_20120810.PutItem"))
    assert heard.startswith(b"HTTP/1.1 200"), heard
    assert account.of("PutItem")[-1].body == body


def test_a_streamed_object_leaves_as_it_came(plane: Running, account: Watched) -> None:
    """Half a megabyte that nobody held in whole, by a path with odd signs."""
    client = plane.client("s3")
    client.create_bucket(Bucket="b-2", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    object_ = bytes(range(256)) * 2_048
    path = "/b-2/a%20key/with~odd%2Bsigns"
    heard = raw(
        plane.port,
        signed(plane.key, plane.port, object_, service="s3", target="", path=path, method="PUT"),
        wait_s=20,
    )
    assert heard.startswith(b"HTTP/1.1 200"), heard
    left = [seen for seen in account.seen if seen.method == "PUT" and seen.path == path]
    assert [seen.body for seen in left] == [object_]


# --- as often as it was asked ----------------------------------------------------------------------------------------


def with_table(plane: Running, name: str) -> None:
    client = plane.client("dynamodb")
    if name not in client.list_tables()["TableNames"]:
        client.create_table(TableName=name, **KEYS)


@pytest.mark.parametrize(
    ("target", "body"),
    [("ListTables", b"{}"), ("PutItem", b'{"TableName":"twice","Item":{"id":{"S":"1"}}}')],
    ids=["a read", "a change"],
)
def test_two_equal_calls_in_one_second_both_work(
    plane: Running, account: Watched, target: str, body: bytes
) -> None:
    """SigV4 counts in seconds, so equal calls carry one signature: neither is taken for a replay of the other."""
    with_table(plane, "twice")
    before = len(account.of(target))
    data = signed(plane.key, plane.port, body, target=f"DynamoDB_20120810.{target}")
    heard = [raw(plane.port, data, wait_s=15.0) for _ in range(2)]
    assert [one[:12] for one in heard] == [b"HTTP/1.1 200"] * 2
    assert len(account.of(target)) - before == 2


def test_an_approval_is_used_once(account: Watched, tmp_path: Path) -> None:
    """The very bytes that were approved and sent are held anew as soon as their recorded response is not given any more."""
    table = "once"
    with running(tmp_path, account.endpoint, packs=PACKS, replay_s=1) as plane:
        with_table(plane, table)
        body = json.dumps({"TableName": table}).encode()
        client = plane.client("dynamodb")
        with pytest.raises(ClientError, match="holds this as case C-") as held:
            client.delete_table(TableName=table)
        case = str(held.value).partition("case ")[2].split()[0].rstrip(":,")
        plane.approve(case, "anna", "ben")
        data = signed(plane.key, plane.port, body, target="DynamoDB_20120810.DeleteTable")
        assert raw(plane.port, data, wait_s=20.0).startswith(b"HTTP/1.1 200")
        plane.until(
            case, "confirmed"
        )  # while its outcome is looked at it is open, and a repeat is told the same
        engineer = boto3.client("dynamodb", endpoint_url=account.endpoint, region_name=REGION,
                                aws_access_key_id="AKIAENGINEER", aws_secret_access_key="secret")  # fmt: skip
        engineer.create_table(TableName=table, **KEYS)
        engineer.close()
        time.sleep(1.2)
        again = raw(plane.port, data, wait_s=20.0)
        assert len([seen for seen in account.of("DeleteTable") if seen.body == body]) == 1
        assert again.startswith((b"HTTP/1.1 400", b"HTTP/1.1 403"))
        assert b"holds this as case C-" in again
        assert f"case {case}".encode() not in again
