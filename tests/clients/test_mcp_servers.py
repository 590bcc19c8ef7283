"""AWS's own MCP servers (awslabs), started over stdio inside a session as an agent's client starts them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from keyturn.model.change import Effect
from keyturn.providers.aws.hosts import SUFFIXES
from keyturn.stores.authority import Authority
from keyturn.testing.standin import StandIn
from tests.clients.clients_world import (
    ENDPOINT,
    HELD,
    HERE,
    NUMBER,
    PROXY,
    REGION,
    Client,
    World,
    case_in,
    left_out,
    run,
)
from tests.clients.kept import cache

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

NOTHING: dict[str, Any] = {"content": []}
"""What most tools of the IAM server ask for as their first argument, and do not look at."""

DOCUMENTS = "servicereference.us-east-1.amazonaws.com"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with StandIn() as account:
        made = World(
            account,
            tmp_path_factory.mktemp("mcp"),
            tunnels=(DOCUMENTS,),
            packs=HELD,
            environments={NUMBER: "test"},
        )
        yield made
        made.plane.stop()


def ask(world: World, door: str, server: str, tool: str, **given: Any) -> dict[str, Any]:
    """What the tool answers: {"error": bool, "text": str}."""
    programs = cache() / "mcp" / "bin"
    if not (programs.parent / ".made-of").is_file():
        left_out("AWS's MCP servers: `make clients` fetches them from PyPI")
    command = [
        str(programs / "python"),
        str(HERE / "ask_mcp.py"),
        str(programs / server),
        tool,
        json.dumps(given),
    ]
    told = run(command, world.environment(door, FASTMCP_LOG_LEVEL="ERROR"))
    assert told.code == 0, told.err[-2000:]
    answer: dict[str, Any] = json.loads(told.out.splitlines()[-1])
    return answer


@pytest.mark.parametrize("door", [ENDPOINT, PROXY])
def test_iam(world: World, door: str) -> None:
    """Reads answer; deleting a user is held, is told to the agent whole, and goes through when people have agreed. (The server's own
    confirmation is a flag that the agent sets.)
    """
    user = f"temp-{door}"
    world.direct("iam").create_user(UserName=user)
    listed = ask(world, door, "awslabs.iam-mcp-server", "list_users", ctx=NOTHING)
    assert user in listed["text"]
    since = len(world.asked())
    deleting = {"user_name": user, "confirmed": True, "ctx": NOTHING}
    held = ask(world, door, "awslabs.iam-mcp-server", "delete_user", **deleting)
    assert "Keyturn holds this as case C-" in held["text"]
    assert world.calls("iam:DeleteUser", since) == ["held"]
    world.approve(held["text"])
    ask(world, door, "awslabs.iam-mcp-server", "delete_user", **deleting)
    assert world.calls("iam:DeleteUser", since) == ["held", "sent"]
    assert [
        one["UserName"] for one in world.direct("iam").list_users()["Users"] if one["UserName"] == user
    ] == []


@pytest.mark.parametrize("door", [ENDPOINT, PROXY])
@pytest.mark.parametrize("order", ["deletes here", "deletes there"])
def test_iam_beside_a_script(world: World, door: str, order: str) -> None:
    """What one session does by its MCP server and by its scripts is judged as one: a user deleted by one and made anew by the other, in
    either order, is a replace, and one case.
    """
    user = f"both-{door}-{order[-5:].strip()}"
    world.direct("iam").create_user(UserName=user)
    boto3, server = Client("boto3"), "awslabs.iam-mcp-server"
    beside = ENDPOINT if door == PROXY else PROXY
    deleting = {"user_name": user, "confirmed": True, "ctx": NOTHING}
    if order == "deletes here":
        first = ask(world, door, server, "delete_user", **deleting)["text"]
        second = boto3.ask(world, beside, "iam", "CreateUser", UserName=user).out
    else:
        first = boto3.ask(world, beside, "iam", "DeleteUser", UserName=user).out
        second = ask(world, door, server, "create_user", user_name=user, confirmed=True, ctx=NOTHING)["text"]
    assert case_in(first) == case_in(second) != "", (first, second)
    case = world.plane.app.runtime.case(case_in(second))
    assert case is not None
    assert case.change is not None
    assert case.assessment is not None
    names = [one.name for one in case.change.operations]
    assert (names, case.assessment.effect) == (["iam:DeleteUser", "iam:CreateUser"], Effect.REPLACE)


def test_iam_unguarded_by_a_script(world: World) -> None:
    """A trail is stopped by a script, which outside production goes through; what the MCP server does next would go unseen, and that is
    said.
    """
    world.direct("s3").create_bucket(
        Bucket="unseen", CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    world.direct("cloudtrail").create_trail(Name="unseen", S3BucketName="unseen")
    world.direct("cloudtrail").start_logging(Name="unseen")
    world.direct("iam").create_user(UserName="unseen")
    boto3 = Client("boto3")
    assert boto3.ask(world, ENDPOINT, "cloudtrail", "StopLogging", Name="unseen").code == 0
    deleting = {"user_name": "unseen", "confirmed": True, "ctx": NOTHING}
    held = ask(world, ENDPOINT, "awslabs.iam-mcp-server", "delete_user", **deleting)
    case = world.plane.app.runtime.case(case_in(held["text"]))
    assert case is not None
    assert case.assessment is not None
    assert "SEQ003" in {one.code for one in case.assessment.findings}


@pytest.mark.parametrize("door", [ENDPOINT, PROXY])
def test_billing_and_cost_management(world: World, door: str) -> None:
    """It reads costs: nothing is held."""
    asked = {
        "operation": "getCostAndUsage",
        "start_date": "2026-01-01",
        "end_date": "2026-02-01",
        "granularity": "MONTHLY",
    }
    since = len(world.asked())
    answer = ask(world, door, "awslabs.billing-cost-management-mcp-server", "cost-explorer", **asked)
    assert '"status":"success"' in answer["text"].replace(" ", "")
    assert world.calls("ce:GetCostAndUsage", since) == ["sent"]


def test_aws_api(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """It runs any command of the AWS CLI. Before it starts it fetches a list of AWS's services from a name below AWS's own, unsigned: by
    proxy, and where the settings let that name pass. Its calls come in as any others.
    """
    server = world.plane.do(serve_documents(world))
    port = server.sockets[0].getsockname()[1]
    loop = type(world.plane._loop)
    real = loop.create_connection

    async def there(self: Any, factory: Any, host: str, at: int, **more: Any) -> Any:
        if (host, at) == (DOCUMENTS, 443):
            host, at = "127.0.0.1", port
        return await real(self, factory, host, at, **more)

    monkeypatch.setattr(loop, "create_connection", there)
    world.table("by-mcp")
    listed = ask(
        world, PROXY, "awslabs.aws-api-mcp-server", "call_aws", cli_command="aws dynamodb list-tables"
    )
    assert "by-mcp" in listed["text"]
    since = len(world.asked())
    command = "aws dynamodb delete-table --table-name by-mcp"
    held = ask(world, PROXY, "awslabs.aws-api-mcp-server", "call_aws", cli_command=command)
    assert "Keyturn holds this as case C-" in held["text"]
    assert world.calls("dynamodb:DeleteTable", since) == ["held"]
    world.approve(held["text"])
    ask(world, PROXY, "awslabs.aws-api-mcp-server", "call_aws", cli_command=command)
    assert "by-mcp" not in world.tables()
    world.plane.do(ended(server))


async def serve_documents(world: World) -> asyncio.Server:
    """Stands where AWS serves its list of services, under a certificate that the session's bundle trusts."""
    authority = Authority(world.plane.config.data / "ca", SUFFIXES)
    written = {"Name": "DeleteTable", "Annotations": {"Properties": {"IsWrite": True}}}

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.readuntil(b"\r\n\r\n")
        root = [{"service": "dynamodb", "url": f"https://{DOCUMENTS}/v1/dynamodb/dynamodb.json"}]
        body = json.dumps(root if asked.startswith(b"GET / ") else {"Actions": [written]}).encode()
        head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()
        writer.close()

    return await asyncio.start_server(answer, "127.0.0.1", 0, ssl=authority.context(DOCUMENTS))


async def ended(server: asyncio.Server) -> None:
    server.close()
