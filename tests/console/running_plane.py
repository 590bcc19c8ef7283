"""A plane that runs, with people and cases in every phase that a reviewer meets. Everything is on loopback, on ports of its own.

Cases are made as agents make them, by boto3 through the gateway, and decided as people do, through the API.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import itertools
import ssl
import threading
import time
import zipfile
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import httpx
from botocore.exceptions import ClientError

from demo import world
from keyturn import config as settings
from keyturn.app import App
from keyturn.console.identity import ROLES
from keyturn.outward.pump import Pump
from keyturn.reviewers.telling import Telling
from keyturn.testing.standin import StandIn

NUMBER, REGION, SERVICE = "123456789012", "eu-central-1", "cost-report"
ITEMS, ARCHIVE_ITEMS = 300, 120
WAIT_S = 90.0
PLAIN = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Never used, on loopback; made once, since httpx would read all the world's certificates for every client."""

LOOK_S = 0.05
"""How often who tells others looks at the log: here nobody waits a second for each message."""

HOSTILE_KEY = "<img src=x onerror=alert(1)>/\u202egnp.exe\u200b\u0007"
HOSTILE_AGENT = "<script>alert(2)</script>"
SECRET = "t0p-secret-token"

T = TypeVar("T")


def ask(method: str, url: str, **given: Any) -> httpx.Response:
    """One request of nobody in particular: no cookies kept, no redirect followed."""
    return httpx.request(method, url, verify=PLAIN, **given)


class Plane:
    """Keyturn in a thread of its own, before a stand-in account."""

    def __init__(
        self,
        folder: Path,
        account: world.Account,
        packs: tuple[str, ...] = ("seatbelt",),
        *,
        cooldown_s: int = 1,
        **more: Any,
    ) -> None:
        self.packs, self.cooldown_s, self.more = packs, cooldown_s, more
        self.folder, self.account, self.endpoint = folder, account, account.endpoint
        self.url = ""
        self.cases: dict[str, str] = {}  # what a case is about -> its id
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._tokens: dict[str, str] = {}
        self._numbers = itertools.count(1)

    def await_(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something in the plane's own loop. What is cancelled in there says where."""

        async def done() -> T:
            try:
                return await work
            except asyncio.CancelledError as error:
                raise AssertionError(f"{work} was cancelled") from error

        return asyncio.run_coroutine_threadsafe(done(), self._loop).result(WAIT_S)

    def start(self) -> None:
        Telling.look_s = Pump.look_s = LOOK_S
        self._thread.start()
        role = f"arn:aws:iam::{NUMBER}:role/keyturn-"
        aws = settings.Aws(
            account=NUMBER,
            region=REGION,
            endpoint_url=self.endpoint,
            access_key_id="AKIAPLANE",
            secret_access_key="plane",
            read_role=f"{role}read",
            change_role=f"{role}change",
            backup_role=f"{role}backup",
        )
        config = settings.Config(
            data_dir=str(self.folder),
            gateway=settings.Gateway(port=0),
            console=settings.Console(port=0),
            aws=aws,
            packs=self.packs,
            events=settings.Events(file=str(self.folder / "events.jsonl")),
            **({"holds": settings.Holds(wait_s=0.05, cooldown_s=self.cooldown_s)} | self.more),
        )

        async def begin() -> App:
            app = App(config)
            await app.start()
            return app

        self.app = self.await_(begin())
        self.url = str(self.app.runtime.about["console_url"])
        for name, held in (
            ("bob", ROLES),
            ("dana", ("reviewer",)),
            ("erin", ("reviewer",)),
            ("olga", ("operator",)),
            ("ada", ("auditor",)),
        ):
            self.admit(name, *held)

    def stop(self) -> None:
        self.await_(self.app.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(WAIT_S)
        self._loop.close()

    # --- people ------------------------------------------------------------------------------------------------------

    def invite(self, name: str, *roles: str) -> str:
        """A token for one login."""
        return self.await_(self.app.identity.add(name, roles, by="test"))

    def login(self, invite: str) -> str:
        return str(ask("POST", f"{self.url}/api/v1/login", json={"token": invite}).json()["token"])

    def admit(self, name: str, *roles: str) -> None:
        """Somebody more, who is logged in from now on."""
        self._tokens[name] = self.login(self.invite(name, *roles))

    def token(self, name: str) -> str:
        return self._tokens[name]

    def api(self, name: str) -> httpx.Client:
        """The API as this person's command line speaks to it."""
        headers = {"authorization": f"Bearer {self._tokens[name]}"}
        return httpx.Client(verify=PLAIN, base_url=f"{self.url}/api/v1", headers=headers, timeout=60)

    def case(self, case_id: str) -> dict[str, Any]:
        with self.api("dana") as api:
            found: dict[str, Any] = api.get(f"/cases/{case_id}").json()
        return found

    def review(self, name: str, case_id: str, *, approve: bool, note: str = "") -> dict[str, Any]:
        body = {"approve": approve, "binding": self.case(case_id)["binding"], "note": note}
        with self.api(name) as api:
            found: dict[str, Any] = api.post(f"/cases/{case_id}/review", json=body).raise_for_status().json()
        return found

    # --- agents ------------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def agent(self, name: str = "kiro", operator: str = "bob") -> Iterator[world.Account]:
        """boto3 with nothing but a session's key."""
        with self.api(operator) as api:
            key = api.post("/sessions", json={"agent": name}).raise_for_status().json()
            gateway = f"http://127.0.0.1:{self.app.gateway.port if self.app.gateway else 0}"
            yield world.Account(gateway, key["access_key_id"], key["secret_access_key"], region=REGION)
            api.post(f"/sessions/{key['session']}/end", json={})

    def held(self, about: str, call: Callable[[], Any]) -> str:
        """The id of the case that a call was held as, kept under what it is about."""
        before = {case["id"] for case in self.inbox()}
        with contextlib.suppress(ClientError):
            call()
        made = [case["id"] for case in self.inbox() if case["id"] not in before]
        assert made, f"{about}: no case was made"
        self.cases[about] = str(made[0])
        return self.cases[about]

    def held_table(self, operator: str = "bob", agent: str = "kiro") -> str:
        """A held delete of a small table that nothing else is about: a case for one test to decide."""
        table = f"scratch-{next(self._numbers)}"
        dynamodb = self.account("dynamodb")
        dynamodb.create_table(
            TableName=table,
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
            Tags=[{"Key": "environment", "Value": "production"}],
        )
        for number in range(3):
            dynamodb.put_item(TableName=table, Item={"id": {"S": str(number)}})
        with self.agent(agent, operator) as aws:
            return self.held(table, lambda: aws("dynamodb").delete_table(TableName=table))

    @contextlib.contextmanager
    def browser(self, name: str) -> Iterator[httpx.Client]:
        """The pages as this person's browser has them: logged in by a form, with a cookie."""
        with httpx.Client(verify=PLAIN, base_url=self.url, timeout=60) as client:
            answer = client.post("/login", data={"token": self._tokens[name]})
            assert answer.status_code == httpx.codes.SEE_OTHER, answer.text
            yield client

    def inbox(self) -> list[dict[str, Any]]:
        with self.api("dana") as api:
            found: list[dict[str, Any]] = api.get("/cases").json()["cases"]
        return found

    def until(self, case_id: str, *phases: str) -> dict[str, Any]:
        end = time.monotonic() + WAIT_S
        while (found := self.case(case_id))["phase"] not in phases:
            assert time.monotonic() < end, f"{case_id} is still {found['phase']}: {found['reason']}"
            time.sleep(0.05)
        return found


def build(endpoint: str) -> world.Account:
    """A small cost-report service."""
    account = world.Account(endpoint, "AKIAENGINEER", "secret", region=REGION)
    full = world.ITEMS, world.ARCHIVE_ITEMS
    world.ITEMS, world.ARCHIVE_ITEMS = ITEMS, ARCHIVE_ITEMS
    try:
        world.build(account, SERVICE)
    finally:
        world.ITEMS, world.ARCHIVE_ITEMS = full
    return account


def fill(plane: Plane) -> None:
    """One case of every kind: undone, executed, denied, approved, approved by one, held with a narrow patch, hostile."""
    name = world.names(SERVICE)
    with plane.agent("kiro") as aws:
        gone = plane.held("undone", lambda: aws("dynamodb").delete_table(TableName=name["archive"]))
        for reviewer in ("dana", "erin"):
            plane.review(reviewer, gone, approve=True, note="cold since June")
        with plane.api("erin") as api:
            api.post(f"/cases/{gone}/execute", json={}).raise_for_status()
            plane.until(gone, "confirmed")
            undo = api.post(f"/cases/{gone}/undo", json={}).raise_for_status().json()
        plane.cases["undo"] = undo["id"]
        denied = plane.held("denied", lambda: aws("sqs").purge_queue(QueueUrl=_queue(aws)))
        plane.review(
            "dana", denied, approve=False, note="jobs of today are in it; filter the bad one instead"
        )
        ready = plane.held("approved", lambda: aws("cloudwatch").delete_alarms(AlarmNames=[name["alarm"]]))
        for reviewer in ("dana", "erin"):
            plane.review(reviewer, ready, approve=True)
        half = plane.held(
            "half", lambda: aws("iam").delete_role_policy(RoleName=name["role"], PolicyName="items")
        )
        plane.review("erin", half, approve=True, note="role is retired next week")
        plane.held(
            "table",
            lambda: aws("dynamodb").update_table(TableName=name["table"], DeletionProtectionEnabled=False),
        )
        replaced = plane.held("replace", lambda: aws("lambda").delete_function(FunctionName=name["function"]))
        with contextlib.suppress(ClientError):
            aws("lambda").create_function(**function(name["function"], name["table"]))
        assert plane.case(replaced)["symbol"] == "-/+"
        plane.held(
            "secret",
            lambda: aws("ssm").put_parameter(
                Name=name["secret"], Value=SECRET, Type="SecureString", Overwrite=True
            ),
        )
    with plane.agent(HOSTILE_AGENT, "olga") as aws:
        plane.held("hostile", lambda: aws("s3").delete_object(Bucket=name["scratch"], Key=HOSTILE_KEY))


def _queue(aws: world.Account) -> str:
    return str(aws("sqs").get_queue_url(QueueName=world.names(SERVICE)["queue"])["QueueUrl"])


def function(name: str, table: str) -> dict[str, Any]:
    """A function of the service, as its agent would make it anew."""
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w") as archive:
        archive.writestr(zipfile.ZipInfo("app.py", (2026, 2, 20, 0, 0, 0)), world.HANDLER)
    return {
        "FunctionName": name,
        "Runtime": "python3.12",
        "Handler": "app.handler",
        "Role": f"arn:aws:iam::{NUMBER}:role/{world.names(SERVICE)['role']}",
        "Code": {"ZipFile": raw.getvalue()},
        "Timeout": 20,
        "MemorySize": 256,
        "Environment": {"Variables": {"TABLE_NAME": table, "CURRENCY": "EUR", "LOG_LEVEL": "info"}},
        "Tags": world.tags(SERVICE),
    }


def written_pack(folder: Path, name: str, rule: str, cases: str) -> str:
    """A team's own pack with its cases, in this folder; where it lies, as a setting names it."""
    pack = folder / name
    pack.mkdir()
    (pack / f"{name}.cedar").write_text(rule)
    (pack / f"{name}.tests.toml").write_text(cases)
    return str(pack)


@contextlib.contextmanager
def guarded(folder: Path, *packs: str, **more: Any) -> Iterator[Plane]:
    """A plane without cases before an account of its own, under seatbelt and these packs, until the end of the block."""
    with StandIn() as standin:
        account = world.Account(standin.endpoint, "AKIAENGINEER", "secret", region=REGION)
        plane = Plane(folder / "data", account, ("seatbelt", *packs), **more)
        plane.start()
        try:
            yield plane
        finally:
            plane.stop()


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Plane]:
    """A filled plane, until the end of the block."""
    with StandIn() as standin:
        plane = Plane(folder, build(standin.endpoint))
        plane.start()
        try:
            fill(plane)
            yield plane
        finally:
            plane.stop()
