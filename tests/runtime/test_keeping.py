"""Exports in the plane's vault: a process that ends anywhere in a backup or a restore loses nothing and repeats nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TypeVar

import pytest
from moto import mock_aws

from keyturn.core.case import Phase
from keyturn.core.keeping import BACKUP_BYTES_MAX, ITEM_BYTES_MAX, KEEP, KEPT
from keyturn.core.ports import Inquiry
from keyturn.errors import StoreError
from keyturn.model import record as r
from keyturn.model.assessment import Assessment, Reversibility
from keyturn.model.change import Effect
from keyturn.model.decision import Decision, Obligations, Reason, Verdict
from keyturn.model.execution import Answer, Backup, Call, Refused, Role, Succeeded, Unavailable
from keyturn.model.record import Draft, Entry
from keyturn.runtime.asking import Asker
from keyturn.runtime.book import Book
from keyturn.stores.memory import MemoryStore
from keyturn.stores.vault import Vault
from keyturn.testing.simulation.crashes import Died
from tests.provider.provider_world import ACCOUNT, REGION, Account
from tests.recipes.recipe_world import PROVIDER, Asked, assessed, perform

T = TypeVar("T")
KEY = b"k" * 32
SECRET = b"nobody reads this in a log"
DELETE: Asked = ("s3:DeleteObjects", {"Bucket": "scratch", "Delete": {"Objects": [{"Key": "a"}, {"Key": "b"}]}})  # fmt: skip


class Disk(MemoryStore):
    """Ends the process at the write that is chosen: just before it is durable, or just after."""

    left = -1
    died = False

    def _write(self) -> None:
        self.left -= 1
        if self.left == 0:
            self.died = True
            raise Died

    async def append(self, drafts: Sequence[Draft]) -> tuple[Entry, ...]:
        self._write()
        made = await super().append(drafts)
        self._write()
        return made

    async def put_blob(self, ref: str, sealed: bytes, *, anew: bool = False) -> None:
        self._write()
        await super().put_blob(ref, sealed, anew=anew)
        self._write()


class Plane:
    """The part of the plane that drives inquiries, over a disk that outlives it, and moto."""

    def __init__(self, account: Account, asked: Asked) -> None:
        self.account, self.disk = account, Disk()
        self.change, _, self.before = assessed(account, asked)
        asyncio.run(self._claim())

    async def _claim(self) -> None:
        book = Book(self.disk)
        assessment = Assessment(
            effect=Effect.DELETE,
            effects=(),
            reversibility=Reversibility.R4,
            environment="production",
            state_digest="",
        )
        decision = Decision(Verdict.ALLOW, (Reason("p", "it may"),), Obligations(), "sha256:0")
        await book.record("C-1", r.Received(at_ms=1, change=self.change))
        await book.record("C-1", r.Assessed(at_ms=1, assessment=assessment))
        await book.record("C-1", r.Decided(at_ms=1, decision=decision))
        case = await book.record("C-1", r.Claimed(at_ms=1, nonce="n", verdict=Verdict.ALLOW))
        assert case.phase is Phase.CLAIMED

    async def ask(self, call: Call, *, tags: dict[str, str]) -> Answer:
        return self.account(call)

    def drive(self, made: Callable[[], Inquiry[T]], recipe: str, dies_at: int = -1) -> T:
        """In a process that ends at its `dies_at`-th moment of writing, and in the one after it."""
        self.disk.left, self.disk.died = dies_at, False
        try:
            return asyncio.run(self._life(made(), recipe))
        except Died:
            self.disk.left = -1
            return asyncio.run(self._life(made(), recipe))

    async def _life(self, inquiry: Inquiry[T], recipe: str) -> T:
        book = Book(self.disk)
        book.load()
        asker = Asker(book, self, Vault(self.disk, KEY), lambda: 1)  # type: ignore[arg-type]  # it only asks
        return await asker.drive(inquiry, tags={}, case_id="C-1", recipe=recipe)

    def backup(self, dies_at: int = -1) -> tuple[Backup, ...]:
        return self.drive(
            lambda: PROVIDER.backup(self.change, self.before, case_id="C-1", at_ms=1), "backup", dies_at
        )

    def undo(self, backups: tuple[Backup, ...], dies_at: int = -1) -> tuple[str, ...]:
        return self.drive(lambda: PROVIDER.undo(self.change, self.before, backups), "undo", dies_at)


def filled() -> Account:
    account = Account()
    s3 = account.client("s3")
    s3.create_bucket(Bucket="scratch", CreateBucketConfiguration={"LocationConstraint": REGION})
    for key in ("a", "b"):
        s3.put_object(Bucket="scratch", Key=key, Body=SECRET + key.encode())
    return account


def writes(account: Account) -> list[str]:
    return [call.parameters["Key"] for call in account.said if call.operation == "s3:PutObject"]


@pytest.mark.parametrize("stride", [9, pytest.param(1, marks=pytest.mark.slow)])
def test_a_crash_at_any_write_of_a_backup_or_a_restore_loses_nothing_and_repeats_nothing(stride: int) -> None:
    """Whichever write it is at: the same backups, the same objects, each put once."""
    moment, died = 0, True
    while died:
        moment += stride
        with mock_aws():
            plane = Plane(filled(), DELETE)
            backups = plane.backup(moment)
            died = plane.disk.died
            assert [one.watermark["bytes"] for one in backups] == [len(SECRET) + 1] * 2
            perform(plane.account, DELETE)
            plane.account.said.clear()
            assert plane.undo(backups, moment) == ()
            died = died or plane.disk.died
            s3 = plane.account.client("s3")
            for key in ("a", "b"):
                assert s3.get_object(Bucket="scratch", Key=key)["Body"].read() == SECRET + key.encode()
            assert len(s3.list_object_versions(Bucket="scratch")["Versions"]) == 2
            assert sorted(writes(plane.account)) == ["a", "b"], moment
    assert moment > 20, "there are so many moments to end at"


def test_a_put_whose_answer_was_lost_is_not_made_twice() -> None:
    """The process ends after the call left: what stands is looked at first, and compared."""
    with mock_aws():
        plane = Plane(filled(), DELETE)
        backups = plane.backup()
        perform(plane.account, DELETE)
        plane.account.said.clear()
        answer, lives = plane.account.__call__, ["cut off"]

        async def ask(call: Call, *, tags: dict[str, str]) -> Answer:
            made = answer(call)
            if call.operation == "s3:PutObject" and lives:
                lives.pop()
                raise Died
            return made

        plane.ask = ask  # type: ignore[method-assign]  # the executor of this test
        assert plane.undo(backups) == ()
        assert writes(plane.account) == ["a", "b"]


def test_nothing_of_what_is_exported_is_in_the_log_or_lies_open() -> None:
    """The log names the steps; the content is on the disk only sealed, and only once."""
    with mock_aws():
        plane = Plane(filled(), DELETE)
        backups = plane.backup()
        perform(plane.account, DELETE)
        plane.undo(backups)
    told = [entry.body for entry in plane.disk.entries()]
    blobs = plane.disk._blobs  # the bytes as a thief of the disk has them
    assert not any(SECRET in data for data in (*told, *blobs.values()))
    vault = Vault(plane.disk, KEY)
    opened = [ref for ref in blobs if SECRET in vault.get(ref)]
    assert sorted(opened) == sorted(one.reference for one in backups)
    steps = plane_steps(plane)
    assert steps == [name for name in ("s3:GetObject", KEEP, "s3:PutObject", "s3:GetObject") for _ in "ab"]


def test_what_stands_side_by_side_is_intended_together_and_ended_together() -> None:
    """Two objects: each of the four rounds is one entry of intents, the calls, and one entry of ends; never a call before its intent."""
    with mock_aws():
        plane = Plane(filled(), DELETE)
        written: list[list[str]] = []
        append, answer = plane.disk.append, plane.account.__call__

        async def appending(drafts: Sequence[Draft]) -> tuple[Entry, ...]:
            written.append([type(draft.event).__name__ for draft in drafts])
            return await append(drafts)

        async def ask(call: Call, *, tags: dict[str, str]) -> Answer:
            written.append([call.operation])
            return answer(call)

        plane.disk.append, plane.ask = appending, ask  # type: ignore[method-assign]
        plane.backup()
    begun, ended = ["StepIntended"] * 2, ["StepEnded"] * 2
    read = [["s3:GetObject"]] * 2
    assert written == [begun, *read, ended, begun, ended]


def test_of_steps_side_by_side_one_that_may_not_be_made_hides_no_other() -> None:
    """The process may not act any more when the second is due: the first has ended on the log, and the second has not."""

    def both() -> Inquiry[tuple[Answer, ...]]:
        return (
            yield tuple(
                Call("s3:GetObject", {"Bucket": "scratch", "Key": key}, ACCOUNT, REGION, Role.CHANGE)
                for key in "ab"
            )
        )

    with mock_aws():
        plane = Plane(filled(), DELETE)
        answer = plane.account.__call__

        async def ask(call: Call, *, tags: dict[str, str]) -> Answer:
            if call.parameters["Key"] == "b":
                raise StoreError("lease-lost", "another node has taken over")
            return answer(call)

        plane.ask = ask  # type: ignore[method-assign]
        with pytest.raises(StoreError, match="another node"):
            plane.drive(both, "undo")
    ended = [
        event for event in (entry.event() for entry in plane.disk.entries()) if isinstance(event, r.StepEnded)
    ]
    assert [(event.step, event.status) for event in ended] == [(1, "succeeded")]


def plane_steps(plane: Plane) -> list[str]:
    events = [entry.event() for entry in plane.disk.entries()]
    return [event.call.operation for event in events if isinstance(event, r.StepIntended)]


def one(call: Call) -> Inquiry[Answer]:
    (answer,) = yield (call,)
    return answer


def keep(data: bytes) -> Call:
    return Call(KEEP, {"bytes": data}, ACCOUNT, REGION, Role.BACKUP)


@pytest.mark.parametrize("over", [(ITEM_BYTES_MAX + 1,), (ITEM_BYTES_MAX,) * (BACKUP_BYTES_MAX // ITEM_BYTES_MAX + 1)])  # fmt: skip
def test_limits_hold_for_one_thing_and_for_one_backup(over: tuple[int, ...]) -> None:
    """What is over either is refused, and said how large may be; what was kept before stays."""

    def all_of() -> Inquiry[list[Answer]]:
        found: list[Answer] = []
        for number, length in enumerate(over):
            found += yield (keep(bytes([number]) * length),)
        return found

    with mock_aws():
        *kept, last = Plane(filled(), DELETE).drive(all_of, "backup")
    assert all(isinstance(answer, Succeeded) for answer in kept)
    assert isinstance(last, Refused)
    assert last.code == "TooLargeToKeep"


@pytest.mark.parametrize("reference", ["vault:request:00", "vault:kept:00", ""])
def test_only_what_was_kept_is_given_out(reference: str) -> None:
    """Requests, sessions' keys and recorded answers lie in the same vault: no recipe can ask for them."""
    asked = Call(KEPT, {"reference": reference}, ACCOUNT, REGION)
    with mock_aws():
        plane = Plane(filled(), DELETE)
        assert isinstance(plane.drive(lambda: one(asked), "undo"), Unavailable)


def test_an_assessment_can_neither_keep_nor_open() -> None:
    """Only a backup and a restore reach the vault; to an inquiry that may only read there is no such call."""

    async def story() -> Answer:
        book = Book(MemoryStore())
        asker = Asker(book, plane, Vault(book.store, KEY), lambda: 1)  # type: ignore[arg-type]  # it only asks
        kept = await asker.drive(one(keep(b"x")), tags={})
        with pytest.raises(KeyError):
            await asker.drive(one(Call(KEPT, {"reference": "vault:kept:00"}, ACCOUNT, REGION)), tags={})
        return kept

    with mock_aws():
        plane = Plane(filled(), DELETE)
        kept = asyncio.run(story())
    assert isinstance(kept, Refused)
    assert kept.code == "KeyturnReadOnly"


def test_another_content_is_not_taken_for_what_was_exported_before_the_crash() -> None:
    """The object was written between two lives: the backup fails, and no call leaves on the strength of it."""
    with mock_aws():
        plane = Plane(filled(), DELETE)
        first = plane.drive(lambda: one(keep(b"one")), "backup")
        again = plane.drive(lambda: one(keep(b"one")), "backup")
        other = plane.drive(lambda: one(keep(b"two")), "backup")
    assert isinstance(first, Succeeded)
    assert isinstance(again, Succeeded)
    assert (first.value, first.again, again.again) == (again.value, False, True)
    assert isinstance(other, Refused)
    assert other.code == "ChangedMeanwhile"
