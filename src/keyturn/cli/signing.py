"""An approval that has to be signed is given in a browser, where the passkey is: the command line opens the page and waits."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import Any, Final

import click

from keyturn.cli.client import Api
from keyturn.errors import ReviewError

POLL_S: Final = 2.0
"""A person who signed sees it here before she has looked back; the question costs the console a millisecond."""


def approve_in_browser(
    console: Api,
    case: dict[str, Any],
    *,
    wait_s: float,
    opens: Callable[[str], bool] | None = None,
    pause: Callable[[float], None] = time.sleep,
    now: Callable[[], float] = time.monotonic,
) -> dict[str, Any]:
    """The case once the caller's signature is under it. Raises `ReviewError` when it ended otherwise, or nobody signed in time."""
    name, me, page = case["id"], console.get("/whoami")["user"], case["page"]
    if case["may_not"]:
        raise ReviewError("may-not", case["may_not"])
    shown = (opens or open_page)(page)
    click.echo(
        f"Policy wants this approval signed. {'Opened' if shown else 'Open'} {page} to sign.", err=True
    )
    end = now() + wait_s
    while True:
        found: dict[str, Any] = console.get(f"/cases/{name}")
        if me in found["approvals"]:
            return found
        if found["phase"] != "held" or found["binding"] != case["binding"]:
            what = f"it is {found['phase']} now" if found["phase"] != "held" else "it changed meanwhile"
            raise ReviewError("stale", f"{name} was not signed: {what}", help=f"keyturn show {name}")
        if now() >= end:
            raise ReviewError("unsigned", f"nobody signed {name} within {wait_s:.0f} s", help=f"open {page}")
        pause(POLL_S)


def open_page(page: str) -> bool:
    """In the person's browser, where this terminal has one; a text browser inside the terminal has no passkeys."""
    graphical = sys.platform in {"darwin", "win32"} or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    )
    if not graphical:
        return False
    import webbrowser

    return webbrowser.open(page)
