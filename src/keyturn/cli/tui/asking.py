"""What is asked before anything is decided. Each question is inert for a second, so that no key meant for something else answers it."""

from __future__ import annotations

import time
from typing import ClassVar, Final

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

ARM_S: Final = 1.0
"""As on the page."""


class Question(ModalScreen[tuple[str, ...]]):
    """One or more lines to be written. Answers with them, or with nothing."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Leave it")]

    def __init__(self, said: Text, fields: tuple[tuple[str, str], ...], *, exactly: str = "") -> None:
        """`fields` are an id and what is to be written; `exactly` is what the first has to say, if anything."""
        super().__init__()
        self._said, self._fields, self._exactly = said, fields, exactly
        self._armed_at = time.monotonic() + ARM_S

    def compose(self) -> ComposeResult:
        with Vertical(id="question"):
            yield Static(self._said)
            for name, hint in self._fields:
                yield Input(placeholder=hint, id=name, max_length=2_000)
            yield Static("Enter answers, Esc leaves it", classes="dim")

    def disarm(self) -> None:
        """The terminal has the focus again, or what is asked about moved: a second goes by before anything counts."""
        self._armed_at = time.monotonic() + ARM_S

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter in any field answers, once all that must be written is."""
        if time.monotonic() < self._armed_at:
            self.disarm()
            return
        given = tuple(self.query_one(f"#{name}", Input).value.strip() for name, _ in self._fields)
        if self._exactly and given[0] != self._exactly:
            self.notify(f"It has to say {self._exactly}.", severity="warning", markup=False)
        elif any(given):
            self.dismiss(given)

    def action_leave(self) -> None:
        self.dismiss(())
