"""What a button in Slack asks for. It counts as its presser's review, if Slack signed it, she is known here, and the case is as it was shown.

Signatures: https://docs.slack.dev/authentication/verifying-requests-from-slack. What wants the page is turned away with its address.
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import parse_qs

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from keyturn.console.bodies import NOTE_CHARS_MAX
from keyturn.console.identity import Identity
from keyturn.console.slack_settings import SlackSettings
from keyturn.core.case import Case
from keyturn.core.gravity import grave
from keyturn.core.shown import in_a_message
from keyturn.errors import KeyturnError
from keyturn.runtime.interface import Desk

BODY_BYTES_MAX: Final = 64 * 1024
"""An interaction with a message of ours in it is a few thousand."""

PATH: Final = "/channels/slack"
_VERBS: Final = {"keyturn_approve": True, "keyturn_deny": False}


class _Pressed(msgspec.Struct, frozen=True):
    case: str
    binding: str


class SlackActions:
    """The one route that Slack calls."""

    def __init__(self, settings: SlackSettings | None, desk: Desk, identity: Identity, pages: str) -> None:
        """Without settings nobody is answered. `pages` is what the address of a case begins with."""
        self._desk, self._identity, self._pages = desk, identity, pages
        self._people = settings.people if settings else {}
        self._signed: Any = None
        if settings is not None:
            from slack_sdk.signature import SignatureVerifier  # noqa: PLC0415  # an extra

            self._signed = SignatureVerifier(settings.secret)

    def routes(self) -> list[Route]:
        return [Route(PATH, self.pressed, methods=["POST"])]

    async def pressed(self, request: Request) -> Response:
        """401 where Slack did not sign it, within five minutes; otherwise what the presser reads."""
        if self._signed is None:
            return JSONResponse({"error": "there is no Slack here"}, status_code=404)
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > BODY_BYTES_MAX:
                return JSONResponse({"error": "too large"}, status_code=413)
        if not self._is_signed(body, request):
            return JSONResponse({"error": "not signed by Slack"}, status_code=401)
        try:
            payload = msgspec.json.decode(parse_qs(body.decode("utf-8"))["payload"][0])
            action, member = payload["actions"][0], str(payload["user"]["id"])
            approve = _VERBS[action["action_id"]]
            pressed = msgspec.json.decode(action["value"], type=_Pressed)
            note = _note(payload)
        except (ValueError, KeyError, IndexError, TypeError, AttributeError):
            return JSONResponse({"error": "no interaction of ours"}, status_code=400)
        return _said(await self._decide(member, pressed, note, approve=approve))

    def _is_signed(self, body: bytes, request: Request) -> bool:
        at = request.headers.get("x-slack-request-timestamp", "")
        if not (at.isascii() and at.isdigit()):
            return False
        found: bool = self._signed.is_valid(body, at, request.headers.get("x-slack-signature", ""))
        return found

    async def _decide(self, member: str, pressed: _Pressed, note: str, *, approve: bool) -> str:
        name = self._people.get(member, "")
        user = self._identity.user(name) if name else None
        if user is None or "reviewer" not in user.roles:
            return "Keyturn knows no reviewer by your Slack account. An administrator maps it under [slack.people]."
        case = self._desk.case(pressed.case)
        if case is None:
            return f"There is no case {pressed.case[:20]}."
        if approve and (grave(case) or case.change is None or not in_a_message(case.change)):
            return f"{case.id} is decided on its page, where all of it is shown: {self._pages}{case.id}"
        return await self._reviewed(case, user.name, pressed, note, approve=approve)

    async def _reviewed(self, case: Case, by: str, pressed: _Pressed, note: str, *, approve: bool) -> str:
        try:
            after = await self._desk.review(
                case.id, by=by, approve=approve, binding=pressed.binding, note=note, via="slack"
            )
        except KeyturnError as error:
            return f"This counts for nothing: {error.message}. {self._pages}{case.id}"
        return f"{by} {'approved' if approve else 'turned down'} {after.id}; it is {after.phase}."


def _note(payload: dict[str, Any]) -> str:
    """What stands in the message's field; empty where nothing does (https://docs.slack.dev/reference/interaction-payloads/block_actions-payload)."""
    typed = (payload.get("state") or {}).get("values", {}).get("keyturn_why", {}).get("keyturn_note", {})
    return str(typed.get("value") or "").strip()[:NOTE_CHARS_MAX]


def _said(text: str) -> JSONResponse:
    return JSONResponse({"response_type": "ephemeral", "replace_original": False, "text": text})
