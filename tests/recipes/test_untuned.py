"""States nobody tuned to: of every first-class kind one is drawn by seed, deleted, given back, and read by other eyes than the recipe's.

What reads otherwise was said: by the undo, or beforehand, and stands in the table with its reason.
"""

from __future__ import annotations

import re
from typing import Final

import pytest

from tests.recipes.subject_table import SUBJECTS, life
from tests.recipes.subjects import Subject

SEEDS, SEEDS_SLOW = range(1), range(1, 21)

SAYS: Final = re.compile(
    r"(id: it was|unique_id: |messages: about|versions?: |version \d+ is \d+ now: |default_version: |function URL: |deployments: |stream: "
    r"|metric_filters: "  # it keeps those of a group that is gone
    r"|groups: "  # it gives none to an instance on an interface that stayed
    r"|TransitEncryptionMode: "  # it takes one where nothing is encrypted
    r"|\S+: \S+ stands in it for )"
)
"""Beginnings of what an undo says not to be as it was. Anything else is a recipe that has to be mended."""

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


def comes_back(subject: Subject, seed: int) -> None:
    lived = life(subject, seed)
    assert lived.reads, "nothing was read of it: it could have become anything"
    assert lived.unstated == {}
    assert [said for said in lived.honest if not SAYS.match(said)] == []


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
