"""Several like cases on one screen: each shown in full, and one review of them all, bound to the root over what each binds to."""

from __future__ import annotations

from typing import Any, ClassVar
from urllib.parse import urlencode

from rich.text import Text
from textual import work
from textual.binding import Binding, BindingType
from textual.widgets import Static

from keyturn.cli.tui import shown
from keyturn.cli.tui.asking import Question
from keyturn.cli.tui.reading import Reading


class Batch(Reading):
    """All of them, or none."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "approve", "Approve all …"),
    ]

    def __init__(self, cases: tuple[str, ...]) -> None:
        super().__init__(
            cases,
            head=f"{len(cases)} cases at one go",
            changed="One of these changed while you were reading. Read them again.",
        )
        self.root = ""
        self.found: list[dict[str, Any]] = []

    @work(exclusive=True, group="draw")
    async def draw(self) -> None:
        batch = await self.app.ask(f"/batch?{urlencode([('case', one) for one in self.cases])}")
        if batch is None:  # why it is none any more was said
            self.unasked()
            self.dismiss()
            return
        read = [
            (await self.app.ask(f"/cases/{one}"), await self.app.ask(f"/cases/{one}/graph"))
            for one in (case["id"] for case in batch["cases"])
        ]
        if any(found is None or graphed is None for found, graphed in read):
            return
        if self.root and batch["root"] != self.root:
            self.changed()
        self.root, self.found = batch["root"], [found for found, _ in read]
        head = f"{len(read)} cases at one go  alike in agent, operation, effect, environment and rule"
        self.query_one("#head", Static).update(Text(head, "bold"))
        body = Text("\n" + "─" * 60 + "\n\n", "dim").join(
            [shown.review(found, graphed) for found, graphed in read]
        )
        self.query_one("#body", Static).update(body)

    def _why_not(self) -> str:
        """Why they are not approved from here; empty when it may be asked for."""
        if not self.found or not self.armed():
            return "They are shown for less than a second. Read them, then decide."
        for one in self.found:
            if why := one["whole"] or one["may_not"]:
                return f"{one['id']}: {why}"
        return ""

    @work
    async def action_approve(self) -> None:
        if why := self._why_not():
            self.notify(why, severity="warning", markup=False)
            return
        root, names = self.root, [one["id"] for one in self.found]
        exactly = f"approve {len(names)}"
        said = Text(f"Approve all {len(names)}?\n", "bold red")
        said.append(f"Exactly these, each on exactly the state shown: {', '.join(names)}\n")
        said.append(f"Type {exactly} to approve them all.")
        answer = await self.app.push_screen_wait(
            Question(said, (("confirm", exactly), ("note", "Note")), exactly=exactly)
        )
        if not answer:
            return
        body = {"cases": names, "approve": True, "root": root, "note": answer[1], "via": "tui"}
        after = await self.app.ask("/batch/review", body)
        if after is not None:
            self.app.notify(
                "; ".join(f"{one['id']} is {one['phase']}" for one in after["cases"]), markup=False
            )
            self.dismiss()
