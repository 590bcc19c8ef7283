"""The aws CLI's spelling: a command line is operations and parameters, without running anything and without the CLI.

resolve("aws rds delete-db-instance --db-instance-identifier orders --skip-final-snapshot")

What does not resolve is unknown, which is never a read.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from keyturn.model.change import Effect
from keyturn.providers.aws.cli import customs, injected
from keyturn.providers.aws.cli.arguments import Given, given, without_globals
from keyturn.providers.aws.cli.meaning import Meant, Remark, Resolved
from keyturn.providers.aws.cli.shell import DEPTH_MAX, Simple, Word, commands
from keyturn.providers.aws.cli.table import Command, command, commands_of, own_below, service_of, waiter
from keyturn.providers.aws.cli.values import (
    Files,
    UnknownValueError,
    UnreadValueError,
    no_files,
    unpacked,
    unread,
)
from keyturn.providers.aws.languages.documents import NoDocumentError, read_object
from keyturn.providers.aws.wire_table import Service, Shape, load

__all__ = ["Files", "Meant", "Remark", "Resolved", "no_files", "resolve"]

_ASSIGNMENT: Final = re.compile(r"[A-Za-z_]\w*\+?=.*", re.DOTALL)
_AWS: Final = re.compile(
    r"(?:.*[/\\])?(?:aws2?|awslocal|aws-cli)(?:\.exe|\.cmd)?|.*/aws-cli(?::[\w.-]+)?", re.IGNORECASE
)
_SHELLS: Final = frozenset({"bash", "sh", "zsh", "dash", "ksh"})
_KEYWORDS: Final = frozenset({"do", "then", "else", "elif", "if", "while", "until", "!", "{", "time", "&"})
_FEEDS: Final = frozenset({"xargs", "parallel", "find"})
_WRAPPERS: Final = _FEEDS | {
    *(
        "sudo",
        "doas",
        "env",
        "nohup",
        "nice",
        "ionice",
        "exec",
        "command",
        "builtin",
        "timeout",
        "stdbuf",
        "watch",
        "caffeinate",
    ),
    *(
        "docker",
        "podman",
        "nerdctl",
        "uv",
        "uvx",
        "pipx",
        "poetry",
        "pipenv",
        "pdm",
        "hatch",
        "aws-vault",
        "saml2aws",
        "granted",
    ),
    *(
        "chronic",
        "setsid",
        "unbuffer",
        "script",
        "strace",
        "ssh",
        "keyturn",
        "op",
        "direnv",
        "mise",
        "asdf",
        "nix-shell",
        "retry",
    ),
}
_PYTHON: Final = re.compile(r"(?:.*[/\\])?(?:python|pypy)[\d.]*(?:\.exe)?")
_QUIET: Final = frozenset(
    [
        "cat",
        "jq",
        "yq",
        "grep",
        "egrep",
        "fgrep",
        "rg",
        "head",
        "tail",
        "sort",
        "uniq",
        "wc",
        "cut",
        "tr",
        "sed",
        "awk",
        "tee",
        "column",
        "less",
        "more",
        "base64",
        "gunzip",
        "gzip",
        "zcat",
        "xxd",
        "echo",
        "printf",
        "cd",
        "export",
        "set",
        "true",
        "false",
        "test",
        "[",
        "sleep",
        "read",
        "local",
        "declare",
        "exit",
        "return",
        "done",
        "fi",
        "esac",
        "pwd",
        "date",
        "fold",
        "nl",
        "paste",
        "pbcopy",
        "clip",
        "tac",
        "rev",
        "diff",
        "comm",
        "json_pp",
        "dirname",
        "basename",
        "readlink",
        "seq",
        "for",
        "case",
        "in",
        "unset",
        "shift",
        "source",
        "mkdir",
        "ls",
        "jless",
    ]
)
"""Commands beside it that do nothing on AWS by themselves."""


def resolve(line: str, files: Files = no_files) -> Resolved:
    """What `line` would do on AWS: every `aws` command in it, those in substitutions and other shells too."""
    return _resolve(line, files, depth=0)


def _resolve(line: str, files: Files, *, depth: int) -> Resolved:
    found: list[Resolved] = []
    others: dict[str, None] = {}
    for simple in commands(line):
        words, more, inner = _aws_words(simple)
        if inner is not None and depth < DEPTH_MAX:
            found.append(_resolve(inner, files, depth=depth + 1))
        elif words is not None:
            found.append(_one(words, files, more=more, doubt=simple.doubt))
        elif (name := _name_of(simple)) and name not in _QUIET:
            others[name] = None
    if not found:
        return Resolved(why="there is no aws command in it")
    if len(found) == 1 and not others:
        return found[0]
    beside = tuple(f"{name} is run beside it, which is not looked into" for name in others)
    return Resolved(
        meant=tuple(one for resolved in found for one in resolved.meant),
        spelled=tuple(text for resolved in found for text in resolved.spelled),
        unknowns=(*(text for resolved in found for text in resolved.unknowns), *beside),
        why="; ".join(dict.fromkeys(resolved.why for resolved in found if resolved.why)),
    )


def _name_of(simple: Simple) -> str:
    words = [word for word in simple.words if not _ASSIGNMENT.fullmatch(word.text)]
    return words[0].text.rpartition("/")[2] if words else ""


def _aws_words(simple: Simple) -> tuple[list[Word] | None, bool, str | None]:
    """The words after ``aws``; whether there may be more from elsewhere; or the line that another shell is given."""
    words = list(simple.words)
    while words and (_ASSIGNMENT.fullmatch(words[0].text) or words[0].text in _KEYWORDS):
        words.pop(0)
    if len(words) > 2 and words[0].text.startswith("$") and words[1].text == "=":  # PowerShell
        words = words[2:]
    if not words:
        return None, False, None
    first = words[0].text.rpartition("/")[2]
    if _AWS.fullmatch(words[0].text):
        return words[1:], False, None
    if first in _SHELLS or first == "eval":
        after = [word.text for word in words[1:] if not word.text.startswith("-") or word.quoted]
        return None, False, " ".join(after) if first == "eval" else (after[0] if after else None)
    if _PYTHON.fullmatch(words[0].text):
        place = next((n for n, word in enumerate(words) if word.text in {"-m", "-mawscli"}), -1)
        joined = words[place].text == "-mawscli" if place > 0 else False
        is_cli = joined or (0 < place < len(words) - 1 and words[place + 1].text == "awscli")
        return (words[place + (1 if joined else 2) :], False, None) if is_cli else (None, False, None)
    if first not in _WRAPPERS:
        return None, False, None
    for place, word in enumerate(words[1:], 1):
        if _AWS.fullmatch(word.text):
            return words[place + 1 :], first in _FEEDS, None
        if word.text.rpartition("/")[2] in _SHELLS or _PYTHON.fullmatch(word.text):
            return _aws_words(Simple(tuple(words[place:])))
    return None, False, None


def _one(words: list[Word], files: Files, *, more: bool, doubt: str) -> Resolved:
    """One command of the CLI."""
    rest, everywhere = without_globals(words)
    region = everywhere["region"].text if "region" in everywhere and everywhere["region"].known else ""
    if "version" in everywhere or not rest or rest[0].text == "help":
        return _local("the CLI says something about itself")
    if not rest[0].known or (len(rest) > 1 and not rest[1].known):
        return Resolved(why="which service and command it is, only the shell knows", spelled=(rest[0].text,))
    name, spelled = rest[0].text, " ".join(word.text for word in rest[:2])
    if rest[-1].text == "help" and len(rest) <= 4:
        return _local("the CLI shows its help")
    unknowns = [doubt] if doubt else []
    if more:
        unknowns.append("more arguments come from another command")
    if not service_of(name) and not own_below(name) and name not in customs.TOP:
        return Resolved(
            why=f"the CLI has no command {name[:80]!r}", spelled=(spelled,), unknowns=tuple(unknowns)
        )
    own = customs.resolve(name, rest[1:], files)
    if own is None:
        own = _operation(name, rest[1:], files)
    made = tuple(_placed(one, region, more=more or bool(doubt)) for one in own.meant)
    return msgspec.structs.replace(own, meant=made, spelled=(spelled,), unknowns=(*unknowns, *own.unknowns))


def _local(what: str) -> Resolved:
    return Resolved(meant=(customs.local(what),))


def _placed(one: Meant, region: str, *, more: bool) -> Meant:
    doubt = (injected.OPAQUE,) if more else ()
    return msgspec.structs.replace(one, region=one.region or region, remarks=(*one.remarks, *doubt))


def _operation(name: str, words: list[Word], files: Files) -> Resolved:
    """A command that is an operation of AWS's, or waits for one."""
    if not words:
        return Resolved(why=f"aws {name} lacks a command")
    verb = words[0].text
    if verb == "wait" and len(words) > 1:
        found, rest = waiter(name, words[1].text), words[2:]
    else:
        found, rest = command(name, verb), words[1:]
    if found is None:
        near = [text for text in sorted(commands_of(name)) if text.startswith(verb[:12])][:3]
        hint = f"; it has {', '.join(near)}" if near else ""
        return Resolved(why=f"aws {name} has no command {verb[:80]!r}{hint}")
    asked = given(rest, found)
    if "generate-cli-skeleton" in asked.values and asked.values["generate-cli-skeleton"].text != "output":
        skeleton = Meant(found.service, found.operation, floor=Effect.READ)  # printed, and nothing called
        return Resolved(meant=(skeleton,))
    return Resolved(meant=(meant(found, asked, f"{name}.{verb}", files),))


def meant(found: Command, asked: Given, spelled: str, files: Files) -> Meant:
    """The operation with its parameters: those of a document first, each argument of the line over them."""
    unknown = list(asked.doubts)
    remarks: list[Remark] = [injected.OPAQUE] if asked.opaque else []
    parameters: dict[str, Any] = {}
    known = load().service(found.service)
    shape = known.input(found.operation)
    for name in ("cli-input-json", "cli-input-yaml"):
        if name in asked.values and name not in found.arguments:
            try:
                parameters = _document(asked.values[name].words[0], files)
            except UnknownValueError as error:
                unknown.append(str(error))
                remarks.append(injected.OPAQUE)
    for value in asked.values.values():
        argument = value.argument
        if argument.member and shape is not None and not argument.kind.startswith("Original"):
            member = shape.members[argument.member]
            of = known.shape(member.shape)
            if of.kind == "blob" and (member.streaming or of.streaming) and not argument.kind:
                continue  # a file's content on its way: data, which is no part of what is judged at the gateway either
            try:
                parameters[argument.member] = unpacked(known, found, of, value, spelled, files)
            except UnreadValueError as error:
                unknown.append(str(error))
                parameters |= {argument.member: mark} if (mark := unread(known, of, value)) else {}
            except UnknownValueError as error:
                unknown.append(str(error))
    injected.inject(found, asked.values, parameters, unknown, files)
    unknown += _from_shell(asked)
    if shape is not None and not unknown:
        lacking = [
            name for name in shape.required if name not in parameters and not shape.members[name].token
        ]
        lacking = [name for name in lacking if not _streams(known, shape, name)]
        unknown += [f"it lacks {name}, without which the CLI refuses it" for name in lacking]
    return Meant(
        found.service,
        found.operation,
        parameters,
        tuple(dict.fromkeys(unknown)),
        remarks=tuple(dict.fromkeys(remarks)),
    )


def _streams(known: Service, shape: Shape, name: str) -> bool:
    return shape.members[name].streaming or known.shape(shape.members[name].shape).streaming


def _from_shell(asked: Given) -> list[str]:
    """Values that hold what only the shell knows, and further options that it may put in."""
    said = [
        f"--{value.argument.name} is {value.text[:80]}, which only the shell knows"
        for value in asked.values.values()
        if not value.known
    ]
    return said + [f"{text[:80]} may be any further arguments" for text in asked.opaque]


def _document(word: Word, files: Files) -> dict[str, Any]:
    text = word.text
    for prefix in ("file://", "fileb://"):
        if text.startswith(prefix):
            data = files(text.removeprefix(prefix)) if word.known else None
            if data is None:
                raise UnknownValueError(
                    f"the file {text.removeprefix(prefix)} could not be read: no parameter of it is known"
                )
            text = data.decode(errors="replace")
    try:
        return read_object(text)
    except NoDocumentError as error:
        raise UnknownValueError(f"the parameters could not be read: {error}") from None
