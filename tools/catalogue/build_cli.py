"""Build the table of the aws CLI: where its spelling is not what botocore's names give by its own rule, and what is its own.

Asked of the installed `awscli`, command by command, so that nobody who runs Keyturn needs it. What a customised command does is no
data: `keyturn.providers.aws.cli.customs` knows it, by the names that stand here.
"""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import Any

import awscli
from awscli.arguments import BooleanArgument, CLIArgument, ListArgument
from awscli.clidriver import ServiceCommand, ServiceOperation, create_clidriver
from awscli.customizations.commands import BasicCommand
from awscli.paramfile import PARAMFILE_DISABLED
from botocore import xform_name
from botocore.exceptions import UnknownServiceError
from botocore.loaders import Loader

from keyturn.providers.aws.wire_shapes import kebab
from keyturn.providers.aws.wire_table import Service, load

_EVERYWHERE = {"cli-input-json", "generate-cli-skeleton", "starting-token", "page-size", "max-items"}


def build(target: Path) -> dict[str, int]:
    """Write the table to `target`. Returns figures for the report."""
    commands = _table(create_clidriver())
    services: dict[str, Any] = {}
    custom: dict[str, Any] = {}
    for name, command in sorted(commands.items()):
        if not isinstance(command, ServiceCommand):
            custom[name] = _custom(command)
            continue
        service = command.service_model.service_name
        if service not in load().entries:
            continue
        entry = _service(service, command)
        customs = {sub: _custom(one) for sub, one in sorted(_table(command).items()) if _is_custom(sub, one)}
        if customs:
            custom[name] = {"sub": customs}
        if entry or service != name:
            services[name] = {"s": service, **entry}
    body = {
        "awscli": awscli.__version__,
        "services": services,
        "custom": custom,
        "waiters": _waiters(),
        "verbatim": sorted(PARAMFILE_DISABLED),
    }
    data = json.dumps(body, separators=(",", ":"), sort_keys=True).encode()
    target.write_bytes(zlib.compress(data, 9))
    return {"services": len(services), "custom": len(custom), "bytes": target.stat().st_size}


def _table(command: Any) -> dict[str, Any]:
    found: dict[str, Any] = command._get_command_table()  # noqa: SLF001  # there is no other way to ask
    return found


def _is_custom(name: str, command: Any) -> bool:
    return name != "wait" and not isinstance(command, ServiceOperation)


def _service(service: str, command: Any) -> dict[str, Any]:
    """Operations under another name than `kebab` gives, and arguments that are not their member's name."""
    known = load().service(service)
    by_rule = {kebab(name): name for name in known.operations}
    names: dict[str, str] = {}
    arguments: dict[str, Any] = {}
    for name, one in _table(command).items():
        if not isinstance(one, ServiceOperation):
            continue
        operation = one._operation_model.name  # noqa: SLF001  # as above
        if operation not in known.operations:
            continue
        if by_rule.get(name) != operation:
            names[name] = operation
        other = _arguments(known, operation, one.arg_table)
        if other:
            arguments[name] = other
    return {key: value for key, value in (("o", names), ("a", arguments)) if value}


def _arguments(known: Service, operation: str, table: dict[str, Any]) -> dict[str, Any]:
    """Arguments that are no member's name as it stands. A member under another name only is not under its own: null."""
    shape = known.input(operation)
    members = dict(shape.members) if shape else {}
    by_rule: dict[str, str] = {}
    for own, of in members.items():
        by_rule[kebab(own)] = own
        if known.shape(of.shape).kind == "boolean":
            by_rule.setdefault("no-" + kebab(own), own)
    found: dict[str, Any] = {}
    for name, argument in table.items():
        member: str | None = getattr(argument, "_serialized_name", None)
        plain = type(argument) in {CLIArgument, ListArgument, BooleanArgument}
        if (
            name in _EVERYWHERE
            or (plain and by_rule.get(name) == member)
            or (plain and member not in members)
        ):
            continue
        found[name] = [member if member in members else None, _form(argument), type(argument).__name__]
    renamed = {entry[0] for entry in found.values()}
    gone = [name for name, member in by_rule.items() if name not in table and member in renamed]
    return {**found, **dict.fromkeys(gone)}


def _form(argument: Any) -> str:
    """How it stands on a command line: one value, ``*`` several, ``?`` perhaps one, ``t``/``f`` none, ``p`` by its place."""
    action = getattr(argument, "_action", None)
    if not argument.cli_name.startswith("--"):
        return "p*" if argument.nargs in {"*", "+"} else "p"
    if isinstance(argument, ListArgument) or argument.nargs in {"*", "+"}:
        return "*"
    if type(argument).__name__ == "PositiveBooleanArgument":
        return "?"
    if type(argument).__name__ == "NegativeBooleanParameter":
        return "f"
    forms = {"store_true": "t", "store_false": "f"}
    return forms.get(str(action), "?" if argument.nargs == "?" else "")


def _custom(command: Any) -> dict[str, Any]:
    """A command of the CLI's own: its arguments by form, and its subcommands."""
    if not isinstance(command, BasicCommand):
        return {}
    entry: dict[str, Any] = {}
    below = command.subcommand_table  # asked first: it lets others add arguments
    arguments = {name: _form(one) for name, one in command.arg_table.items()}
    if arguments:
        entry["args"] = arguments
    sub = {name: _custom(one) for name, one in sorted(below.items())}
    if sub:
        entry["sub"] = sub
    return entry


def _waiters() -> dict[str, dict[str, str]]:
    """What each waiter asks, by service."""
    loader, found = Loader(), {}
    for service in sorted(load().entries):
        try:
            waiters = loader.load_service_model(service, "waiters-2")["waiters"]
        except (UnknownServiceError, KeyError):
            continue
        except Exception as error:  # a service without waiters says so by one of several errors
            if type(error).__name__ != "DataNotFoundError":
                raise
            continue
        found[service] = {xform_name(name, "-"): waiter["operation"] for name, waiter in waiters.items()}
    return found
