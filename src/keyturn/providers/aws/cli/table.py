"""Which command of the aws CLI is which operation, and which argument which member: by botocore's rule of spelling, and by the
table of what the CLI calls otherwise (`make catalogue` asks the CLI itself). Nothing of the CLI is needed to read it.
"""

from __future__ import annotations

import json
import zlib
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any, Final

import msgspec

from keyturn.providers.aws.wire_shapes import kebab
from keyturn.providers.aws.wire_table import Shape, load


class Argument(msgspec.Struct, frozen=True):
    """One argument. `form`: empty for one value, ``*`` several, ``?`` perhaps one, ``t`` and ``f`` none, ``p`` by its place."""

    name: str
    member: str = ""  # of the operation's input; empty for what is the CLI's own
    form: str = ""
    kind: str = ""  # the CLI's own class, where it is not plain


class Command(msgspec.Struct, frozen=True):
    """One command: `operation` is empty where the CLI does something of its own."""

    service: str
    operation: str
    arguments: dict[str, Argument]
    places: tuple[Argument, ...] = ()
    waiter: bool = False


EVERYWHERE: Final = {
    name: Argument(name, form=form)
    for name, form in (
        ("cli-input-json", ""),
        ("cli-input-yaml", ""),
        ("generate-cli-skeleton", "?"),
        ("starting-token", ""),
        ("page-size", ""),
        ("max-items", ""),
    )
}
"""Arguments of any operation, where no member has the name."""

GLOBAL: Final = {
    **dict.fromkeys(
        [
            "endpoint-url",
            "output",
            "query",
            "profile",
            "region",
            "color",
            "ca-bundle",
            "cli-read-timeout",
            "cli-connect-timeout",
            "cli-binary-format",
            "cli-error-format",
        ],
        True,
    ),
    **dict.fromkeys(
        [
            "debug",
            "no-verify-ssl",
            "no-paginate",
            "no-sign-request",
            "version",
            "v2-debug",
            "no-cli-pager",
            "cli-auto-prompt",
            "no-cli-auto-prompt",
        ],
        False,
    ),
}
"""Global options of both versions, anywhere on the line; whether they take a value."""


@cache
def _load() -> dict[str, Any]:
    body: dict[str, Any] = json.loads(
        zlib.decompress(files("keyturn.providers.aws.catalogue").joinpath("cli.bin").read_bytes())
    )
    return body


def made_from() -> str:
    """The release of the CLI that was asked."""
    return str(_load()["awscli"])


@cache
def verbatim() -> frozenset[str]:
    """``service.command.argument`` whose value is never read from a file."""
    return frozenset(_load()["verbatim"])


def service_of(name: str) -> str:
    """Botocore's name of the service that a command names; empty where there is none."""
    entry = _load()["services"].get(name)
    if entry is not None:
        return str(entry["s"])
    if name == "s3":  # the CLI's own; the operations are under s3api
        return ""
    return name if name in load().entries else ""


@cache
def _names(service: str, name: str) -> dict[str, str]:
    """Operations by their command."""
    entry = _load()["services"].get(name, {})
    known = {kebab(operation): operation for operation in load().service(service).operations}
    return {**known, **entry.get("o", {})}


def commands_of(name: str) -> frozenset[str]:
    """Every command of a service, the CLI's own included."""
    service = service_of(name)
    own = _load()["custom"].get(name, {}).get("sub", {})
    return frozenset(own) | (frozenset(_names(service, name)) if service else frozenset())


@lru_cache(maxsize=4_096)
def command(name: str, operation: str) -> Command | None:
    """The command ``aws <name> <operation>``, where it is an operation; None where it is none."""
    service = service_of(name)
    if not service or operation in _load()["custom"].get(name, {}).get("sub", {}):
        return None
    found = _names(service, name).get(operation)
    if found is None:
        return None
    other = _load()["services"].get(name, {}).get("a", {}).get(operation, {})
    return _command(service, found, other)


@lru_cache(maxsize=1_024)
def waiter(name: str, waits_for: str) -> Command | None:
    """What ``aws <name> wait <waits_for>`` asks again and again."""
    service = service_of(name)
    operation = _load()["waiters"].get(service, {}).get(waits_for) if service else None
    if operation is None:
        return None
    spelled = next((spelling for spelling, known in _names(service, name).items() if known == operation), "")
    found = command(name, spelled) or _command(service, operation, {})
    return msgspec.structs.replace(found, waiter=True)


def own(name: str, *words: str) -> Command | None:
    """A command of the CLI's own, with its arguments; None where there is no such command."""
    entry = _load()["custom"].get(name)
    for word in words:
        entry = (entry or {}).get("sub", {}).get(word)
    if entry is None:
        return None
    arguments = {text: Argument(text, form=form) for text, form in entry.get("args", {}).items()}
    return _with_places("", "", arguments)


def own_below(name: str, *words: str) -> frozenset[str]:
    """Commands below a command of the CLI's own."""
    entry = _load()["custom"].get(name, {})
    for word in words:
        entry = entry.get("sub", {}).get(word, {})
    return frozenset(entry.get("sub", {}))


def _command(service: str, operation: str, other: dict[str, Any]) -> Command:
    known = load().service(service)
    shape = known.input(operation)
    arguments: dict[str, Argument] = {}
    for member, of in shape.members.items() if shape else ():
        name = kebab(member)
        form = _form(known.shape(of.shape))
        arguments[name] = Argument(name, member, form)
        if form == "t":
            arguments.setdefault("no-" + name, Argument("no-" + name, member, "f"))
    for name, entry in other.items():
        if entry is None:
            arguments.pop(name, None)
        else:
            arguments[name] = Argument(name, entry[0] or "", entry[1], entry[2])
    return _with_places(service, operation, arguments)


def _with_places(service: str, operation: str, arguments: dict[str, Argument]) -> Command:
    places = tuple(argument for argument in arguments.values() if argument.form.startswith("p"))
    options = {name: argument for name, argument in arguments.items() if not argument.form.startswith("p")}
    return Command(service, operation, options, places)


def _form(shape: Shape) -> str:
    if shape.kind == "boolean":
        return "t"
    return "*" if shape.kind == "list" else ""
