"""The request that ARCHITECTURE.md follows is sent, and every function it names is seen at work, in the order it tells."""

from __future__ import annotations

import asyncio
import re
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

import boto3
import httpx
import pytest
from botocore.config import Config as BotoConfig
from botocore.exceptions import ClientError

from keyturn import config as settings
from keyturn.app import App
from keyturn.core.case import Phase
from keyturn.core.reconciling import Call
from keyturn.providers.aws.reconciling import reconciled
from keyturn.stores.verifying import verify_bundle
from keyturn.testing.standin import StandIn
from tests.house import tree

PAGE = (tree.ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
STORY = PAGE.partition("## One DeleteTable")[2].partition("\n## ")[0]
NUMBER, REGION, TABLE = "123456789012", "eu-central-1", "ledger-archive"
ROLE = f"arn:aws:iam::{NUMBER}:role/keyturn-"
NO_CALLS = frozenset({"core/lifecycle.py:LIFECYCLE", "runtime/work.py:PERFORM"})
"""Tables: they are looked things up in."""

ONLY_IN_DOUBT = frozenset({"runtime/work.py:Work.reconcile"})
"""At work when an answer does not come; tests/runtime has that story."""

ANY_TIME = frozenset(
    {
        "providers/aws/scope.py:scope",
        "providers/aws/sigv4.py:parse",
        "stores/vault.py:Vault.put",
        "runtime/gate.py:GateSide._wait",
        "console/api.py:Api.user_of",
        "console/identity.py:Identity.who",
        "core/chain.py:make_entry",
        "core/chain.py:sign_checkpoint",
        "core/advance.py:owed",
        "core/advance.py:advance",
        "runtime/book.py:Book.record",
        "stores/sqlite.py:SqliteStore.append",
        "runtime/asking.py:Asker.drive",
    }
)
"""At work all along; of the others the page tells the order in which they begin."""


class Trace:
    """Functions of the package in the order in which each was first called, in any thread."""

    def __init__(self) -> None:
        self.names: dict[str, None] = {}
        self._root = f"{tree.SRC / 'keyturn'}/"

    def __call__(self, frame: FrameType, event: str, _given: Any) -> None:
        file = frame.f_code.co_filename
        if event == "call" and file.startswith(self._root):
            name = f"{file.removeprefix(self._root)}:{frame.f_code.co_qualname}"
            self.names.setdefault(name)
            if name.endswith(".__init__"):
                self.names.setdefault(name.removesuffix(".__init__"))


@pytest.fixture
def trace() -> Iterator[Trace]:
    found = Trace()
    before, everywhere = sys.getprofile(), threading.getprofile()
    threading.setprofile(found)
    sys.setprofile(found)
    yield found
    sys.setprofile(before)
    threading.setprofile(everywhere)


@pytest.fixture
def account() -> Iterator[StandIn]:
    with StandIn() as standin:
        client = _client("dynamodb", standin.endpoint, "AKIAENGINEER", "secret")
        client.create_table(
            TableName=TABLE,
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
            Tags=[{"Key": "environment", "Value": "production"}],
        )
        client.put_item(TableName=TABLE, Item={"id": {"S": "one"}})
        yield standin


def _client(service: str, endpoint: str, key: str, secret: str) -> Any:
    given = BotoConfig(retries={"max_attempts": 0})
    session = boto3.Session(aws_access_key_id=key, aws_secret_access_key=secret, region_name=REGION)
    return session.client(service, endpoint_url=endpoint, config=given)


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110  # it is another task's, and a test's
            await asyncio.sleep(0.02)


async def test_one_delete_goes_the_way_the_page_tells(trace: Trace, account: StandIn, tmp_path: Path) -> None:
    """Held, reviewed by two, backed up, proved, sent, verified, taken back, exported, checked."""
    aws = settings.Aws(
        account=NUMBER,
        region=REGION,
        endpoint_url=account.endpoint,
        access_key_id="AKIAPLANE",
        secret_access_key="plane",
        read_role=f"{ROLE}read",
        change_role=f"{ROLE}change",
        backup_role=f"{ROLE}backup",
    )
    app = App(
        settings.Config(
            data_dir=str(tmp_path),
            gateway=settings.Gateway(port=0),
            console=settings.Console(port=0),
            aws=aws,
            holds=settings.Holds(wait_s=0.1),
        )
    )
    await app.start()
    trace.names.clear()  # what the start needs (policies try themselves out) is not the request's
    try:
        await _play(app, tmp_path / "log.zip")
    finally:
        await app.stop()
    seen = list(trace.names)
    named = list(
        dict.fromkeys(f"{file}:{name}" for file, name in re.findall(r"`([\w/]+\.py):([\w.]+)`", STORY))
    )
    expected = [name for name in named if name not in NO_CALLS | ONLY_IN_DOUBT]
    assert [name for name in expected if name not in seen] == [], "named by the page, and never at work"
    in_order = [name for name in expected if name not in ANY_TIME]
    happened = sorted(in_order, key=seen.index)
    assert in_order == happened, "not in the order that the page tells"
    assert set(named) >= NO_CALLS | ONLY_IN_DOUBT | ANY_TIME, "an exception that is not needed any more"


async def _play(app: App, bundle: Path) -> None:
    key = await app.runtime.open_session(operator="bob", agent="kiro", ttl_s=3600)
    assert app.gateway is not None
    agent = _client("dynamodb", f"http://127.0.0.1:{app.gateway.port}", key.access_key_id, key.secret)

    def delete() -> str:
        try:
            agent.delete_table(TableName=TABLE)
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        return "deleted"

    assert await asyncio.to_thread(delete) == "AccessDeniedException"
    (case,) = app.runtime.cases()
    people = [await _person(app, name) for name in ("dana", "erin")]
    for ask in people:
        shown = (await ask("GET", f"/cases/{case.id}")).json()
        answer = await ask("POST", f"/cases/{case.id}/review", {"approve": True, "binding": shown["binding"]})
        assert answer.status_code == 200, answer.text
    await people[0]("POST", f"/cases/{case.id}/execute", {})
    await _until(lambda: (app.runtime.case(case.id) or case).phase is Phase.CONFIRMED)
    undone = await app.runtime.undo(case.id, by="erin")
    assert undone.phase is Phase.CONFIRMED, undone.reason
    exported = b"".join([part async for part in app.runtime.export()])
    assert await asyncio.to_thread(_passes, bundle, exported)
    left = await app.runtime.calls()
    (deleted,) = [call for call in left if call.case == case.id and not call.step]
    compared = reconciled([_in_the_trail(deleted)], left, accounts=frozenset({NUMBER}))
    assert (compared.matched, compared.around) == (1, ())


def _passes(bundle: Path, exported: bytes) -> bool:
    bundle.write_bytes(exported)
    return verify_bundle(bundle).passed


def _in_the_trail(call: Call) -> dict[str, Any]:
    """The account's own record of it, as CloudTrail writes one."""
    service, _, name = call.operation.partition(":")
    role = f"arn:aws:sts::{NUMBER}:assumed-role/keyturn-change/{call.lease}"
    return {
        "eventTime": datetime.fromtimestamp(call.at_ms / 1000, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "eventSource": f"{service}.amazonaws.com",
        "eventName": name,
        "awsRegion": REGION,
        "userIdentity": {"type": "AssumedRole", "arn": role, "accountId": NUMBER},
        "requestID": call.request_id,
        "readOnly": False,
        "eventType": "AwsApiCall",
        "recipientAccountId": NUMBER,
    }


Ask = Callable[..., Awaitable[httpx.Response]]


async def _person(app: App, name: str) -> Ask:
    """A reviewer at the console's API, in her own login."""
    invite = await app.identity.add(name, ("reviewer",), by="bob")
    url = f"{app.runtime.about['console_url']}/api/v1"

    async def ask(
        method: str, path: str, body: dict[str, Any] | None = None, token: str = ""
    ) -> httpx.Response:
        headers = {"authorization": f"Bearer {token or login}"}
        async with httpx.AsyncClient(headers=headers, timeout=30) as client:
            return await client.request(method, f"{url}{path}", json=body)

    login = "-"
    login = str((await ask("POST", "/login", {"token": invite})).json()["token"])
    return ask
