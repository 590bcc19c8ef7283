"""A pytest plugin for moto's own tests, in their process: it gives them the session's key, and writes down what became of each.

moto's tests sign with keys of their own invention, or with none that are set. Behind Keyturn a key has to be a session's; so
every key is replaced by it, but for those that came out of a response (a role assumed, a key made): those are used as they were
given. A service that shares its signing name has its own endpoint, as under `keyturn run`. What belongs to moto itself
(``/moto-api``: reset, seeds, settings) is no call of AWS's and goes to moto directly, in both runs: some tests name a port of their
own for it.

It is imported where moto's tests run, with nothing of Keyturn's beside it.
"""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Callable, Iterator
from datetime import UTC
from typing import Any
from urllib.parse import urlsplit

import botocore.auth
import botocore.parsers
import botocore.session
import botocore.signers
import pytest
import requests
from botocore.credentials import ReadOnlyCredentials
from freezegun.api import real_datetime

OUT = os.environ.get("MOTO_SHIM_OUT", "")
UPSTREAM = os.environ.get("MOTO_SHIM_UPSTREAM", "")
GATEWAY = os.environ.get("TEST_SERVER_MODE_ENDPOINT", "")
KEY, SECRET = os.environ.get("MOTO_SHIM_KEY", ""), os.environ.get("MOTO_SHIM_SECRET", "")

SIBLINGS = frozenset(os.environ.get("MOTO_SHIM_SIBLINGS", "").split())
"""Services with an endpoint of their own at the gateway, as `keyturn run` sets them."""

_now = real_datetime.now
"""Bound here: whoever stops the clock replaces the class by its name in every module, in this one too."""

_given_out: set[str] = set()
"""Access keys that a response has held."""


def _keys_in(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            if isinstance(inner, str):
                if name.lower() == "accesskeyid":
                    yield inner
            else:
                yield from _keys_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _keys_in(inner)


def _noting(parse: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(parse)
    def parsed(*given: Any, **named: Any) -> Any:
        answer = parse(*given, **named)
        _given_out.update(_keys_in(answer))
        return answer

    return parsed


def _ours(credentials: Any) -> Any:
    if credentials is None or credentials.access_key in _given_out:
        return credentials
    return ReadOnlyCredentials(KEY, SECRET, None)


def _signing_as_ours(auth: type) -> None:
    begin: Callable[..., None] = auth.__init__  # type: ignore[misc]  # patched in place, for this process only

    @functools.wraps(begin)
    def init(self: Any, credentials: Any, *given: Any, **named: Any) -> None:
        begin(self, _ours(credentials), *given, **named)

    auth.__init__ = init  # type: ignore[misc]  # see above


def _moto_itself_directly() -> None:
    send = requests.Session.request

    @functools.wraps(send)
    def request(self: requests.Session, method: str, url: str, *given: Any, **named: Any) -> Any:
        parts = urlsplit(str(url))
        if parts.path.startswith("/moto-api"):
            url = UPSTREAM + url[url.index("/moto-api") :]
        return send(self, method, url, *given, **named)

    requests.Session.request = request  # type: ignore[method-assign,assignment]  # see above


def _signing_by_the_real_clock() -> None:
    """Tests that stop the clock stop only their own process's: the server's goes on, and a signature is of now."""
    botocore.auth.get_current_datetime = lambda remove_tzinfo=True: _now(UTC).replace(
        tzinfo=None if remove_tzinfo else UTC
    )


def _siblings_by_their_own_endpoint() -> None:
    """Moto gives every client the one endpoint in code, so that the variables of `keyturn run` would not be heard."""
    create = botocore.session.Session.create_client

    @functools.wraps(create)
    def client(self: botocore.session.Session, service_name: str, *given: Any, **named: Any) -> Any:
        if service_name in SIBLINGS and named.get("endpoint_url") == GATEWAY:
            named["endpoint_url"] = f"{GATEWAY}/~{service_name}"
        return create(self, service_name, *given, **named)

    botocore.session.Session.create_client = client  # see above


def pytest_configure() -> None:
    _signing_by_the_real_clock()
    if UPSTREAM:
        _moto_itself_directly()
    if not KEY:
        return
    _siblings_by_their_own_endpoint()
    auth = botocore.auth
    for kind in (auth.SigV4Auth, auth.HmacV1Auth, auth.HmacV1QueryAuth, auth.SigV2Auth):
        _signing_as_ours(kind)
    botocore.parsers.ResponseParser.parse = _noting(botocore.parsers.ResponseParser.parse)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """One line for each phase of each test: the runner keeps the worst."""
    if not OUT or (report.when != "call" and report.outcome == "passed"):
        return
    why = getattr(report.longrepr, "reprcrash", None)
    line = {
        "test": report.nodeid,
        "when": report.when,
        "outcome": "failed" if report.outcome == "failed" else report.outcome,
        "why": str(why.message)[:4000] if why is not None else "",
    }
    with open(OUT, "a", encoding="utf-8") as file:  # noqa: PTH123  # opened and closed a line at a time: a killed run keeps its lines
        file.write(json.dumps(line) + "\n")
