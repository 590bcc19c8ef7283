"""What makes a request one of ours: the login cookie, the form's token, the place it was sent from."""

from __future__ import annotations

import hmac
import re
import secrets
import time
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from keyturn.console.identity import LOGIN_S, Caller, Identity
from keyturn.console.nonces import GOOD_FOR_S
from keyturn.errors import KeyturnError, ReviewError

FORM_BYTES_MAX: Final = 64 * 1024
"""The largest honest form is a note and two digests."""

FIELDS_MAX: Final = 20

SHOWN_MS_MIN: Final = 1_000
"""Nobody has read a page in less: such a decision was a click meant for something else, or a script's."""

SHOWN_MS_MAX: Final = LOGIN_S * 1_000
"""A form lasts as long as the login that it was made for."""

_NEXT: Final = re.compile(
    r"/(c/[A-Za-z0-9][A-Za-z0-9-]{0,63}(/raw)?|me|activity|agents|policy|evidence|attention)?"
)


class Forms:
    """Cookies and form tokens of the pages. The API takes neither: a page elsewhere can send cookies, no bearer token."""

    def __init__(self, identity: Identity, key: bytes = b"") -> None:
        """`key` is the same for all consoles of an installation: a page of one may be sent to another."""
        self._identity = identity
        self._key = key or secrets.token_bytes(32)  # then forms made before a restart are asked for again

    def user(self, request: Request) -> Caller | None:
        """Who is logged in here; None when nobody is. A program's token is no login, in a cookie neither."""
        token = request.cookies.get(cookie_name(request), "")
        found = self._identity.who(token) if token else None
        return found if found is not None and found.through == "login" else None

    def token(self, request: Request) -> str:
        """The token of this login's forms: worth nothing in another login, of the same person neither."""
        login = request.cookies.get(cookie_name(request), "")
        return hmac.new(self._key, login.encode(), "sha256").hexdigest()

    async def read(self, request: Request, *, login: bool = False) -> tuple[dict[str, str], str]:
        """The form, and why it is not to be believed (empty when it is). Before a `login` there is no token yet."""
        form, why = await _fields(request)
        if why:
            return {}, why
        if why := foreign(request):
            return form, why
        if not login and not hmac.compare_digest(form.get("csrf", ""), self.token(request)):
            return form, "the form was made by another login, or before a restart: open the page again"
        return form, ""

    def shown(self, request: Request) -> str:
        """When this page is served, so that its forms can say it: nobody can make it earlier than it was."""
        at = str(_now_ms())
        return f"{at}.{self._sealed(request, at)}"

    def too_soon(self, request: Request, form: dict[str, str]) -> str:
        """Why a decision cannot have been read for; empty when it can."""
        at, _, seal = form.get("shown", "").partition(".")
        if not hmac.compare_digest(seal, self._sealed(request, at)):
            return "the form does not say when its page was shown: open the page again"
        age_ms = _now_ms() - int(at)
        if age_ms < SHOWN_MS_MIN:
            return "the page was shown less than a second before: nothing was decided. Read it, then decide"
        if age_ms > SHOWN_MS_MAX:
            return "the page was shown long ago: open it again"
        return ""

    def _sealed(self, request: Request, at: str) -> str:
        return hmac.new(self._key, f"shown {self.token(request)} {at}".encode(), "sha256").hexdigest()

    def let_in(self, request: Request, answer: Response, token: str) -> None:
        """Give the browser its login: out of reach of scripts, and sent by pages of ours only."""
        name = cookie_name(request)
        answer.set_cookie(
            name, token, max_age=LOGIN_S, path="/", httponly=True, samesite="strict", secure=_secure(request)
        )

    def keep(self, request: Request, answer: Response, text: str) -> None:
        """Minutes' memory of a browser that is sent to the company's provider; it comes back from another site, so it is lax."""
        name, secure = f"{cookie_name(request)}-oidc", _secure(request)
        if text:
            answer.set_cookie(
                name, text, max_age=GOOD_FOR_S, path="/", httponly=True, samesite="lax", secure=secure
            )
        else:
            answer.delete_cookie(name, path="/", httponly=True, samesite="lax", secure=secure)

    @staticmethod
    def kept(request: Request) -> str:
        return request.cookies.get(f"{cookie_name(request)}-oidc", "")

    async def forget(self, request: Request) -> None:
        """End this browser's login: its token is worth nothing afterwards."""
        await self._identity.logout(request.cookies.get(cookie_name(request), ""))

    def let_out(self, request: Request, answer: Response) -> None:
        answer.delete_cookie(
            cookie_name(request), path="/", httponly=True, samesite="strict", secure=_secure(request)
        )


async def _fields(request: Request) -> tuple[dict[str, str], str]:
    """The fields of an HTML form, and why it is none. Only what our pages send is read, and never more than a page sends."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    raw = b""
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > FORM_BYTES_MAX:
            return {}, f"a form of this page has at most {FORM_BYTES_MAX:,} bytes"
    if kind != "application/x-www-form-urlencoded":
        return {}, "this is no form of this page"
    try:
        text = raw.decode("ascii")
        return dict(parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=FIELDS_MAX)), ""
    except ValueError:
        return {}, "the form cannot be read"


def cookie_name(request: Request) -> str:
    """Over TLS a name that no other host and no plain connection can set (RFC 6265bis, 4.1.3.2)."""
    return "__Host-keyturn" if _secure(request) else "keyturn"


def foreign(request: Request) -> str:
    """Why the request seems sent by a page of somebody else; empty when not. Browsers say so and pages cannot change it.

    Source: W3C Fetch Metadata, ``Sec-Fetch-Site``; older browsers send ``Origin`` with every POST.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return "" if site in {"same-origin", "none"} else f"sent from another site ({site})"
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host", ""):
        return f"sent from {origin}"
    return ""


def back_to(path: str) -> str:
    """Where to go after the login: a page of ours, whatever was asked for."""
    return path if _NEXT.fullmatch(path) else "/"


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _secure(request: Request) -> bool:
    return request.url.scheme == "https"


def credential_of(form: dict[str, str]) -> dict[str, Any]:
    """What the browser's passkey answered, from the form's field. Raises `ReviewError`."""
    try:
        return msgspec.json.decode(form.get("credential", ""), type=dict[str, Any])
    except (ValueError, RecursionError):
        raise ReviewError(
            "passkey", "no passkey answered", help="allow scripts on this page, and try again"
        ) from None


def refused(error: KeyturnError, status: int = 403) -> Response:
    """A no for a script of ours, which shows the message."""
    return JSONResponse({"error": {"code": error.code, "message": error.message, "help": error.help}}, status)
