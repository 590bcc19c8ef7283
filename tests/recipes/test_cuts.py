"""The power is cut at each step of backup, execution and undo, of every first-class kind: nothing is lost, and nothing is made twice."""

from __future__ import annotations

from typing import Final

import msgspec
import pytest

from keyturn.core.ports import Inquiry
from keyturn.model.canonical import canonical
from keyturn.model.execution import Call, Role, Succeeded
from tests.recipes.cut_world import Cut, Near, Told, Way, repeated, told
from tests.recipes.subject_table import SUBJECTS
from tests.recipes.subjects import Subject

SEED: Final = 1
EARLIER: Final = 5
"""The call of an undo of a policy that makes its earlier version again."""

ANEW: Final = frozenset(
    {"created", "unique_id", "secure_version", "default_version", "deployments", "metric_filters", "groups", "TransitEncryptionMode"}
)  # fmt: skip
"""Fields that are otherwise after an undo whose power is not cut: see `test_untuned.SAYS`."""


def holds(subject: Subject, found: Told) -> None:
    assert found.lives == 2, "the power was not cut"
    assert {field: what for field, what in found.different.items() if field not in ANEW} == {}, found.story
    twice = repeated(found)
    assert twice == {} or twice == repeated(
        told(subject, SEED, Cut())
    )  # two stages of an API each have their own


@pytest.mark.parametrize(
    ("subject", "way"),
    [(subject, list(Way)[number % 3]) for number, subject in enumerate(SUBJECTS)],
    ids=[subject.kind for subject in SUBJECTS],
)
def test_an_undo_goes_on_where_its_power_was_cut(subject: Subject, way: Way) -> None:
    """At its first call, in one of the three ways, of every kind."""
    holds(subject, told(subject, SEED, Cut(1, way, undo=True)))


@pytest.mark.parametrize("way", Way)
def test_a_delete_goes_on_where_its_power_was_cut(way: Way) -> None:
    """A secret's: what never left is asked again, what took effect is found to have."""
    subject = next(one for one in SUBJECTS if one.kind == "secretsmanager:secret")
    holds(subject, told(subject, SEED, Cut(1, way)))


def test_a_version_that_nobody_heard_of_is_not_made_twice() -> None:
    """The earlier version of a policy is known by its document: its number says nothing."""
    subject = next(one for one in SUBJECTS if one.kind == "iam:policy")
    holds(subject, told(subject, SEED, Cut(EARLIER, Way.LOST)))


@pytest.mark.slow
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("subject", SUBJECTS, ids=[subject.kind for subject in SUBJECTS])
def test_every_cut_of_every_kind(subject: Subject) -> None:
    """Each call of backup, execution and undo, in each of the three ways."""
    calm = told(subject, SEED, Cut())
    for at in range(1, len(calm.calls) + 1):
        for way in Way:
            holds(subject, told(subject, SEED, Cut(at, way)))


# --- planted ---------------------------------------------------------------------------------------------------------


class Believing(Near):
    """Takes what was not answered for done."""

    def took_effect(self, call: Call, since_ms: int) -> Inquiry[Succeeded | bool | None]:
        return True
        yield ()


class Blind(Near):
    """Makes again what was not answered."""

    def took_effect(self, call: Call, since_ms: int) -> Inquiry[Succeeded | bool | None]:
        return False
        yield ()


def test_a_plane_that_believes_loses_and_one_that_is_blind_repeats() -> None:
    """Planted, to see that both are found."""
    dashboard, volume = (
        next(one for one in SUBJECTS if one.kind == kind) for kind in ("cloudwatch:dashboard", "ec2:volume")
    )
    assert told(dashboard, SEED, Cut(1, Way.BEFORE, undo=True), Believing).different != {}
    assert repeated(told(volume, SEED, Cut(1, Way.LOST, undo=True), Blind)) == {"ec2:CreateVolume": 2}


def test_a_call_is_written_in_one_way() -> None:
    """The plane knows a step again, after a crash, by what it was written as: also where the partition was read from the log."""
    call = Call("iam:CreateRole", {"RoleName": "worker"}, "123456789012", "us-east-1", Role.CHANGE)
    read = msgspec.json.decode(b'"aws"')
    assert canonical(msgspec.structs.replace(call, partition=read)) == canonical(call)
