"""What can be shown in full. What nobody could read, nobody approves: not on a page, in a terminal, by a program, or in a message."""

from __future__ import annotations

import json
from typing import Final

import msgspec

from keyturn.model.change import Change

SHOWN_BYTES_MAX: Final = 256 * 1024
"""Of a change as JSON. Nobody reads more than this; what is larger is asked for in parts."""

MESSAGE_CHARS_MAX: Final = 2_000
"""Of what is asked, in a message. Slack takes 3,000 in a block, and a longer one is folded away there."""


def not_shown(change: Change | None) -> str:
    """Why the change cannot be shown in full, as a sentence without its stop; empty where it can."""
    size = len(msgspec.json.encode(change))
    if size <= SHOWN_BYTES_MAX:
        return ""
    return f"the change is {size:,} bytes long, more than can be shown in full ({SHOWN_BYTES_MAX:,})"


def in_a_message(change: Change) -> str:
    """All that is asked, in ASCII, so that no character of it is unseen; empty where it is too long for a message."""
    asked = "\n".join(
        f"{operation.name} {json.dumps(msgspec.to_builtins(operation.parameters), indent=1)}"
        for operation in change.operations
    )
    return asked if len(asked) <= MESSAGE_CHARS_MAX else ""
