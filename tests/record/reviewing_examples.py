"""Examples of people's events for the corpus: quorum trees, who looks at a case, who stands in for whom, break-glass."""

from __future__ import annotations

from typing import Final

from keyturn.model import record as r
from keyturn.model import reviewing as rv
from keyturn.model.change import Change, Principal
from keyturn.model.decision import Decision, Obligations, Verdict
from keyturn.model.people import Delegation, Member, Wanted, Window
from keyturn.model.quorum import Either, Every, Of
from keyturn.model.review import Review, ReviewRequest

AT: Final = 1_767_225_600_000
DIGEST: Final = "sha256:" + "5a" * 32

CHANGE = Change(
    principal=Principal(agent="kiro", session="S-0a1b2c3d4e5f", operator="ada"),
    surface="aws_gateway",
    operations=(),
    received_at_ms=AT,
)
TREE = Either(
    (
        Every((Of(1, ("security",), "production"), Of(2, outside=("data",)))),
        Of(3),
    )
)
TREES = ReviewRequest(
    case_id="C-17",
    revision=2,
    change_digest=DIGEST,
    state_digest=DIGEST,
    assessment_digest=DIGEST,
    policy_digest=DIGEST,
    requesters=("ada", "kiro", "S-0a1b2c3d4e5f"),
    excluded=("ada",),
    quorum=3,
    deadline_ms=AT + 3_600_000,
    nonce="9f" * 16,
    needs=(TREE,),
    environment="production",
    unmet="too few people may approve this",
    escalate_at_ms=AT + 900_000,
    remind_at_ms=AT + 1_800_000,
    break_glass=True,
    no_backup="there is no recipe to back up it",
)
LENT = Review(
    reviewer="grace-cli",
    approve=False,
    binding=DIGEST,
    at_ms=AT,
    person="grace",
    groups=("security in production",),
    behalf=("ivan",),
    guidance="update it in place",
    batch=DIGEST,
    carried_from=DIGEST,
)

REVIEWING: Final[tuple[r.Event, ...]] = (
    r.Decided(
        at_ms=AT,
        decision=Decision(
            verdict=Verdict.HOLD,
            reasons=(),
            obligations=Obligations(quorum=3, needs=(TREE,), escalate_s=900, break_glass=True),
            policy_digest=DIGEST,
        ),
        request=TREES,
        carried=(LENT,),
    ),
    r.Reviewed(at_ms=AT, review=LENT),
    rv.ReviewClaimed(at_ms=AT, by="grace", until_ms=AT + 1, word="ivan is asleep", taken_from="ivan"),
    rv.ReviewReleased(at_ms=AT, by="grace"),
    rv.Reminded(at_ms=AT, deadline_ms=AT + 1),
    rv.Escalated(at_ms=AT, after_s=900),
    rv.Voided(at_ms=AT, reviewer="grace", why="grace is no longer of security"),
    rv.Narrowed(at_ms=AT, change=CHANGE, by="grace", dropped=("dynamodb:DeleteTable",)),
    rv.GlassBroken(
        at_ms=AT, by="ada", reason="the site is down", until_ms=AT + 1, told=("grace",), binding=DIGEST
    ),
    rv.GlassReviewed(at_ms=AT, by="grace", right=True, note="there was no other way"),
    rv.TeamChanged(
        at_ms=AT,
        by="ada",
        team="security",
        members=(
            Member("grace", ("production",), (Window(("mon", "tue"), "22:00", "06:00", "Europe/Berlin"),)),
        ),
    ),
    rv.AliasChanged(at_ms=AT, by="ada", name="grace-cli", person="grace", kind="token"),
    rv.AgentOwned(at_ms=AT, by="ada", agent="kiro", owners=("ada",)),
    rv.Delegated(at_ms=AT, by="ivan", delegation=Delegation("ivan", "grace", AT, AT + 1, reason="on leave")),
    rv.DelegationEnded(at_ms=AT, by="ivan", person="ivan", to="grace"),
    rv.Proposed(
        at_ms=AT,
        by="the configuration",
        id="P-2",
        wanted=Wanted(
            "policy",
            "sha256:2",
            packs=("seatbelt",),
            relaxes=(
                "hold becomes allow: delete in production, e.g. any operation by an agent: effect=delete",
            ),
        ),
        before="sha256:1",
        after="sha256:2",
        until_ms=AT + 1,
    ),
    rv.Proposed(
        at_ms=AT,
        by="ada",
        id="P-1",
        wanted=Wanted(
            "team",
            "security",
            members=(Member("grace"),),
            roles=("reviewer",),
            people=("ada",),
            sort="login",
            delegation=Delegation("ivan", "grace", AT, AT + 1),
        ),
        before="nobody",
        after="grace",
        until_ms=AT + 1,
    ),
    rv.ProposalDecided(
        at_ms=AT, by="ivan", id="P-1", approved=True, note="she is on call", unreviewed="alone"
    ),
    rv.ProposalRefused(at_ms=AT, by="ada", id="P-1", code="own-proposal", message="ada proposed P-1"),
)
