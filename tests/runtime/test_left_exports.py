"""Exports in the vault: shared by content; what a backup needs stays, and what nobody names any more is taken out."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keyturn.core.case import Phase
from keyturn.core.lifecycle import TERMINAL
from keyturn.core.ports import Inquiry
from keyturn.errors import StoreError, UnavailableError
from keyturn.model.change import ResourceRef
from keyturn.model.execution import Backup, Call, Role, Succeeded
from keyturn.runtime.exports import GRACE_MS, Needs, unneeded
from tests.runtime.calm import Calm, talk
from tests.runtime.cutting import Cut, or_died

CONTENTS = (b"one", b"two", b"three")
BACKUPS = st.lists(st.lists(st.sampled_from(range(3)), min_size=1, max_size=4), min_size=1, max_size=4)


def _exporting(world: Calm) -> None:
    """The simulated provider keeps what it is told to in the vault: an index of references, and what they name."""
    provider: Any = world.provider

    def backup(change: Any, _captures: Any, *, case_id: str, at_ms: int) -> Inquiry[tuple[Backup, ...]]:
        ref: ResourceRef = change.resources[0]
        references = []
        for content in change.operations[0].parameters["keeps"]:
            (kept,) = yield (Call("keyturn:Keep", {"bytes": CONTENTS[content]}, "1", "here", Role.BACKUP),)
            assert isinstance(kept, Succeeded)
            references.append(kept.value["reference"])
        index = msgspec.msgpack.encode([case_id, *references])
        (kept,) = yield (Call("keyturn:Keep", {"bytes": index}, "1", "here", Role.BACKUP),)
        assert isinstance(kept, Succeeded)
        made = Backup(ref, "", {}, kept.value["reference"], "", at_ms, at_ms, "read back")
        return (made,)

    provider.backup = backup


def _whole(world: Calm, case_id: str) -> bool:
    """Whether everything that the backups of the case name can be had."""
    for backup in world.case(case_id).kept:
        try:
            _, *references = msgspec.msgpack.decode(world.plane.vault.get(backup.reference))
            for reference in references:
                world.plane.vault.get(reference)
        except StoreError:
            return False
    return True


async def _kept(world: Calm, keeps: list[int], number: int) -> None:
    world.account.things["p1"] = 7
    asking = world.asking(world.change("Delete", "p1", keeps=keeps))
    await world.settle_down(0.5)
    for who in ("anna", "berta"):
        await world.review(who, f"C-{number}")
    await asking
    await world.settle_down()


def dropped(backups: list[list[int]], gone: list[int]) -> tuple[list[bool], int]:
    """Whether each backup that stands is whole after some were dropped; and how many exports lie in the vault."""
    found: list[bool] = []
    left = 0

    async def story(world: Calm) -> None:
        nonlocal left
        _exporting(world)
        for number, keeps in enumerate(backups, 1):
            await _kept(world, keeps, number)
        for place in gone:
            drop = await world.plane.drop_backups(f"C-{place + 1}", by="anna", reason="old")
            for who in ("berta", "carla"):
                await world.review(who, drop.id)
            await world.settle_down()
            assert world.case(drop.id).phase is Phase.CONFIRMED
        found.extend(_whole(world, f"C-{number}") for number in range(1, len(backups) + 1))
        left = sum(ref.startswith("vault:kept:") for ref in world.platter.blobs)

    talk(story)
    return found, left


@settings(deadline=None, max_examples=30)
@given(backups=BACKUPS, data=st.data())
def test_what_another_backup_needs_is_never_dropped_and_nothing_else_stays(
    backups: list[list[int]], data: st.DataObject
) -> None:
    """Equal contents are one blob: it goes with the last backup that names it, and not before."""
    gone = data.draw(st.lists(st.sampled_from(range(len(backups))), unique=True))
    whole, left = dropped(backups, gone)
    standing = [keeps for place, keeps in enumerate(backups) if place not in gone]
    assert all(whole)
    assert left == len({content for keeps in standing for content in keeps}) + len(standing)


def test_the_test_above_finds_a_drop_that_counts_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: whatever the case kept is dropped."""
    monkeypatch.setattr("keyturn.runtime.exports.unneeded", lambda mine, _others: frozenset(mine.references))
    whole, _ = dropped([[0, 1], [1]], [0])
    assert whole == [True, False]


@pytest.mark.parametrize(
    ("others", "free"),
    [
        ([], {"vault:kept:a", "vault:kept:b"}),
        ([Needs({"vault:kept:a": "sha-a"})], {"vault:kept:b"}),
        ([Needs({}, frozenset({"sha-b"}))], {"vault:kept:a"}),  # about to be sealed, not answered yet
        ([Needs({"vault:kept:a": "sha-a"}), Needs({}, frozenset({"sha-b"}))], set()),
    ],
)
def test_what_is_about_to_be_sealed_counts_too(others: list[Needs], free: set[str]) -> None:
    """Its intent is on the log before it is sealed: by its content, since nobody knows the reference yet."""
    assert unneeded(Needs({"vault:kept:a": "sha-a", "vault:kept:b": "sha-b"}), others) == free


def test_a_blob_that_is_sealed_anew_between_the_look_and_the_drop_stays(tmp_path: Any) -> None:
    """The mark is another by then: a backup that was begun in that moment loses nothing."""
    from keyturn.stores.sqlite import SqliteStore
    from keyturn.stores.vault import Vault

    async def story() -> None:
        store = SqliteStore(tmp_path / "log.db", writer="w")
        vault = Vault(store, b"k" * 32)
        reference = await vault.put(b"rows", "kept")
        mark = vault.mark(reference)
        assert await vault.put(b"rows", "kept", anew=True) == reference
        await vault.drop(reference, mark=mark)
        assert vault.get(reference) == b"rows"
        await vault.drop(reference, mark=vault.mark(reference))
        with pytest.raises(StoreError, match="nothing under"):
            vault.get(reference)
        await store.close()

    asyncio.run(story())


async def _looked(world: Calm, hours: float) -> int:
    """The plane looks what nobody names, so much later; how many exports lie in the vault then."""
    await world.plane.retiring.exports.collect(world.loop.now_ms() + int(hours * GRACE_MS))
    return sum(ref.startswith("vault:kept:") for ref in world.platter.blobs)


def _breaking_off(world: Calm, after: int) -> None:
    """From now on a backup fails when it has kept so much."""
    whole = world.provider.backup

    def backup(*given: Any, **named: Any) -> Inquiry[tuple[Backup, ...]]:
        inquiry: Any = whole(*given, **named)
        calls = next(inquiry)
        for _ in range(after):
            calls = inquiry.send((yield calls))
        raise UnavailableError("throttled", "the rest could not be read")

    world.provider.backup = backup  # type: ignore[method-assign]


def test_what_a_failed_backup_had_sealed_is_collected_and_nothing_else() -> None:
    """Of its three exports one is what another backup needs; the other two go, an hour after they were seen to be nobody's."""

    async def story(world: Calm) -> None:
        _exporting(world)
        await _kept(world, [0], 1)
        whole = world.provider.backup
        _breaking_off(world, 3)
        await _kept(world, [0, 1, 2], 2)
        assert (world.case("C-2").phase, _whole(world, "C-1")) == (Phase.FAILED, True)
        assert await _looked(world, 0) == 4, "seen for the first time"
        assert await _looked(world, 0.9) == 4
        assert await _looked(world, 1.1) == 2
        assert _whole(world, "C-1")
        world.provider.backup = whole  # type: ignore[method-assign]
        await _kept(world, [1, 2], 3)  # the same bytes once more
        assert (await _looked(world, 5), await _looked(world, 9)) == (5, 5)
        assert (_whole(world, "C-1"), _whole(world, "C-3")) == (True, True)

    talk(story)


def test_the_test_above_finds_a_collection_that_counts_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: whatever lies there is nobody's."""
    monkeypatch.setattr("keyturn.runtime.exports.Exports._others", lambda *_: ())

    async def story(world: Calm) -> None:
        _exporting(world)
        await _kept(world, [0], 1)
        await _looked(world, 0)
        assert (await _looked(world, 1.1), _whole(world, "C-1")) == (0, False)

    talk(story)


def test_a_backup_that_is_being_written_is_never_taken() -> None:
    """It takes days, with what it keeps lying there the while, and the plane looks again and again; it is whole in the end."""

    async def story(world: Calm) -> None:
        _exporting(world)
        whole = world.provider.backup
        steps: list[int] = []

        def slow(*given: Any, **named: Any) -> Inquiry[tuple[Backup, ...]]:
            inquiry: Any = whole(*given, **named)
            calls = next(inquiry)
            while True:
                try:
                    calls = inquiry.send((yield calls))
                except StopIteration as stop:
                    made: tuple[Backup, ...] = stop.value
                    return made
                for _ in range(3):
                    yield ()  # polls of a service
                steps.append(len(steps))

        world.provider.backup = slow  # type: ignore[method-assign]
        world.account.things["p1"] = 7
        asking = world.asking(world.change("Delete", "p1", keeps=[0, 1, 2]))
        await world.settle_down(0.5)
        for who in ("anna", "berta"):
            await world.review(who)
        looked = 0.0
        while len(steps) < 3:
            looked += 0.7
            await _looked(world, looked)
            await asyncio.sleep(0.05)
        await asking
        await world.settle_down()
        assert looked > 3, "it was looked at while it was written"
        assert (world.case().phase, _whole(world, "C-1")) == (Phase.CONFIRMED, True)
        assert (await _looked(world, 99), await _looked(world, 199)) == (4, 4)

    talk(story)


@pytest.mark.parametrize("at", range(1, 16))
def test_the_power_is_cut_at_each_moment_of_a_backup_and_nothing_is_left_that_nobody_names(at: int) -> None:
    """What was sealed and never said on the log has no name anywhere: it is found by lying there. What is needed stays."""

    async def story(world: Calm) -> None:
        _exporting(world)
        await _kept(world, [0], 1)
        world.account.things["p1"] = 7
        cut = Cut(world, at)
        asking = world.asking(world.change("Delete", "p1", keeps=[0, 1, 2]))
        await or_died(world.settle_down(0.5))
        for who in ("anna", "berta"):
            if not cut.came:
                await or_died(world.review(who, "C-2"))
        await or_died(world.settle_down())
        asking.cancel()
        if cut.came:
            await cut.start_again()
        await world.settle_down()
        await _looked(world, 0)
        left = await _looked(world, 1.1)
        needed = 2 + (4 if world.plane.book.plane.shelf.by_case.get("C-2") else 0) - 1
        assert _whole(world, "C-1")
        if world.plane.book.plane.shelf.by_case.get("C-2"):
            assert (_whole(world, "C-2"), left) == (True, needed)
        elif world.plane.case("C-2") is None or world.case("C-2").phase in TERMINAL:
            assert left == 2

    talk(story)
