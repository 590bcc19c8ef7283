"""What a service says lies somewhere is fetched from S3 or the stand-in, from nowhere else, and never without an end."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from keyturn.executors.fetching import ElsewhereError, TooLargeError, fetched


class _Place(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        found = self.path == "/code"
        self.send_response(200 if found else 403)
        self.send_header("content-length", "5")
        self.end_headers()
        self.wfile.write(b"bytes")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the parameter's name is the library's
        """Nothing."""


@pytest.fixture
def stand_in() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), _Place) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_what_lies_there_is_had_whole_or_not_at_all(stand_in: str) -> None:
    """Not the first bytes of more, nor what an error says."""
    assert fetched(f"{stand_in}/code", stand_in, 5) == b"bytes"
    with pytest.raises(TooLargeError, match="more than 4 bytes"):
        fetched(f"{stand_in}/code", stand_in, 4)
    with pytest.raises(ElsewhereError, match="answered 403"):
        fetched(f"{stand_in}/gone", stand_in, 5)


@pytest.mark.parametrize(
    "place",
    [
        "",
        "http://awslambda-eu-west-1-tasks.s3.eu-west-1.amazonaws.com/code",
        "https://169.254.169.254/latest/meta-data",
        "https://s3.amazonaws.com.evil.example/code",
        "https://evil.example/?s3.amazonaws.com",
        "https://lambda.eu-west-1.amazonaws.com/code",
        "file:///etc/passwd",
        "http://127.0.0.1:1/code",
    ],
)
def test_no_other_place_is_asked(place: str, stand_in: str) -> None:
    """Whoever can make Lambda say a place cannot make the plane fetch from it."""
    with pytest.raises(ElsewhereError, match="which is not S3"):
        fetched(place, stand_in, 5)
    with pytest.raises(ElsewhereError, match="which is not S3"):
        fetched(place, "", 5)


@pytest.mark.parametrize(
    "place",
    [
        "https://awslambda-eu-west-1-tasks.s3.eu-west-1.amazonaws.com/snapshots/x?X-Amz-Signature=s",
        "https://s3.cn-north-1.amazonaws.com.cn/snapshots/x",
    ],
)
def test_where_lambda_keeps_code_is_s3(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In every partition; a network that says no is no other place, and the signature is in no error."""

    def refuses(*_given: Any, **_named: Any) -> Any:
        raise EndpointConnectionError(endpoint_url=place)

    monkeypatch.setattr("keyturn.executors.fetching.URLLib3Session.send", refuses)
    with pytest.raises(ElsewhereError, match=r"could not be fetched: EndpointConnectionError$"):
        fetched(place, "", 5)
