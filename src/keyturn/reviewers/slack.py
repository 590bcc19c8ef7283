"""Slack, both ways (https://docs.slack.dev/reference/methods/chat.postMessage): a message for each held case, with what is asked and buttons where a decision
needs no page; once it is settled, wherever that was, the message says so and its buttons are gone.
"""

from __future__ import annotations

import asyncio
from http.client import HTTPException
from typing import Any, Final

import msgspec

from keyturn.errors import OperatorError
from keyturn.model.notice import ASKS, Notice
from keyturn.stores.interface import Store

API: Final = "https://slack.com/api/"
MESSAGES: Final = "slack_message"
APPROVE, DENY = "keyturn_approve", "keyturn_deny"
WHY, NOTE = "keyturn_why", "keyturn_note"
"""The block and the field of what a reviewer says to it; Slack sends it along with the press of a button."""
NOTE_CHARS_MAX: Final = 2_000
POST_S_MAX: Final = 10
SECTION_CHARS_MAX: Final = 2_900
"""Slack's own limit of a section's text is 3,000."""

_STANDS: Final = frozenset({"no_such_message", "message_not_found", "cant_update_message"})


class Button(msgspec.Struct, frozen=True):
    """What a button sends back: it names what was shown, so that an old one counts for nothing."""

    case: str
    binding: str


class Slack:
    """One Slack channel."""

    def __init__(self, token: str, channel: str, store: Store, *, api: str = API) -> None:
        try:
            from slack_sdk import WebClient  # noqa: PLC0415  # an extra
        except ModuleNotFoundError:
            raise OperatorError(
                "no-extra",
                "Slack needs slack-sdk, which is not installed",
                help="pip install 'keyturn[channels]'",
            ) from None
        self.name = f"slack-{channel}"
        self._channel, self._store = channel, store
        self._client: Any = WebClient(token=token, base_url=api, timeout=POST_S_MAX)

    async def tell(self, notice: Notice) -> None:
        """A new case is a new message; what comes later of it goes under that, and settles it."""
        row = self._store.get_row(MESSAGES, notice.case_id) if notice.case_id else None
        thread = row.value.decode() if row else ""
        if not thread:
            said = await self._call("chat_postMessage", text=notice.title, blocks=blocks(notice))
            if notice.case_id and notice.kind in ASKS:
                await self._store.put_row(MESSAGES, notice.case_id, str(said["ts"]).encode())
            return
        if notice.kind not in ASKS or notice.binding:  # settled; or asked anew, of what it has become
            await self._call("chat_update", ts=thread, text=notice.title, blocks=blocks(notice))
        await self._call(
            "chat_postMessage",
            thread_ts=thread,
            text=notice.title,
            blocks=blocks(msgspec.structs.replace(notice, binding="")),
        )
        if notice.kind not in ASKS:
            await self._store.delete_row(MESSAGES, notice.case_id)

    async def _call(self, method: str, **given: Any) -> Any:
        from slack_sdk.errors import SlackApiError, SlackClientError  # noqa: PLC0415  # an extra

        try:
            return await asyncio.to_thread(getattr(self._client, method), channel=self._channel, **given)
        except SlackApiError as error:
            code = str(error.response.get("error", "")) if error.response is not None else ""
            if method == "chat_update" and code in _STANDS:
                return {}  # somebody deleted it: there is no button left to die
            raise OSError(f"Slack says {code or 'no'}") from None
        except (OSError, HTTPException, SlackClientError) as error:
            raise OSError(f"no answer from Slack: {type(error).__name__}") from None


def escaped(text: str) -> str:
    """As Slack's formatting asks: none of it is a mention or a link (https://docs.slack.dev/messaging/formatting-message-text)."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def blocks(notice: Notice) -> list[dict[str, Any]]:
    """The message: title, what is to be known, the link; all that is asked, with buttons, where it can be decided here."""
    text = "\n".join((f"*{escaped(notice.title)}*", *(escaped(line) for line in notice.lines)))
    whole = len(text) <= SECTION_CHARS_MAX
    if not whole:
        text = f"{text[:SECTION_CHARS_MAX]}…"
    if notice.url:
        text += f"\n<{notice.url}|Open the case>"
    found: list[dict[str, Any]] = [{"type": "section", "text": {"type": "mrkdwn", "text": text}}]
    if notice.binding and notice.asked and whole:
        found += [_as_it_is(notice.asked), _why()]
        value = msgspec.json.encode(Button(notice.case_id, notice.binding)).decode()
        found.append(
            {
                "type": "actions",
                "elements": [_button("Approve", APPROVE, value), _button("Deny", DENY, value, "danger")],
            }
        )
    return found


def _as_it_is(text: str) -> dict[str, Any]:
    """Nothing in it is a mention, a link or a mark (https://docs.slack.dev/reference/block-kit/blocks/rich-text-block)."""
    inside = {"type": "rich_text_preformatted", "elements": [{"type": "text", "text": text}]}
    return {"type": "rich_text", "elements": [inside]}


def _why() -> dict[str, Any]:
    """A denial needs a reason (https://docs.slack.dev/reference/block-kit/blocks/input-block)."""
    field = {"type": "plain_text_input", "action_id": NOTE, "max_length": NOTE_CHARS_MAX}
    label = {"type": "plain_text", "text": "Why; the agent reads it. A denial needs it"}
    return {"type": "input", "block_id": WHY, "optional": True, "label": label, "element": field}


def _button(label: str, action: str, value: str, style: str = "") -> dict[str, Any]:
    made: dict[str, Any] = {
        "type": "button",
        "action_id": action,
        "value": value,
        "text": {"type": "plain_text", "text": label},
    }
    return made | ({"style": style} if style else {})
