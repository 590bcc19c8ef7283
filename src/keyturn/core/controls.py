"""Which controls of others this log is evidence for, what each claim rests on, and whether that is there in a running installation.

A claim says *evidence for*, never compliance: whoever audits decides that. What is not there is said, and what a control asks
that Keyturn does not do is said too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Final

import msgspec


class Standing(StrEnum):
    """How it is with a thing that a claim rests on."""

    PRESENT = "present"
    ABSENT = "absent"
    NOT_CONFIGURED = "not configured"


class Facts(msgspec.Struct, frozen=True):
    """What is known of the installation. `events` counts entries of the log by tag. `unfilled`: quorums that policy asks for and that too few
    people could fill, each with who is missing.
    """

    mode: str
    events: Mapping[str, int]
    reviewers: int
    auditors: int
    signed_entries: int
    log_entries: int
    drill_every_s: float
    review_deadline_s: int
    policy_digest: str
    unfilled: tuple[str, ...] = ()


class Found(msgspec.Struct, frozen=True):
    """One thing that claims rest on, as it stands."""

    name: str
    standing: Standing
    said: str


class Control(msgspec.Struct, frozen=True):
    """`asks` is what the control wants in our words; `rests` names things of `MEASURES`; `tests` show it, where the list asks for tests.

    `lacks` is what the control wants beyond that; a claim with nothing to rest on is none.
    """

    of: str
    id: str
    asks: str
    claim: str
    rests: tuple[str, ...]
    tests: tuple[str, ...] = ()
    lacks: str = ""


class Claimed(msgspec.Struct, frozen=True):
    """A control with what its claim rests on, as it stands now. `standing` is that of the weakest."""

    control: Control
    standing: Standing
    found: tuple[Found, ...]


Answer = tuple[Standing, str]

_P, _A, _N = Standing.PRESENT, Standing.ABSENT, Standing.NOT_CONFIGURED


def _enforced(facts: Facts) -> Answer:
    return {
        "enforcing": (_P, "the account lets changes in through Keyturn alone"),
        "advisory": (_N, "the account lets changes in beside Keyturn: keyturn guard aws"),
    }.get(facts.mode, (_A, "observe mode: everything is forwarded, nothing is held"))


def _decided(facts: Facts) -> Answer:
    if facts.mode == "observe":
        return _A, "observe mode: verdicts are only recorded"
    count = facts.events.get("decided", 0)
    return (
        _P,
        f"{count:,} decisions on the log, each with the digest of its policies (in force: {facts.policy_digest[:19]})",
    )


def _approved(facts: Facts) -> Answer:
    if facts.reviewers < 2:
        return (
            _A,
            f"{facts.reviewers} people may review: nobody could stand in for the one who runs the agent",
        )
    said = f"{facts.reviewers} people may review; {facts.events.get('reviewed', 0):,} reviews on the log"
    if facts.unfilled:
        return _N, f"{said}; policy asks for more than are there: {'; '.join(facts.unfilled)}"
    return _P, said


def _apart(facts: Facts) -> Answer:
    return (
        _P,
        f"operator and owner are excluded always; {facts.events.get('review_refused', 0):,} attempts refused on the log",
    )


def _two(facts: Facts) -> Answer:
    alone, all_ = facts.events.get("single_handed", 0), facts.events.get("proposal_decided", 0)
    said = f"{all_:,} changes among people were decided, {alone:,} of them by an administrator who had no second one"
    return (_N if alone and alone == all_ else _P), said


def _passkeys(facts: Facts) -> Answer:
    count = facts.events.get("passkey_changed", 0)
    return (
        (_P, f"{count:,} passkeys added or taken away on the log") if count else (_N, "nobody has a passkey")
    )


def _bound(facts: Facts) -> Answer:
    return (
        _P,
        f"{facts.events.get('claimed', 0):,} single uses claimed, {facts.events.get('invalidated', 0):,} approvals voided by what moved",
    )


def _proved(facts: Facts) -> Answer:
    return (
        _P,
        f"{facts.events.get('proved', 0):,} numbered proofs on the log, {facts.events.get('proof_failed', 0):,} that stopped a call",
    )


def _backed_up(facts: Facts) -> Answer:
    return (
        _P,
        f"{facts.events.get('backed_up', 0):,} preparations, {facts.events.get('prepare_failed', 0):,} of which stopped a call",
    )


def _drilled(facts: Facts) -> Answer:
    count = facts.events.get("drilled", 0)
    if facts.drill_every_s or count:
        return _P, f"{count:,} drills on the log"
    return _N, "the way back is never tried: set drill.every_h, or run keyturn drill"


def _verified(facts: Facts) -> Answer:
    return (
        _P,
        f"{facts.events.get('verified', 0):,} outcomes looked at after the call, {facts.events.get('undone', 0):,} cases taken back",
    )


def _logged(facts: Facts) -> Answer:
    if not facts.signed_entries:
        return _A, "no checkpoint was signed yet"
    return (
        _P,
        f"{facts.log_entries:,} entries in one hash chain, {facts.signed_entries:,} under a signed checkpoint",
    )


def _halts(facts: Facts) -> Answer:
    return (
        _P,
        f"used {facts.events.get('halt_raised', 0):,} times; outside of the agent's reach, by console and command line",
    )


def _expires(facts: Facts) -> Answer:
    return (
        _P,
        f"a hold ends unanswered after {facts.review_deadline_s:,} s; {facts.events.get('expired', 0):,} did",
    )


def _audited(facts: Facts) -> Answer:
    return (
        (_P, f"{facts.auditors} people may read and export")
        if facts.auditors
        else (_N, "nobody has the role auditor")
    )


def _assessed(facts: Facts) -> Answer:
    return (
        _P,
        f"{facts.events.get('assessed', 0):,} assessments on the log, each with effect, reversibility and what is not known",
    )


MEASURES: Final[Mapping[str, Callable[[Facts], Answer]]] = {
    "enforced": _enforced,
    "decided by policy": _decided,
    "assessed": _assessed,
    "approved by people": _approved,
    "not by who asks": _apart,
    "people changed by two": _two,
    "signed by passkey": _passkeys,
    "bound and used once": _bound,
    "proved before the call": _proved,
    "backed up first": _backed_up,
    "way back tried": _drilled,
    "verified afterwards": _verified,
    "signed log": _logged,
    "halt": _halts,
    "holds expire": _expires,
    "auditors": _audited,
}
"""What claims rest on, by name."""

_AISVS: Final = "OWASP AISVS 1.01-dev"
_C: Final = "tests/runtime/test_conversations.py::"
_R: Final = "tests/core/test_review_and_proof.py::"
_RECEIPTS: Final = "tests/core/test_receipts.py::"

CONTROLS: Final = (
    Control(
        "SOC 2 (TSC 2017)",
        "CC8.1",
        "whatever is changed of infrastructure, data, software or procedures is authorised, designed, documented, tested and approved before it is put in place",
        "Evidence for authorisation, documentation, approval and implementation of each change that agents make through Keyturn.",
        (
            "decided by policy",
            "approved by people",
            "not by who asks",
            "proved before the call",
            "verified afterwards",
            "signed log",
        ),
        lacks="design, development and testing of the change itself happen elsewhere",
    ),
    Control(
        "ISO/IEC 27001:2022",
        "A.8.32",
        "whoever changes a system, or what it runs on, follows a procedure for changes",
        "Evidence that changes by agents go through one procedure: assessed, decided, reviewed, backed up, recorded, and can be taken back.",
        (
            "enforced",
            "assessed",
            "decided by policy",
            "approved by people",
            "backed up first",
            "way back tried",
            "signed log",
        ),
        lacks="changes by people and pipelines are not seen unless they come through Keyturn; keyturn reconcile lists them",
    ),
    Control(
        "PCI DSS v4.0.1",
        "6.5.1",
        "changes to components in production follow a procedure: reason and description, security impact, approval by authorised parties, "
        "testing, and a way back to a secure state",
        "Evidence for description, impact, approval and the way back of each change by an agent.",
        ("assessed", "approved by people", "not by who asks", "backed up first", "verified afterwards"),
        lacks="tests of security before the change, and of bespoke software, happen elsewhere",
    ),
    Control(
        "PCI DSS v4.0.1",
        "6.5.4",
        "who does what in production and before it is kept apart, so that nothing is deployed that nobody reviewed and approved",
        "Evidence that who runs an agent approves none of its changes in production.",
        ("not by who asks", "people changed by two", "approved by people", "enforced"),
    ),
    Control(
        "EU AI Act (2024/1689)",
        "Art. 12",
        "a high-risk AI system allows the automatic recording of events over its lifetime, to trace how it functions",
        "Evidence for automatic, tamper-evident recording of what an agent did to the account, where it is part of such a system.",
        ("signed log", "assessed", "auditors"),
        lacks="what the model was asked and answered is not recorded here; whether a system is high-risk is not for Keyturn to say",
    ),
    Control(
        "EU AI Act (2024/1689)",
        "Art. 14",
        "a high-risk AI system can be overseen by natural persons, who may decide not to use its output, override it, and stop it",
        "Evidence that people decide on what agents would do, see what is not known, can refuse, take back and stop.",
        ("approved by people", "assessed", "halt", "verified afterwards"),
        lacks="the model itself goes on; what stops are its effects on the account",
    ),
    Control(
        _AISVS,
        "9.2.1",
        "privileged or irreversible actions are blocked until a human approval is received and verified",
        "Evidence that a held call leaves only after enough people approved it.",
        ("enforced", "approved by people", "proved before the call"),
        (
            f"{_C}test_a_held_call_waits_and_is_answered_when_two_have_approved",
            f"{_R}test_one_thing_amiss_and_nothing_leaves",
        ),
    ),
    Control(
        _AISVS,
        "9.2.2",
        "approval requests show parameters canonical and complete, without truncation or unsafe transformation",
        "Evidence that what cannot be shown in full cannot be approved on the page, and hidden characters are drawn.",
        ("assessed",),
        (
            "tests/console/test_page_safety.py::test_what_cannot_be_shown_is_not_approved",
            "tests/console/test_asked_in_full.py::test_what_is_asked_stands_there_in_full",
            "tests/console/test_pages.py::test_what_is_hidden_in_a_name_is_drawn",
        ),
        lacks="secret values stand as keyed digests, on purpose",
    ),
    Control(
        _AISVS,
        "9.2.3",
        "each high-impact action has a trusted classification of its reversibility",
        "Evidence that every change has a class from R0 to R4, made by Keyturn from what stands, never by the agent.",
        ("assessed",),
        (
            "tests/catalogue/test_shipped.py::test_how_far_it_can_be_taken_back_by_its_name",
            "tests/provider/test_rule_shapes.py::test_a_native_undo_window_counts_until_it_is_forced_shut",
            "tests/policy/test_seatbelt.py::test_its_cases_hold",
        ),
    ),
    Control(
        _AISVS,
        "9.2.4",
        "the classification is enforced by blocking, asking or restricting",
        "Evidence that policy decides by effect and reversibility, and an error of it never allows.",
        ("decided by policy", "enforced"),
        (
            "tests/policy/test_seatbelt.py::test_no_policy_can_be_taken_out_unnoticed",
            "tests/policy/test_way_back.py::test_its_own_tests_hold_beside_seatbelt",
            f"{_C}test_an_error_of_policy_is_a_no",
        ),
    ),
    Control(
        _AISVS,
        "9.2.5",
        "self-modification of the agent is bounded by the runtime",
        "No claim.",
        (),
        lacks="what an agent does to its own prompts and tools is outside of Keyturn; what it does to the account is a change like any other",
    ),
    Control(
        _AISVS,
        "9.2.6",
        "planned high-risk actions get a review by AI beside the deterministic gate",
        "No claim.",
        (),
        lacks="there is no AI in the decision; the gate is policy, and people",
    ),
    Control(
        _AISVS,
        "9.2.7",
        "that review cannot be manipulated by what the agent writes",
        "Evidence that an agent's own words decide nothing and are marked as such where people read them.",
        ("assessed",),
        (
            "tests/gateway/test_gateway_clients.py::test_an_agents_intent_is_kept_and_decides_nothing",
            "tests/console/test_page_safety.py::test_what_an_agent_says_is_marked",
            "tests/console/test_page_safety.py::test_names_that_are_code_are_text",
        ),
        lacks="as 9.2.6: there is no AI that could be talked to",
    ),
    Control(
        _AISVS,
        "9.2.8",
        "approvals are bound cryptographically to parameters, requester, context and a single-use nonce, and void when one of them changes",
        "Evidence that an approval names the digest of exactly what was asked and is used once; signed by passkey where policy wants it.",
        ("bound and used once", "proved before the call", "signed by passkey"),
        (
            f"{_R}test_an_approval_is_for_one_revision",
            f"{_RECEIPTS}test_no_word_of_a_statement_can_be_changed",
            f"{_RECEIPTS}test_a_nonce_is_good_once",
            "tests/reviewers/test_every_door.py::test_no_attack_counts_through_any_door",
            f"{_C}test_state_that_moved_after_the_approval_voids_it",
            "tests/stores/test_bundle_tampering.py::test_what_the_plane_itself_did_wrong_is_seen",
        ),
    ),
    Control(
        _AISVS,
        "9.2.9",
        "keys that issue approvals are out of the agent runtime's reach: neither read nor used by it",
        "Evidence that the session's key opens nothing but the gateway, and approvals are given by people's own logins and passkeys.",
        ("not by who asks", "signed by passkey"),
        (
            "tests/gateway/test_gateway_credentials.py::test_a_sessions_key_opens_nothing_but_the_gateway",
            f"{_C}test_the_operator_cannot_approve_and_the_attempt_is_on_record",
            f"{_RECEIPTS}test_the_operator_cannot_sign_for_her_own_agent",
        ),
        lacks="an agent on the same machine as its operator's login file may read that login; it is the operator's, who is excluded",
    ),
    Control(
        _AISVS,
        "9.2.10",
        "gates for chains of actions take the worst class in the chain, established outside of the agent's control",
        "Evidence that a change is judged beside what the same session did before, by a ledger that the plane keeps.",
        ("assessed",),
        (
            "tests/core/test_sequences.py::test_a_change_is_judged_beside_what_went_before",
            "tests/core/test_sequences.py::test_it_raises_and_never_lowers",
        ),
        lacks="several agents that work together in sessions of their own are judged one by one",
    ),
    Control(
        _AISVS,
        "9.2.11",
        "what goes beyond the approved chain is blocked until approved anew, at the worst class of all of it",
        "Evidence that an operation that joins voids the approvals, and the whole is assessed again.",
        ("bound and used once",),
        (f"{_C}test_delete_and_create_are_one_replace", f"{_R}test_an_approval_is_for_one_revision"),
    ),
    Control(
        _AISVS,
        "9.6.1",
        "a person can at once halt the model's inference and outputs",
        "Evidence that a person can at once halt every effect of every agent, or of one, on the account.",
        ("halt",),
        (
            f"{_C}test_a_halt_stops_what_is_on_its_way_and_an_approval_survives_it",
            "tests/core/test_plane.py::test_a_halt_refuses_everything_or_one_agent",
        ),
        lacks="inference itself is not Keyturn's to stop",
    ),
    Control(
        _AISVS,
        "9.6.2",
        "what is not approved in time is blocked",
        "Evidence that an unanswered hold ends and its call never leaves.",
        ("holds expire",),
        (f"{_C}test_time_runs_out_for_holds_and_for_approvals",),
    ),
    Control(
        _AISVS,
        "9.6.3",
        "the kill switch is out of band, isolated from the agent runtime",
        "Evidence that the halt is raised at the console and enforced in the plane, which the agent cannot reach but by its session's key.",
        ("halt", "enforced"),
        (
            "tests/gateway/test_gateway_credentials.py::test_a_sessions_key_opens_nothing_but_the_gateway",
            "tests/gateway/test_gateway_credentials.py::test_they_end_with_a_halt",
        ),
    ),
)
"""Sources: AICPA Trust Services Criteria 2017 (CC8.1); ISO/IEC 27001:2022 Annex A; PCI DSS v4.0.1; Regulation (EU) 2024/1689; OWASP AISVS
1.01-dev, C9.2 and C9.6. What each asks is told in our words, shortened.
"""


def claims(facts: Facts) -> tuple[Claimed, ...]:
    """Every control with what its claim rests on, as it stands."""
    found = {name: Found(name, *measure(facts)) for name, measure in MEASURES.items()}
    return tuple(_claimed(control, tuple(found[name] for name in control.rests)) for control in CONTROLS)


def _claimed(control: Control, found: tuple[Found, ...]) -> Claimed:
    order = (Standing.ABSENT, Standing.NOT_CONFIGURED, Standing.PRESENT)
    weakest = min((one.standing for one in found), key=order.index, default=Standing.ABSENT)
    return Claimed(control, weakest, found)
