"""Ids as they are wanted: what is copied into a stand-in account keeps the id that it has where it was copied from.

Whoever copies says beforehand which ids come next (`PATH`, a JSON list); the next thing that EC2 makes with such a prefix has that
one. They are taken out of the queue as they are used, and all that were not are forgotten with the next list.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any, Final

from moto.ec2 import utils

PATH: Final = "/_standin/ids"

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

_next: list[str] = []


def wanted(ids: list[str]) -> None:
    """These come next."""
    _next[:] = ids


def fill_ids() -> None:
    """Every id of EC2's is made by one function."""
    make = utils.random_id

    def random_id(prefix: str = "", size: int = 17) -> str:
        found = next((one for one in _next if one.rpartition("-")[0] == prefix), "")
        if found:
            _next.remove(found)
        return found or str(make(prefix, size))

    utils.random_id = random_id


def with_ids(app: Application) -> Application:
    """The application, with the place where ids are asked for."""

    def answer(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        if environ.get("PATH_INFO") != PATH:
            return app(environ, start)
        length = int(environ.get("CONTENT_LENGTH") or 0)
        wanted([str(one) for one in json.loads(environ["wsgi.input"].read(length))])
        start("200 OK", [("content-type", "application/json"), ("content-length", "2")])
        return [b"{}"]

    return answer
