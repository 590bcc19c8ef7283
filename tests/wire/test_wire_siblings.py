"""Services that share a signing name: with an endpoint of their own each of their operations is read exactly; no other needs one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from botocore.exceptions import ParamValidationError

from keyturn.agent.siblings import SIBLINGS, endpoints
from keyturn.providers.aws.wire import Identified, identify
from keyturn.providers.aws.wire_table import load
from tests.gateway.gateway_world import Upstream, running
from tests.wire import oracle
from tests.wire.test_wire_oracle import ALWAYS, REFUSED

ALL = bool(os.environ.get("KEYTURN_ALL"))


def exact(service: str, operation: str, *, prefix: bool, full: bool) -> bool | None:
    """Whether what botocore sends is read as this very operation; None where botocore would not send it."""
    shape = oracle.model(service).operation_model(operation).input_shape
    try:
        request, scope = oracle.request(service, operation, oracle.parameters(shape, full=full))
    except ParamValidationError:
        return None
    if prefix:
        request = msgspec.structs.replace(request, target=f"/~{service}{request.target}")
    found = identify(request, scope)
    return isinstance(found, Identified) and (found.service, found.operation) == (service, operation)


def operations(service: str) -> Iterator[str]:
    yield from (name for name in oracle.operations(service) if (service, name) not in REFUSED)


def test_every_operation_is_read_exactly_as_keyturn_run_sets_the_endpoints() -> None:
    """All services of the installed botocore, as an SDK with our environment sends them: 100 %. In the usual run the families."""
    wrong, seen = [], 0
    names = load().by_signing_name
    families = {name for sibling in SIBLINGS for name in names[load().entries[sibling].signing_name]}
    for service in oracle.services() if ALL else sorted(families | ALWAYS):
        for operation in operations(service):
            read = exact(service, operation, prefix=service in SIBLINGS, full=False)
            seen += read is not None
            if read is False:
                wrong.append(f"{service}:{operation}")
    assert wrong == []
    assert seen > (19_700 if ALL else 2_300)


@pytest.mark.parametrize("service", SIBLINGS)
def test_nobody_has_an_endpoint_without_need(service: str) -> None:
    """And it is called as SDKs call it: the service's id in capitals, words joined by underscores."""
    read = [
        exact(service, name, prefix=False, full=full)
        for name in operations(service)
        for full in (False, True)
    ]
    assert False in read, f"{service} is read exactly without its endpoint now: take it from the table"
    assert oracle.model(service).service_id.replace(" ", "_").upper() == SIBLINGS[service]


def test_an_sdk_keeps_the_path_and_the_service_never_sees_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """boto3 under the environment of a session: both siblings reach the account, under their own paths."""
    import boto3

    upstream = Upstream()
    upstream.answer = lambda _seen: (200, {"content-type": "application/json"}, b'{"agentSummaries":[]}')
    try:
        with running(tmp_path, upstream.endpoint) as plane:
            gateway = f"http://127.0.0.1:{plane.port}"
            for name, value in {"AWS_ENDPOINT_URL": gateway, **endpoints(gateway)}.items():
                monkeypatch.setenv(name, value)
            for service, call in (("bedrock-agent", "list_agents"), ("bedrock", "list_custom_models")):
                client = boto3.client(
                    service,
                    region_name="eu-central-1",
                    aws_access_key_id=plane.key.access_key_id,
                    aws_secret_access_key=plane.key.secret,
                )
                getattr(client, call)()
                client.close()
        assert [seen.path for seen in upstream.seen] == ["/agents/", "/custom-models"]
    finally:
        upstream.close()
