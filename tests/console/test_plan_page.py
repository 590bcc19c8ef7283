"""The page of a rehearsal's plan: what takes something away first, each step with before and after, and what was not seen."""

from __future__ import annotations

import re

import msgspec

from keyturn.cli.text import case as in_words
from keyturn.console import show
from keyturn.core.case import Case, Phase
from keyturn.model.assessment import Difference, Finding, Kind, RehearsedStep, Reversibility
from keyturn.model.change import Binding, Effect, Rehearsed, ResourceRef
from keyturn.model.execution import Outcome, OutcomeStatus
from tests.console.test_every_phase import TABLE, answers, full

GROUP = ResourceRef(
    "aws", "aws", "123456789012", "eu-central-1", "ec2:security-group", "sg-0fedcba9876543210"
)


def plan(phase: Phase, *outcomes: Outcome) -> Case:
    """Three steps: one makes a group, one lets somebody into it, one deletes a table."""
    made = full(phase)
    assert made.change is not None
    assert made.assessment is not None
    opened = Finding(
        "EXP001", Kind.EXPOSURE, "<b>Open</b> to all.", Effect.PERMISSION, Reversibility.R1, (GROUP,)
    )
    steps = (
        RehearsedStep(
            "ec2:CreateSecurityGroup",
            (GROUP,),
            Effect.CREATE,
            Reversibility.R1,
            differences=(Difference(GROUP, "stands", before=False, after=True),),
        ),
        RehearsedStep(
            "ec2:AuthorizeSecurityGroupIngress",
            (GROUP,),
            Effect.PERMISSION,
            Reversibility.R1,
            findings=(opened,),
            differences=(Difference(GROUP, "ingress", None, {"FromPort": 22}),),
        ),
        RehearsedStep(
            "dynamodb:DeleteTable", (TABLE,), Effect.DELETE, Reversibility.R3, unread=("its items",)
        ),
    )
    operations = tuple(
        msgspec.structs.replace(one, name=step.operation)
        for one, step in zip(made.change.operations, steps, strict=True)
    )
    rehearsed = Rehearsed(
        "S-1",
        "vault:1",
        "sha256:1",
        bindings=(Binding(1, GROUP.id, 0, "GroupId"), Binding(0, GROUP.id, 0, "GroupId")),
        unseen=("permissions: <i>nobody's</i>",),
    )
    return msgspec.structs.replace(
        made,
        change=msgspec.structs.replace(made.change, undoes=None, operations=operations, rehearsed=rehearsed),
        assessment=msgspec.structs.replace(made.assessment, rehearsed=steps),
        outcomes=outcomes,
    )


async def test_what_takes_away_stands_first_and_every_step_has_its_number() -> None:
    """Made in the order of their numbers, read in the order of their weight; what an agent wrote is text."""
    page = (await answers(plan(Phase.HELD), "/c/C-1"))[0].text
    assert re.findall(r'<li class="step" id="step-(\d)"', page) == ["2", "3", "1"]
    assert page.index('id="plan"') < page.index("What would happen, as it stands live")
    for text in ("&lt;b&gt;Open&lt;/b&gt; to all.", "&lt;i&gt;nobody&#39;s&lt;/i&gt;", "✖ its items"):
        assert text in page
    assert '<code>GroupId</code> that <a href="#step-1">step 1</a> answers' in page


async def test_what_was_made_and_what_was_not_is_said_of_each_step() -> None:
    """Of a plan that ended in the middle: the page, the API's form and the command line say the same."""
    case = plan(Phase.FAILED, Outcome(OutcomeStatus.SUCCEEDED), Outcome(OutcomeStatus.FAILED))
    found = show.detail(case, ())
    assert [(one["number"], one["became"]) for one in found["rehearsal"]["steps"]] == [
        (1, "done"),
        (2, "failed"),
        (3, ""),
    ]
    assert (found["rehearsal"]["worst"], found["rehearsal"]["done"]) == ([2, 3], 1)
    page = (await answers(case, "/c/C-1"))[0].text
    assert "<b>1 of 3 are done</b>" in page
    printed = in_words(found | {"story": [], "proof": []})
    assert "PLAN  1 of 3 steps are done; rehearsed as S-1" in printed
    assert "LOOK FIRST  step 2, 3" in printed
    assert "  2 ! ~   ec2:AuthorizeSecurityGroupIngress  permission, R1  FAILED" in printed


async def test_a_case_that_is_no_plan_shows_none() -> None:
    """Every other page is as it was."""
    page = (await answers(full(Phase.HELD), "/c/C-1"))[0].text
    assert 'id="plan"' not in page
    assert show.detail(full(Phase.HELD), ())["rehearsal"] is None
