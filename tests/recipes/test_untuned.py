"""States nobody tuned to: of every first-class kind one is drawn by seed, deleted, given back, and read by other eyes than the recipe's.

What reads otherwise was said: by the undo, or beforehand, and stands in the table with its reason.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest
from moto import mock_aws

from keyturn.providers.aws import recipes
from tests.provider.provider_world import Account
from tests.recipes.excuses import GAPS, unfounded
from tests.recipes.subject_table import EVERYWHERE, SUBJECTS, life
from tests.recipes.subjects import Subject

SEEDS, SEEDS_SLOW = range(1), range(1, 21)

SAYS: Final[Mapping[str, tuple[str, ...]]] = {
    r"id: it was ": (
        "loss: its id",
        "loss: its allocation id",
        "loss: UUID",
        "loss: ARN",
        "loss: its number",
    ),
    r"unique_id: ": ("loss: unique id",),
    r"messages: about": ("loss: every message",),
    r"version \d+ is \d+ now: ": ("loss: published versions",),
    r"(versions?|default_version): ": ("loss: earlier versions",),
    r"function URL: ": ("loss: the address of its function URL",),
    r"deployments: ": ("loss: its deployments",),
    r"stream: ": ("loss: the stream's records and its ARN",),
    r"metric_filters: ": ("gap: metric filters",),
    r"groups: ": ("gap: groups",),
    r"TransitEncryptionMode: ": ("gap: transit mode",),
    r"\S+: \S+ stands in it for ": ("means: the new id of what was given back before it",),
}
"""Beginnings of what an undo says not to be as it was, with reasons of which one has to hold of the kind. Anything else is a recipe that has
to be mended.
"""

FIRST_CLASS: Final = frozenset(
    [
        "dynamodb:table",
        "s3:bucket",
        "rds:db",
        "rds:cluster",
        "ec2:volume",
        "ec2:snapshot",
        "ec2:instance",
        "ec2:security-group",
        "ec2:elastic-ip",
        "ec2:network-interface",
        "ec2:launch-template",
        "autoscaling:autoScalingGroup",
        "ecs:service",
        "ecs:task-definition",
        "ecs:cluster",
        "lambda:function",
        "lambda:event-source-mapping",
        "iam:role",
        "iam:user",
        "iam:group",
        "iam:policy",
        "iam:instance-profile",
        "sqs:queue",
        "sns:topic",
        "ssm:parameter",
        "secretsmanager:secret",
        "kms:key",
        "kms:alias",
        "cloudwatch:alarm",
        "logs:log-group",
        "cloudwatch:dashboard",
        "events:rule",
        "states:stateMachine",
        "route53:hostedzone",
        "elasticloadbalancing:loadbalancer",
        "elasticloadbalancing:listener",
        "elasticloadbalancing:targetgroup",
        "apigateway:restapis",
        "apigateway:apis",
        "cloudformation:stack",
        "elasticache:replicationgroup",
        "es:domain",
        "kinesis:stream",
        "ecr:repository",
        "cognito-idp:userpool",
        "cloudtrail:trail",
        "budgets:budget",
    ]
)
"""What can be deleted on the stand-in. Objects have tests of their own; of Beanstalk it knows too little."""


def test_every_first_class_kind_is_drawn() -> None:
    """A kind that is in no table is a kind that nobody tried."""
    assert {subject.kind for subject in SUBJECTS} == FIRST_CLASS


@pytest.mark.parametrize("subject", SUBJECTS, ids=[subject.kind for subject in SUBJECTS])
def test_what_reads_otherwise_was_said_beforehand_or_is_shown(subject: Subject) -> None:
    """Every reason in the table holds: the recipe says the loss, or a call with nothing of ours in between shows the gap."""
    recipe = recipes.for_kind(subject.kind)
    assert recipe is not None
    reasons = {**EVERYWHERE, **subject.stated}
    assert {path: wrong for path, why in reasons.items() if (wrong := unfounded(why, recipe.loss))} == {}


@pytest.mark.parametrize("name", GAPS)
def test_a_gap_of_the_stand_in_is_there(name: str) -> None:
    """Made and read by a client alone. One that is filled by now excuses nothing any more, and leaves the table."""
    with mock_aws():
        assert GAPS[name].shown(Account()), GAPS[name].aws


def test_every_gap_excuses_something() -> None:
    """One that nothing rests on leaves the table."""
    used = [why for subject in SUBJECTS for why in subject.stated.values()]
    used += [why for reasons in SAYS.values() for why in reasons]
    assert {why.removeprefix("gap: ") for why in used if why.startswith("gap: ")} == set(GAPS)
    told = (Path(__file__).parents[2] / "docs/internals/given-back.md").read_text(encoding="utf-8")
    assert [name for name in GAPS if f"| {name} |" not in told] == [], (
        "and stands in the page that tells of it"
    )


def said_beforehand(line: str, loss: tuple[str, ...]) -> bool:
    """Whether what an undo says not to be as it was rests on a reason that holds of the kind."""
    return any(
        re.match(begins, line) and not unfounded(why, loss)
        for begins, reasons in SAYS.items()
        for why in reasons
    )


def comes_back(subject: Subject, seed: int) -> None:
    lived, recipe = life(subject, seed), recipes.for_kind(subject.kind)
    assert recipe is not None
    assert lived.reads, "nothing was read of it: it could have become anything"
    assert lived.unstated == {}
    assert [line for line in lived.honest if not said_beforehand(line, recipe.loss)] == []


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("subject", SUBJECTS, ids=[subject.kind for subject in SUBJECTS])
def test_nothing_is_otherwise_unsaid(subject: Subject, seed: int) -> None:
    """One state of each kind, in every run."""
    comes_back(subject, seed)


@pytest.mark.slow
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("subject", SUBJECTS, ids=[subject.kind for subject in SUBJECTS])
def test_nothing_is_otherwise_unsaid_in_many_states(subject: Subject) -> None:
    """Twenty states of each kind; a state that fails is named by its seed."""
    for seed in SEEDS_SLOW:
        comes_back(subject, seed)
