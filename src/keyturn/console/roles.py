"""Who may do what: every route of the console, the roles that may use it, and the scope in which a token may.

One table, held by the guards of API and pages and printed into the reference. A route that is not in it does not start.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from keyturn.console.identity import ROLES, SCOPES, Caller, User
from keyturn.errors import BugError, ReviewError


class Access(msgspec.Struct, frozen=True):
    """`roles`: one of them is needed; all of them: everybody who is logged in. `scope`: what a token needs besides; empty: none will do."""

    roles: tuple[str, ...]
    scope: str = ""
    note: str = ""

    def check(self, caller: Caller) -> None:
        """Raises `ReviewError` forbidden."""
        needs(caller, *self.roles)
        if caller.through == "token" and (not self.scope or self.scope not in caller.scopes):
            wanted = f"a token with the scope {self.scope}" if self.scope else "a login, not a token,"
            raise ReviewError("forbidden", f"{wanted} is needed for this")


ADMIN, REVIEWER, OPERATOR, AUDITOR, GLASS = ROLES
ANY: Final = ROLES
ACTING: Final = (ADMIN, REVIEWER, OPERATOR)
"""Everybody but who only reads."""

_HERS: Final = "her own"
_LIFTS: Final = "another's: administrator or reviewer, while no agent of hers is at work"
_API: Final = {
    "GET /api/v1/whoami": Access(ANY, "read"),
    "GET /api/v1/status": Access(ANY, "read"),
    "GET /api/v1/openapi.json": Access(ANY, "read"),
    "GET /api/v1/cases": Access(ANY, "read"),
    "GET /api/v1/cases/{id}": Access(ANY, "read"),
    "GET /api/v1/cases/{id}/fresh": Access(ANY, "read"),
    "GET /api/v1/cases/{id}/graph": Access(ANY, "read"),
    "GET /api/v1/cases/{id}/narrow": Access(ANY, "read"),
    "GET /api/v1/log": Access(ANY, "read"),
    "GET /api/v1/cases/{id}/backups": Access((OPERATOR, REVIEWER), "read"),
    "GET /api/v1/backups": Access(ANY, "read"),
    "GET /api/v1/vault": Access(ANY, "read"),
    "GET /api/v1/sessions": Access(ANY, "read"),
    "GET /api/v1/export": Access((AUDITOR, ADMIN, REVIEWER), "read"),
    "GET /api/v1/evidence/sample": Access((AUDITOR, ADMIN, REVIEWER), "read"),
    "GET /api/v1/evidence/calls": Access((AUDITOR, ADMIN, REVIEWER), "read"),
    "GET /api/v1/attention": Access((AUDITOR, ADMIN, REVIEWER), "read"),
    "GET /api/v1/evidence/controls": Access((AUDITOR, ADMIN, REVIEWER), "read"),
    "GET /api/v1/ca": Access(ANY, "read"),
    "GET /metrics": Access(ANY, "read", "nobody has to log in with console.open_metrics"),
    "POST /api/v1/cases/{id}/review": Access((REVIEWER,), "review", "never of her own agent's"),
    "POST /api/v1/cases/{id}/sign": Access((REVIEWER,), "", "what her passkey is asked to sign"),
    "POST /api/v1/cases/{id}/claim": Access((REVIEWER,), "review", "never of her own agent's"),
    "POST /api/v1/cases/{id}/release": Access((REVIEWER,), "review", _HERS),
    "POST /api/v1/cases/{id}/break-glass": Access((GLASS,), "", "where policy allows it; in her own name"),
    "POST /api/v1/cases/{id}/sign-off": Access(
        (REVIEWER,), "", "another's break-glass, never her own agent's"
    ),
    "GET /api/v1/afterwards": Access(ANY, "read"),
    "GET /api/v1/batch": Access(ANY, "read"),
    "POST /api/v1/batch/review": Access((REVIEWER,), "review", "never of her own agent's"),
    "POST /api/v1/cases/{id}/execute": Access((REVIEWER,), "review", "never of her own agent's"),
    "POST /api/v1/cases/{id}/settle": Access((REVIEWER,), "review", "never of her own agent's"),
    "POST /api/v1/cases/{id}/withdraw": Access(ACTING, "operate", "of her own agent's only"),
    "POST /api/v1/cases/{id}/undo": Access((OPERATOR, REVIEWER), "operate"),
    "POST /api/v1/cases/{id}/narrow": Access((OPERATOR, REVIEWER), "operate"),
    "POST /api/v1/cases/{id}/backups/drop": Access((OPERATOR, REVIEWER, ADMIN), "operate"),
    "POST /api/v1/cases/{id}/backups/export": Access(
        (ADMIN,), "administer", "where [backups] export allows it"
    ),
    "POST /api/v1/undo": Access((OPERATOR, REVIEWER), "operate"),
    "POST /api/v1/drill": Access((OPERATOR, ADMIN), "operate"),
    "POST /api/v1/sessions": Access((OPERATOR,), "operate"),
    "POST /api/v1/rehearsals": Access((OPERATOR,), "operate"),
    "POST /api/v1/rehearsals/{id}/end": Access((OPERATOR,), "operate", "her own"),
    "POST /api/v1/sessions/{id}/end": Access(ACTING, "operate", "another's: administrator or reviewer"),
    "POST /api/v1/halt": Access(ACTING, "operate"),
    "POST /api/v1/resume": Access((ADMIN, REVIEWER), "operate"),
    "GET /api/v1/freezes": Access(ANY, "read"),
    "POST /api/v1/freezes": Access(ACTING, "operate"),
    "POST /api/v1/freezes/{id}/lift": Access(ACTING, "operate", _LIFTS),
    "POST /api/v1/ca/rotate": Access((ADMIN,), "administer"),
    "GET /api/v1/users": Access(ANY, "read"),
    "POST /api/v1/users": Access((ADMIN,), "administer"),
    "POST /api/v1/users/{name}/invite": Access((ADMIN,), "administer"),
    "POST /api/v1/users/{name}/remove": Access((ADMIN,), "administer"),
    "GET /api/v1/users/{name}/passkeys": Access(ANY, "read", "another's: administrator or auditor"),
    "POST /api/v1/users/{name}/passkeys/{id}/remove": Access(ANY, "administer", "another's: administrator"),
    "GET /api/v1/proposals": Access((ADMIN, AUDITOR), "read"),
    "POST /api/v1/proposals": Access((ADMIN,), "administer"),
    "POST /api/v1/proposals/{id}/approve": Access((ADMIN,), "", "neither her own nor one about her"),
    "POST /api/v1/proposals/{id}/deny": Access((ADMIN,), "", "no token decides"),
    "GET /api/v1/tokens": Access(ANY, "read", "another's: administrator or auditor"),
    "POST /api/v1/tokens": Access(ANY, "", _HERS),
    "POST /api/v1/tokens/{id}/revoke": Access(ANY, "administer", "another's: administrator"),
    "GET /api/v1/people": Access(ANY, "read"),
    "POST /api/v1/teams/{name}": Access((ADMIN,), "administer"),
    "POST /api/v1/teams/{name}/remove": Access((ADMIN,), "administer"),
    "POST /api/v1/delegations": Access((REVIEWER, ADMIN), "", "her own place; another's: administrator"),
    "POST /api/v1/delegations/end": Access((REVIEWER, ADMIN), "", "her own place; another's: administrator"),
    "POST /api/v1/aliases": Access((ADMIN,), "administer"),
    "POST /api/v1/agents/{name}/owners": Access((ADMIN,), "administer"),
    "POST /api/v1/logout": Access(ANY, "", _HERS),
}
_PAGES: Final = {
    "GET /": Access(ANY),
    "GET /index.json": Access(ANY),
    "GET /c/{id}": Access(ANY),
    "GET /c/{id}.json": Access(ANY),
    "GET /c/{id}/fresh": Access(ANY),
    "GET /c/{id}/graph.svg": Access(ANY),
    "GET /c/{id}/graph.json": Access(ANY),
    "GET /c/{id}/raw": Access(ANY),
    "GET /c/{id}/raw.json": Access(ANY),
    "GET /activity": Access(ANY),
    "GET /activity.json": Access(ANY),
    "GET /agents": Access(ANY),
    "GET /agents.json": Access(ANY),
    "GET /policy": Access(ANY),
    "GET /policy.json": Access(ANY),
    "POST /policy/explain": Access(ANY, "", "says what would be decided, and does nothing"),
    "POST /policy/explain.json": Access(ANY, "", "says what would be decided, and does nothing"),
    "GET /attention": Access((AUDITOR, ADMIN, REVIEWER)),
    "GET /attention.json": Access((AUDITOR, ADMIN, REVIEWER)),
    "GET /evidence": Access(ANY),
    "GET /evidence.json": Access(ANY),
    "GET /evidence/bundle": Access((AUDITOR, ADMIN, REVIEWER)),
    "POST /deny": Access((REVIEWER,), "", "several at once"),
    "GET /batch": Access(ANY),
    "GET /batch.json": Access(ANY),
    "POST /batch/pick": Access((REVIEWER,), "", "what was selected, as an address"),
    "POST /batch/approve": Access(
        (REVIEWER,), "", "never of her own agent's; never what takes something away"
    ),
    "POST /sessions/{id}/end": Access(ACTING, "", "another's: administrator or reviewer"),
    "POST /c/{id}/sign": Access((REVIEWER,), "", "what her passkey is asked to sign"),
    "POST /c/{id}/break-glass": Access((GLASS,), "", "where policy allows it; in her own name"),
    "POST /c/{id}/{verb}": Access((REVIEWER, OPERATOR), "", "each deed as its route of the API"),
    "POST /halt": Access(ACTING, "", "lifting it: administrator or reviewer"),
    "POST /freeze": Access(ACTING, "", "sets one"),
    "POST /freeze/{id}/lift": Access(ACTING, "", _LIFTS),
    "GET /events": Access(ANY, "read", "server-sent events; with as=json for programs"),
    "GET /me": Access(ANY, "", _HERS),
    "POST /me/passkeys/options": Access(ANY, "", _HERS),
    "POST /me/passkeys": Access(ANY, "", _HERS),
    "POST /me/passkeys/{id}/{verb}": Access(ANY, "", _HERS),
    "POST /me/proposals/{id}/{verb}": Access((ADMIN,), "", "approving: neither her own nor one about her"),
    "POST /me/tokens": Access(ANY, "", _HERS),
    "POST /me/tokens/{id}/revoke": Access(ANY, "", _HERS),
}
ACCESS: Final = _API | _PAGES

PUBLIC: Final = {
    "POST /api/v1/login": "exchanges an invite for a login",
    "GET /login": "the page that asks",
    "POST /login": "an invite, or a login of hers from elsewhere",
    "POST /login/passkey/options": "what a passkey is asked",
    "POST /login/passkey": "a passkey's answer",
    "GET /login/oidc": "to the company's provider",
    "GET /login/oidc/back": "from there",
    "POST /logout": "whoever it was is logged out",
    "POST /channels/slack": "Slack's own signature is asked for; who pressed is a reviewer here, or nobody",
    "GET /static": "scripts and styles, the same for everybody",
}
"""Routes that need no login, and why."""


def access(method: str, path: str) -> Access:
    """The row of a route. Raises `BugError` where there is none: a route that nobody has thought about is not open to everybody."""
    found = ACCESS.get(f"{method} {path}")
    if found is None:
        raise BugError("no-access-row", f"{method} {path} stands in no row of console.roles.ACCESS")
    return found


def may(caller: User | None, method: str, path: str) -> bool:
    """Whether her roles open it: what a page asks before it draws a button."""
    return caller is not None and bool(set(access(method, path).roles) & set(caller.roles))


def needs(caller: User, *roles: str) -> None:
    """Raises `ReviewError` forbidden where she has none of these roles."""
    if not set(roles) & set(caller.roles):
        raise ReviewError("forbidden", f"{caller.name} needs the role {' or '.join(roles)} for this")


def scopes_of(roles: Sequence[str]) -> tuple[str, ...]:
    """The scopes of a token that open anything to somebody of these roles."""
    used = {given.scope for given in ACCESS.values() if set(given.roles) & set(roles)}
    return tuple(scope for scope in SCOPES if scope in used)


def table() -> Iterator[str]:
    """The table as Markdown, for the reference."""
    yield "| route | " + " | ".join(ROLES) + " | token's scope | |"
    yield "| --- |" + " :-: |" * len(ROLES) + " --- | --- |"
    for route, given in ACCESS.items():
        held = " | ".join("●" if role in given.roles else "" for role in ROLES)
        yield f"| `{route}` | {held} | {given.scope or '-'} | {given.note} |"
    yield from (f"| `{route}` |{' ○ |' * len(ROLES)} - | {why} |" for route, why in PUBLIC.items())
