"""What the tests of real clients share: an account, a Keyturn before it with both doors, and clients as they are started by agents.

Every client is a program of its own, started with the environment that `keyturn run` gives. What it asked is read from the
gateway's access log: so a retry is seen.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import boto3
import pytest
from botocore import xform_name

from keyturn import config as settings
from keyturn.agent.run import child_environment
from keyturn.testing.standin import StandIn
from tests.clients.kept import cache as kept
from tests.gateway.gateway_world import NUMBER, REGION, Running

HERE = Path(__file__).parent
ENDPOINT, PROXY = "endpoint", "proxy"
EVERYTHING = (str(HERE / "packs" / "everything"),)
HELD = (*EVERYTHING, str(HERE / "packs" / "held"))
CLIENT_S_MAX = 100.0


class Told(NamedTuple):
    """What a client said."""

    code: int
    out: str
    err: str


class World:
    """One account, one Keyturn; `environment(door)` is what a child of `keyturn run` finds."""

    def __init__(self, account: StandIn, folder: Path, tunnels: tuple[str, ...] = (), **more: Any) -> None:
        self.account, self.folder = account, folder
        self.door = ENDPOINT
        self.log = folder / "access.log"
        gateway = settings.Gateway(port=0, proxy=True, access_log=str(self.log), tunnels=tunnels)
        self.plane = Running(folder / "plane", account.endpoint, gateway=gateway, **more)

    def environment(self, door: str, **more: str) -> dict[str, str]:
        key, port = self.plane.key, self.plane.port
        session = {
            "session": key.session,
            "access_key_id": key.access_key_id,
            "secret_access_key": key.secret,
            "region": REGION,
            "endpoint_url": f"http://127.0.0.1:{port}",
            "proxy_url": f"http://127.0.0.1:{port}",
            "ca": (self.plane.config.data / "ca" / "ca.pem").read_text(),
        }
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        ambient = {"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8"}
        return child_environment(session, ambient, home, proxy=door == PROXY) | more

    def direct(self, service: str) -> Any:
        """The engineer, beside Keyturn: to make things and to look. Closed with the plane."""
        made = boto3.client(
            service,
            region_name=REGION,
            endpoint_url=self.account.endpoint,
            aws_access_key_id="AKIAENGINEER",
            aws_secret_access_key="secret",
        )
        self.plane.clients.append(made)
        return made

    def table(self, name: str) -> None:
        """A table of production with one item."""
        dynamodb = self.direct("dynamodb")
        dynamodb.create_table(
            TableName=name,
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
            Tags=[{"Key": "environment", "Value": "production"}],
        )
        dynamodb.put_item(TableName=name, Item={"id": {"S": "1"}})

    def tables(self) -> list[str]:
        return list(self.direct("dynamodb").list_tables()["TableNames"])

    def asked(self) -> list[dict[str, Any]]:
        """Every request so far, as the access log has them."""
        self.plane.do(self._flush())
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    async def _flush(self) -> None:
        log = self.plane.app.observer.access_log
        assert log is not None
        log.flush()

    def approve(self, text: str, *people: str) -> str:
        """These people (anna and ben) approve the case that this message names."""
        case_id = case_in(text)
        assert case_id, f"no case in {text!r}"
        self.plane.approve(case_id, *(people or ("anna", "ben")))
        return case_id

    def calls(self, operation: str, since: int = 0) -> list[str]:
        """What became of each call of this operation since the so-many-th request."""
        return [one["outcome"] for one in self.asked()[since:] if one.get("operation") == operation]


def run(
    command: list[str],
    environment: Mapping[str, str],
    *,
    cwd: Path | None = None,
    limit_s: float = CLIENT_S_MAX,
) -> Told:
    done = subprocess.run(
        command,
        env=dict(environment),
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=limit_s,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    return Told(done.returncode, done.stdout, done.stderr)


def case_in(text: str) -> str:
    """The case that a message names."""
    return text.partition("case ")[2].split()[0].rstrip(":,") if "case C-" in text else ""


# --- which clients there are -----------------------------------------------------------------------------------------


def left_out(what: str) -> NoReturn:
    """Said aloud at the end of the run (tests/conftest.py)."""
    pytest.skip(f"LEFT OUT: {what}")


@cache
def aws_clis() -> dict[str, str]:
    """Every AWS CLI that can be found, by its version's first number: the locked one, and whatever else is on the PATH."""
    found: dict[str, str] = {}
    places = [str(Path(sys.executable).parent), *os.environ["PATH"].split(os.pathsep)]
    for place in dict.fromkeys(places):
        path = shutil.which("aws", path=place)
        if path is None:
            continue
        told = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
        major = (told.stdout or told.stderr).partition("aws-cli/")[2][:1]
        if major:
            found.setdefault(major, path)
    return found


def npm_folder() -> Path | None:
    """Where the clients from npm are; None where there is no Node or `make clients` has not brought them."""
    folder = kept() / "npm"
    return folder if shutil.which("node") and (folder / "node_modules").is_dir() else None


class Client:
    """One kind of client and how it is asked: an operation of a service, by each door."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def __repr__(self) -> str:
        return self.kind

    def ask(self, world: World, door: str, service: str, operation: str, **given: Any) -> Told:
        """`operation` as the model names it (DeleteTable)."""
        environment = world.environment(door)
        if self.kind == "js":
            folder = npm_folder()
            if folder is None:
                left_out("the SDK for JavaScript: Node, and `make clients`, which fetches it from npm")
            environment |= {"CLIENTS_NPM": str(folder), "NODE_NO_WARNINGS": "1"}
            return run(["node", str(HERE / "ask.mjs"), service, operation, json.dumps(given)], environment)
        if self.kind == "boto3":
            script = str(HERE / "ask_boto3.py")
            return run(
                [sys.executable, script, service, xform_name(operation), json.dumps(given)], environment
            )
        major = self.kind.removeprefix("aws-cli-")
        cli = aws_clis().get(major)
        if cli is None:
            left_out(f"AWS CLI {major}: there is none on the PATH")
        command = [
            cli,
            "s3api" if service == "s3" else service,
            xform_name(operation, "-"),
            "--output",
            "json",
            "--cli-input-json",
            json.dumps(given),
        ]
        if door == ENDPOINT and major == "2":  # before 2.13 it does not read AWS_ENDPOINT_URL
            command += ["--endpoint-url", environment["AWS_ENDPOINT_URL"]]
        return run(command, environment)


__all__ = [
    "ENDPOINT",
    "EVERYTHING",
    "HELD",
    "HERE",
    "NUMBER",
    "PROXY",
    "REGION",
    "Client",
    "Told",
    "World",
    "case_in",
    "left_out",
    "run",
]
