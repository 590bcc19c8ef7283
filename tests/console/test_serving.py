"""The console is loaded by the first who comes: nobody is turned away, what is wrong is said, and nothing is left behind."""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import Any

import httpx
import pytest

from keyturn.console.serving import Serving
from keyturn.surfaces.aws_gateway.draining import no_more


async def _page(scope: dict[str, Any], receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": scope["path"].encode()})


class _Made:
    """Counts how often it was made."""

    def __init__(self, error: Exception | None = None) -> None:
        self.times, self._error = 0, error

    async def __call__(self) -> Any:
        self.times += 1
        if self._error is not None:
            raise self._error
        return _page


def _listening() -> tuple[socket.socket, str]:
    listening = socket.create_server(("127.0.0.1", 0))
    return listening, f"http://127.0.0.1:{listening.getsockname()[1]}"


async def test_the_first_who_come_are_all_answered() -> None:
    """Ten at once, and it is made once; until then it was not made at all."""
    (listening, url), made = _listening(), _Made()
    serving = Serving(listening, made)
    serving.wait()
    await asyncio.sleep(0.05)
    assert made.times == 0
    async with httpx.AsyncClient(timeout=30) as client:
        answers = await asyncio.gather(*(client.get(f"{url}/{n}") for n in range(10)))
    assert [answer.text for answer in answers] == [f"/{n}" for n in range(10)]
    assert made.times == 1
    await serving.stop(no_more)
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(*listening_place(url))


async def test_nobody_came() -> None:
    """It ends without having been made, and does not listen any longer."""
    (listening, url), made = _listening(), _Made()
    serving = Serving(listening, made)
    serving.wait()
    await serving.stop(no_more)
    assert made.times == 0
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(*listening_place(url))


async def test_it_ends_while_somebody_comes() -> None:
    """Who comes in the last moment is not answered, and nothing of it stays in the loop."""
    (listening, url), made = _listening(), _Made()
    serving = Serving(listening, made)
    serving.wait()
    _, writer = await asyncio.open_connection(*listening_place(url))
    await asyncio.sleep(0)
    await serving.stop(no_more)
    writer.close()
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_what_is_wrong_with_it_is_said(caplog: pytest.LogCaptureFixture) -> None:
    """In the process's own log, and who came sees a closed door instead of waiting."""
    (listening, url), made = _listening(), _Made(RuntimeError("a template is missing"))
    serving = Serving(listening, made)
    serving.wait()
    with caplog.at_level(logging.CRITICAL, logger="keyturn"):
        async with httpx.AsyncClient(timeout=30) as client:
            with pytest.raises(httpx.TransportError):
                await client.get(url)
    assert "the console cannot start, nobody can review there: a template is missing" in caplog.text
    await serving.stop(no_more)


async def test_what_has_to_be_right_at_the_start_is_made_then() -> None:
    """Logins and channels from outside: a wrong setting of theirs ends the start."""
    (listening, _), made = _listening(), _Made(ValueError("no such issuer"))
    serving = Serving(listening, made)
    with pytest.raises(ValueError, match="no such issuer"):
        await serving.open()
    await serving.stop(no_more)


def listening_place(url: str) -> tuple[str, int]:
    host, _, port = url.removeprefix("http://").partition(":")
    return host, int(port)
