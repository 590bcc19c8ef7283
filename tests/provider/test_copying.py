"""Copies into a twin: of every first-class kind one is drawn, made again from what was read of it, and read again."""

from __future__ import annotations

from typing import Final

import pytest
from moto import mock_aws
from moto.moto_api._internal.models import moto_api_backend

from keyturn.errors import KeyturnError
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
}
"""Where a copy is otherwise than its original, and is said to be."""

NO_COPY: Final = frozenset(
    {
        "sqs:queue",  # the one that was drawn sends its dead letters to a queue that is not there
        *("lambda:event-source-mapping", "kms:key", "kms:alias", "route53:hostedzone"),
        *("apigateway:restapis", "apigateway:apis", "cognito-idp:userpool"),
        *("elasticloadbalancing:loadbalancer", "elasticloadbalancing:listener"),
        "elasticloadbalancing:targetgroup",
        *("rds:db", "rds:cluster", "elasticache:replicationgroup", "ec2:snapshot"),
    }
)
"""Kinds whose id the stand-in gives by itself, or that are made from a copy of their data alone: none is made, and that is said."""


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
                try:
                    drive(copying.make(one, state), account)
                except KeyturnError:
                    assert subject.kind in NO_COPY or one != ref
        twin = read(account, ref)
        assert (twin is None) == (subject.kind in NO_COPY)
        if twin is not None:
            assert copying.unlike(ref, stood[ref], twin) == UNLIKE.get(subject.kind, ())


def test_two_thirds_of_all_kinds_have_a_copy() -> None:
    """The figure that the guide gives."""
    assert len(SUBJECTS) - len(NO_COPY) == 32
