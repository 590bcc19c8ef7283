"""Driving inquiries: a pure generator yields calls, this performs them and sends the answers back.

Load on the account is budgeted here: at most `READS_AT_ONCE_MAX` calls are under way, equal reads for pages at the same moment
are one call (what is decided or proved on is read for itself: an answer under way may be older than the question), and a
call that is asked again at once is spaced. Mutating steps are written down before
and after; recorded answers are replayed after a crash, and an unanswered step is never repeated blindly.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from typing import Final, TypeVar

import msgspec

from keyturn.core.case import StepState
from keyturn.core.keeping import BACKUP_BYTES_MAX, ITEM_BYTES_MAX, KEEP, KEPT, KIND, filled, is_kept
from keyturn.core.ports import Inquiry
from keyturn.errors import StoreError
from keyturn.executors.interface import Executor
from keyturn.model import record as r
from keyturn.model.canonical import canonical, digest
from keyturn.model.execution import Answer, Call, Refused, Role, Succeeded, Unavailable
from keyturn.runtime.book import Book
from keyturn.stores.vault import Vault

T = TypeVar("T")

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
        settle: Callable[[Call], Inquiry[bool | None]] | None = None,
        scratch: bool = False,
    ) -> T:
        """The inquiry's result. With `case_id` and `recipe` its mutating steps are put on record; without, they are refused.

        With `settle` a step that was not answered is looked up in the world: it counts as done, or is made again, never blindly.
        `scratch` lets it change what a drill makes and removes again, under the backup role, on no case.
        `shared` reads may be answered by an equal one that is under way, `recent` ones by one of the last minute too.
        """
        read = self._read_recent if recent else self._read_shared if shared else self.ask
        if case_id:
            read = self._read_kept
        steps = _Steps(self, case_id, recipe, tags, settle)
        answers: tuple[Answer, ...] | None = None
        before: tuple[Call, ...] = ()
        spacing_s = SPACING_FIRST_S
        for _ in range(ROUNDS_MAX):
            try:
                calls = inquiry.send(answers) if answers is not None else next(inquiry)
            except StopIteration as stop:
                result: T = stop.value
                return result
            if calls == before or not calls:
                await asyncio.sleep(spacing_s)
                spacing_s = min(spacing_s * 2, SPACING_MAX_S)
            else:
                spacing_s = SPACING_FIRST_S
            before = calls
            if scratch and all(call.role is not Role.CHANGE for call in calls):
                answers = tuple([await self.ask(call, tags) for call in calls])
            elif any(call.mutates for call in calls):
                answers = tuple(
                    [await steps.perform(call) if call.mutates else await read(call, tags) for call in calls]
                )
            else:
                answers = tuple(await asyncio.gather(*(read(call, tags) for call in calls)))
        inquiry.close()
        raise TimeoutError(f"an inquiry asked more than {ROUNDS_MAX} times")

    async def _read_kept(self, call: Call, tags: dict[str, str]) -> Answer:
        """For backups and restores: what was kept is answered from the vault, everything else by the provider."""
        if call.operation != KEPT:
            return await self.ask(call, tags)
        reference = str(call.parameters.get("reference", ""))
        try:
            return Succeeded({"bytes": self.opened(reference)})
        except StoreError as error:
            return Unavailable(error.message)

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

    async def ask(self, call: Call, tags: dict[str, str]) -> Answer:
        """One call within the budget."""
        async with self._budget:
            return await self._executor.ask(call, tags=tags)


class _Steps:
    """The mutating steps of one recipe of one case, numbered in the order they are asked for."""

    def __init__(
        self,
        asker: Asker,
        case_id: str,
        recipe: str,
        tags: dict[str, str],
        settle: Callable[[Call], Inquiry[bool | None]] | None,
    ) -> None:
        self._asker, self._case_id, self._recipe, self._tags = asker, case_id, recipe, tags
        self._settle = settle
        self._number = 0
        self._kept_bytes = 0
        case = asker._book.cases.get(case_id)  # noqa: SLF001  # one module
        earlier = case.steps if case else ()
        self._repeated = sum(1 for step in earlier if step.recipe == f"{recipe}{AGAIN}")
        self._earlier: dict[int, StepState] = {step.step: step for step in earlier if step.recipe == recipe}

    async def perform(self, call: Call) -> Answer:
        if not self._case_id:
            return Refused(code="KeyturnReadOnly", message="this inquiry may only read", status=403)
        if call.operation == KEEP:
            return await self.keep(call)
        if call.again:
            return await self._anew(call)
        number = self._number = self._place(call)
        earlier = self._earlier.get(number)
        if earlier is not None:
            replayed = await self._replay(earlier, call)
            if replayed is not None:
                return replayed
        await self._intend(number, call, canonical(call))
        answer = await self._ask(call)
        await self._ended(number, answer)
        return answer

    async def _anew(self, call: Call) -> Answer:
        """What may be repeated is asked again after a crash. It has numbers of its own: what is asked for then follows from what stands
        by then. What the backup role exports is on record without its answer, which is kept once, as an export.
        """
        self._repeated += 1
        number, recipe = self._repeated, f"{self._recipe}{AGAIN}"
        await self._intend(number, call, canonical(call), recipe)
        answer = await self._ask(call)
        await self._ended(number, answer, recipe=recipe, secret=call.is_export)
        return answer

    async def _ask(self, call: Call) -> Answer:
        """Make the call, with what was kept in its place."""
        self._asker._book.may_act()  # noqa: SLF001  # one module
        try:
            parameters = filled(call.parameters, self._asker.opened)
        except StoreError as error:
            return Unavailable(error.message)
        return await self._asker.ask(msgspec.structs.replace(call, parameters=parameters), self._tags)

    async def keep(self, call: Call) -> Answer:
        """Seal what was exported. Repeated after a crash it is the same blob; another content is not taken for it."""
        data: bytes = call.parameters["bytes"]
        about = {"sha256": hashlib.sha256(data).hexdigest(), "length": len(data)}
        self._kept_bytes += len(data)
        if len(data) > ITEM_BYTES_MAX or self._kept_bytes > BACKUP_BYTES_MAX:
            limit = ITEM_BYTES_MAX if len(data) > ITEM_BYTES_MAX else BACKUP_BYTES_MAX
            return Refused("TooLargeToKeep", f"{len(data):,} bytes more are over the limit of {limit:,}")
        self._number += 1
        number = self._number
        earlier = self._earlier.get(number)
        begun = earlier is not None and earlier.operation == KEEP and not earlier.answer_ref
        if earlier is not None and not begun:
            answer = await self._replay(earlier, call) or Unavailable("it was kept, and its answer is lost")
            if isinstance(answer, Succeeded) and answer.value.get("sha256") != about["sha256"]:
                return Refused(
                    "ChangedMeanwhile", "what was exported before the restart is not what is there now"
                )
            return answer
        if earlier is None:
            await self._intend(number, call, canonical(about))
        self._asker._book.may_act()  # noqa: SLF001  # one module
        reference = await self._asker._vault.put(data, KIND)  # noqa: SLF001  # one module
        answer = Succeeded({"reference": reference, **about})
        await self._ended(number, answer)
        return answer

    async def _intend(self, number: int, call: Call, request: bytes, recipe: str = "") -> None:
        book, vault, clock = self._asker._book, self._asker._vault, self._asker._clock  # noqa: SLF001  # one module
        sealed = await vault.put(request, "call")
        masked = msgspec.structs.replace(call, parameters={"$sealed": sealed}, again=False)
        await book.record(
            self._case_id,
            r.StepIntended(
                at_ms=clock(), recipe=recipe or self._recipe, step=number, call=masked, request=sealed
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

    async def _ended(
        self, number: int, answer: Answer, note: str = "", *, recipe: str = "", secret: bool = False
    ) -> None:
        status, detail = _ended(answer)
        vault = self._asker._vault  # noqa: SLF001  # one module
        answer_ref = "" if secret else await vault.put(_answers.encode(answer), "answer")
        ended = r.StepEnded(
            at_ms=self._asker._clock(),  # noqa: SLF001  # one module
            recipe=recipe or self._recipe,
            step=number,
            status=status,
            detail=note or detail,
            answer_ref=answer_ref,
        )
        await self._asker._book.record(self._case_id, ended)  # noqa: SLF001  # one module

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
        done = await self._asker.drive(self._settle(call), tags=self._tags)
        if done is None:
            raise TimeoutError(f"whether step {earlier.step}, {call.operation}, took effect cannot be told")
        if not done:
            return None
        answer = Succeeded(value={})
        await self._ended(earlier.step, answer, "it was not answered; the world was read, and it took effect")
        return answer


_answers = msgspec.json.Encoder(enc_hook=str)  # times in answers are kept as text
_decoder: msgspec.json.Decoder[Answer] = msgspec.json.Decoder(Answer)


def _ended(answer: Answer) -> tuple[str, str]:
    match answer:
        case Succeeded():
            return "succeeded", ""
        case Refused():
            return "refused", f"{answer.code}: {answer.message}"
        case Unavailable():
            return "unavailable", answer.why
