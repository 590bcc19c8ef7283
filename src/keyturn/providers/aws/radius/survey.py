"""Reading listings, side by side and within a budget. What was not read whole is said; nothing unread counts as nothing there."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final
from urllib.parse import unquote

import msgspec

from keyturn.core.ports import Inquiry
from keyturn.model.change import ResourceRef
from keyturn.model.execution import Answer, Call, Refused, Succeeded, Unavailable
from keyturn.model.radius import Coverage, Looked
from keyturn.providers.aws.capturing import together
from keyturn.providers.aws.radius import tables
from keyturn.providers.aws.radius.listing import Detail, Listing, every, filled, first
from keyturn.providers.aws.resources import Home, from_arn, is_arn

READS_MAX: Final = 400
"""Calls of one walk. At sixteen at once and a tenth of a second each that is under three seconds, and half of it is pages of
listings that the next walk within a minute does not ask again.
"""

PAGES_MAX: Final = 12
"""Pages of one listing: a thousand functions, twelve thousand roles. What lies beyond is said not to have been looked at."""

DETAILS_MAX: Final = 120
"""Resources of one listing that are asked for one by one."""


class Item(msgspec.Struct, frozen=True):
    """One resource as a listing told of it; `parent` is what it was asked for."""

    ref: ResourceRef
    value: dict[str, Any]
    kind: str


class Budget:
    """Calls that are left, and what was not asked because none were."""

    def __init__(self, reads: int = READS_MAX) -> None:
        self.left, self.used = reads, 0

    def take(self, count: int = 1) -> bool:
        """Whether so many calls may be made."""
        if count > self.left:
            return False
        self.left -= count
        self.used += count
        return True


class Survey:
    """What was read of an account so far, for one walk."""

    def __init__(self, home: Home, budget: Budget) -> None:
        self.home, self.budget = home, budget
        self.items: dict[str, list[Item]] = {}
        self.looked: dict[str, Looked] = {}

    def read(self, kinds: Iterable[str]) -> Inquiry[list[Item]]:
        """Read the listings of these kinds that were not read yet, and those they are asked per; returns the resources that are new."""
        wanted = {kind for kind in kinds if kind not in self.looked and kind in tables.LISTINGS}
        for kind in list(wanted):
            while (kind := tables.LISTINGS[kind].per) and kind not in self.looked:
                wanted.add(kind)
        new: list[Item] = []
        while wanted:
            ready = sorted(kind for kind in wanted if tables.LISTINGS[kind].per not in wanted)
            found = yield from together([self._one(tables.LISTINGS[kind]) for kind in ready])
            for kind, items in zip(ready, found, strict=True):
                self.items[kind] = items
                new += items
            wanted -= set(ready)
        return new

    def _one(self, listing: Listing) -> Inquiry[list[Item]]:
        """Every resource of one listing, with its details."""
        why: list[str] = []
        parents = [one.value for one in self.items.get(listing.per, [])] if listing.per else [{}]
        if len(parents) > DETAILS_MAX:
            why.append(f"only {DETAILS_MAX} of {len(parents):,} {listing.per} were asked")
        listed = yield from together([self._pages(listing, parent, why) for parent in parents[:DETAILS_MAX]])
        values = [value for some in listed for value in some]
        details = [(value, detail) for value in values[:DETAILS_MAX] for detail in listing.details]
        if listing.details and len(values) > DETAILS_MAX:
            why.append(f"only {DETAILS_MAX} of {len(values):,} were looked at one by one")
        yield from together([self._detail(listing, value, detail, why) for value, detail in details])
        items = list(self._named(listing, values, why))
        coverage = Coverage.NOT_ENOUGH if why else Coverage.MAPPED
        said = "; ".join(dict.fromkeys(why[:3])) + (f"; and {len(why) - 3} more" if len(why) > 3 else "")
        self.looked[listing.kind] = Looked(listing.kind, coverage, len(items), said)
        return items

    def _pages(
        self, listing: Listing, parent: dict[str, Any], why: list[str]
    ) -> Inquiry[list[dict[str, Any]]]:
        """What every page tells of, read as it is told in requests: documents as values, pairs of name and value as one object."""
        token_in, token_out = listing.tokens
        try:
            given = filled(listing.given, parent)
        except KeyError as error:
            why.append(f"{listing.per} has no {error}")
            return []
        found: list[dict[str, Any]] = []
        token: Any = None
        for _ in range(PAGES_MAX):
            if not self.budget.take():
                why.append(f"the budget of {READS_MAX} calls was used up")
                return found
            asked = given if token is None else {**given, token_in: token}
            (answer,) = yield (self._call(listing.operation, asked),)
            value = _value(answer, listing.operation, why)
            if value is None:
                return found
            for told in every(value, listing.items):
                one = plain(told) if isinstance(told, dict) else {"@": told}
                found.append({**one, "parent": parent} if listing.per else one)
            token = first(value, token_out)
            if not token:
                return found
        why.append(f"there are more than {PAGES_MAX} pages")
        return found

    def _detail(
        self, listing: Listing, value: dict[str, Any], detail: Detail, why: list[str]
    ) -> Inquiry[None]:
        try:
            given = filled(detail.given, value)
        except KeyError as error:
            why.append(f"a {listing.kind} has no {error}")
            return
        if not self.budget.take():
            why.append(f"the budget of {READS_MAX} calls was used up")
            return
        (answer,) = yield (self._call(detail.operation, given),)
        if isinstance(answer, Refused) and answer.code in detail.absent:
            return
        found = _value(answer, detail.operation, why)
        if found is not None:
            value[detail.under] = plain(first(found, detail.take))

    def _named(self, listing: Listing, values: list[dict[str, Any]], why: list[str]) -> Iterator[Item]:
        for value in values:
            try:
                arn = first(value, listing.arn) if listing.arn else None
                if is_arn(arn):
                    ref = from_arn(str(arn), self.home)
                else:
                    ref = self.home.ref(listing.kind, str(filled(listing.name, value)))
                yield Item(msgspec.structs.replace(ref, kind=listing.kind), value, listing.kind)
            except (KeyError, ValueError) as error:
                why.append(f"one had no name ({error})")

    def _call(self, operation: str, given: dict[str, Any]) -> Call:
        region = self.home.ref(f"{operation.partition(':')[0]}:x", "").region
        return Call(operation, given, account=self.home.account, region=region, partition=self.home.partition)

    def item(self, ref: ResourceRef) -> Item | None:
        """What was told of one resource."""
        return next((one for one in self.items.get(ref.kind, []) if same(one.ref, ref)), None)


def same(one: ResourceRef, other: ResourceRef) -> bool:
    return key_of(one) == key_of(other)


def key_of(ref: ResourceRef) -> str:
    """One resource, however it was come by: ids without the path that some calls put before them, global services without a region."""
    name = ref.id.rpartition("/")[2] if ref.kind in {"route53:hostedzone", "iam:policy"} else ref.id
    region = "" if ref.kind.partition(":")[0] in tables.GLOBAL else ref.region
    account = "" if ref.kind == "s3:bucket" else ref.account
    return f"{ref.kind}\0{name}\0{account}\0{region}"


def _value(answer: Answer, operation: str, why: list[str]) -> dict[str, Any] | None:
    match answer:
        case Succeeded():
            return answer.value
        case Refused():
            why.append(f"{operation}: {answer.code}")
        case Unavailable():
            why.append(answer.why if operation in answer.why else f"{operation}: {answer.why}")
    return None


_PAIRS: Final = (("Name", "Value"), ("name", "value"))


def plain(value: Any, depth: int = 0) -> Any:
    """The value with JSON texts read, and lists of names and values as one object each."""
    if depth > 24:
        return None  # nobody names anything that deep
    if isinstance(value, dict):
        return {str(name): plain(inner, depth + 1) for name, inner in value.items()}
    if isinstance(value, list):
        for name, content in _PAIRS:
            if value and all(isinstance(one, dict) and set(one) == {name, content} for one in value):
                return {str(one[name]): plain(one[content], depth + 1) for one in value}
        return [plain(inner, depth + 1) for inner in value]
    if (isinstance(value, str) and value[:1] in {"{", "["}) or (
        isinstance(value, str) and value.startswith("%7B")
    ):
        try:
            return plain(json.loads(unquote(value) if value.startswith("%7B") else value), depth + 1)
        except ValueError:
            return value
    return value
