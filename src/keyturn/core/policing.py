"""Which policies are in force, and what it takes to relax them: pure questions to `People`.

Policies that are at least as strict as those in force take effect when they are loaded. What lets anything more through, or cannot be
proved not to, waits as a proposal. Nobody knows who changed a file, so it is nobody's at first: an administrator makes it hers with her
yes, and another one's yes puts it in force (`core.proposing`). Until then what was in force stays.
"""

from __future__ import annotations

from typing import Final

import msgspec

from keyturn.core.people import People
from keyturn.core.proposing import ALONE, CONFIGURATION, PROPOSAL_S, administrators
from keyturn.model import record as r
from keyturn.model import reviewing as rv
from keyturn.model.people import Wanted

REPLACED: Final = "the configuration wants other policies now"


class Compared(msgspec.Struct, frozen=True):
    """What the policies `after` let through that those `before` do not, in lines; none: it is proved that there is nothing."""

    before: str  # digests
    after: str
    relaxes: tuple[str, ...]


def waiting(people: People, digest: str, at_ms: int) -> rv.Proposed | None:
    """The proposal that would put these policies in force in the place of those that are."""
    held = people.proposals.policy
    for one in people.proposals.waiting.values():
        if one.wanted.kind == "policy" and one.wanted.name == digest and one.until_ms > at_ms:
            return one if held is not None and one.before == held.policy_digest else None
    return None


def to_compare(people: People, digest: str, at_ms: int) -> str:
    """The digest of what these policies have to be compared with before `load`; empty where nothing is."""
    held = people.proposals.policy
    if held is None or held.policy_digest == digest or waiting(people, digest, at_ms) is not None:
        return ""
    return held.policy_digest


def load(
    people: People, loaded: r.PolicyLoaded, compared: Compared | None
) -> tuple[r.PlaneEvent, ...] | None:
    """What goes on the log when these policies are loaded: that they are in force, that they wait, or nothing where they wait already.

    None: something else is in force than what they were compared with. What is loaded first is in force.
    """
    at_ms, digest = loaded.at_ms, loaded.policy_digest
    before = to_compare(people, digest, at_ms)
    if not before:
        return () if waiting(people, digest, at_ms) is not None else (loaded,)
    if compared is None or (compared.before, compared.after) != (before, digest):
        return None
    if not compared.relaxes:
        return (loaded,)
    wanted = Wanted("policy", digest, packs=loaded.packs, relaxes=compared.relaxes)
    id_ = f"P-{people.proposals.next_number}"
    proposed = rv.Proposed(at_ms, CONFIGURATION, id_, wanted, before, digest, at_ms + PROPOSAL_S * 1000)
    if len(administrators(people, at_ms, lost=True)) < 2:  # two people
        alone = rv.ProposalDecided(at_ms, CONFIGURATION, id_, approved=True, unreviewed=ALONE)
        return (proposed, alone, loaded)
    replaced = (
        rv.ProposalDecided(at_ms, CONFIGURATION, one.id, approved=False, note=REPLACED)
        for one in people.proposals.waiting.values()
        if one.wanted.kind == "policy" and one.until_ms > at_ms
    )
    return (*replaced, proposed)
