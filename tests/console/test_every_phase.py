"""A page for whatever a case has come to: early, late, half known, odd. A reviewer never meets a broken page."""

from __future__ import annotations

import re
from typing import Any, cast

import httpx
import msgspec
import pytest

from keyturn.console.identity import ROLES, Identity
from keyturn.console.story import NAMES
from keyturn.console.templating import PHASES, TONES
from keyturn.console.web import make_app
from keyturn.core.case import Case, Phase
from keyturn.core.lifecycle import LIFECYCLE
from keyturn.core.people import People
from keyturn.model.assessment import (
    Alternative,
    Assessment,
    Dependent,
    Difference,
    Finding,
    Kind,
    Recoverable,
    Reversibility,
)
from keyturn.model.change import Change, Effect, Operation, Principal, ResourceRef
from keyturn.model.decision import Decision, Obligations, Reason, Verdict
from keyturn.model.execution import Backup, Outcome, OutcomeStatus, ProofStep, Upkeep
from keyturn.model.review import Review, ReviewRequest
from keyturn.providers.aws.upkeep import upkeep
from keyturn.runtime.interface import Desk
from keyturn.stores.memory import MemoryStore

TABLE = ResourceRef("aws", "aws", "123456789012", "eu-central-1", "dynamodb:table", "costs")
REQUEST = ReviewRequest("C-1", 1, "c", "s", "a", "p", ("bob",), ("bob",), 2, 10_000, "n")


def bare(phase: Phase) -> Case:
    """Nothing is known of it but its number."""
    return Case("C-1", phase=phase)


def full(phase: Phase) -> Case:
    """Everything that can be known of a case, at once."""
    operation = Operation(
        "aws",
        "dynamodb:DeleteTable",
        {"TableName": "costs", "Token": {"$sealed": "hmac:1"}},
        (TABLE,),
        Effect.DELETE,
        "aws",
        "123456789012",
        "eu-central-1",
    )
    change = Change(
        Principal("kiro", "S-1", "bob"),
        "aws-gateway",
        (operation,) * 3,
        1_000,
        intent="clean up",
        undoes="C-0",
    )
    sources = ("", "DESIGN", "https://docs.aws.amazon.com/x")
    findings = tuple(
        Finding("T001", kind, f"It is {kind}.", Effect.DELETE, Reversibility.R4, (TABLE,), source)
        for kind, source in zip(Kind, sources * 4, strict=True)
    )
    assessment = Assessment(
        effect=Effect.REPLACE,
        effects=tuple(Effect),
        reversibility=Reversibility.R4,
        environment="unknown",
        state_digest="s",
        recover_s=7_300,
        data_at_risk="10,000 items",
        blast_radius=(Dependent(TABLE, "reads", TABLE),),
        recoverable=(
            Recoverable(TABLE, backup=True, inverse=True, recover_s=1),
            Recoverable(TABLE, backup=False, inverse=False, recover_s=None, loss=("everything",)),
        ),
        findings=findings,
        differences=(
            Difference(TABLE, "", "stands", None),
            Difference(TABLE, "tags", {"a": 1}, {"a": None, "b": []}),
        ),
        alternatives=(
            Alternative((operation,), ("aws dynamodb ...",), "why", "nothing", exact=True),
            Alternative((), (), "why", "", exact=False),
        ),
        unknowns=("something",),
    )
    verdict = {Phase.DENIED: Verdict.DENY, Phase.SUGGESTED: Verdict.SUGGEST}.get(phase, Verdict.HOLD)
    decision = Decision(
        verdict,
        (Reason("p1", "because", "x.cedar:1"), Reason("p2", "too")),
        Obligations(2, backup=True),
        "p",
        ("err",),
    )
    return Case(
        "C-1",
        phase=phase,
        revision=3,
        change=change,
        assessment=assessment,
        decision=decision,
        request=REQUEST,
        reviews=(Review("dana", approve=True, binding="b", at_ms=1), Review("erin", False, "b", 2, "no")),
        backups=(Backup(TABLE, "s", {}, "arn", "m", 1, 2, "restored"), Backup(TABLE, "s", {}, "arn", "m", 1)),
        proof=(
            ProofStep(1, "decision in force", holds=True, detail="yes"),
            ProofStep(2, "quorum", False, "no"),
        ),
        outcomes=(Outcome(OutcomeStatus.UNCERTAIN),),
        reason="it ended so",
        undone_by="C-2",
        opened_at_ms=1,
        changed_at_ms=2,
        approved_at_ms=3,
    )


class OneCase:
    """A desk with one case on it, and nothing else to do."""

    people = People()

    def __init__(self, case: Case) -> None:
        self._case = case

    def case(self, case_id: str) -> Case | None:
        return self._case

    def cases(self, *, open_only: bool = False, limit: int = 200) -> tuple[Case, ...]:
        return (self._case,)

    def story(self, case_id: str) -> tuple[()]:
        return ()

    def may_review(self, case: Case, user: str) -> str:
        return ""

    def upkeep(self, backup: Backup) -> Upkeep:
        return upkeep(backup)

    def log(self, *, after: int, limit: int) -> tuple[()]:
        return ()

    def head(self) -> int:
        return 0

    def folded(self) -> int:
        return 0

    def sessions(self) -> tuple[()]:
        return ()

    async def freshness(self, case_id: str) -> dict[str, Any]:
        return {"unchanged": None, "checked_at_ms": 1, "detail": "could not be read"}

    def status(self) -> dict[str, Any]:
        return {
            "mode": "observe",
            "standin": False,
            "halted_by": {"": "bob"},
            "freezes": [],
            "held_cases": 1,
            "log_entries": 1,
            "log_head": "0" * 64,
            "checkpoint": None,
        }


async def answers(case: Case, *paths: str) -> list[httpx.Response]:
    """What somebody of every role is answered at these paths."""

    async def note(**said: Any) -> None:
        return None

    identity = Identity(MemoryStore(), note, lambda: 0)
    token = await identity.login(await identity.add("dana", ROLES, by="test"))
    transport = httpx.ASGITransport(make_app(cast("Desk", OneCase(case)), identity))
    async with httpx.AsyncClient(
        transport=transport, base_url="http://127.0.0.1", cookies={"keyturn": token}
    ) as client:
        return [await client.get(path) for path in paths]


@pytest.mark.parametrize("phase", list(Phase))
@pytest.mark.parametrize("made", [bare, full])
async def test_every_phase_has_its_pages(made: Any, phase: Phase) -> None:
    """Page, twin, freshness and inbox, for a case of which nothing or everything is known, in every phase."""
    case = made(phase)
    beside = ("/activity", "/agents", "/evidence", "/agents.json", "/evidence.json", "/?tab=decided")
    found = await answers(case, "/c/C-1", "/c/C-1.json", "/c/C-1/fresh", "/", "/index.json", *beside)
    assert [answer.status_code for answer in found] == [200] * 11
    page = found[0].text
    assert PHASES.get(phase, str(phase)) in page
    assert "None" not in re.sub(r"<[^>]*>", " ", page).replace("None known", "")
    approving = 'action="/c/C-1/approve"' in page
    assert approving == (phase is Phase.HELD), "only what is held can be approved"


async def test_what_destroys_is_never_folded() -> None:
    """The destroyed resource and every finding stand outside of what has to be opened; at most the request is inside."""
    page = (await answers(full(Phase.HELD), "/c/C-1"))[0].text
    outside = re.sub(r"<details.*?</details>", "", page, flags=re.DOTALL)
    assert "<b>gone</b>" in outside
    for kind in Kind:
        assert f"It is {kind}." in outside
    assert outside.index("<b>gone</b>") < outside.index('class="diff"'), (
        "what goes stands before what changes"
    )


async def test_every_resource_of_many_is_named() -> None:
    """A heading names two; what is approved is all of them, and each stands on the page, unfolded."""
    made = full(Phase.HELD)
    assert made.change is not None
    tables = tuple(msgspec.structs.replace(TABLE, id=f"costs-{number}") for number in range(30))
    operation = msgspec.structs.replace(made.change.operations[0], resources=tables)
    change = msgspec.structs.replace(made.change, operations=(operation,))
    page = (await answers(msgspec.structs.replace(made, change=change), "/c/C-1"))[0].text
    assert "All 30 resources" in page
    assert [one.id for one in tables if f"<code>dynamodb:table/{one.id}</code>" not in page] == []


async def test_the_order_is_the_order_of_need() -> None:
    """Answers, narrower change, what would happen, what depends on it, loss, who, rule, precedents, decision, proof, story."""
    page = (await answers(full(Phase.HELD), "/c/C-1"))[0].text
    headings = [" ".join(found.split()) for found in re.findall(r"<section[^>]*><h2>([^<]*)", page)]
    assert headings == [
        "The narrower change",
        "What would happen",
        "What depends on it",
        "Loss and undo",
        "Who and why",
        "The rule that decided",
        "How it went before",
        "Decide",
        "Proof before the call",
        "Story",
    ]
    assert page.index('class="answers"') < page.index("The narrower change")


async def test_a_verdict_that_errs_says_so() -> None:
    """An error of policy stands on the page, and that it was never taken for a yes."""
    page = (await answers(full(Phase.HELD), "/c/C-1"))[0].text
    assert "Policy error, never taken for a yes: err" in page


def test_every_word_of_the_life_cycle_has_words() -> None:
    """A new phase gets a sentence and a colour before it gets a page; no sentence stands for a phase that is gone."""
    phases = {str(phase) for phase in Phase} - {"new"}
    assert phases == set(PHASES)
    assert set(TONES) <= phases
    tags = {str(event.__struct_config__.tag) for row in LIFECYCLE.values() for event in cast("Any", row)}
    assert set(NAMES) <= tags
    assert msgspec.json.encode(PHASES)
