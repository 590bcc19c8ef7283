"""A change in a few words: what pack tests, the canary and the bench ask policy about.

Everything that is not said has the most harmless value, so that a case states what matters and nothing else.
"""

from __future__ import annotations

from typing import Final

import msgspec

from keyturn.core.ports import Facts
from keyturn.model.assessment import Alternative, Assessment, Finding, Kind, Recoverable, Reversibility
from keyturn.model.change import READ_EFFECTS, Change, Effect, Operation, Principal, ResourceRef
from keyturn.model.radius import Capacity, Fate, Node, Radius, Share

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
    vaulted: bool = False  # and its backup in the vault account too
    inverse: bool = False
    recover_s: int | None = None
    window_s: int | None = None  # of the service itself
    drilled: bool = False
    alternatives: bool = False
    resources: int = 1  # how many it names: the one, and others with a number behind its name
    dependents: int = 0  # who relies on it
    share: int | None = None  # percent of its population that it takes
    serving: tuple[int, int] | None = None  # how many serve now, and how many would
    looked: bool = True  # whether anybody could look; only said of a radius
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

    def _all(self) -> tuple[ResourceRef, ...]:
        one = self._resource()
        others = (
            msgspec.structs.replace(one, id=f"{one.id}-{number}") for number in range(2, self.resources + 1)
        )
        return (one, *others)

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
            resources=self._all(),
            floor=self.floor or self.effect,
            partition="aws",
            account=self.account,
            region=self.region,
        )

    def assessment(self) -> Assessment:
        harmless = Reversibility.R0 if self.effect in READ_EFFECTS else Reversibility.R1
        recoverable = tuple(
            Recoverable(
                resource=one,
                backup=self.backup,
                vaulted=self.vaulted,
                inverse=self.inverse,
                recover_s=self.recover_s,
                window_s=self.window_s,
                drilled_at_ms=0 if self.drilled else None,
            )
            for one in self._all()
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
            recoverable=recoverable,
            findings=(
                *(self._finding(kind, f"EX-{kind.upper()}") for kind in self.findings),
                *(self._finding(Kind.NOTE, code) for code in self.codes),
            ),
            alternatives=(way,) if self.alternatives else (),
            radius=self._radius(),
            unknowns=tuple(f"fact {number} could not be read" for number in range(self.unknowns)),
        )

    def _radius(self) -> Radius | None:
        if not self.looked:
            return Radius(cut=("nobody could look",))
        if not self.dependents and self.share is None and self.serving is None:
            return None
        gone = self._resource()
        relying = tuple(
            Node(
                msgspec.structs.replace(gone, id=f"{gone.id}-{number}"),
                Fate.RELIES,
                1,
                environment=self.environment,
            )
            for number in range(self.dependents)
        )
        shares = (Share("all of its kind", gone.kind, self.share, 100),) if self.share is not None else ()
        floors = (Capacity(gone, "healthy targets", *self.serving),) if self.serving is not None else ()
        return Radius(nodes=(Node(gone, Fate.GOES, 0), *relying), shares=shares, capacities=floors)

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
