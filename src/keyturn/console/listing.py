"""The inbox without its page: whose turn each case is, in which order they are read, what a filter finds, what is alike.

Every open page asks for all of this whenever anything moves, so that what is known of a case is made once for the case as it
stands, and whose turn it is once for all people of one kind (`turns.py`).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from enum import StrEnum
from itertools import islice
from operator import itemgetter
from typing import Any, Final

import msgspec

from keyturn.console import show
from keyturn.console.identity import User
from keyturn.console.numbers import MS_MAX, whole
from keyturn.console.precedents import like_of
from keyturn.console.text import skeleton
from keyturn.console.turns import Turns
from keyturn.core.alike import alike
from keyturn.core.case import Case
from keyturn.runtime.interface import Desk

PAGE_ROWS: Final = 50
"""Rows of one page: more are not read at once, and a phone has to draw them."""

ALIKE_MIN: Final = 3
"""From so many on, cases that are alike stand as one line that opens."""

GROUP_ROWS_MAX: Final = 5
"""Of a group; more of the same say nothing more, and a link leads to all of them."""

CASES_MAX: Final = 100_000
"""More cases than this are read by a program."""

SUMMARIES_MAX: Final = 20_000
"""Some tens of megabytes; more open cases than this are read by a program."""

LISTS_MAX: Final = 32
"""People whose lists are kept as they are; the others' are made again."""

QUERY_CHARS_MAX: Final = 200

_FILTER: Final = re.compile(r'(-?)(?:([a-z]+):)?(?:"([^"]*)"|(\S+))')
_KEYS: Final = {
    "case": "id",
    "effect": "effect",
    "env": "environment",
    "environment": "environment",
    "agent": "agent",
    "operator": "operator",
    "phase": "phase",
    "risk": "risk",
    "why": "why",
    "op": "operations",
    "operation": "operations",
    "resource": "resources",
    "kind": "resources",
    "like": "like",
}
_EVERYWHERE: Final = ("id", "phase", "effect", "environment", "agent", "operator", "why", "reason")


class Tab(StrEnum):
    """The three lists of the inbox."""

    NEEDS = "needs"
    WAITING = "waiting"
    DECIDED = "decided"


class Found(msgspec.Struct, frozen=True):
    """One page of a list: groups of like cases in reading order, and where the next page begins (empty: nowhere)."""

    groups: tuple[tuple[dict[str, Any], ...], ...]
    sizes: tuple[int, ...]  # how many cases each group has, shown or not
    total: int
    following: str

    @property
    def rows(self) -> tuple[dict[str, Any], ...]:
        return tuple(row for group in self.groups for row in group)


class Filter:
    """``effect:replace env:prod agent:kiro text``: every word must be found; ``-word`` must not."""

    def __init__(self, text: str) -> None:
        self.text = text.strip()[:QUERY_CHARS_MAX]
        self._words: list[tuple[bool, str, str]] = []
        for no, key, quoted, plain in _FILTER.findall(self.text.lower()):
            known = _KEYS.get(key, "")
            word = quoted or plain
            self._words.append((bool(no), known, word if known or not key else f"{key}:{word}"))

    def words_in(self, text: str) -> bool:
        """Whether what is asked for anywhere is there: a row whose `text` has it not need not be made."""
        return all((word in text) != no for no, key, word in self._words if not key)

    def __call__(self, row: dict[str, Any]) -> bool:
        return all((word in _text(row, key)) != no for no, key, word in self._words)


def _text(row: dict[str, Any], key: str) -> str:
    if not key:
        return str(row["text"])
    value = row.get(key, "")
    return (" ".join(value) if isinstance(value, list) else str(value)).lower()


class Listing:
    """Cases as rows, and whose turn each is."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._rows: dict[str, tuple[Case, dict[str, Any]]] = {}
        self.turns = Turns(desk)
        self._lists: dict[User, tuple[tuple[int, int], dict[Tab, list[dict[str, Any]]]]] = {}

    def row(self, case: Case) -> dict[str, Any]:
        """One line; the same object while the case stands as it does."""
        kept = self._rows.get(case.id)
        if kept is None or kept[0] is not case:
            if len(self._rows) >= SUMMARIES_MAX:
                self._rows.clear()
            kept = self._rows[case.id] = (case, _row(case))
        return kept[1]

    def may(self, case: Case, user: User) -> str:
        """Empty when this person may review the case; otherwise why not."""
        if "reviewer" not in user.roles:
            return f"{user.name} is no reviewer"
        return self._desk.may_review(case, user.name)

    def tab(self, case: Case, user: User) -> Tab:
        """Where the case stands for this person."""
        if not show.is_open(case):
            return Tab.DECIDED
        return Tab.NEEDS if self.turns.is_hers(case, user) else Tab.WAITING

    def needs(self, user: User) -> int:
        """How many cases wait for this person."""
        return len(self._standing(user)[Tab.NEEDS]) if "reviewer" in user.roles else 0

    def counts(self, user: User) -> dict[str, int]:
        """Open cases by tab; what is decided is not counted, since only the recent are kept at hand."""
        return {str(tab): len(rows) for tab, rows in self._standing(user).items()}

    def rows(self) -> Iterator[dict[str, Any]]:
        """Of every case at hand, newest first."""
        return map(self.row, self._desk.cases(limit=CASES_MAX))

    def _standing(self, user: User) -> dict[Tab, list[dict[str, Any]]]:
        """What is open, by tab and in reading order; the same lists until something else has happened."""
        stands = self._desk.folded(), self.turns.place(user).kind
        kept = self._lists.get(user)
        if kept is None or kept[0] != stands:
            if len(self._lists) >= LISTS_MAX:
                self._lists.clear()
            found: dict[Tab, list[dict[str, Any]]] = {Tab.NEEDS: [], Tab.WAITING: []}
            for case in self._desk.cases(open_only=True, limit=CASES_MAX):
                found[Tab.NEEDS if self.turns.is_hers(case, user) else Tab.WAITING].append(self.row(case))
            for rows in found.values():
                rows.sort(key=itemgetter("rank"))
            kept = self._lists[user] = (stands, found)
        return kept[1]

    def _of(self, user: User, tab: Tab) -> Iterable[dict[str, Any]]:
        """What stands in a tab, in reading order."""
        if tab is Tab.DECIDED:
            return (self.row(case) for case in self._desk.cases(limit=CASES_MAX) if not show.is_open(case))
        return self._standing(user)[tab]

    def some(
        self, user: User, tab: Tab | None, wanted: Filter, *, open_only: bool, limit: int
    ) -> tuple[dict[str, Any], ...]:
        """The first so many that the filter finds, as summaries: of a tab in its order, else of all, newest first."""
        cases = self._desk.cases(open_only=open_only, limit=CASES_MAX if wanted.text else limit)
        rows = (self.row(case) for case in cases) if tab is None else self._of(user, tab)
        found = islice((row for row in rows if wanted(row)), limit)
        return tuple({name: row[name] for name in row if name not in _LISTED} for row in found)

    def find(self, user: User, tab: Tab, wanted: Filter, after: str = "") -> Found:
        """One page of a tab. `after` is what the page before gave as `following`."""
        rows = self._of(user, tab)
        found = [row for row in rows if wanted(row)] if wanted.text or tab is Tab.DECIDED else list(rows)
        groups = _grouped(found) if "like:" not in wanted.text else ([row] for row in found)
        shown: list[tuple[dict[str, Any], ...]] = []
        sizes: list[int] = []
        count = 0
        following = ""
        for group in groups:
            if after and not _past(group[0], after, tab):
                continue
            if count >= PAGE_ROWS:
                following = str(shown[-1][0]["rank" if tab is not Tab.DECIDED else "number"])
                break
            shown.append(tuple(group[:GROUP_ROWS_MAX]))
            sizes.append(len(group))
            count += len(shown[-1])
        return Found(tuple(shown), tuple(sizes), len(found), following)


def _row(case: Case) -> dict[str, Any]:
    row = show.summary(case)
    number = int("0" + re.sub(r"\D", "", case.id)[:15])
    destroys = row["effect"] not in {"delete", "replace"}
    text = " ".join([*(str(row[key]) for key in _EVERYWHERE), *row["resources"], *row["operations"]]).lower()
    return row | {
        "number": number,
        # What destroys stands first; among equals, what expires first. Compared as text, here and on the page.
        "rank": f"{int(destroys)}-{9 - row['risk_rank']}-{row['deadline_ms'] or 0:015d}-{number:015d}",
        "like": hashlib.sha256(repr(alike(row)).encode()).hexdigest()[:12],
        "text": text,
        "precedent": like_of(case),
        "skeletons": {skeleton(name): name for name in row["resources"]},
    }


KEPT: Final = frozenset({"text", "precedent", "skeletons"})
"""What a row has for finding and comparing, and no page shows."""

_LISTED: Final = KEPT | {"number", "rank", "like"}
"""And what only a page of groups needs."""


def _past(row: dict[str, Any], after: str, tab: Tab) -> bool:
    if tab is not Tab.DECIDED:
        return str(row["rank"]) > after
    number = whole(after, most=MS_MAX)
    return number is None or row["number"] < number


def _grouped(rows: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Like cases together, where the first of them stands; fewer than `ALIKE_MIN` stay apart."""
    alike: dict[str, list[dict[str, Any]]] = {}
    rows = list(rows)
    for row in rows:
        alike.setdefault(row["like"], []).append(row)
    told = set()
    for row in rows:
        group = alike[row["like"]]
        if len(group) < ALIKE_MIN:
            yield [row]
        elif row["like"] not in told:
            told.add(row["like"])
            yield group
