"""``keyturn rehearse``: the child gets a twin of the account, and nothing that would reach the account itself."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any, Protocol

from keyturn.agent.run import child_environment, run_child


class _Api(Protocol):
    def post(self, path: str, body: dict[str, Any] | None = None) -> Any: ...


def rehearse(
    api: _Api,
    agent: str,
    command: tuple[str, ...],
    *,
    ttl_s: int,
    scope: tuple[str, ...],
    hold: bool,
    intent: str = "",
    aside: bool = False,
) -> tuple[int, dict[str, Any]]:
    """The command's exit code, and what the rehearsal came to. The plan of a command that failed is of half a change: it is not held.
    `aside`: what the command prints goes to the error output.
    """
    opened = api.post("/rehearsals", {"agent": agent, "ttl_s": ttl_s, "scope": list(scope)})
    end, code = f"/rehearsals/{opened['session']}/end", 1
    try:
        with tempfile.TemporaryDirectory(prefix="keyturn-") as folder:
            code = run_child(command, child_environment(opened, os.environ, Path(folder)), aside=aside)
    except BaseException:
        api.post(end, {"hold": False})
        raise
    found: dict[str, Any] = api.post(end, {"hold": hold and code == 0, "intent": intent})
    return code, found
