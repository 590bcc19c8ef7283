"""Who is told what happens here: machines by events (`outward`), people by channels (`reviewers`). Wired beside `app`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from keyturn import __version__
from keyturn.config import Config
from keyturn.core.case import Phase
from keyturn.core.people import on_duty
from keyturn.core.proposals import said
from keyturn.model.change import Change
from keyturn.model.notice import Notice
from keyturn.model.record import Entry
from keyturn.model.reviewing import ProposalDecided, Proposed
from keyturn.outward.pump import Pump
from keyturn.outward.sinks import FileSink, Sink, Webhook
from keyturn.reviewers.apprised import Apprised
from keyturn.reviewers.calm import Calm, night
from keyturn.reviewers.interface import Channel
from keyturn.reviewers.slack import Slack
from keyturn.reviewers.telling import Telling
from keyturn.runtime import Runtime, now_ms
from keyturn.runtime.notices import notice_of
from keyturn.stores.interface import Store

if TYPE_CHECKING:
    from keyturn.outward.otlp import Collector


class Messengers:
    """Raises `OperatorError` for one that cannot be: better at the start than in the night it is needed for."""

    def __init__(self, config: Config, store: Store, runtime: Runtime) -> None:
        self._store, self._runtime = store, runtime
        self._sinks = _sinks(config)
        self._collector = _collector(config, runtime.settings.origin)
        self._channels = self._calm(config)
        self._tasks: list[asyncio.Task[None]] = []
        self._proposed: Proposed | None = None

    def start(self) -> None:
        """Begin to tell. Of several nodes the one that leads does."""
        for sink in self._sinks:
            pump = Pump(
                self._store,
                sink,
                self._change_of,
                source=self._runtime.settings.origin,
                version=__version__,
                mine=self._leads,
                known=self._known,
            )
            self._tasks.append(asyncio.create_task(pump.run(), name=f"keyturn-events-{sink.name}"))
        if self._collector is not None:
            from keyturn.outward.otlp import Traces  # noqa: PLC0415  # for those who trace

            traces = Traces(self._store, self._collector, mine=self._leads)
            self._tasks.append(asyncio.create_task(traces.run(), name="keyturn-traces"))
        for channel in self._channels:
            telling = Telling(
                self._store,
                channel,
                self._notice_of,
                now_ms,
                mine=self._leads,
                known=self._known,
            )
            self._tasks.append(asyncio.create_task(telling.run(), name=f"keyturn-tells-{channel.name}"))

    async def stop(self) -> None:
        """What was not told is, after the next start."""
        for task in self._tasks:
            task.cancel()
        if self._collector is not None:
            self._collector.close()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _calm(self, config: Config) -> tuple[Calm, ...]:
        found: list[Channel] = [Apprised(url) for url in config.channel_urls]
        if config.slack.channel:
            found.append(Slack(config.slack_token, config.slack.channel, self._store, api=config.slack.api))
        nights = night(config.channels.quiet)
        return tuple(
            Calm(
                channel,
                self._store,
                digest_s=config.channels.digest_s,
                quiet=lambda at_ms: nights is not None and on_duty(nights, at_ms),
                settled=self._settled,
                inbox=self._runtime.settings.public_url,
            )
            for channel in found
        )

    def _leads(self) -> bool:
        return self._runtime.nodes is None or self._runtime.nodes.leads

    def _known(self) -> int:
        return self._runtime.book.seq

    def _settled(self, case_id: str) -> bool:
        case = self._runtime.book.case(case_id)
        return case is None or case.phase is not Phase.HELD

    def _change_of(self, case_id: str) -> Change | None:
        case = self._runtime.book.case(case_id)
        return case.change if case is not None else None

    def _notice_of(self, entry: Entry) -> Notice | None:
        case = self._runtime.book.case(entry.case_id) if entry.case_id else None
        event = None if entry.case_id else entry.event()
        if isinstance(event, Proposed):
            self._proposed = event
        last = self._proposed  # of who decides alone it stands directly before, and a fold forgets it
        known = isinstance(event, ProposalDecided) and last is not None and last.id == event.id
        return notice_of(
            entry,
            case,
            self._runtime.work.url,
            proposals=self._runtime.book.plane.people.proposals,
            wanted=said(last) if known and last is not None else "",
        )


def _collector(config: Config, instance: str) -> Collector | None:
    traces = config.traces
    if not traces.endpoint:
        return None
    from keyturn.outward.otlp import Collector  # noqa: PLC0415  # for those who trace

    return Collector(traces.endpoint, config.traces_headers, version=__version__, instance=instance)


def _sinks(config: Config) -> tuple[Sink, ...]:
    events = config.events
    found: list[Sink] = [FileSink(events.file)] if events.file else []
    if events.stdout:
        found.append(FileSink(""))
    if events.webhook:
        found.append(Webhook(events.webhook, config.events_secret.encode()))
    return tuple(found)
