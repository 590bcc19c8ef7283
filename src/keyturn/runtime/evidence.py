"""Evidence for people: the log or some cases of it as a bundle, a sample of cases, the calls that left."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

import msgspec

from keyturn.core.attention import Attention, Watch
from keyturn.core.evidence import Filter, Index, Sample, looked_at, population_digest, sampled
from keyturn.core.reconciling import Call, Calls, Departures
from keyturn.model.record import EntryBody
from keyturn.model.reviewing import ProposalDecided
from keyturn.runtime.book import Book
from keyturn.stores.bundle import Author, Part, pieces

READ_AT_ONCE: Final = 500
"""Entries read before others get their turn: some 20 ms."""

CASES_AT_ONCE: Final = 20
"""The same of cases that are read by themselves."""


class Evidence:
    """Reads the log from its first entry once, and from then on what came since; never in anybody's way."""

    def __init__(
        self, book: Book, author: Callable[[], Author], checkpoint: Callable[[], Awaitable[None]]
    ) -> None:
        self._book, self._author, self._checkpoint = book, author, checkpoint
        self._watch, self._index, self._counts = Watch(), Index(), Counter[str]()
        self._departures = Departures()
        self._seen = 0  # up to which entry of the log they have it
        self._reading = asyncio.Lock()

    async def export(self, wanted: Filter) -> AsyncIterator[bytes]:
        """A bundle of the cases that are wanted, piece by piece; of the whole log where nothing is left out."""
        await self._book.store.append(())  # what rides along is in the bundle too
        await self._checkpoint()
        part, in_log = None, 0
        if not wanted.everything:  # counted as far as the checkpoint goes: cases have moved on since
            signed = self._book.store.last_checkpoint()
            index = await self.index(until=signed.size if signed else None)
            part, in_log = _part(index, wanted), len(index.cases)
        for piece in pieces(self._book.store, self._author(), part, in_log=in_log):
            if piece:
                yield piece
            await asyncio.sleep(0)

    async def sample(self, wanted: Filter, count: int, seed: str) -> Sample:
        """`count` cases of which a call left; without a seed that of the log's head, which nobody chose."""
        seq, head = self._book.store.head
        index = await self.index(until=seq)
        population = [name for name, about in index.chosen(wanted).items() if about.sent]
        seed = seed or head
        found = [self._book.case(name) for name in sampled(population, count, seed)]
        return Sample(
            seed=seed,
            population=len(population),
            population_digest=population_digest(population),
            in_log=len(index.cases),
            log_entries=seq,
            filter=wanted,
            cases=tuple(looked_at(case) for case in found if case is not None),
        )

    async def calls(self, *, since_ms: int, until_ms: int | None) -> tuple[Call, ...]:
        """The calls that left in that time, as the log has them."""
        await self._read_on()
        calls, decode = Calls(), msgspec.json.Decoder(EntryBody).decode
        for body in self._departures.drills:
            calls.see(body)
        for at, case_id in enumerate(self._departures.cases(since_ms=since_ms, until_ms=until_ms), 1):
            for entry in self._book.store.entries(case_id=case_id):
                calls.see(decode(entry.body))
            if at % CASES_AT_ONCE == 0:
                await asyncio.sleep(0)
        return calls.found(since_ms=since_ms, until_ms=until_ms)

    async def counts(self) -> Counter[str]:
        """Entries of the log by the tag of their event; `single_handed` are proposals among people that nobody else looked at."""
        await self._read_on()
        return self._counts.copy()

    async def attention(self, *, since_ms: int, until_ms: int, budget: int) -> Attention:
        """Where reviewers' attention went in that time."""
        await self._read_on()
        return self._watch.found(since_ms, until_ms, budget)

    async def index(self, *, until: int | None = None) -> Index:
        """Every case, by what it can be chosen by, as of the entry `until`."""
        await self._read_on(until)
        if until is None or self._seen == until:
            return self._index
        index = Index()  # somebody else has read on meanwhile
        async for body in self._bodies(until=until):
            index.see(body)
        return index

    async def _read_on(self, until: int | None = None) -> None:
        async with self._reading:
            async for body in self._bodies(after=self._seen, until=until):
                self._watch.see(body)
                self._index.see(body)
                self._departures.see(body)
                self._counts[str(type(body.event).__struct_config__.tag)] += 1
                alone = isinstance(body.event, ProposalDecided) and bool(body.event.unreviewed)
                self._counts["single_handed"] += alone
                self._seen = body.seq

    async def _bodies(self, *, after: int = 0, until: int | None = None) -> AsyncIterator[EntryBody]:
        decode = msgspec.json.Decoder(EntryBody).decode
        while until is None or after < until:
            limit = READ_AT_ONCE if until is None else min(READ_AT_ONCE, until - after)
            read = tuple(self._book.store.entries(after=after, limit=limit))
            if not read:
                return
            for entry in read:
                yield decode(entry.body)
            after = read[-1].seq
            await asyncio.sleep(0)


def _part(index: Index, wanted: Filter) -> Part:
    chosen = index.chosen(wanted)
    sessions = frozenset(about.session for about in chosen.values() if about.session)
    return Part({name: about.entries for name, about in chosen.items()}, sessions, wanted.said())
