"""Copies into a twin: of every first-class kind one is drawn, made again from what was read of it, and read again."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest
from moto import mock_aws
from moto.moto_api._internal.models import moto_api_backend

from keyturn.model.change import ResourceRef
from keyturn.providers.aws import copying
from keyturn.providers.aws.recipes.base import State
from keyturn.providers.aws.resources import GLOBAL_REGION
from keyturn.testing.standin_caches import fill_caches
from keyturn.testing.standin_ids import fill_ids, wanted
from tests.provider.provider_world import ACCOUNT, REGION, drive
from tests.recipes.drawing import Draw
from tests.recipes.subject_table import HINTS, SUBJECTS, Gapless
from tests.recipes.subjects import Subject

UNLIKE: Final[dict[str, tuple[str, ...]]] = {
    "lambda:function": ("code_sha256", "statements", "url"),  # without code, and who may call it
    "iam:policy": (
        "default_version",
        "versions",
        "attached_to",
    ),  # whom it is attached to is copied with them
    "secretsmanager:secret": ("policy", "versions"),  # no value of a secret is read for a copy
    "elasticache:replicationgroup": (
        "TransitEncryptionMode",
    ),  # the stand-in's gap: a mode of an encryption that is off
}
"""Where a copy is otherwise than its original, and is said to be."""


def read(account: Gapless, ref: ResourceRef) -> State | None:
    return drive(copying.capture(ref), account).state


def with_needs(account: Gapless, ref: ResourceRef) -> dict[ResourceRef, State]:
    """What has to stand before it, and then itself, as it stands."""
    found: dict[ResourceRef, State] = {}

    def visit(one: ResourceRef, depth: int) -> None:
        state = read(account, one)
        if one in found or state is None or depth > 4:
            return
        for other in copying.needed(one, state):
            visit(other, depth + 1)
        found[one] = state

    visit(ref, 0)
    return found


@pytest.mark.parametrize("subject", SUBJECTS, ids=[subject.kind for subject in SUBJECTS])
def test_a_copy_is_equal_or_said_to_be_otherwise(subject: Subject) -> None:
    """Under the same id, in every declared field but those that stand in the table above with their reason."""
    fill_caches()
    fill_ids()
    with mock_aws():
        account = Gapless()
        made = subject.make(account, Draw(f"{subject.kind} {subject.make.__name__} 0", HINTS))
        region = GLOBAL_REGION["aws"] if subject.kind.startswith(("route53:", "iam:")) else REGION
        ref = ResourceRef("aws", "aws", ACCOUNT, region, subject.kind, made.id)
        stood = with_needs(account, ref)
        moto_api_backend.reset()
        account = Gapless()
        for one, state in stood.items():
            if read(account, one) is None:
                wanted([one.id, *copying.born_with(one, state)])
                drive(copying.make(one, state), account)
        twin = read(account, ref)
        assert copying.unlike(ref, stood[ref], twin) == UNLIKE.get(subject.kind, ())


def test_the_guide_says_how_many_kinds_have_a_copy() -> None:
    """All of those that are drawn here."""
    guide = Path(__file__).parents[2] / "docs/guides/rehearse.md"
    assert f"All {len(SUBJECTS)} kinds" in guide.read_text(encoding="utf-8")
