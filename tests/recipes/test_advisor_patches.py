"""No false *patch possible*: what the advisor calls a patch has a call for every difference, and no call is one of another service's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import pytest
from moto import mock_aws

from keyturn.model.change import ResourceRef
from keyturn.providers.aws import recipes
from keyturn.providers.aws.catalogue.replacements import properties
from keyturn.providers.aws.radius.tables import TYPES
from keyturn.providers.aws.resources import GLOBAL_REGION
from tests.provider.provider_world import ACCOUNT, REGION, Account, drive
from tests.recipes import (
    account_nights,
    app_nights,
    database_nights,
    declared_nights,
    reborn_nights,
    store_nights,
)
from tests.recipes.advisor_gaps import CRASHES, EXCUSED, GAPS
from tests.recipes.advisor_world import Given, asked, given, input_of, pairs
from tests.recipes.drawing import Draw
from tests.recipes.fleet_nights import FLEET
from tests.recipes.reborn_nights import NIGHTS as REBORN
from tests.recipes.recipe_world import Partly, perform
from tests.recipes.subject_table import HINTS, SUBJECTS, Gapless, filled
from tests.recipes.subjects import Subject

Make = Callable[[Partly], str]


def _named(night: declared_nights.Night) -> Make:
    def make(account: Partly) -> str:
        night.make(account)
        return night.name

    return make


def _under(night: database_nights.Night) -> Make:
    def make(account: Partly) -> str:
        night.make(account, "orders")
        return "orders"

    return make


def _of_ids(night: reborn_nights.Night) -> Make:
    def make(account: Partly) -> str:
        return night.make(account)["id"]

    return make


NIGHTS: tuple[tuple[str, Make], ...] = (
    *((night.kind, _named(night)) for night in declared_nights.NIGHTS),
    *((night.kind, night.make) for night in (*app_nights.APP_NIGHTS, *account_nights.ACCOUNT_NIGHTS)),
    *((night.kind, _under(night)) for night in (*database_nights.DATABASES, *store_nights.STORES)),
    *((night.kind, _of_ids(night)) for night in (*REBORN, *FLEET)),
)


def some(nights: Sequence[tuple[str, Make]], begin: int = 0) -> list[Any]:
    """Every second one in the usual run, all in the long one; what one test leaves out the other has."""
    return [
        pytest.param(kind, make, id=f"{n} {kind}", marks=[pytest.mark.slow] * ((n + begin) % 2))
        for n, (kind, make) in enumerate(nights)
    ]


@pytest.mark.parametrize(("kind", "make"), some(NIGHTS))
def test_a_patch_has_a_call_for_every_difference(kind: str, make: Make) -> None:
    """Never none, each call with parameters that its service knows; nothing that makes a new resource by its type's schema."""
    recipe = recipes.for_kind(kind)
    assert recipe is not None
    with mock_aws():
        account = Partly()
        ref = ResourceRef("aws", "aws", ACCOUNT, REGION, kind, make(account))
        state = drive(recipe.capture(ref), account).state
    assert state is not None
    anew = set(properties(TYPES[kind])[0]) if kind in TYPES else set()
    said: Counter[str] = Counter()
    for field, wanted in pairs(recipe, state):
        answer = asked(recipe, ref, state, wanted)
        if answer is None:
            continue
        found, way = answer
        said[way.verdict] += 1
        if way.verdict == "stands":
            assert not found.changed, (field, wanted)
        if way.verdict != "patch":
            continue
        assert found.steps, (field, wanted)
        assert found.changed, (field, wanted)
        for step in found.steps:
            assert set(step.parameters) <= set(input_of(step.operation).members), (field, step)
        forbidden = {cost.path for cost in way.costs if cost.path[:1].upper() + cost.path[1:] in anew}
        assert not forbidden, (field, forbidden)


APPLIED: Final = tuple((kind, make) for kind, make in NIGHTS if kind != "rds:subgrp")
"""All but one: the stand-in forgets a subnet group that is modified."""


@pytest.mark.parametrize(("kind", "make"), some(APPLIED, begin=1))
def test_a_patch_gives_what_is_wanted_and_touches_nothing_else(kind: str, make: Make) -> None:
    """One after the other on the stand-in, each from what the one before left. What the service refuses changes nothing."""
    recipe = recipes.for_kind(kind)
    assert recipe is not None
    with mock_aws():
        account = Partly()
        ref = ResourceRef("aws", "aws", ACCOUNT, REGION, kind, make(account))
        found = given(account, recipe, ref)
    assert [one for one in found.wrong if (kind, *one[:2]) not in EXCUSED] == [], dict(found.said)


def drawn(subject: Subject, seed: int) -> Given:
    """A state that nobody tuned to, and what patches of it give."""
    recipe = recipes.for_kind(subject.kind)
    assert recipe is not None
    filled()
    with mock_aws():
        account = Gapless()
        made = subject.make(account, Draw(f"{subject.kind} {subject.make.__name__} {seed}", HINTS))
        perform(account, *made.first)
        region = GLOBAL_REGION["aws"] if subject.kind.startswith(("route53:", "iam:")) else REGION
        ref = ResourceRef("aws", "aws", ACCOUNT, region, subject.kind, made.id)
        return given(account, recipe, ref, CRASHES.get(subject.kind, frozenset()))


def holds(subject: Subject, seed: int) -> None:
    found = drawn(subject, seed)
    assert [one for one in found.wrong if (subject.kind, *one[:2]) not in EXCUSED] == [], (
        seed,
        dict(found.said),
    )


@pytest.mark.parametrize("subject", SUBJECTS, ids=[subject.kind for subject in SUBJECTS])
def test_a_patch_of_a_drawn_state_gives_what_is_wanted(subject: Subject) -> None:
    """The same for every first-class kind, on a state that nobody tuned to."""
    holds(subject, 0)


@pytest.mark.slow
@pytest.mark.timeout(1_200)
@pytest.mark.parametrize("subject", SUBJECTS, ids=[subject.kind for subject in SUBJECTS])
def test_a_patch_of_many_drawn_states_gives_what_is_wanted(subject: Subject) -> None:
    """Of eight more; one that fails is named by its seed."""
    for seed in range(1, 9):
        holds(subject, seed)


@pytest.mark.parametrize("name", GAPS)
def test_a_gap_that_excuses_a_patch_is_there(name: str) -> None:
    """Shown by a client alone. One that is filled by now excuses nothing any more, and leaves the table."""
    with mock_aws():
        assert GAPS[name].shown(Account()), GAPS[name].aws


def test_every_gap_excuses_a_patch() -> None:
    """One that nothing rests on leaves the table, and every reason is a gap that is shown."""
    used = {*EXCUSED.values(), *(f"gap: {why}" for why in ("nobody granted",))}
    used = {why for why in used if not why.startswith("means: ")}
    assert used == {f"gap: {name}" for name in GAPS}
    told = (Path(__file__).parents[2] / "docs/internals/given-back.md").read_text(encoding="utf-8")
    assert [name for name in GAPS if f"| {name} |" not in told] == [], (
        "and stands in the page that tells of it"
    )
