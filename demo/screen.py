"""How the story is told: colours where a person looks, plain lines where a machine does, and every claim with whether it holds.

Colour and the moving line need a terminal; `NO_COLOR` (https://no-color.org) takes the colour away.
"""

from __future__ import annotations

import io
import itertools
import os
import shutil
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, TextIO

FRAMES: Final = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
FRAME_S: Final = 0.08
COLUMNS_MAX: Final = 110
"""Longer lines are not read, on the widest screen."""

_STYLES: Final = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}


class Screen:
    """Prints the story and remembers which claims did not hold (`failed`)."""

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out or sys.stdout
        if isinstance(self._out, io.TextIOWrapper):
            self._out.reconfigure(errors="replace")  # a terminal that lacks a sign still gets the story
        self.moving = self._out.isatty() and os.environ.get("TERM") != "dumb"
        self.coloured = self.moving and not os.environ.get("NO_COLOR")
        self.signs = (self._out.encoding or "").lower().replace("-", "") == "utf8"
        self.columns = min(COLUMNS_MAX, shutil.get_terminal_size((100, 24)).columns)
        self.failed: list[str] = []

    def style(self, text: str, *styles: str) -> str:
        """The text, styled where colours are wanted."""
        if not self.coloured or not styles:
            return text
        return f"\x1b[{';'.join(_STYLES[style] for style in styles)}m{text}\x1b[0m"

    def line(self, text: str = "") -> None:
        print(text, file=self._out, flush=True)

    def title(self, text: str, *, warning: str) -> None:
        self.line(self.style(text, "bold"))
        self.line(self.style(warning, "yellow"))

    def act(self, number: str, title: str) -> None:
        self.line()
        self.line(self.style(f"ACT {number}  {title}", "bold", "cyan"))

    def say(self, text: str, *styles: str) -> None:
        """A sentence of the story, wrapped."""
        for line in textwrap.wrap(text, self.columns - 4, break_on_hyphens=False):
            self.line(f"    {self.style(line, *styles)}")

    def quote(self, text: str, *, lines_max: int = 16) -> None:
        """What was said to somebody, as it was said."""
        bar = "│" if self.signs else "|"
        wide = self.columns - 8
        wrapped = [
            part
            for line in text.splitlines()
            for part in (textwrap.wrap(line, wide, break_on_hyphens=False, subsequent_indent="  ") or [""])
        ]
        for part in wrapped[:lines_max]:
            styles = ("bold",) if part.startswith("try: ") else ()
            self.line(f"      {self.style(bar, 'dim')} {self.style(part, *styles)}")

    def claim(self, says: str, holds: object) -> bool:
        """Say it, with whether the account bears it out."""
        if holds:
            mark = self.style("✓" if self.signs else "ok ", "green")
        else:
            self.failed.append(says)
            mark = self.style("✗ NOT SO:" if self.signs else "NOT SO:", "bold", "red")
        first, *rest = textwrap.wrap(says, self.columns - 6, break_on_hyphens=False)
        self.line(f"    {mark} {first}")
        for line in rest:
            self.line(f"      {line}")
        return bool(holds)

    def table(self, head: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
        """Figures side by side; the first column is words."""
        widths = [max(len(row[place]) for row in [head, *rows]) for place in range(len(head))]

        def laid(row: tuple[str, ...]) -> str:
            cells = [row[0].ljust(widths[0])]
            cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
            return "   ".join(cells)

        self.line(f"    {self.style(laid(head), 'dim')}")
        for row in rows:
            self.line(f"    {laid(row)}")

    @contextmanager
    def working(self, says: str) -> Iterator[Work]:
        """Something that takes a while: a line that moves on a terminal; afterwards, how long it took."""
        work = Work(self, says)
        work.start()
        try:
            yield work
        finally:
            work.stop()

    def over(self, text: str) -> None:
        """Write over the line that stands."""
        self._out.write(f"\r\x1b[2K{text[: self.columns + 16]}")
        self._out.flush()


class Work:
    """What is being done now. `step` says what it has come to."""

    def __init__(self, screen: Screen, says: str) -> None:
        self._screen, self._says, self._at = screen, says, ""
        self._began = time.monotonic()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._turn, daemon=True)

    def step(self, text: str) -> None:
        """What it is at; seen only where the line moves."""
        self._at = text

    def start(self) -> None:
        if self._screen.moving:
            self._thread.start()

    def stop(self) -> None:
        """Leave one line: what was done, and how long it took."""
        self._ended.set()
        if self._screen.moving:
            self._thread.join()
            self._screen.over("")
        took = f"{time.monotonic() - self._began:.0f} s"
        self._screen.line(
            self._screen.style(
                f"    · {self._says} ({took})" if self._screen.signs else f"    - {self._says} ({took})",
                "dim",
            )
        )  # the two are one

    def _turn(self) -> None:
        screen = self._screen
        for frame in itertools.cycle(FRAMES if screen.signs else "|/-\\"):
            text = f"{self._says}  {self._at}"[: screen.columns - 8]
            screen.over(f"    {screen.style(frame, 'cyan')} {screen.style(text, 'dim')}")
            if self._ended.wait(FRAME_S):
                return
