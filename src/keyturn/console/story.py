"""The story of a case: every event of its log in a few words, for people who were not there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from keyturn.console.text import visible
from keyturn.core import freezing, proposals
from keyturn.model import record as r
from keyturn.model import reviewing as rv
from keyturn.model.change import Change
from keyturn.model.execution import Outcome
from keyturn.model.record import Entry
from keyturn.model.words import counted

READS_NAMED_MAX: Final = 5
"""A batch holds hundreds of reads of few kinds."""


def line(entry: Entry, event: r.Event | None = None) -> dict[str, Any]:
    """One entry: when, what, and the words that matter. `event` is the entry's, where it was read already."""
    event = event or entry.event()
    tag = str(type(event).__struct_config__.tag)
    return {
        "seq": entry.seq,
        "at_ms": event.at_ms,
        "event": tag,
        "name": NAMES.get(tag, tag.replace("_", " ")),
        "said": visible(said(event)),
        "case": entry.case_id,
    }


MILESTONES: Final = {
    "received": "asked",
    "assessed": "assessed",
    "decided": "decided",
    "reviewed": "reviewed",
    "execute_asked": "execution asked for",
    "claimed": "claimed",
    "backed_up": "backed up",
    "proved": "proved anew",
    "sent": "sent",
    "answered": "answered",
    "verified": "verified",
    "restored": "given back",
    "undone": "taken back",
    "withdrawn": "withdrawn",
    "expired": "expired",
    "invalidated": "void",
    "halted": "halted",
    "prepare_failed": "no backup",
    "proof_failed": "not proved",
}
"""The stations of a case, in the words of its page."""


NAMES: Final = {
    "attached": "client waits",
    "detached": "client left",
    "received": "asked",
    "decided": "policy decided",
    "joined": "more was asked",
    "execute_asked": "execution asked for",
    "claimed": "claimed, once",
    "step_intended": "step begins",
    "step_ended": "step ended",
    "sent": "call leaves",
    "verify_begun": "outcome is read",
    "undone": "taken back",
    "review_claimed": "somebody looks at it",
    "review_released": "nobody looks at it",
    "reminded": "time is nearly over",
    "escalated": "nobody took it on",
    "voided": "approval void",
    "narrowed": "operations taken out",
    "glass_broken": "break-glass",
    "glass_reviewed": "looked at afterwards",
}
"""Events whose tag is not what people call it."""


def timed(entries: Iterable[Entry]) -> list[dict[str, Any]]:
    """The lines of a case, each with how long after the one before it came."""
    lines: list[dict[str, Any]] = []
    for entry in entries:
        made = line(entry)
        lines.append(made | {"took_ms": made["at_ms"] - lines[-1]["at_ms"] if lines else 0})
    return lines


def milestones(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The stations among them, each with the time since the one before: where the time of a change went."""
    found: list[dict[str, Any]] = []
    for one in lines:
        if one["event"] in MILESTONES:
            since = one["at_ms"] - found[-1]["at_ms"] if found else 0
            name = MILESTONES[one["event"]]
            found.append({"name": name, "at_ms": one["at_ms"], "took_ms": since, "event": one["event"]})
    return found


def said(event: r.Event) -> str:
    """What the event says beside its name; empty where the name says it all."""
    return (
        _before_the_call(event)
        or _people(event)
        or _reviewing(event)
        or _from_the_call_on(event)
        or _plane(event)
        or _among_people(event)
    )


def _before_the_call(event: r.Event) -> str:
    match event:
        case r.Received(change=change) | r.Joined(change=change):
            return _operations(change)
        case r.Assessed(assessment=found):
            return f"{found.effect}{f'; at risk: {found.data_at_risk}' if found.data_at_risk else ''}"
        case r.Decided(decision=decision):
            quorum, needs = decision.obligations.quorum, decision.obligations.needs
            people = f", {counted(quorum, 'reviewer')}" if quorum else ""
            if needs:
                people = f", {'; and '.join(str(tree) for tree in needs)}"
            return f"{decision.verdict}{people}"
        case r.Invalidated(what=what, detail=detail):
            return f"{what}: {detail}" if detail else what
        case r.Expired(what=what):
            return "nobody decided in time" if what == "review" else "it was not executed in time"
        case r.Claimed(verdict=verdict):
            return f"policy, asked again: {verdict}"
        case r.StepIntended(recipe=recipe, call=call):
            return f"{recipe}: {call.operation}"
        case r.StepEnded(status=status, detail=detail):
            return f"{status} {detail}".strip()
        case r.BackedUp(backups=backups):
            return "; ".join(f"{one.resource.id}: {one.verified_by or 'not proved'}" for one in backups)
        case r.PrepareFailed(detail=detail):
            return detail
        case r.Proved(steps=steps):
            return f"all {len(steps)} steps hold"
        case r.ProofFailed(steps=steps):
            failed = (f"{step.name}: {step.detail}" for step in steps if not step.holds)
            return "; ".join(failed) or "no step says why"
    return ""


def _people(event: r.Event) -> str:
    match event:
        case r.Reviewed(review=review):
            verb = "approves" if review.approve else "denies"
            whose = f" (in the place of {', '.join(review.behalf)})" if review.behalf else ""
            said = "; ".join(word for word in (review.note, review.guidance) if word)
            return f"{review.reviewer}{whose} {verb}{f': {said}' if said else ''}"
        case r.ReviewRefused(reviewer=reviewer, message=message):
            return f"{reviewer} is refused: {message}"
        case r.Withdrawn(by=by, reason=reason):
            return f"by {by}{f': {reason}' if reason else ''}"
        case r.Settled(by=by, succeeded=succeeded, note=note):
            outcome = "it took effect" if succeeded else "it did not take effect"
            return f"{by} looked: {outcome}{f': {note}' if note else ''}"
        case r.ExecuteAsked(by=by) | r.Halted(by=by):
            return f"by {by}"
        case r.Undone(by_case=by_case):
            return f"by {by_case}" if by_case else "no longer: that was itself taken back"
        case r.BackupRetired(by=by, by_case=by_case, reason=reason):
            return f"by {by} in {by_case}: {reason}"
        case r.TakenUp(by=by, from_node=gone):
            return f"by {by}{f', after {gone}' if gone else ''}"
    return ""


def _reviewing(event: r.Event) -> str:
    match event:
        case rv.ReviewClaimed(by=by, word=word, taken_from=before):
            return f"{by}{f', taken over from {before}: {word}' if before else ''}"
        case rv.ReviewReleased(by=by):
            return f"by {by}"
        case rv.Reminded():
            return "nobody has decided yet"
        case rv.Escalated(after_s=after_s):
            return f"after {after_s} s"
        case rv.Voided(reviewer=reviewer, why=why):
            return f"of {reviewer}: {why}"
        case rv.Narrowed(by=by, dropped=dropped):
            return f"{', '.join(dropped)}, by {by}"
        case rv.GlassBroken(by=by, reason=reason, told=told):
            return f"{by} acts in her own name ({', '.join(told)} told): {reason}"
        case rv.GlassReviewed(by=by, right=right, note=note):
            return f"{by}: {'it was right' if right else 'it was not right'}{f': {note}' if note else ''}"
    return ""


def _among_people(event: r.Event) -> str:
    match event:
        case rv.TeamChanged(team=team, members=members, by=by):
            names = ", ".join(member.person for member in members) or "nobody any more"
            return f"{team} is {names}, by {by}"
        case rv.AliasChanged(name=name, person=person, by=by):
            return f"{name} is {person or 'nobody any more'}, by {by}"
        case rv.AgentOwned(agent=agent, owners=owners, by=by):
            return f"{agent}: {', '.join(owners) or 'nobody'}, by {by}"
        case rv.Delegated(delegation=one):
            return f"{one.to} stands in for {one.person}{f': {one.reason}' if one.reason else ''}"
        case rv.DelegationEnded(person=person, to=to, by=by):
            return f"{to} for {person}, by {by}"
        case rv.Proposed(by=by, id=id_):
            return f"{id_}: {proposals.said(event)}, by {by}"
        case rv.ProposalDecided(by=by, id=id_, approved=approved, note=note, unreviewed=unreviewed):
            said = f"unreviewed: {unreviewed}" if unreviewed else "approved" if approved else "denied"
            return f"{id_}: {said}, by {by}{f': {note}' if note else ''}"
        case rv.ProposalRefused(by=by, id=id_, message=message):
            return f"{id_}, by {by}: {message}"
    return ""


def _from_the_call_on(event: r.Event) -> str:
    match event:
        case r.Sent(operation=number) if number:
            return f"operation {number + 1}"
        case r.Answered(outcome=outcome):
            return _outcome(outcome)
        case r.Reconciled(outcome=outcome, evidence=evidence):
            return f"{_outcome(outcome)}{f': {evidence}' if evidence else ''}"
        case r.Verified(result=result, detail=detail):
            return f"{result}{f': {detail}' if detail else ''}"
        case r.Restored(succeeded=succeeded, detail=detail, differences=differences):
            words = ["given back" if succeeded else "not given back", detail, *differences]
            return "; ".join(word for word in words if word)
    return ""


def _plane(event: r.Event) -> str:
    match event:
        case r.SessionOpened(session=session, agent=agent, operator=operator, suggest_only=suggest_only):
            return f"{session}: {agent} for {operator}{', may only suggest' if suggest_only else ''}"
        case r.SessionEnded(session=session, reason=reason):
            why = reason.rstrip(" :")  # who ended it, and perhaps why
            return f"{session}{f': {why}' if why else ''}"
        case r.HaltRaised(by=by, reason=reason, agent=agent):
            return f"by {by}{f', agent {agent} alone' if agent else ''}{f': {reason}' if reason else ''}"
        case r.HaltLifted(by=by, agent=agent):
            return f"by {by}{f', agent {agent}' if agent else ''}"
        case r.DrillBegun(resource=resource, scratch=scratch, by=by):
            return f"{resource} restored as {scratch.id}, asked for by {by}"
        case r.Drilled(resource=resource, result=result, detail=detail, restore_ms=restore_ms):
            took = f" in {restore_ms / 1000:.1f} s" if restore_ms is not None else ""
            return f"{resource}: {result}{took}{f': {detail}' if detail else ''}"
        case r.DrillSwept(removed=removed):
            return f"removed what drills had left behind: {', '.join(ref.id for ref in removed)}"
        case r.BackupExported(by=by, case=case):
            return f"of {case} by {by}, no longer sealed"
        case r.FreezeSet():
            return f"{event.freeze} of {freezing.said(event.environment, event.account)} by {event.by}: {event.reason}"
        case r.FreezeLifted(by=by, freeze=freeze, reason=reason):
            return f"{freeze} by {by}{f': {reason}' if reason else ''}"
        case r.ReadsForwarded(reads=reads):
            names = sorted({operation for _, _, operation, _, _ in reads})
            return f"{len(reads)}: {', '.join(names[:READS_NAMED_MAX])}"
        case r.PartsSent(parts=parts):
            cases = sorted({case_id for _, _, case_id, _, _, _ in parts})
            return f"{len(parts)}, of {', '.join(cases[:READS_NAMED_MAX])}"
        case r.RequestRefused(session=session, code=code, reason=reason, operation=operation):
            about = " ".join(word for word in (session, operation) if word)
            return f"{about}: {reason} [{code}]"
        case r.UserChanged(by=by, user=user, roles=roles, what=what):
            held = ", ".join(roles)
            return f"{user} {what}{f' as {held}' if held else ''} by {by}"
        case r.PasskeyChanged(by=by, user=user, what=what, name=name):
            return f"passkey {name} of {user} {what} by {by}"
        case r.TokenChanged(by=by, user=user, what=what, name=name, scopes=scopes):
            return f"token {name} of {user} ({', '.join(scopes)}) {what} by {by}"
        case r.IdentityMapped(issuer=issuer, subject=subject, user=user, roles=roles):
            held = ", ".join(roles)
            return f"{subject} of {issuer} is {user}{f' as {held}' if held else ''}"
        case r.AuthorityMade(by=by, fingerprint=fingerprint):
            return f"{fingerprint[:23]}… by {by}"
        case r.PolicyLoaded(packs=packs, policy_digest=policy_digest):
            return f"{', '.join(packs)} ({policy_digest[:19]})"
        case r.Started(version=version, mode=mode):
            return f"Keyturn {version}, {mode}"
    return ""


def _operations(change: Change) -> str:
    return ", ".join(operation.name for operation in change.operations)


def _outcome(outcome: Outcome) -> str:
    return " ".join(word for word in (str(outcome.status), outcome.error_code, outcome.detail) if word)
