"""One person's desk in a terminal: what happens reaches the screens by itself, and each key is that of the page."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any, ClassVar, Final, NoReturn

from rich.text import Text
from textual import events, work
from textual.app import App
from textual.binding import Binding, BindingType

from keyturn.cli.signing import open_page
from keyturn.cli.tui.asking import Question
from keyturn.cli.tui.inbox import Inbox
from keyturn.cli.tui.reading import Reading
from keyturn.cli.watching import follow
from keyturn.errors import KeyturnError

HELP: Final = (
    "j k move, Enter opens, / filters, 1 2 3 are the lists, x selects. a approves, d denies, c claims, n goes to the narrower change, "
    "u takes back, o opens the page in a browser; a and d are for all that is selected. s stops everything, Esc goes back, q ends. "
    "No key decides by itself."
)


class _EndedError(Exception):
    """The screen is gone; nobody listens any more."""


class Desk(App[None]):
    """One person's desk, over one console."""

    TITLE = "Keyturn"
    ENABLE_COMMAND_PALETTE = False
    CSS = """
    #head { background: $panel; padding: 0 1; }
    #question { width: 76; height: auto; border: round $warning; background: $surface; padding: 1 2; }
    Question { align: center middle; }
    .dim { color: $text-muted; }
    #filter { border: none; height: 1; padding: 0 1; background: $boost; }
    #rows { height: 1fr; border: none; padding: 0 1; }
    #body { padding: 0 1; }
    #changed { background: $error; color: $text; display: none; padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "stop_all", "STOP"),
        Binding("question_mark", "keys", "Keys"),
        Binding("q", "quit", "End"),
    ]

    def __init__(self, console: Any, *, opens: Callable[[str], bool] = open_page) -> None:
        super().__init__()
        self.plane, self.opens = console, opens
        self._gone = threading.Event()

    def on_mount(self) -> None:
        self.push_screen(Inbox())
        threading.Thread(target=self._listen, daemon=True).start()

    def on_unmount(self) -> None:
        self._gone.set()

    def on_app_focus(self, event: events.AppFocus) -> None:
        """The click that brought the terminal to the front answers nothing."""
        if isinstance(self.screen, Question):
            self.screen.disarm()

    async def ask(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """Of the console, without holding up the terminal; None when it said no, which is shown."""
        try:
            if body is None:
                return await asyncio.to_thread(self.plane.get, path)
            return await asyncio.to_thread(self.plane.post, path, body)
        except KeyturnError as error:
            self.notify(f"{error.message} [{error.code}]", severity="error", markup=False, timeout=10)
            return None

    @work
    async def action_stop_all(self) -> None:
        said = Text("Stop everything?\n", "bold red") + Text(
            "No change leaves the plane until somebody lifts it."
        )
        answer = await self.push_screen_wait(Question(said, (("reason", "Reason"),)))
        if answer and await self.ask("/halt", {"reason": answer[0], "agent": ""}) is not None:
            self.notify(
                "■ Halted. Nothing leaves the plane. Lift it: keyturn resume", severity="warning", timeout=30
            )

    def action_keys(self) -> None:
        self.notify(HELP, title="Keys", markup=False, timeout=15)

    def _listen(self) -> None:
        """What happens, until the end."""

        def pause(seconds: float) -> None:
            if self._gone.wait(seconds):
                raise _EndedError

        try:
            head = self.plane.get("/log?limit=1")["head"]
            for _, line in follow(self.plane, "view=activity", after=head, pause=pause):
                if self._gone.is_set():
                    return
                self.call_from_thread(
                    self._moved, str(line.get("case", "")) if isinstance(line, dict) else ""
                )
        except (_EndedError, RuntimeError):  # the application has ended meanwhile
            return
        except KeyturnError as error:
            if not self._gone.is_set():
                self.call_from_thread(
                    self.notify, f"not live: {error.message}", severity="error", markup=False
                )

    def _moved(self, case: str) -> None:
        for screen in self.screen_stack:
            if isinstance(screen, (Inbox, Reading)):
                screen.moved(case)


def main(console: Any) -> NoReturn:
    """Until it is ended."""
    Desk(console).run()
    raise SystemExit(0)
