"""The API against its own description: what it takes and answers, with whatever somebody sends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

import hypothesis
import msgspec
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import checks as common
from schemathesis.core.result import Err
from schemathesis.specs.openapi import checks as ours

from keyturn.console import backups_api, evidence_api, shapes
from keyturn.console.openapi import ROWS, description, routes, short
from tests.console.running_plane import Plane, running

DOCUMENT: Final = description()
SCHEMA: Final = schemathesis.openapi.from_dict(DOCUMENT)
CHECKS: Final = [
    common.not_a_server_error,
    ours.status_code_conformance,
    ours.content_type_conformance,
    ours.response_schema_conformance,
]
LEFT_OUT: Final = {
    ("POST", "/logout"): "it ends the login that everything here is asked with",
    ("POST", "/drill"): "it makes resources in the account, and takes a while",
    ("POST", "/login"): "ten wrong tokens a minute are the limit for everybody",
    ("GET", "/export"): "a zip each time; its content is tested elsewhere",
}
OPERATIONS: Final = {
    (operation.method.upper(), short(operation.path)): operation
    for operation in (result.ok() for result in SCHEMA.get_all_operations() if not isinstance(result, Err))
}


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plane]:
    """A plane of its own, which lets nobody wait: what is sent here halts, resumes and ends what others need."""
    with (
        pytest.MonkeyPatch.context() as patched,
        running(tmp_path_factory.mktemp("fuzzed")) as plane,
    ):
        patched.setattr(evidence_api, "LOG_WAIT_S_MAX", 0)
        yield plane


def test_every_route_is_described() -> None:
    """A new route gets a row in `keyturn.console.openapi`, and one that is gone loses it."""
    there = {
        (method, short(route.path)) for route in routes() for method in (route.methods or set()) - {"HEAD"}
    }
    assert there == set(ROWS)


def test_the_description_is_one() -> None:
    """It is valid OpenAPI 3.1, every operation has a name of its own and says what it is for."""
    SCHEMA.validate()
    told = [one for path in DOCUMENT["paths"].values() for one in path.values()]
    names = [one["operationId"] for one in told]
    assert len(set(names)) == len(names) == len(ROWS)
    assert all(one["summary"] for one in told)


@pytest.mark.parametrize("name", sorted(set(OPERATIONS) - set(LEFT_OUT)), ids=" ".join)
def test_whatever_is_sent_is_answered_as_described(name: tuple[str, str], fuzzed: Plane) -> None:
    """By somebody with every role: no error of ours, no status and no shape that is not described."""
    operation = OPERATIONS[name]
    headers = {"authorization": f"Bearer {fuzzed.token('bob')}"}

    @hypothesis.seed(7)
    @settings(
        max_examples=8,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def sent(case: Any) -> None:
        response = case.call(base_url=fuzzed.url, headers=headers, timeout=30)
        case.validate_response(response, checks=CHECKS)

    sent()


ASKED: Final = [
    ("/whoami", shapes.Who),
    ("/status", shapes.Status),
    ("/cases", shapes.Cases),
    ("/cases/{undone}", shapes.Detail),
    ("/cases/{undone}/backups", backups_api.Backups),
    ("/cases/{replace}/fresh", shapes.Fresh),
    ("/log", shapes.Log),
    ("/sessions", shapes.Sessions),
    ("/users", shapes.People),
    ("/evidence/calls", shapes.Left),
]


@pytest.mark.parametrize(("path", "shape"), ASKED, ids=lambda value: str(value)[:40])
def test_an_answer_is_of_its_type(plane: Plane, path: str, shape: type[msgspec.Struct]) -> None:
    """Of cases in every phase: what the description promises is there, of that kind."""
    with plane.api("bob") as client:
        answer = client.get(path.format(**plane.cases)).raise_for_status()
    assert isinstance(msgspec.json.decode(answer.content, type=shape), shape)


def test_the_description_is_served(plane: Plane) -> None:
    """The one that is tested here is the one that clients get."""
    with plane.api("ada") as client:
        assert client.get("/openapi.json").json() == json.loads(json.dumps(DOCUMENT))
