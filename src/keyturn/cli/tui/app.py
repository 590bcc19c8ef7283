"""The screens: an inbox that follows what happens, and a case with what is decided on it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any, ClassVar, Final, NoReturn

from rich.text import Text
from textual import events, work
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import Screen
from textual.widgets import Footer, OptionList, Static
from textual.widgets.option_list import Option

from keyturn.cli.signing import open_page
from keyturn.cli.tui import shown
from keyturn.cli.tui.asking import ARM_S, Question
from keyturn.cli.watching import follow
from keyturn.errors import KeyturnError

HELP: Final = (
    "j k move, Enter opens, a approves, d denies, c claims, n goes to the narrower change, o opens the page in a browser, "
    "s stops everything, Esc goes back, q ends. No key decides by itself."
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
            if isinstance(screen, (Inbox, Review)):
                screen.moved(case)


class Inbox(Screen[None]):
    """What is open, what destroys first."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "down", show=False),
        Binding("k", "up", show=False),
        Binding("c", "claim", "Claim"),
        Binding("enter,a,d,n", "open", "Open: approve, deny, narrower"),
    ]
    app: Desk

    def compose(self) -> ComposeResult:
        yield Static("Inbox", id="head")
        yield OptionList(id="rows", markup=False)
        yield Footer()

    def on_mount(self) -> None:
        self.query_one("#rows").focus()
        self.draw()

    def moved(self, case: str) -> None:
        """Something happened somewhere."""
        self.draw()

    @work(exclusive=True)
    async def draw(self) -> None:
        found = await self.app.ask("/cases?open=1")
        status = await self.app.ask("/status")
        if found is None or status is None:
            return
        cases = sorted(
            found["cases"], key=lambda case: (case["symbol"] not in {"-", "-/+"}, case["deadline_ms"] or 0)
        )
        needs = sum(case["phase"] == "held" and not case["may_not"] for case in cases)
        halted = "  ■ HALTED" if status["halted_by"] else ""
        self.query_one("#head", Static).update(
            Text(f"Keyturn  {status['mode']}  needs you {needs} · open {len(cases)}{halted}", "bold")
        )
        rows = self.query_one("#rows", OptionList)
        kept = rows.highlighted_option.id if rows.highlighted_option else None
        rows.clear_options()
        rows.add_options([Option(shown.line(case), id=case["id"]) for case in cases])
        if kept in {case["id"] for case in cases}:
            rows.highlighted = rows.get_option_index(str(kept))
        elif cases:
            rows.highlighted = 0

    def action_down(self) -> None:
        self.query_one("#rows", OptionList).action_cursor_down()

    def action_up(self) -> None:
        self.query_one("#rows", OptionList).action_cursor_up()

    def action_open(self) -> None:
        chosen = self.query_one("#rows", OptionList).highlighted_option
        if chosen is not None and chosen.id:
            self.app.push_screen(Review(chosen.id))

    async def action_claim(self) -> None:
        chosen = self.query_one("#rows", OptionList).highlighted_option
        if chosen is not None:
            await self.app.ask(f"/cases/{chosen.id}/claim", {"word": ""})

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.action_open()


class Review(Screen[None]):
    """One case. What is decided binds to what stands on the screen when the question is asked."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back"),
        Binding("j", "down", show=False),
        Binding("k", "up", show=False),
        Binding("a", "approve", "Approve …"),
        Binding("d", "deny", "Deny …"),
        Binding("c", "claim", "Claim"),
        Binding("n", "narrower", "Narrower"),
        Binding("o", "page", "Page"),
    ]
    app: Desk

    def __init__(self, case: str) -> None:
        super().__init__()
        self.case_id, self.found = case, {}
        self._armed_at = time.monotonic() + ARM_S

    found: dict[str, Any]

    def compose(self) -> ComposeResult:
        yield Static(self.case_id, id="head")
        yield Static("This case changed while you were reading. Read it again.", id="changed")
        with VerticalScroll(id="scroll"):
            yield Static("reading …", id="body", markup=False)
        yield Footer()

    def on_mount(self) -> None:
        self.query_one("#scroll").focus()
        self.draw()

    def moved(self, case: str) -> None:
        """Something happened to this case, or to so much that nobody says to what."""
        if case in {"", self.case_id}:
            self.draw()

    @work(exclusive=True)
    async def draw(self) -> None:
        found = await self.app.ask(f"/cases/{self.case_id}")
        graphed = await self.app.ask(f"/cases/{self.case_id}/graph")
        if found is None or graphed is None:
            return
        if self.found and found["binding"] != self.found["binding"]:
            self.query_one("#changed").styles.display = "block"
            self._armed_at = time.monotonic() + ARM_S
            if isinstance(self.app.screen, Question):  # it was asked of what stands no more
                self.app.screen.dismiss(())
        self.found = found
        claimed = f"  {found['claimed_by']} looks at it" if found["claimed_by"] else ""
        head = f"{found['id']}  {found['phase']}  {len(found['approvals'])}/{found['quorum']}{claimed}"
        self.query_one("#head", Static).update(Text(head, "bold"))
        self.query_one("#body", Static).update(shown.review(found, graphed))

    def action_back(self) -> None:
        self.dismiss()

    def action_down(self) -> None:
        self.query_one("#scroll", VerticalScroll).scroll_down(animate=False)

    def action_up(self) -> None:
        self.query_one("#scroll", VerticalScroll).scroll_up(animate=False)

    def action_narrower(self) -> None:
        lines = (
            str(shown.review(self.found, {"radius": None, "case": "", "why": ""})).splitlines()
            if self.found
            else []
        )
        if "NARROWER" in lines:
            self.query_one("#scroll", VerticalScroll).scroll_to(y=lines.index("NARROWER"), animate=False)

    async def action_claim(self) -> None:
        await self.app.ask(f"/cases/{self.case_id}/claim", {"word": ""})

    def action_page(self) -> None:
        if self.found:
            self._in_browser()

    def _in_browser(self) -> None:
        page = self.found["page"]
        opened = "Opened" if self.app.opens(page) else "Open"
        self.notify(f"{opened} {page}", markup=False, timeout=20)

    def _why_not(self) -> str:
        """Why this case is not approved from here; empty when it may be asked for."""
        if not self.found or time.monotonic() < self._armed_at:
            return "It is shown for less than a second. Read it, then decide."
        if self.found["phase"] != "held":
            return f"{self.case_id} is {self.found['phase']}."
        if self.found["whole"]:
            return f"{self.found['whole']} It cannot be approved here."
        return str(self.found["may_not"])

    @work
    async def action_approve(self) -> None:
        if why := self._why_not():
            self.notify(why, severity="warning", markup=False)
            return
        found = self.found
        if found["signed"]:
            self.notify(
                "Policy wants this approval signed: that is done in a browser, where your passkey is."
            )
            self._in_browser()
            return
        said = Text(f"Approve {self.case_id}?\n", "bold red")
        said.append(
            f"Exactly this, on exactly this state: {found['effect']} {', '.join(found['resources'])}\n"
        )
        said.append(f"Type {self.case_id} to approve.")
        fields = (("confirm", self.case_id), ("note", "Note"))
        answer = await self.app.push_screen_wait(Question(said, fields, exactly=self.case_id))
        if answer:
            await self._review({"approve": True, "note": answer[1]}, found)

    @work
    async def action_deny(self) -> None:
        if not self.found or time.monotonic() < self._armed_at:
            self.notify("It is shown for less than a second. Read it, then decide.", severity="warning")
            return
        found = self.found
        said = Text(f"Deny {self.case_id}?\n", "bold") + Text("The agent reads what you write.")
        fields = (("note", "Reason"), ("guide", "What it should do instead, in your words"))
        answer = await self.app.push_screen_wait(Question(said, fields))
        if answer:
            await self._review({"approve": False, "note": answer[0], "guide": answer[1]}, found)

    async def _review(self, body: dict[str, Any], found: dict[str, Any]) -> None:
        given = body | {"binding": found["binding"], "via": "tui"}
        after = await self.app.ask(f"/cases/{self.case_id}/review", given)
        if after is not None:
            self.notify(f"{self.case_id} is {after['phase']}.", markup=False)
            self.draw()


def main(console: Any) -> NoReturn:
    """Until it is ended."""
    Desk(console).run()
    raise SystemExit(0)
