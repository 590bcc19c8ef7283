"""People by command, before a plane that runs and an agent with boto3: guidance, claims, batches, teams, standing in, break-glass."""

from __future__ import annotations

import io
import os
import re
import shlex
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from rich.console import Console

from demo import world
from keyturn.testing.standin import StandIn
from tests.cli.test_command_line import Desk
from tests.console.running_plane import REGION, Plane

PICTURES = Path(__file__).parents[2] / "docs" / "pictures"
REFUSED, WRONG = 3, 1
BY_HERSELF = "\nOn record as unreviewed: there was no second administrator.\n"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """Bob has every role and runs agents, dana and erin review, olga operates; gus reviews, and may break the glass."""
    with StandIn() as standin:
        plane = Plane(
            tmp_path_factory.mktemp("plane"),
            world.Account(standin.endpoint, "AKIAENGINEER", "secret", region=REGION),
            cooldown_s=600,
        )
        plane.start()
        made = Desk(plane, tmp_path_factory.mktemp("people"))
        plane._tokens["gus"] = plane.login(plane.invite("gus", "break-glass"))
        try:
            for name in ("bob", "dana", "erin", "olga", "ada", "gus"):
                told = made.say(name, "login", "--token", plane.token(name))
                assert told.exit_code == 0, told.output
            yield made
        finally:
            plane.stop()


def test_guidance_reaches_the_agent(desk: Desk) -> None:
    """What the reviewer says to do instead stands in the error that boto3 raises, marked as her words."""
    tags = {"environment": "production"}
    desk.plane.account("sqs").create_queue(QueueName="jobs", tags=tags)
    with desk.plane.agent("guided", "olga") as aws:
        jobs = str(aws("sqs").get_queue_url(QueueName="jobs")["QueueUrl"])
        case = desk.plane.held("jobs", lambda: aws("sqs").purge_queue(QueueUrl=jobs))
        assert desk.say("dana", "deny", case).exit_code == WRONG, "why, or what instead"
        told = desk.say("dana", "deny", case, "--guide", "delete the one bad message, and leave the others")
        assert told.output == f"{case} is rejected (0 of 2).\n"
        with pytest.raises(ClientError) as heard:
            aws("sqs").purge_queue(QueueUrl=jobs)
    said = str(heard.value)
    assert "Reviewer dana says: “delete the one bad message, and leave the others”" in said
    assert (case in said, "Nothing was executed" in said) == (True, True)


def test_who_looks_at_a_case_is_seen_by_others(desk: Desk) -> None:
    """A claim stands in everybody's inbox; another's is taken over with a word why; who runs the agent claims nothing."""
    case = desk.plane.held_table("bob", "claimed")
    assert f"{case} is yours to look at until" in desk.say("dana", "claim", case).output
    line = next(line for line in desk.say("erin", "inbox").output.splitlines() if line.startswith(f"{case} "))
    assert line.split()[-1] == "dana"
    other = desk.say("erin", "claim", case)
    assert (other.exit_code, "dana looks at" in other.output, "--word" in other.output) == (
        REFUSED,
        True,
        True,
    )
    assert desk.say("erin", "claim", case, "--word", "dana is at lunch").exit_code == 0
    assert "[not-yours]" in desk.say("dana", "release", case).output
    assert desk.say("erin", "release", case).output == f"Nobody looks at {case} now.\n"
    assert "[own-agent]" in desk.say("bob", "claim", case).output
    assert "[forbidden]" in desk.say("olga", "claim", case).output


def test_what_destroys_is_in_no_batch(desk: Desk) -> None:
    """Two deletes that are alike are still decided one by one, and neither is."""
    cases = [desk.plane.held_table("bob", "batch") for _ in range(2)]
    told = desk.say("dana", "approve", *cases, "--yes")
    assert (told.exit_code, "it takes something away [no-batch]" in told.output) == (REFUSED, True)
    told = desk.say("dana", "approve", "--like", cases[0], "--yes")
    assert (told.exit_code, "it takes something away [no-batch]" in told.output) == (REFUSED, True)
    assert [desk.plane.case(case)["approvals"] for case in cases] == [[], []]
    assert desk.say("dana", "approve", cases[0], "--like", cases[1]).exit_code == WRONG


def test_like_cases_are_approved_under_one_review(desk: Desk) -> None:
    """Writes that take nothing away: all of them under one root, which stands in each review."""
    cases = _grants(desk, "batched")
    told = desk.say("dana", "approve", "--like", cases[0], "--yes", "-m", "seen")
    assert told.exit_code == 0, told.output
    reviews = [desk.plane.case(case)["reviews"] for case in cases]
    assert [[one["reviewer"] for one in given] for given in reviews] == [["dana"]] * len(cases)
    assert len({given[0]["batch"] for given in reviews}) == 1


def _grants(desk: Desk, name: str) -> list[str]:
    """Held cases that are alike and destroy nothing: a policy for each of three roles."""
    iam = desk.plane.account("iam")
    trust = '{"Version":"2012-10-17","Statement":[]}'
    grant = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::x/*"}]}'
    made = []
    for number in range(3):
        role = f"{name}-{number}"
        iam.create_role(
            RoleName=role,
            AssumeRolePolicyDocument=trust,
            Tags=[{"Key": "environment", "Value": "production"}],
        )
        with desk.plane.agent(name, "bob") as aws:
            put = partial(aws("iam").put_role_policy, RoleName=role, PolicyName="read", PolicyDocument=grant)
            made.append(desk.plane.held(role, put))
    return made


def test_teams_with_their_hours_and_who_stands_in(desk: Desk) -> None:
    """Set whole, told whole, taken away; a member who is nobody and hours that are none are refused, and nothing is set."""
    hours = ("--on-call", "Mon-Fri 09:00-18:00 Europe/Berlin")
    told = desk.say(
        "bob",
        "team",
        "set",
        "platform",
        "--member",
        "dana",
        "--member",
        "erin:staging Sat,Sun 10:00-16:00",
        *hours,
    )
    assert told.output == (
        "platform:\n  dana, mon-fri 09:00-18:00 Europe/Berlin\n  erin in staging, sat,sun 10:00-16:00 UTC"
        + BY_HERSELF
    )
    assert "[forbidden]" in desk.say("dana", "team", "set", "platform", "--member", "dana").output
    for wrong in ("nobody", "dana Mon-Fri 25:00-26:00", "dana Someday 09:00-10:00", "dana Mon 9-17"):
        assert desk.say("bob", "team", "set", "platform", "--member", wrong).exit_code in {1, WRONG}, wrong
    assert desk.json("ada", "team", "list")["teams"]["platform"][0]["person"] == "dana"
    assert "erin stands in for you until" in desk.say("dana", "delegate", "erin", "--for", "3d").output
    assert "erin stands in for dana until" in desk.say("ada", "team", "list").output
    assert "[not-yours]" in desk.say("erin", "delegate", "dana", "--person", "bob").output
    assert desk.say("dana", "delegate", "erin", "--end").output == "erin stands in no more.\n"
    assert desk.say("bob", "team", "remove", "platform").output == "Removed platform.\n"
    assert desk.say("ada", "team", "list").output == "There are no teams.\n"


def test_nobody_approves_for_her_own_agent_under_another_name(desk: Desk) -> None:
    """Another name of the operator, or an owner of the agent, is out like herself: for cases that are held from then on."""
    desk.plane._tokens["olga-too"] = desk.plane.login(desk.plane.invite("olga-too", "reviewer"))
    desk.say("olga-too", "login", "--token", desk.plane.token("olga-too"))
    assert desk.say("bob", "alias", "olga-too", "olga").output == f"olga-too is olga.{BY_HERSELF}"
    assert desk.say("bob", "agent", "owners", "owned", "erin").output == f"owned is erin's.{BY_HERSELF}"
    case = desk.plane.held_table("olga", "owned")
    for person in ("erin", "olga-too"):
        told = desk.say(person, "approve", case)
        assert (told.exit_code, "[own-agent]" in told.output) == (REFUSED, True), person
    assert desk.plane.case(case)["approvals"] == []
    assert desk.say("bob", "agent", "owners", "owned").output == f"owned is nobody's.{BY_HERSELF}"


def test_break_glass_is_told_and_signed_off_by_another(desk: Desk) -> None:
    """Her own act with a reason, on record as hers; it stands in inboxes until another person has looked."""
    case = desk.plane.held_table("bob", "burning")
    assert "[forbidden]" in desk.say("dana", "break-glass", case, "--reason", "now", "--yes").output
    told = desk.say("gus", "break-glass", case, "--reason", "the table takes the site down", "--yes")
    assert told.exit_code == 0, told.output
    assert "Told: bob, dana, erin" in told.output
    assert "the table takes the site down" in desk.say("erin", "inbox").output
    for person in ("gus", "bob"):
        assert desk.say(person, "sign-off", case, "--right").exit_code == REFUSED, (
            "neither who acted nor whose agent"
        )
    assert desk.say("erin", "sign-off", case, "--wrong").exit_code == REFUSED, "what was wrong?"
    assert desk.say("erin", "sign-off", case, "--right", "-m", "seen").output == (
        f"{case}: gus's break-glass was right, says erin.\n"
    )
    assert desk.say("erin", "sign-off").output == "None waits.\n"
    events = [line["event"] for line in desk.plane.case(case)["story"]]
    assert events.index("glass_broken") < events.index("glass_reviewed")


def test_of_two_administrators_neither_makes_a_reviewer_alone(desk: Desk) -> None:
    """Whoever is let in, put into a team, known by another name or stood in for by another's word waits for the other one, by command."""
    desk.plane._tokens["kim"] = desk.plane.login(desk.plane.invite("kim", "administrator"))
    desk.say("kim", "login", "--token", desk.plane.token("kim"))
    wishes: tuple[tuple[str, ...], ...] = (
        ("user", "add", "eve", "--role", "reviewer"),
        ("user", "add", "olga", "--role", "operator", "--role", "reviewer"),
        ("team", "set", "core", "--member", "dana"),
        ("alias", "dana-ci", "dana"),
        ("agent", "owners", "shared", "dana"),
    )
    for wish in wishes:
        told = desk.say("bob", *wish)
        assert (told.exit_code, "another administrator has to approve" in told.output) == (0, True), wish
        (id_,) = re.findall(r"Proposed as (P-[0-9]+);", told.output)
        assert id_ in desk.say("kim", "proposals").output
        assert "[own-proposal]" in desk.say("bob", "proposals", "approve", id_).output
        assert "[forbidden]" in desk.say("dana", "proposals", "approve", id_).output
        done = desk.say("kim", "proposals", "approve", id_, "-m", "she rang me")
        assert (done.exit_code, f"Approved {id_}: {wish[0]} " in done.output or wish[0] == "agent") == (
            0,
            True,
        )
    teams = desk.say("ada", "team", "list").output
    assert ("core:\n  dana" in teams, "dana-ci is dana" in teams, "agent shared is dana's" in teams) == (
        True,
    ) * 3
    assert desk.say("bob", "team", "remove", "core").output == "Removed core.\n", "to take away needs nobody"
    alone = desk.json("ada", "attention")["alone"]
    assert {one["by"] for one in alone} == {"bob"}
    assert alone[0]["what"] == (
        "team platform: nobody -> dana at mon tue wed thu fri 09:00-18:00 Europe/Berlin, "
        "erin in staging at sat sun 10:00-16:00 UTC"
    )
    assert "changed among people by one person alone:" in desk.say("ada", "attention").output


@pytest.mark.skipif(not os.environ.get("KEYTURN_PICTURES"), reason="KEYTURN_PICTURES=1 writes docs/pictures")
def test_pictures(desk: Desk) -> None:
    """A team and who stands in, as its administrator sees them; and what an agent reads of a denial with guidance."""
    words = ("--member", "dana", "--member", "erin:staging", "--on-call", "Mon-Fri 09:00-18:00 Europe/Berlin")
    lines = []
    for person, typed in (
        ("bob", ("team", "set", "platform", *words)),
        ("dana", ("delegate", "erin", "--for", "3d")),
        ("ada", ("team", "list")),
    ):
        lines += [f"{person}$ {shlex.join(('keyturn', *typed))}", desk.say(person, *typed).output]
    draw("teams", "\n".join(lines))
    desk.say("dana", "delegate", "erin", "--end")
    desk.say("bob", "team", "remove", "platform")
    desk.plane.account("sqs").create_queue(QueueName="invoices", tags={"environment": "production"})
    with desk.plane.agent("kiro", "olga") as aws:
        invoices = str(aws("sqs").get_queue_url(QueueName="invoices")["QueueUrl"])
        case = desk.plane.held("invoices", lambda: aws("sqs").purge_queue(QueueUrl=invoices))
        denial = ("deny", case, "-m", "orders of today are in it", "--guide", "delete the one bad message")
        said = desk.say("dana", *denial).output
        with pytest.raises(ClientError) as heard:
            aws("sqs").purge_queue(QueueUrl=invoices)
    error = str(heard.value).replace(
        "127.0.0.1:0/", "127.0.0.1:8421/"
    )  # where a console is that is no test's
    draw(
        "guidance",
        f"dana$ {shlex.join(('keyturn', *denial))}\n{said}\n"
        f">>> sqs.purge_queue(QueueUrl=invoices)    # the agent, once more\nClientError: {error}",
    )


def draw(name: str, text: str) -> None:
    """A terminal of ninety columns, without the fonts that the picture would fetch from elsewhere."""
    terminal = Console(record=True, width=90, file=io.StringIO())
    terminal.print(text, markup=False, highlight=False)
    svg = terminal.export_svg(title="keyturn", unique_id=name)
    (PICTURES / f"{name}.svg").write_text(re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL))
