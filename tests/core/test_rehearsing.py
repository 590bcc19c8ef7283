"""What of a rehearsal holds live: who said an id first, what it is live, and what is expected before each step."""

from __future__ import annotations

from typing import Any

import pytest

from keyturn.core.rehearsing import Ids, carry, expected, moved, renamed, taken
from keyturn.model.assessment import RehearsedStep, Reversibility
from keyturn.model.change import Binding, Effect, Request
from keyturn.model.rehearsal import Made, Record

SG, NEW = "sg-0123456789abcdef0", "sg-0fedcba9876543210"
KEY = "0b1c2d3e-0000-4000-8000-0123456789ab"


def made(before: Any, after: Any) -> Made:
    shown = RehearsedStep("sim:Set", (), Effect.UPDATE, Reversibility.R1)
    return Made(
        Request("Set", {}, "POST", "/", (), b"", "json", "sim", "sim", "here"), before, after, {}, shown
    )


def test_an_id_is_whose_who_said_it_first() -> None:
    """Live, the command, an answer of a step, an answer to a read: only the last two are the twin's, and the last of them is bound by nothing."""
    ids = Ids()
    ids.stands(f'{{"GroupId": "{SG}"}}')
    assert ids.asked(0, {"GroupId": SG, "ImageId": "ami-00000000"}) == ((), ())
    ids.step(0, {"Instance": {"Arn": f"arn:aws:ec2:::instance/{NEW}", "Id": NEW}, "Group": SG})
    ids.answered(f"<keyId>{KEY}</keyId>")
    assert ids.asked(1, {"Ids": [NEW], "Groups": [SG], "Key": KEY}) == (
        (Binding(step=1, value=NEW, by=0, output="Instance.Id"),),
        (KEY,),
    )
    assert ids.asked(2, {"ImageId": "ami-00000000"}) == ((), ())


def test_what_the_command_asked_for_itself_is_not_the_twins_when_it_is_told_back() -> None:
    """An id that a script brings along is its own, whoever repeats it."""
    ids = Ids()
    ids.named(f'{{"GroupIds": ["{SG}"]}}')
    ids.answered(f"<groupId>{SG}</groupId>")
    assert ids.asked(0, {"GroupId": SG}) == ((), ())


@pytest.mark.parametrize(
    ("rehearsed", "live", "found"),
    [
        ({"Id": SG}, {"Id": NEW}, NEW),
        ({"Id": f"arn:aws:x:::g/{SG}/y"}, {"Id": f"arn:aws:x:::g/{NEW}/y"}, NEW),
        ({"Id": f"arn:aws:x:::g/{SG}"}, {"Id": f"arn:aws:z:::g/{NEW}"}, ""),
        ({"Id": SG}, {}, ""),
        ({}, {"Id": NEW}, ""),
    ],
    ids=["alone", "inside", "inside of something else", "not answered", "not rehearsed"],
)
def test_the_live_id_stands_where_the_twins_stood(rehearsed: Any, live: Any, found: str) -> None:
    """At the same place of the same answer, in the same text around it; anything else is no answer."""
    assert taken(Binding(step=1, value=SG, by=0, output="Id"), rehearsed, live) == found


def test_ids_are_renamed_whole_or_not_at_all() -> None:
    """In texts and names too; a longer id that begins alike is another one."""
    value = {"a": [SG, f"{SG}00"], f"x/{SG}": {"arn": f"arn:aws:e:::g/{SG}"}, "n": 3}
    assert renamed(value, {SG: NEW}) == {
        "a": [NEW, f"{SG}00"],
        f"x/{NEW}": {"arn": f"arn:aws:e:::g/{NEW}"},
        "n": 3,
    }


def test_of_the_twin_only_the_difference_is_carried_over() -> None:
    """What the copy lacks stands live all the same; what the step set, put into a map and took out of it is as in the twin."""
    stands = {"ttl": None, "tags": {"a": "1", "b": "2"}, "encryption": "live alone"}
    before = {"ttl": None, "tags": {"a": "1", "b": "2"}, "encryption": None}
    after = {"ttl": "expires", "tags": {"a": "1", "c": "3"}, "encryption": None}
    assert moved(stands, before, after) == {
        "ttl": "expires",
        "tags": {"a": "1", "c": "3"},
        "encryption": "live alone",
    }


@pytest.mark.parametrize(
    ("stands", "before", "after", "then"),
    [
        ({"x": {"v": 1}}, {"x": {"v": 1}}, {"x": None}, {"x": None}),
        ({"x": None}, {"x": None}, {"x": {"v": 1}}, {"x": {"v": 1}}),
        ({"x": {"v": 1}}, {}, {"x": {"v": 2}}, {}),
        ({"x": {"v": 1}}, {"x": {"v": 1}}, {}, {}),
        ({}, {"x": None}, {"x": {"v": 1}}, {"x": {"v": 1}}),
    ],
    ids=["deleted", "made", "not read before", "not read after", "made, and nobody asked for it live"],
)
def test_what_could_not_be_read_is_expected_to_be_nothing(
    stands: Any, before: Any, after: Any, then: Any
) -> None:
    """Of what the twin could not read nothing is expected: it is not compared, and never taken for absent."""
    carry(stands, made(before, after))
    assert stands == then


def test_a_step_stands_on_all_steps_before_it() -> None:
    """What is expected before each step is what was copied, with every earlier difference on it."""
    record = Record(
        base={"t": {"v": 1, "w": 1}, f"g/{SG}": None},
        refs={},
        steps=(
            made({"t": {"v": 1}}, {"t": {"v": 2}}),
            made({f"g/{SG}": None}, {f"g/{SG}": {"own": SG}}),
            made({"t": {"v": 2}}, {"t": {"v": 3}}),
        ),
    )
    assert [expected(record, step, {SG: NEW})["t"] for step in range(4)] == [
        {"v": 1, "w": 1},
        {"v": 2, "w": 1},
        {"v": 2, "w": 1},
        {"v": 3, "w": 1},
    ]
    assert expected(record, 2, {SG: NEW})[f"g/{NEW}"] == {"own": NEW}
