"""The independent checker: reads only the account's journal, the durable log, and what people were told.

It shares no line with the core: no `advance`, no `judge`, no `prove`. Each rule gives what is wrong, in a sentence that begins with the case.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from itertools import product
from typing import Final

from keyturn.core.chain import broken_at
from keyturn.model import record as r
from keyturn.model.canonical import digest
from keyturn.model.change import Effect
from keyturn.model.decision import Decision, Verdict
from keyturn.model.execution import Outcome, OutcomeStatus
from keyturn.model.review import Review, ReviewRequest
from keyturn.runtime.interface import ReplyKind
from keyturn.testing.simulation import given_back_checker as given_back
from keyturn.testing.simulation import people_checker as among
from keyturn.testing.simulation.account import Happening
from keyturn.testing.simulation.history import OPERATOR, SETTINGS, History
from keyturn.testing.simulation.told import Evidence, Told


def check(history: History) -> list[str]:
    """Everything that is wrong with a history; empty when all rules hold."""
    if broken := broken_at(history.entries):
        return [f"the chain is broken: {broken}"]
    evidence = Evidence.of(history)
    return [
        *history.trouble,
        *among.check(evidence.order),
        *given_back.check(evidence),
        *(wrong for rule in RULES for wrong in rule(evidence)),
    ]


def _departures(evidence: Evidence) -> Iterator[tuple[int, str, str, str]]:
    """(moment, case, thing, token) of every call that left, steps of undos and drops included (their token is empty)."""
    for moment, happening in enumerate(evidence.history.journal):
        if happening.what == "left":
            yield moment, happening.case, happening.thing, happening.token
        if happening.what == "step" and happening.token in {"sim:Restore", "sim:DropBackup"}:
            yield moment, happening.case, happening.thing, ""


def _sent_before(told: Told, moment: int, token: str) -> tuple[int, r.Sent] | None:
    """The durable intent that covers a departure."""
    found = None
    for place, durable, event in told.events(r.Sent):
        if not isinstance(event, r.Sent):
            continue
        operations = told.change(place).operations
        mine = not token or operations[event.operation].parameters.get("token") == token
        if durable <= moment and mine:
            found = (place, event)
    return found


def intent_first(evidence: Evidence) -> Iterator[str]:
    """A call leaves only after its intent is durable."""
    for moment, case_id, thing, token in _departures(evidence):
        told = evidence.cases.get(case_id)
        if told is None or _sent_before(told, moment, token) is None:
            yield f"{case_id}: a call for {thing} left before its intent was durable"


def at_most_once(evidence: Evidence) -> Iterator[str]:
    """No operation of a case leaves twice, no step of a recipe is performed twice."""
    left: Counter[tuple[str, str, str]] = Counter()
    for happening in evidence.history.journal:
        if happening.what in {"left", "step"}:
            left[happening.case, happening.thing, happening.token] += 1
    yield from (
        f"{case}: {token} on {thing} left {count} times"
        for (case, thing, token), count in left.items()
        if count > 1
    )


def once_per_request(evidence: Evidence) -> Iterator[str]:
    """A request that was held takes effect once, however often it is sent; any request at most as often as it was sent."""
    took = Counter(happening.token for happening in evidence.history.journal if happening.what == "took")
    where: dict[str, list[Told]] = defaultdict(list)
    for told in evidence.cases.values():
        for operation in told.change().operations:
            where[operation.parameters.get("token", "")].append(told)
    for token, count in took.items():
        if count > evidence.history.submitted.get(token, 0):
            yield f"{token}: took effect {count} times, was sent {evidence.history.submitted.get(token)} times"
        if count > 1 and all(told.was_held for told in where[token]):
            yield f"{token}: was held, and took effect {count} times"


def decided_and_reviewed(evidence: Evidence) -> Iterator[str]:
    """What leaves was allowed, or held and approved by enough people who may, for exactly this, in time, with nobody against."""
    for moment, case_id, _, token in _departures(evidence):
        told = evidence.cases.get(case_id)
        sent = _sent_before(told, moment, token) if told else None
        if told is None or sent is None:
            continue
        found = told.decided(sent[0])
        if found is None:
            yield f"{case_id}: left without a decision"
            continue
        place, decision, request = found
        if not any(isinstance(line.event, r.Claimed) for line in told.lines[place : sent[0]]):
            yield f"{case_id}: left without a claim"
        if decision.verdict is Verdict.ALLOW:
            continue
        if decision.verdict is not Verdict.HOLD or request is None:
            yield f"{case_id}: left, though the decision was {decision.verdict}"
            continue
        if not any(place < at for at, _, _ in told.events(*among.AROUND)):
            yield from _reviewed(told, place, sent[0], decision, request)


def _reviewed(told: Told, place: int, sent: int, decision: Decision, request: ReviewRequest) -> Iterator[str]:
    change = told.change(sent)
    claimed = max(place for place, _, _ in told.events(r.Claimed) if place < sent)
    reviews = told.reviews(place, claimed)
    if any(not review.approve for review in reviews):
        yield f"{told.case_id}: left, though somebody said no"
    own = {change.principal.operator} if change.own_steps else {OPERATOR, change.principal.operator}
    people = {review.reviewer for review in reviews if _counts(review, request, own)}
    if len(people) < max(1, decision.obligations.quorum):
        yield f"{told.case_id}: left with {sorted(people)} of {decision.obligations.quorum}"
    if request.change_digest != change.digest:
        yield f"{told.case_id}: what left is not what was approved"


def _counts(review: Review, request: ReviewRequest, own: set[str]) -> bool:
    return (
        review.approve
        and review.binding == request.digest
        and review.at_ms < request.deadline_ms
        and review.reviewer not in own
    )


def state_read_last(evidence: Evidence) -> Iterator[str]:
    """Before a call leaves its thing was read and was as assessed: after the last yes where people approved, else after ours.

    A read counts whoever asked for it: between the last look and the call somebody else may change the thing, and be seen by others.
    """
    journal = evidence.history.journal
    for moment, happening in enumerate(journal):
        if happening.what != "left":
            continue
        told = evidence.cases.get(happening.case)
        sent = _sent_before(told, moment, happening.token) if told else None
        if told is None or sent is None or sent[1].operation > 0:
            continue
        if not _read_as_assessed(told, sent[0], journal[:moment]):
            named = ", ".join(ref.id for ref in told.change(sent[0]).resources)
            yield f"{told.case_id}: left, and {named} had not been read again as it was assessed"


def _read_as_assessed(told: Told, sent: int, journal: list[Happening]) -> bool:
    named = {ref.id: str(ref) for ref in told.change(sent).resources}
    since = {thing: max(_last_yes(told, sent), _last_taken(journal, thing)) for thing in named}
    read = [
        {one.value for one in journal[since[thing] :] if one.what == "read" and one.thing == thing}
        for thing in named
    ]
    assessed = told.assessed_digest(sent)
    return any(
        _state(dict(zip(named.values(), values, strict=True))) == assessed for values in product(*read)
    )


def undone_as_shown(evidence: Evidence) -> Iterator[str]:
    """An undo puts back what its plan showed and nothing else, on the state that it was decided and approved on."""
    journal = evidence.history.journal
    begun: set[str] = set()
    for moment, happening in enumerate(journal):
        told = evidence.cases.get(happening.case)
        if happening.token != "sim:Restore" or told is None or told.change().undoes is None:
            continue
        change = told.change()
        planned = {(one.parameters["name"], one.parameters["value"]) for one in change.operations}
        if (happening.thing, happening.value) not in planned:
            yield f"{told.case_id}: put {happening.thing} back as its plan does not show it"
        sent = _sent_before(told, moment, "")
        if told.case_id in begun or sent is None:
            continue
        begun.add(told.case_id)
        if not _read_as_assessed(told, sent[0], journal[:moment]):
            named = ", ".join(ref.id for ref in change.resources)
            yield f"{told.case_id}: put {named} back, and it had not been read again as it was approved"


def _state(values: dict[str, int | None]) -> str:
    return digest({name: None if value is None else {"value": value} for name, value in values.items()})


def _last_taken(journal: list[Happening], thing: str) -> int:
    """The moment after the last call of ours that changed the thing."""
    return max(
        (
            moment + 1
            for moment, one in enumerate(journal)
            if one.thing == thing and (one.what == "took" or one.token == "sim:Restore")
        ),
        default=0,
    )


def _last_yes(told: Told, sent: int) -> int:
    """The moment at which the last approval before the call became durable."""
    return max((moment for place, moment, _ in told.events(r.Reviewed) if place < sent), default=0)


def backed_up(evidence: Evidence) -> Iterator[str]:
    """Where a backup was obliged, it was taken and read back before the call left."""
    saved: dict[tuple[str, str], int | None] = {}
    for moment, happening in enumerate(evidence.history.journal):
        if happening.what == "step" and happening.token == "sim:Backup":
            saved[happening.case, happening.thing] = happening.value
        if happening.what != "took" or happening.detail == "Create":
            continue
        told = evidence.cases.get(happening.case)
        sent = _sent_before(told, moment, happening.token) if told else None
        found = told.decided(sent[0]) if told and sent else None
        if told is None or sent is None or found is None or not found[1].obligations.backup:
            continue
        if (happening.case, happening.thing) not in saved:
            yield f"{happening.case}: {happening.thing} was destroyed without the backup that was obliged"
        backups = [event.backups for _, _, event in told.events(r.BackedUp) if isinstance(event, r.BackedUp)]
        if not any(backup.verified_by for several in backups for backup in several):
            yield f"{happening.case}: the backup of {happening.thing} was never proved"


def halted_means_halted(evidence: Evidence) -> Iterator[str]:
    """After a halt was acknowledged nothing leaves until it is lifted."""
    halted = False
    for happening in evidence.history.journal:
        if happening.what in {"halted", "lifted"}:
            halted = happening.what == "halted"
        if halted and happening.what == "left":
            yield f"{happening.case}: left while everything was halted"


def stricter_policy_counts(evidence: Evidence) -> Iterator[str]:
    """What policy would no longer let through when it was to be sent does not leave; what had begun goes on."""
    tightened = next((one.at_ms for one in evidence.history.journal if one.what == "tightened"), None)
    if tightened is None:
        return
    for told in evidence.cases.values():
        for line in told.lines:
            if isinstance(line.event, r.Sent) and not line.event.operation and line.event.at_ms > tightened:
                change, decided = told.change(), told.decided()
                deletes = {operation.floor for operation in change.operations} == {Effect.DELETE}
                if decided and decided[1].verdict is Verdict.ALLOW:
                    yield f"{told.case_id}: was allowed before policy was tightened, and left after"
                elif deletes and not change.undoes:
                    yield f"{told.case_id}: policy denied it by the time it left"


def outcomes_are_true(evidence: Evidence) -> Iterator[str]:
    """What the log says of a call is what the account saw, unless somebody else's change hides it."""
    took = {(one.case, one.token) for one in evidence.history.journal if one.what == "took"}
    for told in evidence.cases.values():
        change = told.change()
        if change.own_steps or any(True for _ in told.events(r.Settled)):
            continue
        last: dict[int, tuple[Outcome, bool, int]] = {}
        for _, moment, event in told.events(r.Answered, r.Reconciled):
            if not isinstance(event, r.Answered | r.Reconciled):
                continue
            last[event.operation] = (event.outcome, isinstance(event, r.Answered), moment)
        for place, operation in enumerate(change.operations):
            happened = (told.case_id, operation.parameters["token"]) in took
            if place not in last:
                if happened:
                    yield f"{told.case_id}: {operation.name} took effect and the log has no outcome"
                continue
            outcome, answered, moment = last[place]
            if not answered and _drifted(evidence, told, operation.resources[0].id, moment):
                continue
            if outcome.status is OutcomeStatus.SUCCEEDED and not happened:
                yield f"{told.case_id}: {operation.name} is on record as done and never took effect"
            if outcome.status is OutcomeStatus.FAILED and happened:
                yield f"{told.case_id}: {operation.name} is on record as failed and took effect"


def _drifted(evidence: Evidence, told: Told, thing: str, until: int) -> bool:
    """Whether somebody else changed the thing between the last look before the call and its reconciliation."""
    sent = min((moment for _, moment, _ in told.events(r.Sent)), default=0)
    hers = [(place, one.what) for place, one in enumerate(evidence.history.journal) if one.thing == thing]
    begin = max((place for place, what in hers if what == "read" and place < sent), default=sent)
    return any(what in {"drift", "step"} and begin <= place < until for place, what in hers)


def kept_word(evidence: Evidence) -> Iterator[str]:
    """Nobody was told a thing that the log does not hold; an accepted review is never forgotten."""
    took = {(one.case, one.token) for one in evidence.history.journal if one.what == "took"}
    for told in evidence.history.told:
        reply = told.reply
        if not reply.case_id:
            continue
        case = evidence.cases.get(reply.case_id)
        tokens = case.tokens() if case else set()
        if case is None or (told.token not in tokens and reply.code != "denied-before"):
            yield f"{reply.case_id}: {told.token} was told of it, and the log does not know"
            continue
        mine = (reply.case_id, told.token)
        good = reply.response is not None and reply.response.status < 400
        if reply.kind is ReplyKind.SENT and good and mine not in took:
            yield f"{reply.case_id}: {told.token} was told that it is done, and it is not"
        outcome = case.outcome_of(told.token, told.written)
        known = outcome is not None and outcome.status in {OutcomeStatus.SUCCEEDED, OutcomeStatus.FAILED}
        if reply.kind is ReplyKind.UNCERTAIN and known:
            yield f"{reply.case_id}: {told.token} was told of a doubt, and the outcome was on record"
        if reply.kind is ReplyKind.DONE and not case.says_done(outcome):
            yield f"{reply.case_id}: {told.token} was told that it took effect, and the log does not say so"
        if reply.kind in {ReplyKind.DENIED, ReplyKind.SUGGESTED} and mine in took:
            yield f"{reply.case_id}: {told.token} was told no, and it took effect"
        if reply.kind is ReplyKind.HELD and not any(
            moment <= told.moment for _, moment, _ in case.events(r.Decided)
        ):
            yield f"{reply.case_id}: {told.token} was told of a hold that was not durable"
    on_record = {
        (case.case_id, event.review.reviewer)
        for case in evidence.cases.values()
        for _, _, event in case.events(r.Reviewed)
        if isinstance(event, r.Reviewed)
    }
    for case_id, reviewer, _ in evidence.history.reviews:
        if (case_id, reviewer) not in on_record:
            yield f"{case_id}: the review of {reviewer} was accepted and is forgotten"


def one_at_a_time(evidence: Evidence) -> Iterator[str]:
    """Two cases never work on one thing at the same time; one that may still give it back is at work on it until it has."""
    at_work: dict[str, str] = {}
    for case_id, event in evidence.order:
        if isinstance(event, r.Sent):
            for ref in evidence.cases[case_id].change().resources:
                holder = at_work.get(ref.id, case_id)
                if holder != case_id:
                    yield f"{case_id}: began on {ref.id} while {holder} was at work on it"
                at_work[ref.id] = case_id
        if case_id in at_work.values() and _ends_its_work(evidence.cases[case_id], event):
            at_work = {thing: holder for thing, holder in at_work.items() if holder != case_id}


def _ends_its_work(told: Told, event: r.Event) -> bool:
    match event:
        case r.Answered() | r.Reconciled() if event.outcome.status is OutcomeStatus.SUCCEEDED:
            change, decided = told.change(), told.decided()
            last = change.own_steps or event.operation + 1 == len(change.operations)
            return last and not (decided and decided[1].obligations.restore_on_failure)
        case r.Answered():
            return event.outcome.status is OutcomeStatus.FAILED
        case r.Verified():
            return event.result != "failed"
    return isinstance(event, r.Reconciled | r.Restored | r.Halted | r.Invalidated | r.ProofFailed)


def allowed_for_its_client(evidence: Evidence) -> Iterator[str]:
    """What nobody had to approve does not leave after a restart: its client got no answer, and asks again."""
    lives, born = Counter[str](), dict[str, tuple[str, int]]()
    for entry, (case_id, event) in zip(evidence.history.entries, evidence.order, strict=True):
        if isinstance(event, r.Started):
            lives[entry.writer] += 1
        life = (entry.writer, lives[entry.writer])
        if isinstance(event, r.Received):
            born[case_id] = life
        if isinstance(event, r.Sent) and born[case_id] != life:
            told = evidence.cases[case_id]
            if not told.was_held and not told.change().by_person:
                yield f"{case_id}: left in another life than it came in"


def comes_to_an_end(evidence: Evidence) -> Iterator[str]:
    """When everybody has gone and time has passed, no case is left open, whatever the process still knows of it."""
    for told in evidence.cases.values():
        if not any(_ends(line.event) for line in told.lines):
            yield f"{told.case_id}: was begun and has no end"


def _ends(event: r.Event) -> bool:
    match event:
        case r.Decided():
            return event.decision.verdict in {Verdict.DENY, Verdict.SUGGEST}
        case r.Reviewed():
            return not event.review.approve
        case r.Answered() | r.Reconciled():
            return event.outcome.status is OutcomeStatus.FAILED
        case r.Verified():
            return event.result == "confirmed"
    return isinstance(
        event,
        r.Withdrawn
        | r.Expired
        | r.Invalidated
        | r.Halted
        | r.PrepareFailed
        | r.ProofFailed
        | r.Restored
        | r.Settled,
    )


def no_means_no(evidence: Evidence) -> Iterator[str]:
    """The same on the same thing, by the same session, is not asked of people again right after a person's no."""
    denied: dict[tuple[str, str, str], int] = {}
    for case_id, event in evidence.order:
        if not isinstance(event, r.Reviewed | r.Received):
            continue
        change = evidence.cases[case_id].change()
        keys = {(change.principal.session, one.name, one.resources[0].id) for one in change.operations}
        if isinstance(event, r.Reviewed) and not event.review.approve:
            denied |= dict.fromkeys(keys, event.at_ms)
        if isinstance(event, r.Received) and not change.by_person:
            for key in keys & denied.keys():
                if event.at_ms - denied[key] < SETTINGS.cooldown_s * 1000 - 1000:
                    yield f"{case_id}: asks again right after a no"


RULES: Final[tuple[Callable[[Evidence], Iterator[str]], ...]] = (
    intent_first,
    at_most_once,
    once_per_request,
    decided_and_reviewed,
    state_read_last,
    undone_as_shown,
    backed_up,
    halted_means_halted,
    stricter_policy_counts,
    outcomes_are_true,
    kept_word,
    one_at_a_time,
    allowed_for_its_client,
    no_means_no,
    comes_to_an_end,
)
