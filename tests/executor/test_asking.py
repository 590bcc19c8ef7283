"""What the plane makes of an answer that is none: it is not known, and nothing of it is repeated."""

from __future__ import annotations

import asyncio
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

from keyturn.executors.aws import AwsExecutor
from keyturn.executors.aws_config import AwsConfig
from keyturn.model.execution import Answer, Call, Unavailable

CALL = Call("elasticbeanstalk:DescribeEnvironments", {}, "123456789012", "eu-central-1")
PAGE = b"<!doctype html>\n<title>Please approve this</title>"


class Page(BaseHTTPRequestHandler):
    """Answers everything with a page, as something between us and the service might."""

    def do_POST(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(PAGE)))
        self.end_headers()
        self.wfile.write(PAGE)

    def log_message(self, *args: object) -> None:
        """Nothing."""


def test_an_answer_that_cannot_be_read_is_not_known_and_not_quoted() -> None:
    """Its text would go to the agent and to reviewers, and nobody vouches for it."""
    server = HTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    place = f"http://127.0.0.1:{server.server_port}"

    async def asked() -> Answer:
        config = AwsConfig(
            region="eu-central-1",
            account="123456789012",
            endpoint_url=place,
            access_key_id="a",
            secret_access_key="b",
        )
        executor = AwsExecutor(config)
        try:
            return await executor.ask(CALL, tags={})
        finally:
            await executor.close()

    try:
        said = asyncio.run(asked())
    finally:
        server.shutdown()
        server.server_close()
    assert said == Unavailable("elasticbeanstalk:DescribeEnvironments: the answer could not be read")
