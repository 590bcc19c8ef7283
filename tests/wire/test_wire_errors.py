"""Errors in each protocol's own shape, read by botocore's parsers and raised by boto3 once, without retries."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.parsers import create_parser

from keyturn.providers.aws.wire_errors import WireResponse, encode_error
from tests.wire import oracle

MESSAGE = 'held as C-7: "orders" & <b>\nthe second line, ünïcode\ntry: aws x \'{"a":1}\''

CBOR = ("ListDomains", "list_domains")

PROTOCOLS: list[tuple[str, str, str, str]] = [
    ("json", "dynamodb", "ListTables", "list_tables"),
    ("query", "iam", "ListUsers", "list_users"),
    ("ec2", "ec2", "DescribeInstances", "describe_instances"),
    ("rest-json", "lambda", "ListFunctions", "list_functions"),
    ("rest-xml", "s3", "ListBuckets", "list_buckets"),
    ("smithy-rpc-v2-cbor", "cloudwatchomni", *CBOR),
]


def encoded(protocol: str, service: str) -> WireResponse:
    return encode_error(protocol, code="AccessDenied", message=MESSAGE, request_id="req-1", service=service)


@pytest.mark.parametrize(
    ("protocol", "service", "operation", "_call"), PROTOCOLS, ids=[r[0] for r in PROTOCOLS]
)
def test_botocore_reads_code_and_message(protocol: str, service: str, operation: str, _call: str) -> None:
    """Line breaks, quotes, tags and letters arrive as they were."""
    made = encoded(protocol, service)
    shape = oracle.model(service).operation_model(operation).output_shape
    parsed = create_parser(protocol).parse(
        {
            "status_code": made.status,
            "headers": dict(made.headers),
            "body": made.body,
            "context": {"operation_name": operation},
        },
        shape,
    )
    assert parsed["Error"]["Code"] == "AccessDenied"
    assert parsed["Error"]["Message"].split() == MESSAGE.split()
    assert parsed["ResponseMetadata"]["HTTPStatusCode"] == 403


class _Refuses(HTTPServer):
    """Refuses everything in one protocol, and counts."""

    def __init__(self) -> None:
        self.asked = 0
        self.answer = WireResponse(403, (), b"")
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def _any(self) -> None:
                outer.asked += 1
                self.rfile.read(int(self.headers.get("content-length") or 0))
                self.send_response(outer.answer.status)
                for name, value in outer.answer.headers:
                    self.send_header(name, value)
                self.send_header("content-length", str(len(outer.answer.body)))
                self.end_headers()
                self.wfile.write(outer.answer.body)

            do_GET = do_POST = do_PUT = _any  # noqa: N815  # the names http.server looks for

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # its name there
                """Quiet."""

        super().__init__(("127.0.0.1", 0), Handler)


@pytest.fixture(scope="module")
def server() -> Iterator[_Refuses]:
    made = _Refuses()
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield made
    made.shutdown()
    made.server_close()


@pytest.mark.parametrize(
    ("protocol", "service", "_operation", "call"), PROTOCOLS, ids=[r[0] for r in PROTOCOLS]
)
def test_boto3_raises_it_once(
    server: _Refuses, protocol: str, service: str, _operation: str, call: str
) -> None:
    """With its usual retries on: a hold is not a glitch."""
    server.asked, server.answer = 0, encoded(protocol, service)
    client = boto3.client(
        service,
        region_name="eu-central-1",
        endpoint_url=f"http://127.0.0.1:{server.server_address[1]}",
        aws_access_key_id="a",
        aws_secret_access_key="b",
    )
    with pytest.raises(ClientError) as caught:
        getattr(client, call)()
    assert caught.value.response["Error"]["Code"] == "AccessDenied"
    assert "held as C-7" in caught.value.response["Error"]["Message"]
    assert server.asked == 1
