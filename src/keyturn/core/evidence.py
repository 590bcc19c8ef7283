"""Which cases somebody asks for, a sample of them that anybody can draw again, and what there is to check of each.

A sample is no draw of lots: of the population those are taken whose ``sha256(seed + ":" + case)`` is smallest. Who knows seed and
population finds the same cases, and nobody who does not choose the seed can steer which.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from keyturn.core.case import Case, Phase
from keyturn.core.proof import verified
from keyturn.core.review import met
from keyturn.model import record as r
from keyturn.model.record import EntryBody

SAMPLE_MAX: Final = 1_000
"""A larger sample is an export."""


class Filter(msgspec.Struct, frozen=True, omit_defaults=True):
    """Cases that were opened from `since_ms` until before `until_ms`, and so on; what is left out does not matter."""

    since_ms: int | None = None
    until_ms: int | None = None
    agent: str = ""
    verdict: str = ""  # of policy, the last time it was asked
    effect: str = ""
    account: str = ""
    cases: tuple[str, ...] = ()

    @property
    def everything(self) -> bool:
        """Whether it leaves nothing out."""
        return self == Filter()

    def said(self) -> dict[str, str]:
        """As people read it, with times in UTC."""
        times = {"since": self.since_ms, "until": self.until_ms}
        texts = {"agent": self.agent, "verdict": self.verdict, "effect": self.effect, "account": self.account}
        told = {name: _utc(at_ms) for name, at_ms in times.items() if at_ms is not None}
        return told | {name: text for name, text in (texts | {"cases": " ".join(self.cases)}).items() if text}

    def takes(self, case_id: str, about: About) -> bool:
        return (
            (not self.cases or case_id in self.cases)
            and (self.since_ms is None or about.opened_at_ms >= self.since_ms)
            and (self.until_ms is None or about.opened_at_ms < self.until_ms)
            and self.agent in {"", about.agent}
            and self.verdict in {"", about.verdict}
            and self.effect in {"", about.effect}
            and (not self.account or self.account in about.accounts)
        )


def _utc(at_ms: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at_ms // 1000))


ALL: Final = Filter()
"""Every case, and what happened to none."""


class About(msgspec.Struct):
    """What the log says of one case that it can be chosen by; filled while the log is read."""

    opened_at_ms: int
    agent: str = ""
    session: str = ""
    accounts: frozenset[str] = frozenset()
    verdict: str = ""
    effect: str = ""
    sent: bool = False
    entries: int = 0


class Index:
    """Every case of the log, by what it can be chosen by. Give it every entry, in order."""

    def __init__(self) -> None:
        self.cases: dict[str, About] = {}

    def see(self, body: EntryBody) -> None:
        """The next entry."""
        if not body.case:
            return
        event = body.event
        about = self.cases.setdefault(body.case, About(event.at_ms))
        about.entries += 1
        match event:
            case r.Received(change=change) | r.Joined(change=change):
                about.agent, about.session = change.principal.agent, change.principal.session
                about.accounts = frozenset(operation.account for operation in change.operations)
            case r.Assessed(assessment=assessment):
                about.effect = str(assessment.effect)
            case r.Decided(decision=decision):
                about.verdict = str(decision.verdict)
            case r.Sent():
                about.sent = True

    def chosen(self, wanted: Filter) -> dict[str, About]:
        """The cases that it takes, oldest first."""
        return {case_id: about for case_id, about in self.cases.items() if wanted.takes(case_id, about)}


def sampled(population: Iterable[str], count: int, seed: str) -> tuple[str, ...]:
    """`count` cases of the population, as the module says; all of them where there are fewer."""
    return tuple(sorted(population, key=lambda case_id: _lot(case_id, seed))[: max(0, count)])


def _lot(case_id: str, seed: str) -> str:
    return hashlib.sha256(f"{seed}:{case_id}".encode()).hexdigest()


def population_digest(population: Iterable[str]) -> str:
    """``sha256:`` over the cases' names, sorted, a line each: two who sample from the same population have the same."""
    return (
        "sha256:" + hashlib.sha256("".join(f"{name}\n" for name in sorted(population)).encode()).hexdigest()
    )


class Checked(msgspec.Struct, frozen=True):
    """One thing that is looked at in a case. `holds` is None where nothing asked for it."""

    holds: bool | None
    said: str


class Sampled(msgspec.Struct, frozen=True):
    """One case of a sample, with what an auditor asks of it."""

    case: str
    opened_at_ms: int
    agent: str
    operator: str
    operations: tuple[str, ...]
    resources: tuple[str, ...]
    verdict: str
    approvers: tuple[str, ...]
    quorum: int
    independent: Checked  # none who approved is who asked, or excluded
    same_change: Checked  # what was approved, and what the credential was made for, is what was sent
    state_read: Checked  # the state was read again before the call
    backup: Checked
    outcome: str

    @property
    def wrong(self) -> bool:
        """Whether something does not hold."""
        return any(
            one.holds is False for one in (self.independent, self.same_change, self.state_read, self.backup)
        )


class Sample(msgspec.Struct, frozen=True):
    """The cases, and what it takes to draw them again."""

    seed: str
    population: int  # cases that match and of which a call left
    population_digest: str
    in_log: int  # cases of the whole log
    log_entries: int
    filter: Filter
    cases: tuple[Sampled, ...]


def looked_at(case: Case) -> Sampled:
    """What an auditor asks of one case."""
    change, request = case.change, case.request
    return Sampled(
        case=case.id,
        opened_at_ms=case.opened_at_ms,
        agent=change.principal.agent if change else "",
        operator=change.principal.operator if change else "",
        operations=tuple(operation.name for operation in change.operations) if change else (),
        resources=tuple(str(resource) for resource in change.resources) if change else (),
        verdict=str(case.decision.verdict) if case.decision else "",
        approvers=case.approvals,
        quorum=request.quorum if request else 0,
        independent=_independent(case),
        same_change=_same_change(case),
        state_read=_state_read(case),
        backup=_backup(case),
        outcome=_OUTCOMES.get(case.phase, str(case.phase)),
    )


_OUTCOMES: Final[Mapping[Phase, str]] = {
    Phase.CONFIRMED: "confirmed",
    Phase.RESTORED: "failed, given back",
    Phase.RESTORE_FAILED: "failed, not given back",
}


def _independent(case: Case) -> Checked:
    request = case.request
    if request is None:
        observed = case.decision is not None and not case.decision.enforced
        return Checked(
            None, "observe mode: nobody was asked" if observed else "nobody had to: policy allowed it"
        )
    asking = {*request.excluded, case.change.principal.operator if case.change else ""}
    own = sorted(asking.intersection(case.approvals))
    if own:
        return Checked(holds=False, said=f"{', '.join(own)} asked for it, or is excluded")
    if (glass := case.glass) is not None:
        right = "right" if glass.right else "not right"
        after = (
            f"{glass.reviewed_by} looked at it afterwards: {right}"
            if glass.reviewed_by
            else "nobody looked at it since"
        )
        return Checked(holds=False, said=f"nobody approved it: {glass.by} broke the glass; {after}")
    found = met(request, (one for one in case.reviews if one.binding == request.digest))
    return Checked(found.reached, f"{found.text}; none of whom asked")


def _same_change(case: Case) -> Checked:
    change, request = case.change, case.request
    if change is None:
        return Checked(holds=False, said="there is no change on record")
    if request is not None:
        if request.change_digest != change.digest:
            return Checked(holds=False, said="another change was approved")
        if any(review.binding != request.digest for review in case.reviews if review.approve):
            return Checked(holds=False, said="an approval is for something else")
    if case.grant is not None and case.grant.change_digest != change.digest:
        return Checked(holds=False, said="the credential was made for another change")
    return Checked(holds=True, said=change.digest)


def _state_read(case: Case) -> Checked:
    for step in case.proof:
        if step.name == "state unchanged":
            return Checked(step.holds, step.detail)
    return Checked(holds=False, said="there is no proof on record")


def _backup(case: Case) -> Checked:
    if case.decision is None or not case.decision.obligations.backup or not case.decision.enforced:
        return Checked(None, "not asked for")
    if not case.backups:
        return Checked(holds=False, said="asked for, and there is none")
    bad = [str(backup.resource) for backup in case.backups if not verified(backup)]
    said = f"not verified: {', '.join(bad)}" if bad else "; ".join(one.verified_by for one in case.backups)
    return Checked(not bad, said)
