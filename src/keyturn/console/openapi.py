"""The API's own description, OpenAPI 3.1: routes from the route table, types from the structs that are read and answered.

What is written here by hand is one row a route: which struct it takes and answers, what its query knows. Who may comes from the table of roles.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final, cast

import msgspec
from starlette.routing import Route

from keyturn import __version__
from keyturn.console import (
    api,
    backups_api,
    freezes,
    narrow_api,
    people_api,
    plan_shapes,
    rehearsal_api,
    reviewing_api,
    shapes,
)
from keyturn.console.evidence_api import BUDGET_MAX
from keyturn.console.people_api import PeopleApi
from keyturn.console.reviewing_api import ReviewingApi
from keyturn.console.roles import ACCESS, ANY
from keyturn.core.attention import Attention
from keyturn.core.evidence import Sample
from keyturn.model.people import Wanted

OPENAPI: Final = "3.1.0"

ZIP: Final = "application/zip"
TAR: Final = "application/x-tar"
PROMETHEUS: Final = "text/plain"

_REFERENCE: Final = "#/components/schemas/{name}"


class Query(msgspec.Struct, frozen=True):
    """One parameter of a query."""

    name: str
    says: str
    kind: str = "string"  # or integer, or list: as often as one likes
    most: int | None = None


class Row(msgspec.Struct, frozen=True):
    """What a route takes and gives. Who may, `console.roles` says."""

    answer: Any  # a struct, several of which it is one, or a media type
    body: type[msgspec.Struct] | None = None
    query: tuple[Query, ...] = ()
    says: str = ""
    example: dict[str, Any] = {}


_CHOICE: Final = (
    Query("since_ms", "opened from then on, milliseconds since 1970", "integer"),
    Query("until_ms", "opened before then", "integer"),
    Query("agent", "of this agent"),
    Query("verdict", "policy's last: allow, hold, suggest, deny"),
    Query("effect", "delete, replace, permission ..."),
    Query("account", "AWS account id"),
    Query("case", "this case", "list"),
)
_LIMIT: Final = Query("limit", "at most so many", "integer", 999_999_999)

ROWS: Final[dict[tuple[str, str], Row]] = {
    ("POST", "/login"): Row(
        shapes.Login,
        api.LoginBody,
        says="Exchange a token for one login for one that lasts the day.",
        example={"token": "kt_..."},
    ),
    ("POST", "/logout"): Row(shapes.UserName, says="End the token that this is asked with."),
    ("GET", "/whoami"): Row(shapes.Who, says="Whose token this is."),
    ("GET", "/status"): Row(shapes.Status, says="How the plane stands."),
    ("GET", "/openapi.json"): Row(shapes.Document, says="This description."),
    ("GET", "/cases"): Row(
        shapes.Cases,
        query=(
            Query("open", "1: only what has not ended"),
            Query("tab", "needs (you), waiting (for others) or decided, in the inbox's order"),
            Query(
                "q",
                "as in the inbox: every word must be found, -word must not, effect:delete env:prod agent:kiro",
            ),
            _LIMIT,
        ),
        says="Cases, newest first.",
    ),
    ("GET", "/cases/{id}"): Row(shapes.Detail, says="One case, whole."),
    ("GET", "/cases/{id}/fresh"): Row(
        shapes.Fresh, says="Read the state now and compare it with what was assessed."
    ),
    ("GET", "/cases/{id}/graph"): Row(
        shapes.Graph, says="Who relies on what it takes away, and how far was looked."
    ),
    ("POST", "/cases/{id}/review"): Row(
        shapes.Summary,
        api.ReviewBody,
        says="A yes or a no to exactly what `binding` names.",
        example={"approve": False, "binding": "sha256:...", "note": "drain it first"},
    ),
    ("POST", "/cases/{id}/sign"): Row(
        shapes.ToSign,
        api.SignBody,
        says="What your passkey is asked to sign, to approve what `binding` names; send its answer as `signature` of the review.",
    ),
    ("POST", "/cases/{id}/claim"): Row(
        shapes.Summary,
        reviewing_api.WordBody,
        says="Say that you look at it; with `word` why you take it over from somebody.",
    ),
    ("POST", "/cases/{id}/release"): Row(shapes.Summary, says="Say that you look at it no more."),
    ("POST", "/cases/{id}/break-glass"): Row(
        shapes.Summary,
        reviewing_api.GlassBody,
        says="Act around the review in your own name, where policy allows it.",
        example={"reason": "the site is down, nobody answers", "binding": "sha256:..."},
    ),
    ("POST", "/cases/{id}/sign-off"): Row(
        shapes.Summary,
        reviewing_api.SignOffBody,
        says="Say whether another's break-glass was right.",
        example={"right": True, "note": "seen the graphs"},
    ),
    ("GET", "/afterwards"): Row(shapes.Some, says="Every break-glass that nobody else has looked at yet."),
    ("GET", "/batch"): Row(
        shapes.Batch,
        query=(Query("case", "a member", "list"), Query("like", "this one, with all that are like it")),
        says="What may be decided at one go, with the root that names it.",
    ),
    ("POST", "/batch/review"): Row(
        shapes.Batch,
        reviewing_api.BatchBody,
        says="One review of them all, or of none.",
        example={"cases": ["C-1", "C-2"], "approve": True, "root": "sha256:..."},
    ),
    ("GET", "/people"): Row(shapes.Teams, says="Teams, who stands in for whom, other names, agents' owners."),
    ("POST", "/teams/{name}"): Row(
        shapes.WantedTeams,
        reviewing_api.TeamBody,
        says="The whole team as it is from now on.",
        example={"members": [{"person": "dana", "environments": ["production"]}]},
    ),
    ("POST", "/teams/{name}/remove"): Row(
        shapes.WantedTeams, says="The team is gone; approvals that rested on it are void."
    ),
    ("POST", "/delegations"): Row(
        shapes.WantedTeams,
        reviewing_api.DelegationBody,
        says="Lend your place to another person for a time.",
        example={"to": "erin", "until_ms": 1_800_000_000_000, "reason": "on leave"},
    ),
    ("POST", "/delegations/end"): Row(
        shapes.Teams,
        reviewing_api.DelegationBody,
        says="Before its time.",
        example={"to": "erin"},
    ),
    ("POST", "/aliases"): Row(
        shapes.WantedTeams,
        reviewing_api.AliasBody,
        says="Another name of a person: what she may not do, she may not do under it.",
        example={"name": "dana-laptop", "person": "dana"},
    ),
    ("POST", "/agents/{name}/owners"): Row(
        shapes.WantedTeams,
        reviewing_api.OwnersBody,
        says="Who answers for an agent: they do not review what it asks for.",
        example={"owners": ["olga"]},
    ),
    ("POST", "/cases/{id}/execute"): Row(shapes.Summary, says="Execute an approved case without the agent."),
    ("POST", "/cases/{id}/withdraw"): Row(
        shapes.Summary, api.ReasonBody, says="Withdraw a case that your own agent asked for."
    ),
    ("POST", "/cases/{id}/settle"): Row(
        shapes.Summary,
        api.SettleBody,
        says="Say what became of an inconclusive case, after looking.",
    ),
    ("POST", "/cases/{id}/undo"): Row(shapes.Summary, says="Take a case back, as a case of its own."),
    ("GET", "/cases/{id}/narrow"): Row(
        shapes.Narrower, says="A case's narrower ways: verdict, reasons, and what each property costs."
    ),
    ("POST", "/cases/{id}/narrow"): Row(
        shapes.Summary,
        narrow_api.NarrowBody,
        says="Send the exact narrower way instead, as a case of its own; the held one is withdrawn.",
    ),
    ("POST", "/cases/{id}/backups/export"): Row(
        TAR, says="The backups of a case with all that their runbooks read, no longer sealed."
    ),
    ("POST", "/undo"): Row(
        (shapes.Summary, shapes.Undoing),
        api.UndoBody,
        says="Take back several cases, a session's, or all since a time; with `plan` only say what that would be.",
        example={"session": "S-0a1b2c3d4e5f", "plan": True},
    ),
    ("POST", "/drill"): Row(
        shapes.Drills,
        api.DrillBody,
        says="Try the way back on scratch resources.",
    ),
    ("GET", "/cases/{id}/backups"): Row(
        backups_api.Backups, says="The backups of a case, with their runbooks."
    ),
    ("GET", "/backups"): Row(
        backups_api.Shelf, says="Every backup that stands: age, size, cost, until when it is kept."
    ),
    ("GET", "/vault"): Row(
        backups_api.VaultAccount,
        says="Look at the vault account: whether copies of backups can go there, and what is wrong.",
    ),
    ("POST", "/cases/{id}/backups/drop"): Row(
        shapes.Summary,
        backups_api.DropBody,
        says="Remove the backups of a case, as a case of its own that policy decides.",
        example={"reason": "the data has left its retention"},
    ),
    ("GET", "/log"): Row(
        shapes.Log,
        query=(
            Query("after", "entries after this number; without it the newest", "integer", 999_999_999),
            Query(
                "wait_s",
                "with after: so long the next entry is waited for; 10 at most",
                "integer",
                999_999_999,
            ),
            _LIMIT,
        ),
        says="The log in a few words an entry.",
    ),
    ("GET", "/sessions"): Row(shapes.Sessions, says="Open sessions."),
    ("POST", "/sessions"): Row(
        shapes.Opened,
        api.SessionBody,
        says="Open a session for an agent of yours.",
        example={"agent": "kiro"},
    ),
    ("POST", "/sessions/{id}/end"): Row(
        shapes.SessionName, api.ReasonBody, says="End a session: its operator, reviewers, administrators."
    ),
    ("POST", "/rehearsals"): Row(
        plan_shapes.RehearsalOpened,
        rehearsal_api.RehearsalBody,
        says="Open a twin of the account for a command of yours; its key opens nothing else.",
        example={"agent": "kiro", "scope": ["dynamodb:table/orders"]},
    ),
    ("POST", "/rehearsals/{id}/end"): Row(
        shapes.RehearsalEnded,
        rehearsal_api.EndBody,
        says="End a rehearsal of yours: its plan, and the case that it is held as.",
    ),
    ("POST", "/halt"): Row(
        shapes.Status, api.ReasonBody, says="Nothing leaves from now on; with `agent` nothing of that one."
    ),
    ("POST", "/resume"): Row(shapes.Status, api.ReasonBody, says="Lift a halt."),
    ("GET", "/freezes"): Row(freezes.FreezesShown, says="Freezes that are on, and those that will be."),
    ("POST", "/freezes"): Row(
        freezes.FreezeShown,
        freezes.FreezeBody,
        says="An environment, or an account, is not to be changed for a time; what policy makes of it stands in its rules.",
        example={"environment": "production", "until_ms": 1_799_000_000_000, "reason": "the year is closed"},
    ),
    ("POST", "/freezes/{id}/lift"): Row(
        freezes.FreezesShown,
        freezes.LiftBody,
        says="End a freeze before its time; another's, while no agent of yours is at work.",
    ),
    ("GET", "/users"): Row(shapes.People, says="Everybody, with roles."),
    ("POST", "/users"): Row(
        shapes.Invitation,
        people_api.UserBody,
        says="Add a person, or give her other roles.",
        example={"name": "dana", "roles": ["reviewer"]},
    ),
    ("POST", "/users/{name}/invite"): Row(
        shapes.Invitation,
        says="Another first login for somebody who lost her passkey.",
    ),
    ("GET", "/users/{name}/passkeys"): Row(
        shapes.Passkeys, says="Your passkeys; another's for administrators and auditors."
    ),
    ("POST", "/users/{name}/passkeys/{id}/remove"): Row(
        shapes.PasskeyId, says="It opens and signs nothing from now on; another's by administrators."
    ),
    ("GET", "/proposals"): Row(
        shapes.Proposals,
        says="Changes among people, and of policy, that wait for another administrator.",
    ),
    ("POST", "/proposals"): Row(
        shapes.Invitation,
        Wanted,
        says="Want a change among people: a user, a login, a team, another name, an agent's owners, a place that is lent. It is done, or waits.",
        example={"kind": "team", "name": "security", "members": [{"person": "dana"}]},
    ),
    ("POST", "/proposals/{id}/approve"): Row(
        shapes.DecidedProposal,
        people_api.ProposalNote,
        says="It takes effect; never by who proposed it or whom it is about, and never by a token. What the configuration wants of policy is hers then, and waits for another one.",
    ),
    ("POST", "/proposals/{id}/deny"): Row(
        shapes.DecidedProposal, people_api.ProposalNote, says="It does not."
    ),
    ("GET", "/tokens"): Row(
        shapes.Tokens,
        query=(Query("all", "1: everybody's, for administrators and auditors"),),
        says="Tokens for programs, without themselves.",
    ),
    ("POST", "/tokens"): Row(
        shapes.MadeToken,
        people_api.TokenBody,
        says="Make a token for a program of yours; it is answered this once.",
        example={"name": "nightly", "scopes": ["read"], "days": 30},
    ),
    ("POST", "/tokens/{id}/revoke"): Row(
        shapes.ProgramToken, says="It is worth nothing from now on; another's by administrators."
    ),
    ("POST", "/users/{name}/remove"): Row(shapes.UserName, says="Remove a person and every token of hers."),
    ("GET", "/export"): Row(ZIP, query=_CHOICE, says="The log, or the cases you choose, as a bundle."),
    ("GET", "/evidence/sample"): Row(
        Sample,
        query=(
            Query("n", "cases to draw", "integer", 1_000),
            Query("seed", "the same one draws the same cases"),
            *_CHOICE,
        ),
        says="Executed cases drawn by a seed, with what an auditor asks of each.",
    ),
    ("GET", "/evidence/calls"): Row(
        shapes.Left,
        query=_CHOICE[:2],
        says="The calls that left, to compare an account's trail with.",
    ),
    ("GET", "/evidence/controls"): Row(
        shapes.Controls,
        says="Which controls of others this is evidence for, and what each claim rests on here.",
    ),
    ("GET", "/attention"): Row(
        Attention,
        query=(
            *_CHOICE[:2],
            Query("budget", "reviews that a person has care for in a day", "integer", BUDGET_MAX),
        ),
        says="Where reviewers' attention went: by day, by person, by policy. Without times the last 30 days.",
    ),
    ("GET", "/ca"): Row(shapes.Certificate, says="The proxy's certificate authority."),
    ("POST", "/ca/rotate"): Row(shapes.Certificate, says="Make a new one."),
    ("GET", "/metrics"): Row(
        PROMETHEUS, says="Prometheus' text format; without a login where `console.open_metrics` is true."
    ),
}
"""By method and path under ``/api/v1`` (but for ``/metrics``)."""

_WORDS: Final = {
    400: "what was asked is not what this takes",
    401: "there is no login, or it has ended",
    403: "you may not",
    404: "there is no such thing",
    409: "it is no longer what was shown to you",
    415: "the body is not application/json",
    429: "too many wrong tokens; wait a minute",
    503: "the store or the account does not answer; ask again",
}


def short(path: str) -> str:
    """As `ROWS` has it."""
    return path.removeprefix("/api/v1")


def roles_of(method: str, path: str) -> tuple[str, ...]:
    """The roles of which one is needed, by the table; empty where whoever is logged in may, and where nobody has to be."""
    given = ACCESS.get(f"{method} {path}")
    return given.roles if given is not None and given.roles != ANY else ()


def description() -> dict[str, Any]:
    """Of every route there is, with nothing running."""
    return document(routes())


def routes() -> list[Route]:
    """Every route there is, over nothing."""
    nobody = cast("Any", None)
    people = PeopleApi(nobody, nobody, nobody, nobody)
    reviewing = ReviewingApi(nobody, nobody, lambda: 0)
    return api.Api(nobody, nobody, people=people, reviewing=reviewing, signing=nobody, tokens=nobody).routes()


def document(routes: Iterable[Route]) -> dict[str, Any]:
    """The description of these routes. A route without a row is described as far as the route itself tells."""
    found = [
        (method, route.path) for route in routes for method in sorted((route.methods or set()) - {"HEAD"})
    ]
    rows = {key: ROWS.get((key[0], short(key[1])), Row(shapes.Document)) for key in found}
    types = [one for row in rows.values() for one in _answers(row)]
    types += [row.body for row in rows.values() if row.body is not None] + [shapes.Refusal]
    schemas, components = msgspec.json.schema_components(types, ref_template=_REFERENCE)
    by_type = {str(one): schema for one, schema in zip(types, schemas, strict=True)}
    paths: dict[str, dict[str, Any]] = {}
    for (method, path), row in rows.items():
        paths.setdefault(path, {})[method.lower()] = _operation(method, path, row, by_type)
    return {
        "openapi": OPENAPI,
        "info": {
            "title": "Keyturn",
            "version": __version__,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            "description": "The console's API. Errors have a stable code, a message and help; times are milliseconds since 1970.",
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "What /api/v1/login answered."}
            },
        },
    }


def _answers(row: Row) -> tuple[Any, ...]:
    if isinstance(row.answer, str):
        return ()
    return row.answer if isinstance(row.answer, tuple) else (row.answer,)


def _operation(method: str, path: str, row: Row, schemas: dict[str, Any]) -> dict[str, Any]:
    names = re.findall(r"{(\w+)}", path)
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name in names
    ]
    parameters += [_parameter(query) for query in row.query]
    media = row.answer if isinstance(row.answer, str) else "application/json"
    answers = [schemas[str(one)] for one in _answers(row)] or [{"type": "string"}]
    schema = answers[0] if len(answers) == 1 else {"anyOf": answers}
    told: dict[str, Any] = {
        "operationId": _name(method, path),
        "summary": row.says,
        "responses": {"200": {"description": "done", "content": {media: {"schema": schema}}}}
        | {str(status): _refusal(status, schemas) for status in _statuses(method, path)},
    }
    if needed := roles_of(method, path):
        told["description"] = f"Needs the role {' or '.join(needed)}."
    if parameters:
        told["parameters"] = parameters
    if method == "POST":
        body = schemas[str(row.body)] if row.body is not None else {"type": "object"}
        content: dict[str, Any] = {"schema": body} | ({"example": row.example} if row.example else {})
        told["requestBody"] = {"required": row.body is not None, "content": {"application/json": content}}
    if short(path) == "/login":
        told["security"] = []
    return told


def _parameter(query: Query) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": query.kind}
    if query.kind == "integer":
        schema |= {"minimum": 0, "maximum": query.most or 10**15 - 1}
    if query.kind == "list":
        schema = {"type": "array", "items": {"type": "string"}}
    return {"name": query.name, "in": "query", "description": query.says, "schema": schema}


def _statuses(method: str, path: str) -> list[int]:
    """What any handler may raise has its status from one table; a path that names something may name what is not there."""
    raised = {400, 503, *api.STATUS.values()}
    if short(path) != "/login":
        raised.discard(429)
    return sorted(raised | ({415} if method == "POST" else set()))


def _refusal(status: int, schemas: dict[str, Any]) -> dict[str, Any]:
    content = {"application/json": {"schema": schemas[str(shapes.Refusal)]}}
    return {"description": _WORDS.get(status, "refused"), "content": content}


def _name(method: str, path: str) -> str:
    words = [word.strip("{}") for word in short(path).replace(".", "/").split("/") if word]
    return "_".join([method.lower(), *words])
