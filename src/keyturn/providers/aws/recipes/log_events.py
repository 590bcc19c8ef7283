"""The events of a log group as a backup: read page by page, sealed as the batches that put them back.

PutLogEvents takes at most 10,000 events and 1,048,576 bytes (each event counts 26 more than its text), in order of time and of 24 hours at
most, and none that is older than 14 days or than the group's retention
(https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html). Those stay in the backup, where they can be read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from itertools import groupby
from operator import attrgetter
from typing import Any, Final

import msgspec

from keyturn.core.keeping import put_in, sealed_in
from keyturn.core.ports import Inquiry
from keyturn.errors import UnavailableError
from keyturn.model.canonical import canonical
from keyturn.model.change import ResourceRef
from keyturn.model.execution import Call, Refused, Role, Succeeded
from keyturn.providers.aws.recipes.base import call
from keyturn.providers.aws.recipes.common import must, pages, pause
from keyturn.providers.aws.recipes.export import exported, packed, unpacked

EVENTS_BYTES_MAX: Final = 128 * 1024 * 1024
"""Events of one group that are exported, as PutLogEvents counts them: half of what one backup may take of the plane's vault."""

PAGES_MAX: Final = 5_000
"""Pages of one export; a page may be empty while the service still searches (API_FilterLogEvents)."""

PAGE_EVENTS: Final = 10_000
"""Events of one page, and of one batch, at most (API_FilterLogEvents, API_PutLogEvents)."""

BATCH_BYTES_MAX: Final = 1_048_576
EVENT_BYTES: Final = 26
"""What PutLogEvents counts of an event beside its text."""

BATCH_MS_MAX: Final = 24 * 60 * 60 * 1_000 - 1
DAY_MS: Final = 24 * 60 * 60 * 1_000
TAKEN_DAYS: Final = 14
"""Older events are not taken, however long the group keeps what it has."""

PART_BYTES: Final = 4 * 1024 * 1024
"""So much is gathered before it is sealed: it is in memory while it is."""

LOOKS_MAX: Final = 6
"""Looks for what was put: reads follow writes by some seconds."""

PUT: Final = "logs:PutLogEvents"

Event = dict[str, Any]


class Batch(msgspec.Struct, frozen=True):
    """One PutLogEvents: its stream, where its events are sealed, how many there are, and of which time."""

    stream: str
    reference: str
    part: int
    count: int
    first_ms: int
    last_ms: int


class Exported(msgspec.Struct, frozen=True):
    """What was sealed: the index that names every batch, the number of events, and the digest of all of them."""

    index: str
    count: int
    size: int
    content: str


class _Gathered(msgspec.Struct):
    """What was read and is not sealed yet, and what was."""

    pending: dict[str, list[Event]] = msgspec.field(default_factory=dict)
    waiting: int = 0
    size: int = 0
    count: int = 0
    total: int = 0
    index: list[Batch] = msgspec.field(default_factory=list)

    def take(self, events: list[dict[str, Any]]) -> None:
        for one in events:
            stream = str(one["logStreamName"])
            event = {"timestamp": int(one["timestamp"]), "message": str(one["message"])}
            size = size_of(event)
            self.pending.setdefault(stream, []).append(event)
            self.waiting += size
            self.size += size
            self.count += 1
            self.total ^= _digest(stream, event)


def export(ref: ResourceRef) -> Inquiry[Exported]:
    """Every event there is, sealed. Raises `UnavailableError` where there are more than are exported."""
    found = _Gathered()
    given: dict[str, Any] = {"logGroupName": ref.id, "limit": PAGE_EVENTS}
    token: str | None = None
    for _ in range(PAGES_MAX):
        asked = given if token is None else {**given, "nextToken": token}
        page = yield from exported(ref, "logs:FilterLogEvents", asked)
        found.take(page.get("events") or [])
        if found.size > EVENTS_BYTES_MAX:
            raise UnavailableError("backup", too_many(ref, found.size))
        token = page.get("nextToken")
        if found.waiting >= PART_BYTES or not token:
            yield from _sealed(ref, found)
        if not token:
            break
    else:
        raise UnavailableError("backup", f"the events of {ref.id} are more than {PAGES_MAX:,} pages")
    index = yield from packed(ref, [msgspec.to_builtins(batch) for batch in found.index])
    return Exported(index.reference, found.count, found.size, f"{found.total:064x}")


def too_many(ref: ResourceRef, size: int) -> str:
    return (
        f"{ref.id} holds {size:,} bytes of log events or more; {EVENTS_BYTES_MAX:,} are exported at most. "
        "logs:CreateExportTask copies them to a bucket, from where nothing puts them back"
    )


def _sealed(ref: ResourceRef, found: _Gathered) -> Inquiry[None]:
    if not found.pending:
        return
    batches = [
        (stream, batch) for stream, events in sorted(found.pending.items()) for batch in batches_of(events)
    ]
    made = yield from packed(ref, [batch for _, batch in batches])
    found.index += [
        Batch(stream, made.reference, part, len(batch), batch[0]["timestamp"], batch[-1]["timestamp"])
        for part, (stream, batch) in enumerate(batches)
    ]
    found.pending, found.waiting = {}, 0


def batches_of(events: list[Event]) -> Iterator[list[Event]]:
    """The events of one stream, in order of time, in pieces that PutLogEvents takes."""
    batch: list[Event] = []
    size = 0
    for event in sorted(events, key=lambda one: int(one["timestamp"])):
        more = size_of(event)
        over = size + more > BATCH_BYTES_MAX or len(batch) == PAGE_EVENTS
        if batch and (over or event["timestamp"] - batch[0]["timestamp"] > BATCH_MS_MAX):
            yield batch
            batch, size = [], 0
        batch.append(event)
        size += more
    if batch:
        yield batch


def size_of(event: Event) -> int:
    return len(str(event["message"]).encode()) + EVENT_BYTES


def _digest(stream: str, event: Event) -> int:
    text = canonical([stream, event["timestamp"], event["message"]])
    return int.from_bytes(hashlib.sha256(text).digest(), "big")


# --- putting back ----------------------------------------------------------------------------------------------------


def put_back(ref: ResourceRef, reference: str, *, days: int, at_ms: int) -> Inquiry[tuple[str, ...]]:
    """Into a group that was made again. What the service does not take any more is said, and so is what is not as it was.

    `days`: as old as an event may be; `at_ms`: when the backup was taken: what was too old then is not sent.
    """
    index = yield from _index(ref, reference)
    wanted = sum(batch.count for batch in index)
    young = [batch for batch in index if batch.last_ms >= at_ms - days * DAY_MS]
    streams: set[str] = set()
    taken = total = 0
    for place, batches in groupby(young, key=attrgetter("reference")):
        sealed: list[list[Event]] = yield from unpacked(ref, place)
        for batch in batches:
            if batch.stream not in streams:
                yield from _stream(ref, batch.stream)
                streams.add(batch.stream)
            refused = yield from _put(ref, batch)
            taken += batch.count - refused
            for event in sealed[batch.part][refused:]:
                total ^= _digest(batch.stream, event)
    left = wanted - taken
    said = (
        [f"log events: {left:,} of {wanted:,} are older than {days} days, and stay in the backup"]
        if left
        else []
    )
    stands = yield from _standing(ref, taken, total)
    return (*said, *stands)


def files(ref: ResourceRef, reference: str) -> Inquiry[dict[str, bytes]]:
    """Requests of CreateLogStream and PutLogEvents, one a file, for who gives it back by hand."""
    index = yield from _index(ref, reference)
    found: dict[str, bytes] = {}
    for number, stream in enumerate(sorted({batch.stream for batch in index}), 1):
        found[f"stream-{number:05}.json"] = canonical({"logGroupName": ref.id, "logStreamName": stream})
    number = 0
    for place, batches in groupby(index, key=attrgetter("reference")):
        sealed: list[list[Event]] = yield from unpacked(ref, place)
        for batch in batches:
            number += 1
            request = {
                "logGroupName": ref.id,
                "logStreamName": batch.stream,
                "logEvents": sealed[batch.part],
            }
            found[f"events-{number:05}.json"] = canonical(request)
    return found


def _stream(ref: ResourceRef, name: str) -> Inquiry[None]:
    given = {"logGroupName": ref.id, "logStreamName": name}
    asked = msgspec.structs.replace(call(ref, "logs:CreateLogStream", given, Role.CHANGE), again=True)
    (answer,) = yield (asked,)
    if not (isinstance(answer, Refused) and answer.code == "ResourceAlreadyExistsException"):
        must(answer, f"CreateLogStream {name} of {ref.id}")


def _put(ref: ResourceRef, batch: Batch) -> Inquiry[int]:
    """Puts the batch; how many of its events, from the first, the service refused for their age."""
    events = put_in(batch.reference, part=batch.part)
    given = {"logGroupName": ref.id, "logStreamName": batch.stream, "logEvents": events}
    (answer,) = yield (call(ref, PUT, given, Role.CHANGE),)
    said = must(answer, f"PutLogEvents of {ref.id}").get("rejectedLogEventsInfo") or {}
    return max(int(said.get(name) or 0) for name in ("tooOldLogEventEndIndex", "expiredLogEventEndIndex"))


def _index(ref: ResourceRef, reference: str) -> Inquiry[list[Batch]]:
    return [msgspec.convert(one, Batch) for one in (yield from unpacked(ref, reference))]


def _standing(ref: ResourceRef, count: int, content: int) -> Inquiry[tuple[str, ...]]:
    """Whether just what was taken stands, by number and content."""
    seen = 0
    for left in range(LOOKS_MAX, -1, -1):
        found = yield from _read(ref, {})
        if found is None:
            return ("log events: they could not be read back",)
        seen, total = len(found), 0
        for one in found:
            total ^= _digest(str(one["logStreamName"]), one)
        if (seen, total) == (count, content):
            return ()
        if left:
            yield from pause()
    return (
        f"log events: {seen:,} stand where {count:,} were put back, or they are others: what is written meanwhile counts too",
    )


def took(put: Call) -> Inquiry[Succeeded | bool | None]:
    """Whether an unanswered PutLogEvents put its events: they are looked for by their time and text. None where nobody can tell."""
    given = put.parameters
    sealed = sealed_in(given.get("logEvents"))
    if sealed is None:
        return None  # not the plane's own
    ref = ResourceRef(
        "aws", put.partition, put.account, put.region, "logs:log-group", str(given["logGroupName"])
    )
    reference, part = sealed
    events: list[Event] = (yield from unpacked(ref, reference))[part]
    wanted = [(int(one["timestamp"]), str(one["message"])) for one in events]
    asked = {
        "logStreamNames": [given["logStreamName"]],
        "startTime": wanted[0][0],
        "endTime": wanted[-1][0] + 1,
    }
    for left in range(LOOKS_MAX, -1, -1):
        found = yield from _read(ref, asked)
        if found is None:
            return None
        stands = {(int(one["timestamp"]), str(one["message"])) for one in found}
        missing = next((place for place, one in enumerate(wanted) if one in stands), len(wanted))
        if all(one in stands for one in wanted[missing:]) and missing < len(wanted):
            return Succeeded({"rejectedLogEventsInfo": {"tooOldLogEventEndIndex": missing}})
        if left:
            yield from pause()
    return None if stands.intersection(wanted) else False


def _read(ref: ResourceRef, asked: dict[str, Any]) -> Inquiry[list[dict[str, Any]] | None]:
    """Every event that is asked for; None where not all of them could be read."""
    found: list[dict[str, Any]] = []
    answers = yield from pages(
        ref,
        "logs:FilterLogEvents",
        {"logGroupName": ref.id, "limit": PAGE_EVENTS, **asked},
        token_in="nextToken",
        token_out="nextToken",
    )
    for answer in answers:
        if not isinstance(answer, Succeeded):
            return None
        found += answer.value.get("events") or []
    return found
