"""What the tests of recipes share: performing steps on an account, and asking provider and shipped policy what they say."""

from __future__ import annotations

from functools import cache
from typing import Any

from keyturn.core.ports import Captures, Facts
from keyturn.model.assessment import Assessment
from keyturn.model.change import Change
from keyturn.model.decision import Decision
from keyturn.model.execution import Answer, Backup, Outcome, Role, Succeeded
from keyturn.policy import CedarEngine, load
from keyturn.providers.aws.provider import AwsProvider
from keyturn.providers.aws.recipes.base import Step
from keyturn.providers.aws.recipes.base import call as call_of
from tests.provider.provider_world import Account, change, drive, requests, seal

Asked = tuple[str, dict[str, Any]]
PROVIDER = AwsProvider(seal, {})


def perform(account: Account, *asked: Asked | Step) -> Answer:
    """Make the calls, as a person with the aws command would; returns the last answer."""
    answer: Answer = Succeeded({})
    for one in asked:
        name, parameters = (one.operation, one.parameters) if isinstance(one, Step) else one
        ref = change((name, parameters)).operations[0].resources[0]
        answer = account(call_of(ref, name, parameters, Role.CHANGE))
        assert isinstance(answer, Succeeded), (name, answer)
    return answer


def assessed(account: Account, *asked: Asked) -> tuple[Change, Assessment, Captures]:
    made = change(*asked)
    found = drive(PROVIDER.assess(made, requests(*asked), at_ms=0), account)
    return made, found.assessment, found.captures


@cache
def engine() -> CedarEngine:
    return load(["seatbelt"])


def decided(account: Account, *asked: Asked) -> tuple[Assessment, Decision]:
    made, assessment, _ = assessed(account, *asked)
    return assessment, engine().answer(made, assessment, Facts())


def backed_up(account: Account, made: Change, before: Captures) -> tuple[Backup, ...]:
    return drive(PROVIDER.backup(made, before, case_id="C-7", at_ms=1_000), account)


def verified(account: Account, made: Change, before: Captures, *asked: Asked) -> Outcome:
    return drive(PROVIDER.verify(made, requests(*asked), before), account)


def undone(account: Account, *asked: Asked) -> tuple[str, ...]:
    """Assess, back up, perform, verify, and take it back: returns what is said not to be as it was."""
    made, _, before = assessed(account, *asked)
    backups = backed_up(account, made, before)
    perform(account, *asked)
    outcome = verified(account, made, before, *asked)
    assert outcome.status == "succeeded", outcome
    plan = PROVIDER.plan_undo(made, before, backups)
    assert plan.possible, plan.why
    return drive(PROVIDER.undo(made, before, backups), account)
