"""Tags of a Kinesis stream that come with its create: API_CreateStream has `Tags`, which moto leaves out."""

from __future__ import annotations

from typing import Any

from moto.kinesis.responses import KinesisResponse


def fill_stream_tags() -> None:
    """Once or more often: what is filled stays so."""
    if hasattr(KinesisResponse, "standin_create"):
        return
    create = KinesisResponse.standin_create = KinesisResponse.create_stream

    def create_stream(self: Any) -> Any:
        made = create(self)
        tags = self._get_param("Tags")
        if tags:
            self.kinesis_backend.add_tags_to_stream(None, self._get_param("StreamName"), tags)
        return made

    KinesisResponse.create_stream = create_stream
