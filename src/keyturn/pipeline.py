"""Pure answers to what a case asks: the decision with what reviewers are asked, and what the agent is told.

Assessment is the provider's, the verdict is policy's; here they meet. Nothing here does I/O: ids and times come in.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from keyturn.core import sequences
from keyturn.core.people import People
from keyturn.core.ports import Assessing, Captures, Facts, PolicyEngine
from keyturn.core.quorum import least, resolved
from keyturn.core.review import NOBODY, unmet
from keyturn.core.sequences import Earlier
from keyturn.model import record as r
from keyturn.model.assessment import (
    Alternative,
    Assessment,
    Dependent,
    Finding,
    Kind,
    Recoverable,
    Reversibility,
)
from keyturn.model.change import Change, Effect, Operation
from keyturn.model.decision import Decision, Obligations, Reason, Verdict
from keyturn.model.quorum import Of, Quorum
from keyturn.model.radius import Fate, Radius
from keyturn.model.rehearsal import Record
from keyturn.model.review import Review, ReviewRequest

SAID_CHARS_MAX: Final = 4_000
"""What an agent is told: SDKs show an error message whole, terminals and context windows do not thank for more."""

COSTS_SAID_MAX: Final = 4
"""Kinds of cost that an agent is told of; the page has every property's."""

WORDS_CHARS_MAX: Final = 500
"""Of a reviewer's own words an agent is told so many: advice, no essay."""

NO_BACKUP: Final = "Policy requires a verified backup first, and none can be taken: {why}. Even approved, the call would not leave."

_WORST_FIRST: Final = (
    Kind.REPLACE,
    Kind.DATA_LOSS,
    Kind.BACKUP_STRIP,
    Kind.PROTECTION_STRIP,
    Kind.OVERWRITE,
    Kind.DELEGATED_AUTHORITY,
    Kind.EXPOSURE,
    Kind.OUTAGE,
    Kind.BLIND,
    Kind.OPAQUE,
    Kind.SECRET,
    Kind.NOTE,
)


def with_radius(assessing: Assessing, radius: Radius) -> Assessing:
    """The assessment with the walk: who relies directly on what goes stands beside what captures met on their way."""
    assessment = assessing.assessment
    gone = {node.resource for node in radius.nodes if node.fate is not Fate.RELIES}
    edges = {(edge.resource, edge.on): edge for edge in assessment.blast_radius}
    for link in radius.links:
        if link.on in gone and link.resource not in gone:
            edges.setdefault((link.resource, link.on), Dependent(link.resource, link.relation, link.on))
    known = msgspec.structs.replace(assessment, radius=radius, blast_radius=tuple(edges.values()))
    return msgspec.structs.replace(assessing, assessment=known)


def with_rehearsal(assessing: Assessing, record: Record) -> Assessing:
    """The assessment with what each step was found to be where it was rehearsed: later steps stand on what earlier ones did, and
    nobody can see that in what stands live. It can only be worse by it.

    Where both found the same, what stands live is said: a copy has no data, and its counts are nought. What does not stand live is made by
    the plan itself, so there is nothing of it to be saved beforehand or given back.
    """
    assessment = assessing.assessment
    live = {(finding.code, finding.resources): finding for finding in assessment.findings}
    steps = tuple(
        msgspec.structs.replace(
            made.shown,
            findings=tuple(live.get((one.code, one.resources), one) for one in made.shown.findings),
        )
        for made in record.steps
    )
    further = {
        (finding.code, finding.resources): finding
        for step in steps
        for finding in step.findings
        if (finding.code, finding.resources) not in live
    }
    absent = {name for name, state in record.base.items() if state is None}
    worse = msgspec.structs.replace(
        assessment,
        effect=max((assessment.effect, *(step.effect for step in steps)), key=lambda one: one.severity),
        reversibility=max((assessment.reversibility, *(step.reversibility for step in steps))),
        findings=(*assessment.findings, *further.values()),
        recoverable=tuple(one for one in assessment.recoverable if str(one.resource) not in absent),
        rehearsed=steps,
    )
    return msgspec.structs.replace(assessing, assessment=worse)


def decide(
    engine: PolicyEngine,
    change: Change,
    assessment: Assessment,
    facts: Facts,
    *,
    streamed_unhashed: bool = False,
) -> Decision:
    """Policy's answer, made safe: what cannot be bound to an approval is denied with advice; observe mode is marked."""
    decision = engine.answer(change, assessment, facts)
    if decision.verdict is Verdict.HOLD and streamed_unhashed:
        reason = Reason(
            policy="keyturn.unhashed-body",
            message="the body is streamed without a digest, so that no approval could be bound to it; "
            "send it with x-amz-content-sha256 (the SDKs' default), or as a file",
        )
        decision = msgspec.structs.replace(
            decision, verdict=Verdict.DENY, reasons=(*decision.reasons, reason)
        )
    if change.rehearsed and decision.verdict is Verdict.ALLOW:
        reason = Reason(
            policy="keyturn.rehearsed",
            message="policy lets each step through; the plan of a rehearsal waits for a person all the same",
        )
        decision = msgspec.structs.replace(
            decision, verdict=Verdict.HOLD, reasons=(*decision.reasons, reason)
        )
    if (
        change.drops
    ):  # what is removed is a backup: none is taken of it, and nothing stands that could be captured
        duties = msgspec.structs.replace(
            decision.obligations, backup=False, capture=False, restore_on_failure=False
        )
        decision = msgspec.structs.replace(decision, obligations=duties)
    if facts.observe:
        decision = msgspec.structs.replace(decision, enforced=False)
    return decision


def internal_doubt(detail: str, policy_digest: str) -> Decision:
    """What is decided when something of ours failed: never ALLOW, and the reason is said."""
    reason = Reason(policy="keyturn.internal", message=f"Keyturn could not decide and fails closed: {detail}")
    return Decision(
        verdict=Verdict.DENY,
        reasons=(reason,),
        obligations=Obligations(),
        policy_digest=policy_digest,
        errors=(detail,),
    )


def kept_out(why: str, policy_digest: str) -> Decision:
    """What is decided of what nobody who comes through the plane may reach, whatever policy says."""
    return Decision(
        verdict=Verdict.DENY,
        reasons=(Reason(policy="keyturn.kept-out", message=why),),
        obligations=Obligations(),
        policy_digest=policy_digest,
    )


def ask_reviewers(
    case_id: str,
    revision: int,
    change: Change,
    assessment: Assessment,
    decision: Decision,
    *,
    requesters: tuple[str, ...],
    excluded: tuple[str, ...],
    at_ms: int,
    deadline_ms: int,
    nonce: str,
    remind_s: int = 0,
    people: People = NOBODY,
    no_backup: str = "",
    keep_days: int | None = None,
) -> ReviewRequest:
    """What an approval will bind to, frozen now. A hold without a stated quorum asks for one reviewer.

    `no_backup`: why no backup could be taken, and `keep_days`: how long it would be kept, which count where policy asks for one.
    """
    duties = decision.obligations
    left_ms = deadline_ms - at_ms
    request = ReviewRequest(
        case_id=case_id,
        revision=revision,
        change_digest=change.digest,
        state_digest=assessment.state_digest,
        assessment_digest=assessment.digest,
        policy_digest=decision.policy_digest,
        requesters=requesters,
        excluded=excluded,
        quorum=max(1, duties.quorum),
        deadline_ms=deadline_ms,
        nonce=nonce,
        signed=decision.obligations.signed,
        needs=_needs(decision, people.teams_of(excluded)),
        environment=assessment.environment if duties.needs else "",
        escalate_at_ms=at_ms + duties.escalate_s * 1000 if duties.escalate_s else 0,
        remind_at_ms=deadline_ms - min(remind_s * 1000, left_ms // 2) if remind_s else 0,
        break_glass=duties.break_glass,
        no_backup=no_backup if duties.backup else "",
        keep_days=keep_days if duties.backup else None,
    )
    return msgspec.structs.replace(request, unmet=unmet(request, people, at_ms=at_ms))


def _needs(decision: Decision, owners: tuple[str, ...]) -> tuple[Quorum, ...]:
    """Every policy's tree, each to be met by itself; a plain number that asks for more people than any of them stands beside them."""
    needs = tuple(resolved(tree, owners) for tree in decision.obligations.needs)
    most = max((least(tree) for tree in needs), default=0)
    if needs and decision.obligations.quorum > most:
        return (*needs, Of(decision.obligations.quorum))
    return needs


def spoken(text: str) -> str:
    """A person's words as an agent may read them: one line, nothing invisible, not endless. No line of ours can be imitated in it."""
    shown = "".join(
        char
        if unicodedata.category(char)[0] != "C" and unicodedata.category(char) not in {"Zl", "Zp"}
        else " "
        for char in text
    )
    one_line = " ".join(shown.split())
    return one_line if len(one_line) <= WORDS_CHARS_MAX else f"{one_line[: WORDS_CHARS_MAX - 1]}…"


def in_their_words(reviews: Iterable[Review]) -> str:
    """What reviewers said an agent should do instead, marked as theirs; empty where they said nothing."""
    return "\n".join(
        f"Reviewer {review.reviewer} says: “{spoken(review.guidance)}”"
        for review in reviews
        if not review.approve and review.guidance
    )


def say(
    case_id: str,
    url: str,
    change: Change,
    assessing: Assessing,
    decision: Decision,
    request: ReviewRequest | None = None,
) -> str:
    """What an agent is told of a change that does not go through, by the one template (docs/concepts/rules.md, "Telling an agent no").

    Case and page; effect and finding in one sentence; what would be allowed now; the narrow patch; last, when it is
    exact, one machine-readable line ``try: <command>``. The commands hold the agent's own values and nobody else's.
    """
    assessment = assessing.assessment
    lines = [
        _headline(case_id, url, decision, request.needs if request else ()),
        f"As things stand {request.unmet}." if request and request.unmet else "",
        NO_BACKUP.format(why=request.no_backup) if request and request.no_backup else "",
        _effect_sentence(change, assessment),
        _why(decision),
    ]
    exact = next((alternative for alternative in assessment.alternatives if alternative.exact), None)
    if exact is not None and assessing.reply_commands:
        lines.append(f"Narrower{_verdict(exact)}, and lost on it: {exact.lost}. {exact.why}")
        lines += [f"Costs: {said}" for said in (costs_said(exact),) if said]
        lines += [f"try: {command}" for command in assessing.reply_commands]
    elif exact is not None:
        lines.append(exact.why)
    else:
        lines += [
            f"In place instead: {', '.join(alternative.commands)}. {alternative.why}"
            if alternative.commands
            else alternative.why
            for alternative in assessment.alternatives[:3]
        ]
    if any(finding.code == sequences.MANY_CODE for finding in assessment.findings):
        lines.append(
            "One by one they are as many reviews. Where the service takes several in one request, send one: it is one review."
        )
    if assessment.unknowns:
        lines.append("Could not be determined: " + "; ".join(assessment.unknowns[:3]))
    return "\n".join(line for line in lines if line)[:SAID_CHARS_MAX]


def _verdict(way: Alternative) -> str:
    """What the advisor makes of it, as it stands behind *Narrower*: certainly a patch, or what is in doubt."""
    because = f", {'; '.join(way.because)}" if way.because else ""
    return f" ({way.verdict}{because})" if way.verdict else ""


def costs_said(way: Alternative) -> str:
    """What each property costs on a narrower way, properties of one cost together; empty where nothing is said of any."""
    paths: dict[str, list[str]] = {}
    for one in way.costs:
        paths.setdefault(one.cost, []).append(one.path)
    said = [f"{', '.join(dict.fromkeys(of))} ({cost})" for cost, of in paths.items()]
    more = f"; and {len(said) - COSTS_SAID_MAX} more" if len(said) > COSTS_SAID_MAX else ""
    return "; ".join(said[:COSTS_SAID_MAX]) + more


def _headline(case_id: str, url: str, decision: Decision, needs: tuple[Quorum, ...]) -> str:
    quorum = decision.obligations.quorum or 1
    match decision.verdict:
        case Verdict.HOLD:
            people = "1 reviewer who does" if quorum == 1 else f"{quorum} reviewers who do"
            if needs:
                people = f"{'; and for '.join(str(tree) for tree in needs)}, who do"
            return (
                f"Keyturn holds this as case {case_id} for {people} not run this agent: {url} "
                "(nothing was executed; send the same request again after approval; variants get the same answer)"
            )
        case Verdict.SUGGEST:
            return f"Keyturn recorded this as proposal {case_id} for people to act on: {url} (nothing was executed)"
        case _:
            return f"Keyturn denies this, case {case_id}: {url} (nothing was executed; do not ask again in other words)"


def _effect_sentence(change: Change, assessment: Assessment) -> str:
    names = " then ".join(operation.name for operation in change.operations)
    targets = ", ".join(str(resource) for resource in change.resources[:3])
    risk = f"; at risk: {assessment.data_at_risk}" if assessment.data_at_risk else ""
    finding = worst_finding(assessment)
    because = f" {finding}" if finding else ""
    return f"Effect: {assessment.effect} of {targets} in {assessment.place} by {names}{risk}.{because}"


def worst_finding(assessment: Assessment) -> str:
    """The message of the finding a tired person should read first; empty without findings."""
    ranked = sorted(assessment.findings, key=lambda finding: _WORST_FIRST.index(finding.kind))
    return ranked[0].message if ranked else ""


def _why(decision: Decision) -> str:
    reasons = "; ".join(f"{reason.message} [{reason.policy}]" for reason in decision.reasons[:2])
    return f"Policy: {reasons}" if reasons else ""


def in_sequence(change: Change, assessing: Assessing, earlier: tuple[Earlier, ...]) -> Assessing:
    """The assessment beside what the session did before: it can only worsen."""
    counts = {
        ref: int(state["items"])
        for ref in change.resources
        if isinstance(state := assessing.captures.states.get(str(ref)), dict)
        and isinstance(state.get("items"), int)
    }
    findings = sequences.found(change, assessing.assessment, earlier, counts, assessing.numbered)
    return msgspec.structs.replace(assessing, assessment=sequences.raised(assessing.assessment, findings))


def with_drills(assessing: Assessing, drills: Mapping[str, r.Drilled]) -> Assessing:
    """What was measured stands for what was estimated: a kind that a drill gave back, equal, is drilled, and comes back in that time.
    A drill that failed since takes it away again.
    """
    told = tuple(_drilled(item, drills.get(item.resource.kind)) for item in assessing.assessment.recoverable)
    if told == assessing.assessment.recoverable:
        return assessing
    times = [item.recover_s for item in told]
    known = [seconds for seconds in times if seconds is not None]
    total = sum(known) if len(known) == len(times) else None
    assessment = msgspec.structs.replace(assessing.assessment, recoverable=told, recover_s=total)
    return msgspec.structs.replace(assessing, assessment=assessment)


def _drilled(item: Recoverable, drill: r.Drilled | None) -> Recoverable:
    if (
        drill is None
        or drill.result != "equal"
        or drill.restore_ms is None
        or item.inverse
        or not item.backup
    ):
        return item
    seconds = max(1, -(-drill.restore_ms // 1000))
    return msgspec.structs.replace(item, recover_s=seconds, drilled_at_ms=drill.at_ms)


def read_assessment(operation: Operation) -> Assessing:
    """The assessment of what only reads: the catalogue's floor, and nothing looked at."""
    assessment = Assessment(
        effect=operation.floor,
        effects=(operation.floor,),
        reversibility=Reversibility.R0,
        environment="unknown",
        state_digest="",
    )
    return Assessing(assessment=assessment, captures=Captures(states={}))


def empty_assessment(change: Change, why: str) -> Assessing:
    """The assessment of what could not be assessed: the worst, with the reason."""
    finding = Finding(
        code="KEYTURN001",
        kind=Kind.OPAQUE,
        message=f"This could not be assessed: {why}.",
        effect=Effect.EXECUTE,
        reversibility=Reversibility.R4,
        resources=change.resources,
    )
    floor = max((operation.floor for operation in change.operations), key=lambda effect: effect.severity)
    assessment = Assessment(
        effect=max(floor, Effect.EXECUTE, key=lambda effect: effect.severity),
        effects=(floor, Effect.EXECUTE),
        reversibility=Reversibility.R4,
        environment="unknown",
        state_digest="",
        findings=(finding,),
        unknowns=(why,),
    )
    return Assessing(assessment=assessment, captures=Captures(states={}, unknowns=(why,)))
