"""Words after a command into arguments, as the aws CLI's parser takes them: options in any order, `--a=b`, unambiguous beginnings
of names, lists up to the next option, values by their place.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from keyturn.providers.aws.cli.shell import Word
from keyturn.providers.aws.cli.table import EVERYWHERE, GLOBAL, Argument, Command

_NUMBER: Final = re.compile(r"-\d+|-\d*\.\d+")


class Value(msgspec.Struct, frozen=True):
    """One argument as it was given; `flag` where it takes no value."""

    argument: Argument
    words: tuple[Word, ...] = ()
    flag: bool | None = None

    @property
    def known(self) -> bool:
        return all(word.known for word in self.words)

    @property
    def text(self) -> str:
        return self.words[0].text if self.words else ""


class Given(msgspec.Struct, frozen=True):
    """All arguments of a command. `doubts` are what the CLI would refuse, `opaque` what may be any further arguments."""

    values: dict[str, Value]
    places: tuple[Word, ...] = ()
    doubts: tuple[str, ...] = ()
    opaque: tuple[str, ...] = ()


def without_globals(words: Sequence[Word]) -> tuple[list[Word], dict[str, Word]]:
    """The words without the global options, and those; the CLI takes them from anywhere on the line."""
    rest: list[Word] = []
    found: dict[str, Word] = {}
    waiting = ""
    for word in words:
        if waiting:
            found[waiting], waiting = word, ""
            continue
        name, equals, value = word.text[2:].partition("=") if word.text.startswith("--") else ("", "", "")
        takes = GLOBAL.get(name)
        if takes is None:
            rest.append(word)
        elif takes and not equals:
            waiting = name
        else:
            found[name] = msgspec.structs.replace(word, text=value)
    return rest, found


def given(words: Sequence[Word], command: Command, *, places: bool = False) -> Given:
    """The arguments; `places` where any number of values may stand without a name."""
    known = {
        **{name: one for name, one in EVERYWHERE.items() if name not in command.arguments},
        **command.arguments,
    }
    return _Reading(words, known, command.places, places=places).read()


class _Reading:
    def __init__(
        self,
        words: Sequence[Word],
        known: Mapping[str, Argument],
        named: tuple[Argument, ...],
        *,
        places: bool,
    ) -> None:
        self._words, self._known, self._at = words, known, 0
        self._values: dict[str, Value] = {}
        self._places: list[Word] = []
        self._named = list(named)
        self._any = places
        self._doubts: list[str] = []
        self._opaque: list[str] = []

    def read(self) -> Given:
        while self._at < len(self._words):
            word = self._words[self._at]
            self._at += 1
            name, equals, value = word.text[2:].partition("=")
            if not _is_option(word):
                self._place(word)
                continue
            argument = self._named_by(name) if word.text.startswith("--") else None
            if argument is None and len([known for known in GLOBAL if name and known.startswith(name)]) == 1:
                self._skip()  # a beginning of a global option's name: --endpoint
                continue
            if argument is None:
                self._doubts.append(f"the CLI knows no {word.text.partition('=')[0]} here")
                self._skip()
                continue
            self._take(argument, msgspec.structs.replace(word, text=value) if equals else None)
        return Given(self._values, tuple(self._places), tuple(self._doubts), tuple(self._opaque))

    def _take(self, argument: Argument, joined: Word | None) -> None:
        if argument.form in {"t", "f"}:
            if argument.member and any(
                one.argument.member == argument.member and one.flag != (argument.form == "t")
                for one in self._values.values()
            ):
                self._doubts.append(f"{argument.member} is said both ways")
            self._put(Value(argument, flag=argument.form == "t"))
        elif argument.form == "*":
            self._put(Value(argument, (joined,) if joined else tuple(self._until_option())))
        elif joined is not None:
            self._put(Value(argument, (joined,)))
        elif self._at < len(self._words) and not _is_option(self._words[self._at]):
            self._put(Value(argument, (self._words[self._at],)))
            self._at += 1
        elif argument.form == "?":
            self._put(Value(argument, flag=True))
        else:
            self._doubts.append(f"--{argument.name} has no value")

    def _put(self, value: Value) -> None:
        self._values[value.argument.name] = value

    def _place(self, word: Word) -> None:
        if self._named:
            argument = self._named[0]
            self._put(Value(argument, (word, *(self._until_option() if argument.form == "p*" else ()))))
            self._named.pop(0)
            if not self._any:
                return
        if self._any:
            self._places.append(word)
        elif not word.known and not word.quoted:
            self._opaque.append(word.text)
        else:
            self._doubts.append(f"the CLI would not take {word.text[:80]!r} here")

    def _until_option(self) -> list[Word]:
        found = []
        while self._at < len(self._words) and not _is_option(self._words[self._at]):
            found.append(self._words[self._at])
            self._at += 1
        return found

    def _skip(self) -> None:
        if self._at < len(self._words) and not _is_option(self._words[self._at]):
            self._at += 1

    def _named_by(self, name: str) -> Argument | None:
        """By its name, or by a beginning that is no other's."""
        exact = self._known.get(name)
        if exact is not None or not name:
            return exact
        beginning = [argument for known, argument in self._known.items() if known.startswith(name)]
        return beginning[0] if len(beginning) == 1 else None


def _is_option(word: Word) -> bool:
    """As argparse tells options from values: a dash first, no space in it, and no number."""
    text = word.text
    if not text.startswith("-") or len(text) == 1 or _NUMBER.fullmatch(text):
        return False
    return " " not in text.partition("=")[0]
