"""Why policy said what it said, and what would have to be different for it to say yes.

The second part is asked, not reasoned: facts are changed one at a time, then two, and the engine answers each time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations
from typing import Final

import msgspec
from msgspec.structs import replace

from keyturn.core.ports import Facts, PolicyEngine
from keyturn.model.assessment import Assessment, Kind, Recoverable, Reversibility
from keyturn.model.change import Change, Effect
from keyturn.model.decision import Decision, Verdict
from keyturn.model.words import counted
from keyturn.policy.facts import Asked, backup_possible, inverse_exists, is_production

WAYS_MAX: Final = 5
"""Ways shown: more is a list nobody reads."""


class Way(msgspec.Struct, frozen=True):
    """Facts that would make the answer ALLOW if they were so, as clauses: "if a backup could be taken"."""

    conditions: tuple[str, ...]
    decision: Decision


class Explanation(msgspec.Struct, frozen=True):
    """A decision and the ways to yes, shortest first; none found means that no one or two facts decide it."""

    decision: Decision
    ways: tuple[Way, ...]

    def text(self) -> str:
        """For people: the verdict, who said so and where, what must hold, what would make it go through."""
        decision = self.decision
        lines = [decision.verdict.value.upper()]
        lines += [
            f"  {reason.policy}" + (f" ({reason.source})" if reason.source else "") + f": {reason.message}"
            for reason in decision.reasons
        ]
        lines += [f"  error: {error}" for error in decision.errors]
        duties = list(_duties(decision))
        if duties:
            lines.append("  before it leaves: " + "; ".join(duties))
        if decision.verdict is not Verdict.ALLOW:
            lines.append("It would be allowed" if self.ways else "No one or two facts would make it allowed.")
            lines += ["  " + " and ".join(way.conditions) for way in self.ways]
        return "\n".join(lines)


def _duties(decision: Decision) -> Iterator[str]:
    duties = decision.obligations
    if duties.needs:
        yield "; and ".join(str(tree) for tree in duties.needs)
    elif duties.quorum:
        yield counted(duties.quorum, "reviewer")
    if duties.signed:
        yield "signed with a passkey"
    if duties.backup:
        yield (
            "a verified backup, and a copy of it in the vault account"
            if duties.vaulted
            else "a verified backup"
        )
    if duties.capture:
        yield "the state captured"
    if duties.window_s:
        yield f"within {duties.window_s} s of approval"


def explain(
    engine: PolicyEngine, change: Change, assessment: Assessment, facts: Facts | None = None
) -> Explanation:
    """Ask `engine`, and where it does not say ALLOW, ask what would."""
    asked = Asked(change, assessment, facts or Facts())
    decision = engine.answer(asked.change, asked.assessment, asked.facts)
    ways = () if decision.verdict is Verdict.ALLOW else tuple(_ways(engine, asked))[:WAYS_MAX]
    return Explanation(decision=decision, ways=ways)


Flip = tuple[str, Callable[[Asked], Asked]]


def _ways(engine: PolicyEngine, asked: Asked) -> Iterator[Way]:
    """Ways of one fact; ways of two only from facts that do not do it alone."""
    flips = list(_flips(asked))
    alone = set()
    for flip in flips:
        way = _try(engine, asked, (flip,))
        if way is not None:
            alone.add(flip[0])
            yield way
    rest = [flip for flip in flips if flip[0] not in alone]
    for pair in combinations(rest, 2):
        way = _try(engine, asked, pair)
        if way is not None:
            yield way


def _try(engine: PolicyEngine, asked: Asked, flips: tuple[Flip, ...]) -> Way | None:
    other = asked
    for _, flip in flips:
        other = flip(other)
    decision = engine.answer(other.change, other.assessment, other.facts)
    if decision.verdict is not Verdict.ALLOW:
        return None
    return Way(conditions=tuple(condition for condition, _ in flips), decision=decision)


def _flips(asked: Asked) -> Iterator[Flip]:
    """The facts worth changing here, those an agent or operator can bring about first."""
    change, assessment, facts = asked.change, asked.assessment, asked.facts
    if facts.suggest_only:
        yield "if the session might execute", _facts(suggest_only=False)
    if facts.frozen:
        yield "if no freeze were on", _facts(frozen=False)
    if assessment.effect.severity > Effect.UPDATE.severity or len(set(assessment.effects)) > 1:
        yield "if it were an update in place", _as_update
    if assessment.unknowns:
        yield "if every fact could be had", lambda s: _assessed(s, unknowns=())
    if not inverse_exists(change, assessment):
        yield "if it could be put back in place", _recoverable(backup=False)
    if not backup_possible(change, assessment):
        yield "if a backup could be taken", _recoverable(backup=True)
    if assessment.reversibility > Reversibility.R1:
        yield "if it were reversible", lambda s: _assessed(s, reversibility=Reversibility.R1)
    if assessment.data_bearing:
        yield "if no data hung on it", lambda s: _assessed(s, data_bearing=False, data_at_risk="")
    for kind in sorted(assessment.kinds - {Kind.NOTE}):
        yield f"if {kind.replace('_', ' ')} were not found", _without(kind)
    if is_production(assessment.environment):
        yield "if it were not production", lambda s: _assessed(s, environment="development")


def _assessed(asked: Asked, **changes: object) -> Asked:
    return replace(asked, assessment=replace(asked.assessment, **changes))


def _facts(**changes: bool) -> Callable[[Asked], Asked]:
    return lambda asked: replace(asked, facts=replace(asked.facts, **changes))


def _as_update(asked: Asked) -> Asked:
    """An update of the same resources that loses nothing: what the narrow patch would be."""
    gone = {Kind.REPLACE, Kind.DATA_LOSS}
    kept = tuple(finding for finding in asked.assessment.findings if finding.kind not in gone)
    operations = tuple(replace(operation, floor=Effect.UPDATE) for operation in asked.change.operations)
    return replace(
        _assessed(
            asked,
            effect=Effect.UPDATE,
            effects=(Effect.UPDATE,),
            reversibility=Reversibility.R1,
            findings=kept,
            data_at_risk="",
        ),
        change=replace(asked.change, operations=operations),
    )


def _recoverable(*, backup: bool) -> Callable[[Asked], Asked]:
    def able(asked: Asked) -> Asked:
        known = {item.resource: item for item in asked.assessment.recoverable}
        for ref in asked.change.resources:
            known.setdefault(ref, Recoverable(resource=ref, backup=False, inverse=False, recover_s=None))
        changed = (
            replace(item, backup=True) if backup else replace(item, inverse=True) for item in known.values()
        )
        return _assessed(asked, recoverable=tuple(changed))

    return able


def _without(kind: Kind) -> Callable[[Asked], Asked]:
    return lambda asked: _assessed(
        asked, findings=tuple(finding for finding in asked.assessment.findings if finding.kind is not kind)
    )
