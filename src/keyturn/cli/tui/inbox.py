"""The inbox in a terminal: three lists that follow what happens, a filter, and several at one go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final
from urllib.parse import quote

from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import Footer, Input, OptionList, Static
from textual.widgets.option_list import Option

from keyturn.cli.tui import shown
from keyturn.cli.tui.asking import Question
from keyturn.cli.tui.batch import Batch
from keyturn.cli.tui.review import Review

if TYPE_CHECKING:
    from keyturn.cli.tui.app import Desk

LISTS: Final = {"needs": "needs you", "waiting": "waiting for others", "decided": "decided"}
"""As on the page, and in its order: keys 1, 2, 3."""

_NOTHING: Final = {
    "needs": "Nothing waits for you. 2: what waits for others, and 3: what was decided.",
    "waiting": "Nothing waits for anybody else.",
    "decided": "Nothing was decided yet.",
}

ROWS_MAX: Final = 500
"""More is what the filter is for."""


class Inbox(Screen[None]):
    """What is open, what destroys first; or what was decided."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "down", show=False),
        Binding("k", "up", show=False),
        Binding("slash", "filter", "Filter", key_display="/"),
        Binding("x", "pick", "Select"),
        Binding("c", "claim", "Claim"),
        Binding("enter,n", "open", "Open", key_display="Enter"),
        Binding("a", "approve", "Approve …"),
        Binding("d", "deny", "Deny …"),
        Binding("u", "open", show=False),
        *(Binding(str(at), f"list('{name}')", show=False) for at, name in enumerate(LISTS, 1)),
        Binding("escape", "rows", show=False),
    ]
    app: Desk

    def __init__(self) -> None:
        super().__init__()
        self.tab, self.wanted = "needs", ""
        self.picked: dict[str, str] = {}  # case -> the binding it had when it was selected
        self._cases: dict[str, dict[str, Any]] = {}

    def compose(self) -> ComposeResult:
        yield Static("Inbox", id="head")
        yield Input(
            placeholder="Filter: effect:replace env:prod agent:kiro text -word", id="filter", max_length=200
        )
        yield OptionList(id="rows", markup=False)
        yield Footer()

    def on_mount(self) -> None:
        self.query_one("#filter").display = False
        self.query_one("#rows").focus()
        self.draw()

    def moved(self, case: str) -> None:
        """Something happened somewhere."""
        self.draw()

    @work(exclusive=True, group="draw")
    async def draw(self) -> None:
        asked = f"/cases?tab={self.tab}&q={quote(self.wanted, safe='')}&limit={ROWS_MAX}"
        found, status = await self.app.ask(asked), await self.app.ask("/status")
        if found is None or status is None:
            return
        self._cases = {case["id"]: case for case in found["cases"]}
        self._drop()
        self._head(found["counts"], status)
        rows = self.query_one("#rows", OptionList)
        kept = rows.highlighted_option.id if rows.highlighted_option else None
        place = rows.highlighted or 0
        rows.clear_options()
        rows.add_options(
            [self._row(case) for case in self._cases.values()] or [Option(self._nothing(), disabled=True)]
        )
        if kept in self._cases:
            rows.highlighted = rows.get_option_index(str(kept))
        elif self._cases:
            rows.highlighted = min(place, len(self._cases) - 1)

    def _drop(self) -> None:
        """What was selected and is another one now, or is gone, is selected no more."""
        for case_id, binding in tuple(self.picked.items()):
            if self._cases.get(case_id, {}).get("binding") != binding:
                del self.picked[case_id]
                self.notify(
                    f"{case_id} has changed or is not listed here; it is not selected any more.", markup=False
                )

    def _head(self, counts: dict[str, int], status: dict[str, Any]) -> None:
        made = Text(f"Keyturn  {status['mode']} ", "bold")
        for at, (name, title) in enumerate(LISTS.items(), 1):
            count = f" {counts[name]}" if name in counts else ""
            made.append("  ")
            made.append(f" {at} {title}{count} ", "bold reverse" if name == self.tab else "dim")
        if self.picked:
            made.append(f"  {len(self.picked)} selected", "bold yellow")
        if status["halted_by"]:
            made.append("  ■ HALTED", "bold red")
        if status["freezes"]:
            made.append("  ❄ FREEZE", "bold cyan")
        self.query_one("#head", Static).update(made)

    def _row(self, case: dict[str, Any]) -> Option:
        mark = ("◉ ", "bold yellow") if case["id"] in self.picked else "  "
        return Option(Text.assemble(mark, shown.line(case), no_wrap=True, overflow="ellipsis"), id=case["id"])

    def _nothing(self) -> Text:
        if self.wanted:
            return Text(f"No case here matches {self.wanted}. / and Enter on an empty line clears it.", "dim")
        return Text(_NOTHING[self.tab], "dim")

    # --- moving, filtering, selecting --------------------------------------------------------------------------------

    def action_down(self) -> None:
        self.query_one("#rows", OptionList).action_cursor_down()

    def action_up(self) -> None:
        self.query_one("#rows", OptionList).action_cursor_up()

    def action_list(self, name: str) -> None:
        self.tab = name
        self.draw()

    def action_filter(self) -> None:
        field = self.query_one("#filter", Input)
        field.display = True
        field.focus()

    def action_rows(self) -> None:
        """Out of the filter; what is written there stays, as on the page."""
        field = self.query_one("#filter", Input)
        field.display = bool(field.value.strip())
        self.query_one("#rows").focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.wanted = event.value.strip()
        self.action_rows()
        self.draw()

    def action_pick(self) -> None:
        """Only what is held can be decided."""
        case = self._cases.get(self._chosen())
        if case is None:
            return
        if self.picked.pop(case["id"], None) is None:
            if case["phase"] != "held" or case["may_not"]:
                self.notify(
                    case["may_not"] or f"{case['id']} is {case['phase']}.", severity="warning", markup=False
                )
                return
            self.picked[case["id"]] = case["binding"]
        rows = self.query_one("#rows", OptionList)
        rows.replace_option_prompt(case["id"], self._row(case).prompt)
        self.draw()

    def _chosen(self) -> str:
        found = self.query_one("#rows", OptionList).highlighted_option
        return found.id or "" if found is not None else ""

    # --- opening and deciding ----------------------------------------------------------------------------------------

    def action_open(self) -> None:
        if chosen := self._chosen():
            self.app.push_screen(Review(chosen))

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.action_open()

    async def action_claim(self) -> None:
        if chosen := self._chosen():
            await self.app.ask(f"/cases/{chosen}/claim", {"word": ""})

    def action_approve(self) -> None:
        """Nothing is approved from a list: one is opened, several are read together."""
        if len(self.picked) > 1:
            self.app.push_screen(Batch(tuple(self.picked)))
        else:
            self.action_open()

    @work
    async def action_deny(self) -> None:
        """What is selected, for one reason; one that is not, on its own page."""
        picked = dict(self.picked)
        if not picked:
            self.action_open()
            return
        said = Text(f"Deny {', '.join(picked)}?\n", "bold") + Text("Their agents read what you write.")
        fields = (("note", "Reason"), ("guide", "What they should do instead, in your words"))
        answer = await self.app.push_screen_wait(Question(said, fields))
        if not answer:
            return
        body = {"approve": False, "note": answer[0], "guide": answer[1], "via": "tui"}
        after = [
            await self.app.ask(f"/cases/{case_id}/review", body | {"binding": binding})
            for case_id, binding in picked.items()
        ]
        self.picked.clear()
        self.notify(f"{sum(one is not None for one in after)} of {len(picked)} denied.", markup=False)
        self.draw()
