"""A change in a few words: what pack tests, the canary and the bench ask policy about.

Everything that is not said has the most harmless value, so that a case states what matters and nothing else.
"""

from __future__ import annotations

from typing import Final

import msgspec

from keyturn.core.ports import Facts
from keyturn.model.assessment import Alternative, Assessment, Finding, Kind, Recoverable, Reversibility
from keyturn.model.change import READ_EFFECTS, Change, Effect, Operation, Principal, ResourceRef

_NAMES: Final = {
    Effect.READ: "dynamodb:GetItem",
    Effect.LIST: "dynamodb:ListTables",
    Effect.COMPUTE: "kms:Verify",
    Effect.JOB: "athena:StartQueryExecution",
    Effect.SECRET: "secretsmanager:GetSecretValue",
    Effect.TAG: "lambda:TagResource",
    Effect.CREATE: "sqs:CreateQueue",
    Effect.UPDATE: "lambda:UpdateFunctionConfiguration",
    Effect.PERMISSION: "iam:PutRolePolicy",
    Effect.EXECUTE: "ssm:SendCommand",
    Effect.REPLACE: "elasticbeanstalk:RebuildEnvironment",
    Effect.DELETE: "dynamodb:DeleteTable",
}


class Example(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is asked. `operation` defaults to a typical one of the effect, `floor` and `effects` to the effect itself."""

    effect: Effect
    effects: tuple[Effect, ...] = ()
    floor: Effect | None = None
    operation: str = ""
    then: tuple[str, ...] = ()  # further operations of the same change
    environment: str = "production"
    reversibility: Reversibility | None = None  # R0 for reads, R1 otherwise
    findings: tuple[Kind, ...] = ()
    codes: tuple[str, ...] = ()
    unknowns: int = 0
    data_bearing: bool = False
    backup: bool = False
    inverse: bool = False
    recover_s: int | None = None
    window_s: int | None = None  # of the service itself
    drilled: bool = False
    alternatives: bool = False
    agent: str = "kiro"
    operator: str = "maria"
    resource: str = "example:thing/orders"  # kind/id
    account: str = "123456789012"
    region: str = "eu-central-1"
    human: bool = False
    undo: bool = False
    frozen: bool = False
    reviewed: bool = False
    suggest_only: bool = False
    bounded: bool = False  # what is found of authority was read, and can change nobody's permissions

    def build(self) -> tuple[Change, Assessment, Facts]:
        """The values an engine is asked with."""
        return self.change(), self.assessment(), self.facts()

    def _resource(self) -> ResourceRef:
        kind, _, name = self.resource.partition("/")
        return ResourceRef(
            provider="aws", partition="aws", account=self.account, region=self.region, kind=kind, id=name
        )

    def change(self) -> Change:
        names = (self.operation or _NAMES[self.effect], *self.then)
        return Change(
            principal=Principal(agent=self.agent, session="s-1", operator=self.operator),
            surface="example",
            operations=tuple(self._operation(name) for name in names),
            received_at_ms=0,
            undoes="C-1" if self.undo else None,
        )

    def _operation(self, name: str) -> Operation:
        return Operation(
            provider="aws",
            name=name,
            parameters={},
            resources=(self._resource(),),
            floor=self.floor or self.effect,
            partition="aws",
            account=self.account,
            region=self.region,
        )

    def assessment(self) -> Assessment:
        harmless = Reversibility.R0 if self.effect in READ_EFFECTS else Reversibility.R1
        recoverable = Recoverable(
            resource=self._resource(),
            backup=self.backup,
            inverse=self.inverse,
            recover_s=self.recover_s,
            window_s=self.window_s,
            drilled_at_ms=0 if self.drilled else None,
        )
        way = Alternative(operations=(), commands=("aws ...",), why="in place", lost="nothing", exact=False)
        return Assessment(
            effect=self.effect,
            effects=self.effects or (self.effect,),
            reversibility=self.reversibility or harmless,
            environment=self.environment,
            state_digest="",
            recover_s=self.recover_s,
            data_bearing=self.data_bearing,
            data_at_risk="10,000 items" if Kind.DATA_LOSS in self.findings else "",
            recoverable=(recoverable,),
            findings=(
                *(self._finding(kind, f"EX-{kind.upper()}") for kind in self.findings),
                *(self._finding(Kind.NOTE, code) for code in self.codes),
            ),
            alternatives=(way,) if self.alternatives else (),
            unknowns=tuple(f"fact {number} could not be read" for number in range(self.unknowns)),
        )

    def _finding(self, kind: Kind, code: str) -> Finding:
        return Finding(
            code=code,
            kind=kind,
            message=f"an example of {kind.replace('_', ' ')}",
            effect=self.effect,
            reversibility=self.reversibility or Reversibility.R1,
            evidence={"bounded": True} if self.bounded and kind is Kind.DELEGATED_AUTHORITY else {},
        )

    def facts(self) -> Facts:
        return Facts(
            human=self.human,
            undo=self.undo,
            frozen=self.frozen,
            suggest_only=self.suggest_only,
            reviewed=self.reviewed,
        )
