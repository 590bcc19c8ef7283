"""Every limit of the gateway, with its unit and its reason."""

from __future__ import annotations

from typing import Final

HEAD_BYTES_MAX: Final = 64 * 1024
"""Request line and headers: AWS accepts some 10 kB, presigned ones twice that."""

BODY_BYTES_MAX: Final = 70 * 1024 * 1024
"""A body that is judged is read whole; the largest honest one is a Lambda zip (50 MB, a third more as base64)."""

STREAM_HIGH_BYTES: Final = 256 * 1024
"""Bytes of an upload held until the upstream takes them; then the client is paused."""

PIPELINE_MAX: Final = 16
"""Requests waiting on one connection; a client that sends more is paused."""

IDLE_S: Final = 300.0
"""A connection without a request is closed."""

HEAD_S_MAX: Final = 20.0
"""A client has this long to finish a request it has begun, unless it is sending a body."""

BODY_S_MAX: Final = 600.0
"""A body that is judged is here by then: 70 MB at a megabit a second. Until then it takes memory and nothing else."""

PIECE_S_MAX: Final = 60.0
"""Between two pieces of a body that passes by, while it is waited for: AWS hangs up after twenty to thirty seconds."""

TAKE_S_MAX: Final = 120.0
"""A client that takes nothing of its answer for so long has left, whatever its socket says; the service is paused meanwhile."""

CLOSE_S: Final = 1.0
"""At the end clients have this long to take what was answered; then their connections are cut."""

CONNECT_S_MAX: Final = 10.0
"""What passes through the proxy has to be there in this time."""

LINGER_S: Final = 2.0
"""A client that is answered before its body was taken has this long to hear it and stop: closing at once would take the answer
back from it (RFC 9112, 9.6)."""

LINGER_BYTES_MAX: Final = 8 * 1024 * 1024
"""So much of such a body is read and thrown away; who sends more is not listening."""

SWEEP_S: Final = 1.0
"""How often silent connections are looked for."""

STILL_HOLDING_S: Final = 10.0
"""How often a held botocore client hears 100 Continue, so that its 60 s read time-out begins anew."""
