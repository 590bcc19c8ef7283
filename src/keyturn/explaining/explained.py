"""What is said of a question: one value, one object of JSON."""

from __future__ import annotations

from typing import Any

import msgspec

from keyturn.explaining.asked import Asked
from keyturn.model.assessment import Assessment, Kind
from keyturn.model.change import READ_EFFECTS, Effect, Operation, ResourceRef
from keyturn.model.decision import Decision
from keyturn.policy.facts import is_production, undo_window_s
from keyturn.providers.aws import answers, catalogue
from keyturn.providers.aws.told_arns import container_arn, told_arn


class Explained(msgspec.Struct, frozen=True):
    """The assessment and the decision of one question, with the operation that weighs most among its own."""

    asked: Asked
    operation: Operation | None
    operations: tuple[Operation, ...]
    assessment: Assessment
    decision: Decision
    narrow: tuple[str, ...] = ()  # commands that can be run as they stand, with the asker's own values

    @property
    def destructive(self) -> bool:
        """Whether it takes away data, resources, protection or availability."""
        return self.assessment.destructive

    @property
    def data_loss(self) -> bool:
        """Whether data goes, or would where it stands."""
        found = self.assessment
        return bool(found.data_at_risk) or found.data_bearing or Kind.DATA_LOSS in found.kinds

    @property
    def production(self) -> bool:
        return is_production(self.assessment.environment)

    def row(self) -> dict[str, Any]:
        """As JSON; docs/guides/explain.md says what each key holds."""
        found, decision, operation = self.assessment, self.decision, self.operation
        row: dict[str, Any] = {
            "service": operation.service if operation else None,
            "operation": operation.action if operation else None,
            "effect": found.effect.value,
            "effects": [effect.value for effect in found.effects],
            "destructive": self.destructive,
            "reversibility": found.reversibility.value,
            "data_loss": self.data_loss,
            "resources": self._resources(),
            "findings": [
                {
                    "code": finding.code,
                    "message": finding.message,
                    "kind": finding.kind.value,
                    "source": finding.source,
                }
                for finding in found.findings
            ],
            "unknowns": list(found.unknowns),
            "narrow": self._narrow(),
            "verdict": decision.verdict.value,
            "policies": [{"id": reason.policy, "message": reason.message} for reason in decision.reasons],
            "environment": found.environment,
            "environment_said": [str(one) for one in found.environment_heard],
            "production": self.production,
            "lost": found.data_at_risk,
            "recover_s": found.recover_s,
            "undo_window_s": undo_window_s(found),
        }
        if operation is not None:
            entry = catalogue.lookup(operation.service, operation.action)
            row |= {"confidence": entry.confidence, "sources": list(entry.sources)}
            row["mark"], row["why"] = entry.mark, entry.reason
            beside = (operation.floor, *entry.also) if found.effect not in READ_EFFECTS else ()
            held = [Effect.SECRET] if self._shows_a_secret(operation.name) else []
            effects = (effect.value for effect in (*beside, *held))
            row["effects"] = list(dict.fromkeys([*row["effects"], *effects]))
        if len(self.operations) > 1:
            row["operations"] = [one.name for one in self.operations]
        if self.asked.spelled:
            row["command"] = list(self.asked.spelled)
        if self.asked.note:
            row["note"] = self.asked.note
        return row

    def _shows_a_secret(self, name: str) -> bool:
        """Whether its answer holds a secret: also where the gateway rewrites or covers it, so that it does not get out."""
        said = answers.of(name)
        found = any(finding.kind is Kind.SECRET for finding in self.assessment.findings)
        return found or bool(said.triples or said.secrets) or name in answers.links()

    def _resources(self) -> list[dict[str, str]]:
        told: dict[ResourceRef, dict[str, str]] = {}
        for operation in self.operations:
            for ref in operation.resources:
                if ref not in told:
                    told[ref] = _resource(ref, operation)
        return list(told.values())

    def _narrow(self) -> dict[str, Any] | None:
        if not self.assessment.alternatives:
            return None
        first = next(
            (one for one in self.assessment.alternatives if one.exact), self.assessment.alternatives[0]
        )
        commands = list(self.narrow) if first.exact and self.narrow else list(first.commands)
        return {"commands": commands, "exact": first.exact, "why": first.why, "lost": first.lost}


def _resource(ref: ResourceRef, operation: Operation) -> dict[str, str]:
    asked = (operation.service, operation.action, operation.parameters)
    own = told_arn(ref, *asked)
    arn = own or container_arn(ref, *asked)
    return {
        "arn": arn,
        "scope": "resource" if own else "container" if arn else "account",
        "type": ref.kind,
        "id": ref.id,
        "account": ref.account,
        "region": ref.region,
    }
