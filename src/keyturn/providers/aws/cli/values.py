"""Words into the values of a request, by the model: JSON, shorthand, lists, numbers, and what lies in files.

Files are read by whoever asks (`Files`); what could not be had is no value, and is said.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from keyturn.providers.aws import unread_value
from keyturn.providers.aws.cli import shorthand
from keyturn.providers.aws.cli.arguments import Value
from keyturn.providers.aws.cli.shell import Word
from keyturn.providers.aws.cli.table import Command, verbatim
from keyturn.providers.aws.wire_table import Service, Shape

Files = Callable[[str], bytes | None]
"""The content of a file by its path; None where it cannot be read."""

_COMPLEX: Final = frozenset({"structure", "list", "map"})

_SINGLE_MEMBER_LISTS: Final = frozenset(
    {
        ("firehose", "PutRecordBatch", "Records"),
        ("workspaces", "RebootWorkspaces", "RebootWorkspaceRequests"),
        ("workspaces", "RebuildWorkspaces", "RebuildWorkspaceRequests"),
        ("workspaces", "TerminateWorkspaces", "TerminateWorkspaceRequests"),
        ("elb", "RemoveTags", "Tags"),
        ("elb", "DescribeInstanceHealth", "Instances"),
        ("elb", "DeregisterInstancesFromLoadBalancer", "Instances"),
        ("elb", "RegisterInstancesWithLoadBalancer", "Instances"),
    }
)
"""Lists of structures of one member whose elements may be given as that member alone (awscli, argprocess.py)."""


class UnknownValueError(Exception):
    """The value cannot be known from the line, or the CLI would refuse it; the text says which."""


class UnreadValueError(UnknownValueError):
    """The value is what a file holds that could not be read, or what only the shell knows: it is given, and not known."""


def no_files(_path: str) -> bytes | None:
    """Reads nothing."""
    return None


def unpacked(known: Service, command: Command, shape: Shape, value: Value, spelled: str, files: Files) -> Any:
    """The member's value. Raises `UnknownValueError`."""
    argument = value.argument
    if value.flag is not None:
        return {"Value": value.flag} if argument.form == "?" or _wraps_truth(shape) else value.flag
    words = list(value.words)
    if len(words) == 1 and f"{spelled}.{argument.name}" not in verbatim():
        loaded = _from_file(words[0], files, text=shape.kind != "blob" or shape.streaming)
        if isinstance(loaded, bytes):
            return loaded
        words = [loaded]
    try:
        return _converted(known, command, shape, value, words)
    except (ValueError, RecursionError) as error:
        if not all(word.known for word in words):
            raise UnreadValueError(
                f"--{argument.name} is {words[0].text[:80]}, which only the shell knows"
            ) from None
        raise UnknownValueError(f"--{argument.name} could not be read: {str(error)[:120]}") from None


def unread(known: Service, shape: Shape, value: Value) -> Any:
    """The mark that stands for a value that could not be read; None for a kind of value that none can stand for."""
    return unread_value.mark(value.text, _kind(known, shape))


def _kind(known: Service, shape: Shape) -> str:
    if shape.document:
        return "structure"
    if shape.kind == "list" and shape.element is not None:
        return f"list {known.shape(shape.element.shape).kind}"
    return shape.kind


def _wraps_truth(shape: Shape) -> bool:
    return shape.kind == "structure" and list(shape.members) == ["Value"]


def _from_file(word: Word, files: Files, *, text: bool) -> Word | bytes:
    """The word, or what the file holds that it names."""
    for prefix in ("file://", "fileb://"):
        if not word.text.startswith(prefix):
            continue
        path = word.text.removeprefix(prefix)
        found = files(path) if word.known else None
        if found is None:
            raise UnreadValueError(f"the file {path} could not be read")
        if prefix == "fileb://" and not text:
            return found
        try:
            return Word(found.decode(), quoted=True)
        except UnicodeDecodeError:
            if not text:
                return found
            raise UnreadValueError(f"the file {path} is no text") from None
    return word


def _converted(known: Service, command: Command, shape: Shape, value: Value, words: list[Word]) -> Any:
    texts = [word.text for word in words]
    if shape.kind not in _COMPLEX and not shape.document:
        return _scalar(shape, texts[0], words[0], value.argument.name)
    element = known.shape(shape.element.shape) if shape.kind == "list" and shape.element is not None else None
    if shape.document:
        return json.loads(texts[0])
    first = texts[0].strip()[:1] if texts else ""
    if element is None:
        if first in {"{", "["}:
            return json.loads(texts[0])
        if "=" not in texts[0] and (value.argument.form == "?" or _wraps_text(known, shape)):
            return {"Value": shorthand.scalar(known.shape(shape.members["Value"].shape), texts[0])}
        return shorthand.fitted(known, shape, shorthand.parse(texts[0]))
    if len(texts) == 1 and first == "[":
        return json.loads(texts[0])
    if element.kind not in _COMPLEX:
        return [
            _scalar(element, text, word, value.argument.name) for text, word in zip(texts, words, strict=True)
        ]
    if first in {"{", "["}:
        return [json.loads(text) for text in texts]
    if (command.service, command.operation, value.argument.member) in _SINGLE_MEMBER_LISTS:
        (member,) = element.members
        return [{member: text} for text in texts]
    return shorthand.fitted(known, shape, [shorthand.parse(text) for text in texts])


def _wraps_text(known: Service, shape: Shape) -> bool:
    """A structure of one text called Value: the text alone will do."""
    return _wraps_truth(shape) and known.shape(shape.members["Value"].shape).kind == "string"


def _scalar(shape: Shape, text: str, word: Word, name: str) -> Any:
    if shape.kind == "blob":
        return text.encode()
    if not word.known and shape.kind != "string":
        raise UnreadValueError(f"--{name} is {text[:80]}, which only the shell knows")
    return shorthand.scalar(shape, text)
