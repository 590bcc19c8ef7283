"""What policy answers."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from keyturn.model.quorum import Quorum


class Verdict(StrEnum):
    """Strictest first: DENY > SUGGEST (recorded as a proposal, never sent) > HOLD > ALLOW."""

    DENY = "deny"
    SUGGEST = "suggest"
    HOLD = "hold"
    ALLOW = "allow"

    @property
    def strictness(self) -> int:
        return {Verdict.ALLOW: 0, Verdict.HOLD: 1, Verdict.SUGGEST: 2, Verdict.DENY: 3}[self]


class Reason(msgspec.Struct, frozen=True, omit_defaults=True):
    """One policy that determined the verdict: its `@id`, what it says to people, where it stands."""

    policy: str
    message: str
    source: str = ""


class Obligations(msgspec.Struct, frozen=True, omit_defaults=True):
    """What must hold before the call leaves. The strictest of all determining policies is taken, field by field."""

    quorum: int = 0  # reviewers who must approve, none of them excluded
    backup: bool = False  # a verified backup of every data-bearing resource, or the call does not leave
    capture: bool = False  # state captured first, so that the change can be put back
    restore_on_failure: bool = False  # a failed verification restores at once, without asking
    window_s: int = 0  # how long an approval stays usable; 0 takes the configured default
    signed: bool = False  # an approval counts only with a passkey's signature under what was shown
    needs: tuple[
        Quorum, ...
    ] = ()  # who must approve, each to be met by itself; `quorum` is the fewest people that can
    escalate_s: int = 0  # after so long without anybody who takes it on, it is said aloud; 0: never
    break_glass: bool = (
        False  # a person may act without approval in an emergency: every policy that holds says so
    )
    vaulted: bool = False  # the backup lies in the vault account too, or the call does not leave


class Decision(msgspec.Struct, frozen=True, omit_defaults=True):
    """Policy's answer with its reasons. `errors` non-empty is never ALLOW. `enforced` false is observe mode, said loudly."""

    verdict: Verdict
    reasons: tuple[Reason, ...]
    obligations: Obligations
    policy_digest: str
    errors: tuple[str, ...] = ()
    enforced: bool = True
