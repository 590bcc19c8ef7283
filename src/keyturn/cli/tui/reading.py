"""What is read whole before it is decided: a screen that follows what it shows, says when that changed, and is inert for a second."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import Screen
from textual.widgets import Footer, Static

from keyturn.cli.tui.asking import ARM_S, Question

if TYPE_CHECKING:
    from keyturn.cli.tui.app import Desk


class Reading(Screen[None]):
    """Of some cases. `draw` reads them again, and says `changed` where they are not what stood there."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back"),
        Binding("j", "down", show=False),
        Binding("k", "up", show=False),
    ]
    app: Desk

    def __init__(self, cases: tuple[str, ...], *, head: str, changed: str) -> None:
        super().__init__()
        self.cases = cases
        self._head, self._said_changed = head, changed
        self._armed_at = time.monotonic() + ARM_S

    def compose(self) -> ComposeResult:
        yield Static(self._head, id="head")
        yield Static(self._said_changed, id="changed")
        with VerticalScroll(id="scroll"):
            yield Static("reading …", id="body", markup=False)
        yield Footer()

    def on_mount(self) -> None:
        self.query_one("#scroll").focus()
        self.draw()

    def draw(self) -> object:
        """Read and show them."""
        raise NotImplementedError

    def moved(self, case: str) -> None:
        """Something happened to one of these, or to so much that nobody says to what."""
        if case in {"", *self.cases}:
            self.draw()

    def changed(self) -> None:
        """What stood there is no more: it is said, a second goes by before anything counts, and what was asked of it is taken back."""
        self.query_one("#changed").styles.display = "block"
        self._armed_at = time.monotonic() + ARM_S
        self.unasked()

    def unasked(self) -> None:
        """A question that stands before it was asked of what stands no more."""
        if isinstance(self.app.screen, Question):
            self.app.screen.dismiss(())

    def armed(self) -> bool:
        """Whether it was shown for long enough to be decided."""
        return time.monotonic() >= self._armed_at

    def action_back(self) -> None:
        self.dismiss()

    def action_down(self) -> None:
        self.query_one("#scroll", VerticalScroll).scroll_down(animate=False)

    def action_up(self) -> None:
        self.query_one("#scroll", VerticalScroll).scroll_up(animate=False)
