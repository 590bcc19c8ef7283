"""Every number the runtime lives by, in one place, each with its reason and its unit in the name."""

from __future__ import annotations

from typing import Final

import msgspec

from keyturn.core.retention import KEEP_DAYS
from keyturn.model.execution import VaultAccount

RECONCILE_TRIES_MAX: Final = 60
"""Reads of the world until an accepted or unanswered call is left to a person; spaced, this is some five minutes."""

FRESH_MS: Final = 2_000
"""A state read this recently need not be read again for a call that nobody had to approve."""

CLAIM_WAIT_S: Final = 30.0
"""How long a claim waits for another case that works on the same resource."""

GRANT_S: Final = 900
"""Life of a change's credential: the shortest STS gives (AssumeRole, DurationSeconds)."""

READS_BATCH_MAX: Final = 200
READS_BATCH_S: Final = 0.5
"""Reads are put on record in batches of this many, or this often."""

CHECKPOINT_S: Final = 60.0
"""A signed checkpoint is made this often when the log has grown."""

CHECKPOINT_BATCH: Final = 1_000
"""Entries hashed in one go, some 8 ms: the first checkpoint after a start reads the whole log, and calls must not wait for it."""

RETIRE_LOOK_S: Final = 3600.0
"""Whether a backup was kept long enough is looked at this often; it is a matter of days."""

DRILL_LOOK_S: Final = 300.0
"""Whether a drill is due is looked at this often; drills are hours apart."""

TICK_S: Final = 1.0
"""Deadlines are looked at this often; they are minutes."""


class Settings(msgspec.Struct, frozen=True):
    """What an operator may set; see docs/reference/settings."""

    public_url: str = "http://127.0.0.1:8421"
    hold_wait_s: float = 50.0  # a held call is kept waiting this long before it gets its error
    review_deadline_s: int = 24 * 3600  # an unanswered hold expires
    approval_window_s: int = 3600  # an approval is usable this long (policy may set less or more)
    cooldown_s: int = 900
    replay_s: int = 300
    remind_s: int = 3600  # so long before its review deadline a held case is spoken of again
    claim_s: int = 1800  # a reviewer's claim lasts so long, unless she says so again
    break_glass_s: int = 900  # a break-glass has to be used within this time
    observe: bool = False
    enforcing: bool = (
        False  # the account denies mutations to everyone but the plane's roles (keyturn guard aws)
    )
    standin: bool = False  # the account is a stand-in, said aloud everywhere
    drill_every_s: float = 0.0  # each kind is drilled this often; 0: never by itself
    keep_days: int = KEEP_DAYS  # backups are kept at least so long; 0: until a person drops them
    backup_export: bool = False  # people may take backups out of the vault
    vault: VaultAccount | None = None  # what of it nobody names who comes through the plane
    origin: str = "keyturn.local/log"
