"""Who people are: tokens are good for what they were made for, for as long as they say, and for one person."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from keyturn.console.identity import INVITE_S, LOGIN_S, Identity
from keyturn.errors import OperatorError, ReviewError
from keyturn.stores.interface import Row
from keyturn.stores.memory import MemoryStore


class Clock:
    """Time that stands until it is moved."""

    def __init__(self) -> None:
        self.now_ms = 1_000_000

    def __call__(self) -> int:
        return self.now_ms

    def pass_s(self, seconds: int) -> None:
        self.now_ms += seconds * 1000


class Yielding(MemoryStore):
    """A store that, like one on a disk, lets others run before it writes."""

    async def put_row(self, table: str, key: str, value: bytes, *, expect: int | None = None) -> Row:
        await asyncio.sleep(0)
        return await super().put_row(table, key, value, expect=expect)

    async def delete_row(self, table: str, key: str) -> None:
        await asyncio.sleep(0)
        await super().delete_row(table, key)


class People:
    """An identity with its clock and what it put on record."""

    def __init__(self) -> None:
        self.clock, self.store = Clock(), Yielding()
        self.noted: list[dict[str, Any]] = []
        self.identity = Identity(self.store, self._note, self.clock)

    async def _note(self, **said: Any) -> None:
        self.noted.append(said)


@pytest.fixture
def people() -> People:
    return People()


async def test_an_invite_becomes_a_login_once(people: People) -> None:
    """The token that an administrator hands over is worth nothing to whoever finds it afterwards."""
    invite = await people.identity.add("dana", ("reviewer",), by="bob")
    assert people.identity.who(invite) is None, "an invite is no login"
    login = await people.identity.login(invite)
    user = people.identity.who(login)
    assert user is not None
    assert (user.name, user.roles) == ("dana", ("reviewer",))
    with pytest.raises(ReviewError, match="not valid"):
        await people.identity.login(invite)
    assert people.noted == [{"by": "bob", "user": "dana", "roles": ("reviewer",), "what": "added"}]


async def test_of_two_logins_at_once_one_gets_in(people: People) -> None:
    """The same invite at the same moment, from two places: one login, not two."""
    invite = await people.identity.add("dana", ("reviewer",), by="bob")
    answers = await asyncio.gather(*(people.identity.login(invite) for _ in range(5)), return_exceptions=True)
    assert sum(isinstance(answer, str) for answer in answers) == 1, answers


async def test_tokens_end_by_themselves(people: People) -> None:
    """An invite ends after a day, a login with the working day; neither a second later."""
    invite = await people.identity.add("dana", ("reviewer",), by="bob")
    people.clock.pass_s(INVITE_S)
    with pytest.raises(ReviewError):
        await people.identity.login(invite)
    login = await people.identity.login(await people.identity.add("dana", ("reviewer",), by="bob"))
    people.clock.pass_s(LOGIN_S - 1)
    assert people.identity.who(login) is not None
    people.clock.pass_s(1)
    assert people.identity.who(login) is None


async def test_a_login_cannot_lengthen_itself(people: People) -> None:
    """The browser's login, opened with the command line's, ends when that one does: a stolen token is not for ever."""
    first = await people.identity.login(await people.identity.add("dana", ("reviewer",), by="bob"))
    people.clock.pass_s(LOGIN_S - 60)
    second = await people.identity.login(first)
    assert people.identity.who(second) is not None
    people.clock.pass_s(60)
    assert people.identity.who(second) is None


async def test_no_token_is_stored(people: People) -> None:
    """Whoever reads the database finds hashes, and cannot log in with them."""
    invite = await people.identity.add("dana", ("reviewer",), by="bob")
    login = await people.identity.login(invite)
    rows = tuple(people.store.rows("token"))
    assert rows
    for row in rows:
        assert login not in row.key
        assert login.encode() not in row.value
        assert people.identity.who(row.key) is None


async def test_who_is_removed_is_out(people: People) -> None:
    """Removal ends every login of hers at once, and nobody else's."""
    dana = await people.identity.login(await people.identity.add("dana", ("reviewer",), by="bob"))
    erin = await people.identity.login(await people.identity.add("erin", ("reviewer",), by="bob"))
    await people.identity.remove("dana", by="bob")
    assert people.identity.who(dana) is None
    assert people.identity.who(erin) is not None


async def test_ended_tokens_are_swept(people: People) -> None:
    """The table does not grow with every login that ever was."""
    for _ in range(5):
        await people.identity.login(await people.identity.add("dana", ("reviewer",), by="bob"))
    people.clock.pass_s(LOGIN_S + INVITE_S)
    await people.identity.login(await people.identity.add("dana", ("reviewer",), by="bob"))
    assert len(tuple(people.store.rows("token"))) == 1


async def test_guessing_is_slowed(people: People) -> None:
    """After ten wrong tokens in a minute nobody is told whether the next is right or wrong; a right one still gets in."""
    invite = await people.identity.add("dana", ("reviewer",), by="bob")
    codes = []
    for number in range(12):
        with pytest.raises(ReviewError) as refused:
            await people.identity.login(f"kt_{number}")
        codes.append(refused.value.code)
    assert codes == ["login"] * 10 + ["too-many"] * 2
    assert people.identity.who(await people.identity.login(invite)) is not None


@pytest.mark.parametrize(
    ("name", "roles", "code"),
    [
        ("Dana", ("reviewer",), "user-name"),
        ("", ("reviewer",), "user-name"),
        ("../dana", ("reviewer",), "user-name"),
        ("d" * 64, ("reviewer",), "user-name"),
        ("dana", (), "user-role"),
        ("dana", ("king",), "user-role"),
        ("dana\n", ("reviewer",), "user-name"),
    ],
)
async def test_names_and_roles_are_plain(
    people: People, name: str, roles: tuple[str, ...], code: str
) -> None:
    """Names stand in the log and on pages: no look-alikes, no paths, nothing hidden."""
    with pytest.raises(OperatorError) as refused:
        await people.identity.add(name, roles, by="bob")
    assert refused.value.code == code
    assert not people.noted
