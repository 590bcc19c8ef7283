"""What the tests of recipes share: performing steps on an account, and asking provider and shipped policy what they say."""

from __future__ import annotations

from functools import cache
from typing import Any, Protocol

from keyturn.core.ports import Captures, Facts
from keyturn.model.assessment import Assessment
from keyturn.model.change import Change, ResourceRef
from keyturn.model.decision import Decision
from keyturn.model.execution import Answer, Backup, Call, Outcome, Role, Succeeded, Unavailable
from keyturn.policy import CedarEngine, load
from keyturn.providers.aws import recipes
from keyturn.providers.aws.provider import AwsProvider
from keyturn.providers.aws.recipes.base import Captured, Recipe, State, Step
from keyturn.providers.aws.recipes.base import call as call_of
from tests.provider.provider_world import ACCOUNT, REGION, Account, change, drive, requests, seal

Asked = tuple[str, dict[str, Any]]
PROVIDER = AwsProvider(seal, {})


class Kinded(Protocol):
    """A night of one kind of resource."""

    @property
    def kind(self) -> str: ...


class Partly(Account):
    """The stand-in, whose gaps are calls that nobody answers: no recycle bin, some filters it does not know."""

    def __call__(self, call: Call) -> Answer:
        try:
            return super().__call__(call)
        except NotImplementedError as gap:
            return Unavailable(str(gap))


def recipe(night: Kinded) -> Recipe:
    found = recipes.for_kind(night.kind)
    assert found is not None
    return found


def ref(night: Kinded, name: str) -> ResourceRef:
    return ResourceRef("aws", "aws", ACCOUNT, REGION, night.kind, name)


def captured(night: Kinded, name: str, account: Account) -> Captured:
    return drive(recipe(night).capture(ref(night, name)), account)


def fields_of(night: Kinded, found: Captured) -> State:
    """What was captured whole, in the fields that its recipe declares."""
    assert found.unknowns == ()
    assert found.state is not None
    return {field: found.state.get(field) for field in recipe(night).fields}


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
