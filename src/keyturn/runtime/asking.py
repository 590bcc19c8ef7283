"""Driving inquiries: a pure generator yields calls, this performs them and sends the answers back.

Load on the account is budgeted here: at most `READS_AT_ONCE_MAX` calls are under way, equal reads for pages at the same moment
are one call (what is decided or proved on is read for itself: an answer under way may be older than the question), and a
call that is asked again at once is spaced. Mutating steps are written down before
and after; recorded answers are replayed after a crash, and an unanswered step is never repeated blindly.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Final, TypeVar

import msgspec

from keyturn.core.case import StepState
from keyturn.core.inquiring import Done, go_on
from keyturn.core.keeping import (
    BACKUP_BYTES_MAX,
    FETCH,
    ITEM_BYTES_MAX,
    KEEP,
    KEPT,
    KIND,
    LOOK,
    filled,
    is_kept,
)
from keyturn.core.ports import Inquiry
from keyturn.errors import StoreError
from keyturn.executors.interface import Executor
from keyturn.model import record as r
from keyturn.model.canonical import canonical, digest
from keyturn.model.execution import Answer, Call, Refused, Role, Succeeded, Unavailable
from keyturn.runtime.book import Book
from keyturn.stores.vault import Vault

T = TypeVar("T")
Read = Callable[[Call, dict[str, str]], Awaitable[Answer]]

Settle = Callable[[Call, int], Inquiry[Succeeded | bool | None]]
"""See `keyturn.core.ports.Provider.took_effect`."""

READS_AT_ONCE_MAX: Final = 16
"""Calls under way at once towards an account; AWS describes its control-plane limits in tens a second."""

ROUNDS_MAX: Final = 10_000
"""Yields of one inquiry: a table scan of ten thousand pages is the largest honest one."""

RECENT_MS: Final = 60_000
"""Who relies on what is not asked anew for each of thirty deletes in a row."""

RECENT_MAX: Final = 1_000
"""Answers that are kept for that; a page of a listing is some tens of kilobytes."""

SPACING_FIRST_S: Final = 0.05
SPACING_MAX_S: Final = 5.0
"""A poll asked again at once waits, doubling from the first to the last of these."""


AGAIN: Final = " (repeatable)"
"""What the steps that may be repeated are recorded under, after the name of what they belong to."""


class Asker:
    """Performs what inquiries yield."""

    def __init__(self, book: Book, executor: Executor, vault: Vault, clock: Callable[[], int]) -> None:
        self._book = book
        self._executor = executor
        self._vault = vault
        self._clock = clock
        self._budget = asyncio.Semaphore(READS_AT_ONCE_MAX)
        self._under_way: dict[str, asyncio.Task[Answer]] = {}
        self._recent: dict[str, tuple[int, Answer]] = {}

    async def drive(
        self,
        inquiry: Inquiry[T],
        *,
        tags: dict[str, str],
        case_id: str = "",
        recipe: str = "",
        shared: bool = False,
        recent: bool = False,
        settle: Settle | None = None,
        scratch: bool = False,
    ) -> T:
        """The inquiry's result. With `case_id` and `recipe` its mutating steps are put on record; without, they are refused.

        With `settle` a step that was not answered is looked up in the world: it counts as done, or is made again, never blindly.
        `scratch` lets it change what a drill makes and removes again, under the backup role, on no case.
        `shared` reads may be answered by an equal one that is under way, `recent` ones, and calls that say so of themselves, by one of the last minute too.
        """
        read = self._read_recent if recent else self._read_shared if shared else self.ask
        if case_id:
            read = self._read_kept
        steps = _Steps(self, case_id, recipe, tags, settle)
        answers: tuple[Answer, ...] | None = None
        before: tuple[Call, ...] = ()
        spacing_s = SPACING_FIRST_S
        for _ in range(ROUNDS_MAX):
            calls = go_on(inquiry, answers)
            if isinstance(calls, Done):
                return calls.result
            if calls == before or not calls:
                await asyncio.sleep(spacing_s)
                spacing_s = min(spacing_s * 2, SPACING_MAX_S)
            else:
                spacing_s = SPACING_FIRST_S
            before = calls
            if scratch and all(call.role is not Role.CHANGE for call in calls):
                answers = tuple([await self.ask(call, tags) for call in calls])
            elif any(call.mutates for call in calls):
                answers = await steps.perform(calls, read)
            else:
                answers = tuple(
                    await asyncio.gather(
                        *(
                            self._read_recent(call, tags) if call.recent else read(call, tags)
                            for call in calls
                        )
                    )
                )
        inquiry.close()
        raise TimeoutError(f"an inquiry asked more than {ROUNDS_MAX} times")

    async def _read_kept(self, call: Call, tags: dict[str, str]) -> Answer:
        """For backups and restores: what was kept is answered from the vault, everything else by the provider."""
        if call.operation in {LOOK, FETCH}:
            return await self._read_vaulted(call, tags)
        if call.operation != KEPT:
            return await self.ask(call, tags)
        reference = str(call.parameters.get("reference", ""))
        try:
            return Succeeded({"bytes": self.opened(reference)})
        except StoreError as error:
            return Unavailable(error.message)

    async def _read_vaulted(self, call: Call, tags: dict[str, str]) -> Answer:
        """What lies in the vault account under a name, opened here and told by its digest; with `FETCH` it is had again, where it is lost."""
        given = dict(call.parameters)
        reference, fetches = str(given.pop("reference")), call.operation == FETCH
        if fetches and self._vault.has(reference):
            return Succeeded({})
        answer = await self.ask(
            msgspec.structs.replace(call, operation="s3:GetObject", parameters=given), tags
        )
        if not isinstance(answer, Succeeded):
            return answer
        try:
            data = self._vault.opens(reference, answer.value["Body"])
            if fetches:
                await self._vault.put_back(reference, answer.value["Body"])
        except StoreError as error:
            return Unavailable(error.message)
        return Succeeded(_about(data))

    def opened(self, reference: str) -> bytes:
        """What was kept under this reference. Raises `StoreError`, for what is nothing exported too."""
        if not is_kept(reference):
            raise StoreError("not-kept", f"{reference[:60]!r} is no reference to an export")
        return self._vault.get(reference)

    async def _read_shared(self, call: Call, tags: dict[str, str]) -> Answer:
        """Equal reads at the same moment are one call."""
        key = digest(call)
        task = self._under_way.get(key)
        if task is None:
            task = asyncio.create_task(self.ask(call, tags))
            self._under_way[key] = task
            task.add_done_callback(lambda _task: self._under_way.pop(key, None))
        return await asyncio.shield(task)

    async def _read_recent(self, call: Call, tags: dict[str, str]) -> Answer:
        """What an equal read was answered within `RECENT_MS`: listings of an account, which nothing is proved on."""
        key, now = digest(call), self._clock()
        kept = self._recent.get(key)
        if kept is not None and now - kept[0] <= RECENT_MS:
            return kept[1]
        answer = await self._read_shared(call, tags)
        if isinstance(answer, Succeeded):
            if len(self._recent) >= RECENT_MAX:
                self._recent = {name: one for name, one in self._recent.items() if now - one[0] <= RECENT_MS}
            if len(self._recent) < RECENT_MAX:
                self._recent[key] = (now, answer)
        return answer

    async def close(self) -> None:
        """Let go of shared reads: they outlast who asked, since others may have asked too."""
        left = tuple(self._under_way.values())
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def ask(self, call: Call, tags: dict[str, str]) -> Answer:
        """One call within the budget."""
        async with self._budget:
            return await self._executor.ask(call, tags=tags)


class _New(msgspec.Struct, frozen=True):
    """A step that is to be made now. `request` is what it is recorded with; empty where it was intended before a crash."""

    number: int
    recipe: str
    call: Call
    request: bytes = b""


_READ_ONLY: Final = Refused(code="KeyturnReadOnly", message="this inquiry may only read", status=403)


class _Steps:
    """The mutating steps of one recipe of one case, numbered in the order they are asked for."""

    def __init__(
        self,
        asker: Asker,
        case_id: str,
        recipe: str,
        tags: dict[str, str],
        settle: Settle | None,
    ) -> None:
        self._asker, self._case_id, self._recipe, self._tags = asker, case_id, recipe, tags
        self._settle = settle
        self._number = 0
        self._kept_bytes = 0
        case = asker._book.cases.get(case_id)  # noqa: SLF001  # one module
        earlier = case.steps if case else ()
        self._repeated = sum(1 for step in earlier if step.recipe == f"{recipe}{AGAIN}")
        self._earlier: dict[int, StepState] = {step.step: step for step in earlier if step.recipe == recipe}

    async def perform(self, calls: tuple[Call, ...], read: Read) -> tuple[Answer, ...]:
        """One round, whose calls do not wait for each other: all that is new in it is intended in one append, made side by side, and
        ended in another. The process may end in between; then each of them is one that was not answered.
        """
        if not self._case_id:
            return tuple([_READ_ONLY if call.mutates else await read(call, self._tags) for call in calls])
        answers: dict[int, Answer] = {}
        asked: dict[int, _New] = {}
        for place, call in enumerate(calls):
            if call.mutates:
                numbered = self._numbered(call)
                if isinstance(numbered, _New):
                    asked[place] = numbered
                else:
                    answers[place] = numbered
        earlier = await asyncio.gather(*(self._before(one) for one in asked.values()), return_exceptions=True)
        known, wrong = _parted(asked, earlier)
        if wrong:
            raise wrong[0]
        answers |= known
        new = {place: one for place, one in asked.items() if place not in answers}
        await self._intend(tuple(new.values()))
        reads = [place for place, call in enumerate(calls) if not call.mutates]
        made: list[Answer | BaseException] = await asyncio.gather(
            *(self._make(one) for one in new.values()),
            *(read(calls[place], self._tags) for place in reads),
            return_exceptions=True,
        )
        told, wrong = _parted((*new, *reads), made)
        # what is no `Exception` ends the process: it writes nothing any more
        if all(isinstance(error, Exception) for error in wrong):
            await self._ended([(one, told[place]) for place, one in new.items() if place in told])
        if wrong:
            raise wrong[0]
        answers |= told
        return tuple(answers[place] for place in range(len(calls)))

    def _numbered(self, call: Call) -> _New | Refused:
        """The step under its number, which follows from the order in which steps are asked for. What may be repeated is asked again after
        a crash, and has numbers of its own: what is asked for then follows from what stands by then.
        """
        if call.again:
            self._repeated += 1
            return _New(self._repeated, f"{self._recipe}{AGAIN}", call, canonical(call))
        if call.operation != KEEP:
            self._number = self._place(call)
            return _New(self._number, self._recipe, call, canonical(call))
        data: bytes = call.parameters["bytes"]
        self._kept_bytes += len(data)
        if len(data) > ITEM_BYTES_MAX or self._kept_bytes > BACKUP_BYTES_MAX:
            limit = ITEM_BYTES_MAX if len(data) > ITEM_BYTES_MAX else BACKUP_BYTES_MAX
            return Refused("TooLargeToKeep", f"{len(data):,} bytes more are over the limit of {limit:,}")
        self._number += 1
        begun = _begun(self._earlier.get(self._number))
        return _New(self._number, self._recipe, call, b"" if begun else canonical(_about(data)))

    async def _before(self, one: _New) -> Answer | None:
        """What an attempt before this one was answered; None: it is to be made now."""
        earlier = None if one.call.again else self._earlier.get(one.number)
        if earlier is None:
            return None
        if one.call.operation != KEEP:
            return await self._replay(earlier, one.call)
        if _begun(earlier):
            return None  # repeated it is the same blob
        answer = await self._replay(earlier, one.call) or Unavailable("it was kept, and its answer is lost")
        sha256 = _about(one.call.parameters["bytes"])["sha256"]
        if isinstance(answer, Succeeded) and answer.value.get("sha256") != sha256:
            return Refused(
                "ChangedMeanwhile", "what was exported before the restart is not what is there now"
            )
        return answer

    async def _make(self, one: _New) -> Answer:
        if one.call.operation != KEEP:
            return await self._ask(one.call)
        self._asker._book.may_act()  # noqa: SLF001  # one module
        data: bytes = one.call.parameters["bytes"]
        reference = await self._asker._vault.put(data, KIND, anew=True)  # noqa: SLF001  # one module
        return Succeeded({"reference": reference, **_about(data)})

    async def _ask(self, call: Call) -> Answer:
        """Make the call, with what was kept in its place."""
        self._asker._book.may_act()  # noqa: SLF001  # one module
        try:
            sealed = self._asker._vault.sealed  # noqa: SLF001  # one module
            parameters = filled(
                call.parameters, self._asker.opened, sealed if call.role is Role.VAULT else None
            )
        except StoreError as error:
            return Unavailable(error.message)
        return await self._asker.ask(msgspec.structs.replace(call, parameters=parameters), self._tags)

    async def _intend(self, new: tuple[_New, ...]) -> None:
        """On record, and durable, before any of them leaves."""
        book, vault, clock = self._asker._book, self._asker._vault, self._asker._clock  # noqa: SLF001  # one module
        fresh = [one for one in new if one.request]
        if not fresh:
            return
        sealed = await asyncio.gather(*(vault.put(one.request, "call") for one in fresh))
        await book.record(
            self._case_id,
            *(
                r.StepIntended(
                    at_ms=clock(),
                    recipe=one.recipe,
                    step=one.number,
                    call=msgspec.structs.replace(one.call, parameters={"$sealed": request}, again=False),
                    request=request,
                )
                for one, request in zip(fresh, sealed, strict=True)
            ),
        )

    def _place(self, call: Call) -> int:
        """The number of this step. Where the world is read in between, a step that took effect may not be asked for again: then it
        is the next one on record that is the very same call, or else a new one.
        """
        following = self._number + 1
        if self._settle is None or following not in self._earlier:
            return following
        asked, vault = canonical(call), self._asker._vault  # noqa: SLF001  # one module
        last = max(self._earlier)
        for number in range(following, last + 1):
            earlier = self._earlier.get(number)
            if (
                earlier is not None
                and earlier.operation == call.operation
                and vault.get(earlier.request) == asked
            ):
                return number
        return max(last, self._number) + 1

    async def _ended(self, made: Sequence[tuple[_New, Answer]], note: str = "") -> None:
        """What the backup role exports is on record without its answer, which is kept once, as an export."""
        vault, clock = self._asker._vault, self._asker._clock  # noqa: SLF001  # one module
        told = [(one, answer) for one, answer in made if not one.call.is_export]
        if not made:
            return
        sealed = await asyncio.gather(*(vault.put(_answers.encode(answer), "answer") for _, answer in told))
        refs = {(one.recipe, one.number): reference for (one, _), reference in zip(told, sealed, strict=True)}
        await self._asker._book.record(  # noqa: SLF001  # one module
            self._case_id,
            *(
                r.StepEnded(
                    at_ms=clock(),
                    recipe=one.recipe,
                    step=one.number,
                    status=status,
                    detail=note or detail,
                    answer_ref=refs.get((one.recipe, one.number), ""),
                )
                for one, answer in made
                for status, detail in (_said(answer),)
            ),
        )

    async def _replay(self, earlier: StepState, call: Call) -> Answer | None:
        """After a crash: what was answered is answered again. What was not is looked up in the world, or else left to the recipe,
        which reads it; None: it certainly did nothing, and is made now.
        """
        if earlier.operation != call.operation:
            return Unavailable(
                f"step {earlier.step} was {earlier.operation} before the restart, now {call.operation}"
            )
        if earlier.answer_ref:
            answer = _decoder.decode(self._asker._vault.get(earlier.answer_ref))  # noqa: SLF001  # one module
            if isinstance(answer, Succeeded):
                return msgspec.structs.replace(answer, again=True)
            if self._settle is None or not isinstance(answer, Unavailable):
                return answer
        if self._settle is None:
            return Unavailable("the plane stopped before this step was answered; it is not repeated blindly")
        looking = self._settle(call, earlier.intended_at_ms)
        done = await self._asker.drive(looking, case_id=self._case_id, tags=self._tags)
        if done is None:
            raise TimeoutError(f"whether step {earlier.step}, {call.operation}, took effect cannot be told")
        if not done:
            return None
        answer = done if isinstance(done, Succeeded) else Succeeded(value={})
        settled = _New(earlier.step, self._recipe, call)
        await self._ended([(settled, answer)], "it was not answered; the world was read, and it took effect")
        return answer


_answers = msgspec.json.Encoder(enc_hook=str)  # times in answers are kept as text
_decoder: msgspec.json.Decoder[Answer] = msgspec.json.Decoder(Answer)


def _parted(
    places: Iterable[int], made: Sequence[Answer | BaseException | None]
) -> tuple[dict[int, Answer], list[BaseException]]:
    """By place what was answered, and what went wrong."""
    found: dict[int, Answer] = {}
    wrong: list[BaseException] = []
    for place, one in zip(places, made, strict=True):
        if isinstance(one, BaseException):
            wrong.append(one)
        elif one is not None:
            found[place] = one
    return found, wrong


def _begun(earlier: StepState | None) -> bool:
    """Whether an export was to be sealed, and it is not known that it was."""
    return earlier is not None and earlier.operation == KEEP and not earlier.answer_ref


def _about(data: bytes) -> dict[str, Any]:
    return {"sha256": hashlib.sha256(data).hexdigest(), "length": len(data)}


def _said(answer: Answer) -> tuple[str, str]:
    match answer:
        case Succeeded():
            return "succeeded", ""
        case Refused():
            return "refused", f"{answer.code}: {answer.message}"
        case Unavailable():
            return "unavailable", answer.why
