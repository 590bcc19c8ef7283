"""What leaves is signed anew over what leaves: read by read, by the plane's own key, verified as AWS would."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from keyturn.providers.aws import sigv4
from keyturn.providers.aws.wire import WireRequest
from tests.gateway.gateway_world import Running, Seen, Upstream, running

READS: list[tuple[str, str, dict[str, Any]]] = [
    ("dynamodb", "get_item", {"TableName": "t", "Key": {"id": {"S": "1"}}}),
    ("sqs", "get_queue_attributes", {"QueueUrl": "HERE/123456789012/work"}),
    ("iam", "get_role", {"RoleName": "r"}),
    ("s3", "head_object", {"Bucket": "b", "Key": "a key/with odd ~ signs?"}),
    ("lambda", "get_function", {"FunctionName": "f"}),
]
"""Each asked twice: over a new connection, and over a kept one, which is another way through the gateway."""


ANSWERS = {"iam": b"<GetRoleResponse><GetRoleResult/></GetRoleResponse>", "s3": b""}


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    made = Upstream()
    yield made
    made.close()


@pytest.fixture(scope="module")
def plane(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("resigned"), upstream.endpoint) as made:
        yield made


@pytest.mark.parametrize(("service", "call", "given"), READS, ids=[f"{row[0]}-{row[1]}" for row in READS])
def test_the_account_can_verify_what_it_is_sent(
    plane: Running, upstream: Upstream, service: str, call: str, given: dict[str, Any]
) -> None:
    """Also where the body is not the client's any more, since a queue's address named this gateway."""
    given = {
        name: value.replace("HERE", f"http://127.0.0.1:{plane.port}") if isinstance(value, str) else value
        for name, value in given.items()
    }
    answer: dict[str, str] = {"content-type": "application/x-amz-json-1.0"}
    upstream.answer = lambda _seen: (200, answer, ANSWERS.get(service, b"{}"))
    upstream.seen.clear()
    for _ in range(2):
        getattr(plane.client(service), call)(**given)
    assert len(upstream.seen) == 2
    assert [_wrong(seen) for seen in upstream.seen] == ["", ""]
    if "QueueUrl" in given:
        assert str(plane.port).encode() not in upstream.seen[0].body


def _wrong(seen: Seen) -> str:
    """Why AWS would refuse it; empty where it would not."""
    request = WireRequest(seen.method, seen.path, tuple(seen.headers.items()), seen.body)
    signed = sigv4.parse(request)
    if isinstance(signed, sigv4.SignatureRefused):
        return signed.reason
    assert signed.scope.access_key_id == "AKIAPLANE"
    verified = sigv4.verify(request, signed, "plane", now_s=time.time())
    return verified.reason if isinstance(verified, sigv4.SignatureRefused) else ""
