"""Limits of the policy engine, each with its reason."""

from __future__ import annotations

from typing import Final

SLICES_MAX: Final = 2_048
"""Slices kept, one per action and named principal, some 55 KB each for their schema. A busy account sees some hundreds of
actions; an evicted slice costs a millisecond to build again."""

SCOPES_MAX: Final = 32_768
"""Actions whose policies are known by name, 100 bytes each: all that AWS has, for the agents that policies single out and the rest."""

HANDLES_MAX: Final = 512
"""Parsed policy sets kept, 180 KB each for twenty policies. Most actions share one: those that policies do not single out."""

RESOURCES_ASKED_MAX: Final = 1_000
"""Resources of one change that are judged one by one where a policy looks at the resource: S3's DeleteObjects takes 1,000
keys. Each costs some 60 microseconds under the interpreter's lock; what names more is never allowed on its own."""

QUORUM_MAX: Final = 9
"""Reviewers a policy may ask for. More than a team has is a typing error that would block for ever."""

WINDOW_S_MAX: Final = 7 * 24 * 3600
"""The longest an approval may stay usable: in a week the state it was given on is another one."""

POLICIES_MAX: Final = 10_000
"""Policies in force at once; validation grows with policies times actions and must not hold up a start for minutes."""

ERROR_CHARS_MAX: Final = 500
"""Of one engine error kept in a decision: the log is for ever, and the first sentence says it."""
