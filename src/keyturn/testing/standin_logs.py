"""What the stand-in's log groups refuse of old events, as API_PutLogEvents and API_RejectedLogEventsInfo have it.

``tooOldLogEventEndIndex``: "The index of the last log event that is too old. This field is exclusive." moto tells it inclusive. And no
event is taken that is older than the group's retention: ``expiredLogEventEndIndex``.
"""

from __future__ import annotations

import time
from typing import Any, Final

from moto.logs.models import LogsBackend

DAY_MS: Final = 24 * 60 * 60 * 1_000


def fill_log_events() -> None:
    """Once or more often: what is filled stays so."""
    if hasattr(LogsBackend, "standin_put"):
        return
    put = LogsBackend.standin_put = LogsBackend.put_log_events

    def put_log_events(
        self: Any, log_group_name: str, log_stream_name: str, log_events: list[dict[str, Any]]
    ) -> Any:
        group = self.groups.get(log_group_name)
        days = int(group.retention_in_days) if group is not None and group.retention_in_days else 0
        oldest = time.time() * 1_000 - days * DAY_MS
        young = [one for one in log_events if not days or one["timestamp"] >= oldest]
        token, rejected = put(self, log_group_name, log_stream_name, young)
        expired = len(log_events) - len(young)
        if "tooOldLogEventEndIndex" in rejected:
            rejected["tooOldLogEventEndIndex"] += 1 + expired
        return token, rejected | ({"expiredLogEventEndIndex": expired} if expired else {})

    LogsBackend.put_log_events = put_log_events
