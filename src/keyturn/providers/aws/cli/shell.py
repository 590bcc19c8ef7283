"""Words of a shell's line, as far as they can be known without running anything. Total: never raises on any text.

What only the shell knows (a variable, the output of a command) is part of a word that is not `known`; commands inside of it
are found, for they run. POSIX quoting; line continuations of cmd and PowerShell too, since documentation is full of them.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

DEPTH_MAX: Final = 8
"""Commands inside commands inside commands; deeper ones are said to be unknown."""

LINE_CHARS_MAX: Final = 262_144
"""As long as a command line of Linux may be, twice over; the rest is not looked at, and that is said."""


class Word(msgspec.Struct, frozen=True):
    """One word; `known` is false where the shell puts something in that is not in the text. `quoted`: not to be split."""

    text: str
    known: bool = True
    quoted: bool = False


class Simple(msgspec.Struct, frozen=True):
    """One command with its words; `doubt` says why the line is not whole."""

    words: tuple[Word, ...]
    doubt: str = ""


_CONTINUED: Final = re.compile(r"[\\`^][ \t]*\r?\n[ \t]*|[`^][ \t]*\Z|\\\Z")
_HEREDOC: Final = re.compile(r"<<(?P<dash>-?)\s*(?P<quote>['\"]?)(?P<end>\w+)(?P=quote)")
_REDIRECT: Final = re.compile(r"(?:\d*(?:>>|>\||>&|<&|<>|>|<(?![<(]))|&>>?)[ \t]*")
_VARIABLE: Final = re.compile(r"\$(?:\w+|[?#@*!$-])")
_PLACEHOLDER: Final = re.compile(r"<[\w .:/-]{1,60}>(?=[\s'\"/]|\Z)")
"""``<region>``, as documentation has it: somebody is to put a word in."""

_PLAIN: Final = re.compile(r"[^\s;|&()<>'\"\\$`]+")
_PLAIN_QUOTED: Final = re.compile(r'[^"\\$`]+')
"""Runs of characters that mean nothing to a shell, outside of quotes and in double ones."""

_BREAKS: Final = frozenset(";|&\n()")
_ANSI: Final = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", "'": "'", '"': '"', "0": "\0"}


def commands(text: str, *, depth: int = 0) -> tuple[Simple, ...]:
    """Every simple command of the text, those inside of others after them."""
    return _Reader(text[:LINE_CHARS_MAX], depth, cut=len(text) > LINE_CHARS_MAX).read()


class _Reader:
    """One pass over the text."""

    def __init__(self, text: str, depth: int, *, cut: bool) -> None:
        self._text = _CONTINUED.sub(" ", _without_heredocs(text))
        self._at, self._depth = 0, depth
        self._doubt = "the line is too long to be read whole" if cut else ""
        self._words: list[Word] = []
        self._found: list[Simple] = []
        self._inside: list[Simple] = []

    def read(self) -> tuple[Simple, ...]:
        text = self._text
        while self._at < len(text):
            char = text[self._at]
            redirect = None if _PLACEHOLDER.match(text, self._at) else _REDIRECT.match(text, self._at)
            if char in " \t\r":
                self._at += 1
            elif char == "#":
                end = text.find("\n", self._at)
                self._at = len(text) if end < 0 else end
            elif redirect is not None:
                self._at = redirect.end()
                self._target()  # where it goes is no argument
            elif text.startswith("<<<", self._at):
                self._at += 3
                self._target()
            elif char in _BREAKS:
                self._at += 1
                self._end()
            else:
                self._words.append(self._word())
        self._end()
        return (*self._found, *self._inside)

    def _target(self) -> None:
        while self._text[self._at : self._at + 1] in {" ", "\t"}:
            self._at += 1
        if self._at < len(self._text) and self._text[self._at] not in _BREAKS:
            self._word()

    def _end(self) -> None:
        if self._words:
            self._found.append(Simple(tuple(self._words), self._doubt))
        self._words = []

    def _word(self) -> Word:
        parts: list[str] = []
        known, quoted, begun = True, False, self._at
        text = self._text
        while self._at < len(text):
            plain = _PLAIN.match(text, self._at)
            if plain is not None:
                parts.append(plain[0])
                self._at = plain.end()
                continue
            char = text[self._at]
            placeholder = _PLACEHOLDER.match(text, self._at) if char == "<" else None
            if placeholder is not None:
                parts.append(placeholder[0])
                self._at, known = placeholder.end(), False
                continue
            if char in " \t\r" or char in _BREAKS or (char in "<>" and not text.startswith("<(", self._at)):
                break
            if char in "'\"":
                quoted = True
                known = self._quoted(parts, char) and known
            elif char == "\\":
                parts.append(text[self._at + 1 : self._at + 2])
                self._at += 2
            elif text.startswith("$'", self._at):
                quoted = True
                self._ansi(parts)
            elif self._substituted(parts):
                known = False
            else:
                parts.append(char)
                self._at += 1
        if self._at == begun:  # a lone bracket: nothing may stand still
            self._at += 1
        return Word("".join(parts), known, quoted)

    def _quoted(self, parts: list[str], quote: str) -> bool:
        """What stands in quotes; whether it is known."""
        text, known = self._text, True
        self._at += 1
        if quote == "'" and (end := text.find("'", self._at)) >= 0:
            parts.append(text[self._at : end])
            self._at = end + 1
            return True
        while self._at < len(text):
            plain = _PLAIN_QUOTED.match(text, self._at) if quote == '"' else None
            if plain is not None:
                parts.append(plain[0])
                self._at = plain.end()
                continue
            char = text[self._at]
            if char == quote:
                self._at += 1
                return known
            if (
                quote == '"'
                and char == "\\"
                and text[self._at + 1 : self._at + 2] in {'"', "\\", "$", "`", "\n"}
            ):
                parts.append(text[self._at + 1])
                self._at += 2
            elif quote == '"' and self._substituted(parts):
                known = False
            else:
                parts.append(char)
                self._at += 1
        self._doubt = self._doubt or "a quote is not closed"
        return known

    def _ansi(self, parts: list[str]) -> None:
        text = self._text
        self._at += 2
        while self._at < len(text) and text[self._at] != "'":
            if text[self._at] == "\\":
                self._at += 1
                parts.append(_ANSI.get(text[self._at : self._at + 1], text[self._at : self._at + 1]))
            else:
                parts.append(text[self._at])
            self._at += 1
        self._at += 1

    def _substituted(self, parts: list[str]) -> bool:
        """Whether the shell puts something in here; it stands as it is written, and what runs inside is kept."""
        text, at = self._text, self._at
        if text.startswith(("$(", "<("), at) or text[at] == "`":
            opened = 1 if text[at] == "`" else 2
            end = text.find("`", at + 1) if opened == 1 else _closing(text, at + 2)
            if end < 0:
                self._doubt = self._doubt or "a substitution is not closed"
                end = len(text)
            self._nested(text[at + opened : end])
            self._at = end + 1
        elif text.startswith("${", at):
            end = text.find("}", at)
            self._at = len(text) if end < 0 else end + 1
        else:
            variable = _VARIABLE.match(text, at)
            if variable is None:
                return False
            self._at = variable.end()
        parts.append(text[at : self._at])
        return True

    def _nested(self, text: str) -> None:
        if self._depth < DEPTH_MAX:
            self._inside += commands(text, depth=self._depth + 1)
        else:
            self._doubt = self._doubt or "commands stand too deep inside each other"


def _closing(text: str, at: int) -> int:
    """Where the bracket closes that was opened before `at`; -1 where it does not. Quotes are skipped."""
    depth, quote = 1, ""
    while at < len(text):
        char = text[at]
        if quote:
            if char == "\\" and quote == '"':
                at += 1
            elif char == quote:
                quote = ""
        elif char in "'\"":
            quote = char
        elif char == "(":
            depth += 1
        elif char == ")":
            depth -= 1
            if depth == 0:
                return at
        at += 1
    return -1


def _without_heredocs(text: str) -> str:
    """The text without the bodies of here-documents: they are data, and no argument."""
    if "<<" not in text:
        return text
    lines, kept, until = text.split("\n"), [], ""
    for line in lines:
        if until:
            if line.strip() == until:
                until = ""
            continue
        found = _HEREDOC.search(line)
        until = found["end"] if found and "<<<" not in line else ""
        kept.append(_HEREDOC.sub("", line) if until else line)
    return "\n".join(kept)
