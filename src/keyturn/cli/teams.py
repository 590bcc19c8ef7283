"""``keyturn team``, ``delegate``, ``alias``, ``agent``: who may look at what and when, and in whose place."""

from __future__ import annotations

import datetime as dt
import itertools
import re
from typing import Any, Final

import click

from keyturn.cli.people import outcome
from keyturn.cli.shared import api, out, output_option
from keyturn.model.people import DAYS

_SPAN: Final = re.compile(r"([0-9]{1,6})(min|h|d)")
_SECONDS: Final = {"min": 60, "h": 3_600, "d": 86_400}
_HOURS: Final = re.compile(r"(\S+) +([0-9]{2}:[0-9]{2})-([0-9]{2}:[0-9]{2})(?: +(\S+))?")


@click.group()
def team() -> None:
    """Teams, and when their people are on duty."""


@team.command("set")
@click.argument("name")
@click.option(
    "--member",
    "members",
    multiple=True,
    required=True,
    metavar="WHO",
    help='NAME, NAME:ENVIRONMENT,... or with hours of her own: "ben:staging Sat,Sun 09:00-17:00 Europe/Berlin".',
)
@click.option(
    "--on-call",
    "hours",
    multiple=True,
    metavar="HOURS",
    help='For members without hours of their own: "Mon-Fri 09:00-18:00 Europe/Berlin".',
)
@output_option
@click.pass_context
def team_set(
    ctx: click.Context, name: str, members: tuple[str, ...], hours: tuple[str, ...], output: str
) -> None:
    """The whole team as it is from now on; several of each option. Approvals that rested on what it was are void."""
    found = api(ctx).post(f"/teams/{name}", {"members": _members(members, [_window(one) for one in hours])})
    now = "" if found["proposal"] else f"{name}:\n{_team(found['teams'][name])}"
    out(found, outcome(found, now), output)


@team.command("list")
@output_option
@click.pass_context
def team_list(ctx: click.Context, output: str) -> None:
    """Teams, who stands in for whom, other names, and who answers for which agent."""
    from keyturn.cli import text

    found = api(ctx).get("/people")
    lines = [f"{name}:\n{_team(members)}" for name, members in found["teams"].items()]
    lines += [
        f"{one['to']} stands in for {one['person']} until {text.until(one['until_ms'])}"
        for one in found["delegations"]
    ]
    lines += [f"{name} is {person}" for name, person in found["aliases"].items()]
    lines += [
        f"{person} is in {', '.join(teams)}, by the provider" for person, teams in found["mapped"].items()
    ]
    lines += [f"agent {agent} is {', '.join(owners)}'s" for agent, owners in found["owners"].items()]
    out(found, "\n".join(lines) or "There are no teams.", output)


@team.command("remove")
@click.argument("name")
@output_option
@click.pass_context
def team_remove(ctx: click.Context, name: str, output: str) -> None:
    """Approvals that rested on it are void."""
    made = api(ctx).post(f"/teams/{name}/remove")
    out(made, outcome(made, f"Removed {name}."), output)


@click.command()
@click.argument("to")
@click.option(
    "--for", "span", default="8h", show_default=True, metavar="SPAN", help="How long: 90min, 8h, 3d."
)
@click.option("--person", default="", help="Whose place; yours unless you are an administrator.")
@click.option("-m", "--reason", default="")
@click.option("--end", is_flag=True, help="End it now.")
@output_option
@click.pass_context
def delegate(
    ctx: click.Context, to: str, span: str, person: str, reason: str, end: bool, output: str
) -> None:
    """Let another person review in your place for a time. She does not lend it on."""
    console = api(ctx)
    if end:
        found = console.post("/delegations/end", {"to": to, "person": person})
        out(found, f"{to} stands in no more.", output)
        return
    from keyturn.cli import text

    until = dt.datetime.now(tz=dt.UTC) + dt.timedelta(seconds=seconds(span))
    until_ms = int(until.timestamp() * 1000)
    body = {"to": to, "person": person, "until_ms": until_ms, "reason": reason}
    found = console.post("/delegations", body)
    done = f"{to} stands in for {person or 'you'} until {text.until(until_ms)}."
    out(found, outcome(found, done), output)


@click.command()
@click.argument("name")
@click.argument("person", default="")
@click.option("--kind", default="identity", show_default=True, help="login, token, identity.")
@output_option
@click.pass_context
def alias(ctx: click.Context, name: str, person: str, kind: str, output: str) -> None:
    """NAME is another name of PERSON: what she may not do, she may not do under it. Without a person it is nobody's."""
    made = api(ctx).post("/aliases", {"name": name, "person": person, "kind": kind})
    out(made, outcome(made, f"{name} is {person or 'nobody any more'}."), output)


@click.group()
def agent() -> None:
    """Agents, and who answers for them."""


@agent.command("owners")
@click.argument("name")
@click.argument("owners", nargs=-1)
@output_option
@click.pass_context
def agent_owners(ctx: click.Context, name: str, owners: tuple[str, ...], output: str) -> None:
    """Who answers for an agent: they do not review what it asks for. None named: nobody any more."""
    made = api(ctx).post(f"/agents/{name}/owners", {"owners": list(owners)})
    out(made, outcome(made, f"{name} is {', '.join(owners) or 'nobody'}'s."), output)


def _members(said: tuple[str, ...], otherwise: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A member that is named twice has the hours of both."""
    found: dict[str, dict[str, Any]] = {}
    for one in said:
        who, _, when = one.strip().partition(" ")
        person, _, where = who.partition(":")
        member = found.setdefault(person, {"person": person, "environments": [], "windows": []})
        places = [place for place in where.split(",") if place not in {"", *member["environments"]}]
        member["environments"] += places
        if when:
            member["windows"].append(_window(when))
    for member in found.values():
        member["windows"] = member["windows"] or otherwise
    return list(found.values())


def _window(said: str) -> dict[str, Any]:
    found = _HOURS.fullmatch(said.strip())
    if found is None:
        raise click.BadParameter(f"{said!r} is no hours; write: Mon-Fri 09:00-18:00 Europe/Berlin")
    days, start, end, zone = found.groups()
    return {"days": _days(days), "start": start, "end": end, "zone": zone or "UTC"}


def _days(said: str) -> list[str]:
    """``Mon-Fri``, ``Sat,Sun``, ``Fri-Mon``: a span may go over the end of the week."""
    found: list[str] = []
    for part in said.lower().split(","):
        first, dash, last = part.partition("-")
        if first not in DAYS or (dash and last not in DAYS):
            raise click.BadParameter(f"{part!r} is no day; days are {', '.join(DAYS)}")
        begin, count = DAYS.index(first), (DAYS.index(last or first) - DAYS.index(first)) % 7 + 1
        found += [DAYS[(begin + step) % 7] for step in range(count)]
    return list(dict.fromkeys(found))


def seconds(span: str) -> int:
    """Of a span as it is typed: 90min, 8h, 3d."""
    found = _SPAN.fullmatch(span)
    if found is None:
        raise click.BadParameter(f"{span!r} is no span; write 90min, 8h or 3d", param_hint="--for")
    return int(found[1]) * _SECONDS[found[2]]


def _team(members: list[dict[str, Any]]) -> str:
    return "\n".join(f"  {_shown(member)}" for member in members)


def _shown(member: dict[str, Any]) -> str:
    place = f" in {', '.join(member['environments'])}" if member.get("environments") else ""
    hours = ", ".join(
        f"{_days_shown(one['days'])} {one['start']}-{one['end']} {one.get('zone', 'UTC')}"
        for one in member.get("windows", [])
    )
    return f"{member['person']}{place}{f', {hours}' if hours else ''}"


def _days_shown(days: list[str]) -> str:
    """As a span where they are one."""
    places = [DAYS.index(day) for day in days]
    together = len(days) > 2 and all(
        (after - before) % 7 == 1 for before, after in itertools.pairwise(places)
    )
    return f"{days[0]}-{days[-1]}" if together else ",".join(days)
