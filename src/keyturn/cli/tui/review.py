"""One case in a terminal: read whole, then decided by what is typed, never by a key."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from rich.text import Text
from textual import work
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Static

from keyturn.cli.tui import shown
from keyturn.cli.tui.asking import Question
from keyturn.cli.tui.reading import Reading
from keyturn.cli.undoing import planned

PLAN_LINES_MAX: Final = 14
"""Of an undo, in a question: the case that it becomes is read whole."""


class Review(Reading):
    """One case. What is decided binds to what stands on the screen when the question is asked."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "approve", "Approve …"),
        Binding("d", "deny", "Deny …"),
        Binding("c", "claim", "Claim"),
        Binding("n", "narrower", "Narrower"),
        Binding("u", "undo", "Undo …"),
        Binding("o", "page", "Page"),
    ]

    def __init__(self, case: str) -> None:
        super().__init__(
            (case,), head=case, changed="This case changed while you were reading. Read it again."
        )
        self.case_id, self.found = case, {}

    found: dict[str, Any]

    @work(exclusive=True, group="draw")
    async def draw(self) -> None:
        found = await self.app.ask(f"/cases/{self.case_id}")
        graphed = await self.app.ask(f"/cases/{self.case_id}/graph")
        if found is None or graphed is None:
            return
        if self.found and found["binding"] != self.found["binding"]:
            self.changed()
        self.found = found
        claimed = f"  {found['claimed_by']} looks at it" if found["claimed_by"] else ""
        head = f"{found['id']}  {found['phase']}  {len(found['approvals'])}/{found['quorum']}{claimed}"
        self.query_one("#head", Static).update(Text(head, "bold"))
        self.query_one("#body", Static).update(shown.review(found, graphed))

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
        if not self.found or not self.armed():
            return "It is shown for less than a second. Read it, then decide."
        if self.found["phase"] != "held":
            return f"{self.case_id} is {self.found['phase']}."
        if self.found["whole"]:
            return f"Nobody can approve this: {self.found['whole']}."
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
        if not self.found or not self.armed():
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

    @work
    async def action_undo(self) -> None:
        """Taking it back is a case of its own, which policy decides; what it would do is said before it is asked for."""
        plan = await self.app.ask("/undo", {"cases": [self.case_id], "plan": True})
        if plan is None:
            return
        lines = planned(plan["parts"]).splitlines()
        more = len(lines) - PLAN_LINES_MAX
        if not plan["parts"] or not all(part["possible"] for part in plan["parts"]):
            self.notify("\n".join(lines[:PLAN_LINES_MAX]), severity="warning", markup=False, timeout=20)
            return
        said = Text(f"Take {self.case_id} back?\n", "bold") + Text("\n".join(lines[:PLAN_LINES_MAX]) + "\n")
        if more > 0:
            said.append(f"and {more} lines more: keyturn undo {self.case_id} --plan\n", "dim")
        said.append(f"It is a case of its own, which policy decides. Type {self.case_id} to ask for it.")
        answer = await self.app.push_screen_wait(
            Question(said, (("confirm", self.case_id),), exactly=self.case_id)
        )
        if answer:
            made = await self.app.ask(f"/cases/{self.case_id}/undo", {})
            if made is not None:
                self.notify(f"{made['id']} takes {self.case_id} back: {made['phase']}.", markup=False)
                self.app.push_screen(Review(made["id"]))
