"""What the channel of Slack is told, apart from its routes: it is known before they are loaded."""

from __future__ import annotations

import msgspec


class SlackSettings(msgspec.Struct, frozen=True):
    """`people`: member id at Slack -> user here. Who is not in it is nobody."""

    secret: str
    people: dict[str, str]
