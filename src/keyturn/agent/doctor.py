"""What an agent's process could reach around Keyturn. A child of the same user reads that user's files: this tries it."""

from __future__ import annotations

import os
import pwd
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from keyturn import config as settings
from keyturn.errors import OperatorError

CONNECT_S_MAX: Final = 0.3
"""IMDS answers within a millisecond where it exists."""

IMDS: Final = ("169.254.169.254", 80)
CONTAINER: Final = ("169.254.170.2", 80)

_FILES: Final = (
    ".aws/credentials",
    ".aws/config",
    ".aws/sso/cache",
    ".aws/cli/cache",
    ".config/keyturn/login.json",
    ".config/keyturn/keyturn.toml",
    ".local/share/keyturn/keyturn.db",
    ".local/share/keyturn/keys/installation.key",
)
_VARIABLES: Final = (
    "AWS_PROFILE",
    "AWS_SESSION_TOKEN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "KEYTURN_TOKEN",
)


class Way(NamedTuple):
    """One way around: what it is, whether it can be reached, and what would close it."""

    what: str
    reachable: bool
    detail: str


def ways() -> Iterator[Way]:
    """Try every way from this process."""
    for home in _homes():
        for name in _FILES:
            path = home / name
            found = _readable(path)
            if found is not None:
                yield Way(str(path), found, "run the agent as another user, or on another host")
    yield from _store()
    for variable in _VARIABLES:
        if variable in os.environ:
            yield Way(f"${variable}", True, "launch the agent with keyturn run")
    key = os.environ.get("AWS_ACCESS_KEY_ID", "")
    if key and not key.startswith(("KTSESS", "KTTEMP")):
        yield Way("$AWS_ACCESS_KEY_ID", True, "this is no session key; launch the agent with keyturn run")
    for name, address in (("instance metadata", IMDS), ("container credentials", CONTAINER)):
        yield Way(f"{name} {address[0]}", _answers(address), "block it for the agent's user or host")


def _store() -> Iterator[Way]:
    """Keyturn's own log and keys, wherever its configuration has put them."""
    try:
        config = settings.load()
    except (OperatorError, OSError):
        return
    home = Path.home()
    for path in (config.database, config.key_file, config.signing_key_file):
        if path.is_relative_to(home) and str(path.relative_to(home)) in _FILES:
            continue
        found = _readable(path)
        if found is not None:
            yield Way(str(path), found, "run the agent as another user, or on another host")


def _homes() -> list[Path]:
    found = {
        Path(entry.pw_dir)
        for entry in pwd.getpwall()
        if entry.pw_dir.startswith(("/home", "/root", "/Users"))
    }
    return sorted({Path.home(), *found})


def _readable(path: Path) -> bool | None:
    """True when it can be read, False when it is there but closed, None when it is not there."""
    try:
        if path.is_dir():
            return any(path.iterdir())
        with path.open("rb"):
            return True
    except FileNotFoundError:
        return None
    except OSError:
        return False


def _answers(address: tuple[str, int]) -> bool:
    try:
        with socket.create_connection(address, timeout=CONNECT_S_MAX):
            return True
    except OSError:
        return False


def report(say: Callable[[str], None]) -> int:
    """Print the table; 0 when nothing is reachable, 1 otherwise."""
    found = list(ways())
    for way in found:
        say(
            f"{'REACHABLE' if way.reachable else 'closed':10} {way.what}"
            + (f"  -> {way.detail}" if way.reachable else "")
        )
    open_ways = sum(way.reachable for way in found)
    if open_ways:
        say(
            f"\n{open_ways} ways lead around Keyturn: for this agent it is advisory. `keyturn guard aws` closes the account's side."
        )
        return 1
    say("\nNothing that was tried leads around Keyturn from here.")
    return 0
