"""The night, played: unguarded, through Keyturn, and taken back. Every claim is checked against the account.

    python -m demo.play [--service NAME] [--bug NAME=WRONG --fix NAME=RIGHT] [--keep]

Exit code 0: every claim was borne out. 1: at least one was not, or it could not be played to the end.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from demo import world
from demo.screen import Screen
from demo.stage import AWS, REGION, Stage, StageError, Told, listen, reckless, steps
from keyturn.testing.standin import StandIn

DONE: Final = {"confirmed", "failed", "invalidated", "inconclusive", "expired"}
HONEST: Final = {"stream ARN": "stream"}
"""What cannot be the same again, and the word by which Keyturn has to have said so."""

Losses = dict[str, int]


class Night:
    """One playing of it: a screen, a service, a bug."""

    def __init__(self, screen: Screen, service: str, bug: world.Bug, items: int) -> None:
        self.screen, self.service, self.bug, self.items = screen, service, bug, items

    def account(self, standin: StandIn) -> world.Account:
        """The account, built, with an administrator's key to it."""
        account = world.Account(standin.endpoint, "AKIAENGINEER", "secret", region=REGION)
        with self.screen.working(f"building {self.service}: tables, buckets, a queue, a function, a role"):
            world.build(account, self.service, wrong=self.bug, items=self.items)
        return account

    # --- Act I -------------------------------------------------------------------------------------------------------

    def unguarded(self, folder: Path) -> Losses:
        """The agent with the engineer's own key."""
        self.screen.act("I", "Unguarded: the agent has the engineer's key.")
        with StandIn() as standin:
            account = self.account(standin)
            before = world.capture(account, self.service)
            own = {
                "AWS_ACCESS_KEY_ID": "AKIAENGINEER",
                "AWS_SECRET_ACCESS_KEY": "secret",
                "AWS_DEFAULT_REGION": REGION,
                "AWS_ENDPOINT_URL": standin.endpoint,
            }
            events = folder / "unguarded.jsonl"
            command = reckless(self.service, self.bug.setting, self.bug.right, events)
            with self.screen.working(
                "the agent fixes the bug: it deletes everything and makes it anew"
            ) as work:
                listen(command, {**os.environ, **own}, work.step)
            lost = world.losses(before, world.capture(account, self.service))
            self.screen.claim("the bug is fixed", self.bug.fixed(account, self.service))
            self.screen.claim(f"and gone are: {counted(lost)}", all(lost.values()))
        return lost

    # --- Act II ------------------------------------------------------------------------------------------------------

    def guarded(self, stage: Stage, account: world.Account, folder: Path) -> Losses:
        """The same agent through Keyturn; a second person denies what is held."""
        screen = self.screen
        before = world.capture(account, self.service)
        events = folder / "guarded.jsonl"
        command = reckless(self.service, self.bug.setting, self.bug.right, events)
        with screen.working("the same agent, run by bob: keyturn run --agent reckless") as work:
            code = stage.run("reckless", command, work.step)
        did = steps(events)
        self._what_it_was_told(did)
        after = world.capture(account, self.service)
        lost, different = world.losses(before, after), world.compare(before, after)
        held = stage.held()
        fixed = self.bug.fixed(account, self.service) and code == 0
        only = [
            str(found) for found in different if (found.place, found.field) != ("function", "environment")
        ]
        screen.claim("the bug is fixed, by one call in place", fixed and len(_updates(did)) == 1)
        screen.claim(f"nothing is lost: {counted(lost, zeros=True)}", not any(lost.values()))
        screen.claim("nothing else is different", not only)
        for found in only[:3]:
            screen.say(found, "red")
        screen.claim(f"{len(held)} cases are held, none of them executed", held)
        screen.claim(
            "delete and create of one identity was seen as a replace",
            any(case["symbol"] == "-/+" for case in stage.cases()),
        )
        with screen.working("dana, who does not run the agent, reads and denies them"):
            denied = [
                stage.cli("dana", "deny", case["id"], "-m", "the narrow patch was enough") for case in held
            ]
        screen.claim(
            "dana denies them; none is open any more",
            not any(d.returncode for d in denied) and not stage.held(),
        )
        return lost

    def _what_it_was_told(self, did: list[Told]) -> None:
        """The error that named a way, and what the agent did with it."""
        found = next((step for step in did if "\ntry: " in str(step.get("message", ""))), None)
        if found is None:
            self.screen.claim("the agent was told a narrower way", holds=False)
            return
        self.screen.say(
            f"Its step {found['step']}, {found['says']}, is answered with the SDK's own {found['code']}:"
        )
        self.screen.quote(str(found["message"]))
        self.screen.say("An agent runs what an error suggests. Policy lets that one through at once.")

    # --- Act III -----------------------------------------------------------------------------------------------------

    def taken_back(self, stage: Stage, account: world.Account) -> None:
        """One table is to go after all, and is taken back."""
        screen, table = self.screen, world.names(self.service)["archive"]
        screen.act("III", f"After all, {table} is to go.")
        before = world.capture(account, self.service)["archive"] or {}
        with screen.working(f"bob's agent deletes {table}, and is held"):
            stage.run("careful", [str(AWS), "dynamodb", "delete-table", "--table-name", table])
        held = stage.held()
        if not held:
            raise StageError("nothing is held: the delete was not stopped")
        case: str = held[0]["id"]
        self._what_reviewers_see(stage.show(case))
        one = stage.json("dana", "approve", case)
        stands = world.table_config(account, table) is not None
        screen.claim("dana approves; one approval does not suffice", one["phase"] == "held" and stands)
        refused = stage.cli("bob", "approve", case)
        stands = world.table_config(account, table) is not None
        screen.claim("bob, who runs the agent, is refused", refused.returncode == 3 and stands)
        with screen.working("erin approves, and has it executed: backup, proof, one call"):
            stage.cli("erin", "approve", case)
            stage.cli("erin", "execute", case)
            done = stage.until(case, DONE)
        self._proved(done)
        gone = world.table_config(account, table) is None
        screen.claim(
            f"with two approvals it was executed: {done['phase']}", done["phase"] == "confirmed" and gone
        )
        with screen.working(f"keyturn undo {case}"):
            undone = stage.cli("erin", "undo", case)
        after = world.capture(account, self.service)["archive"] or {}
        other = {field for field in before if before[field] != after.get(field)}
        screen.claim(
            "the table is back: items, keys, indexes, billing mode, tags, TTL, stream, protection equal",
            after and not other - set(HONEST),
        )
        said = undone.stdout.strip().partition("not as it was: ")[2]
        screen.claim(
            f"what could not be the same was said: {said or 'nothing'}",
            all(HONEST.get(field, field) in said for field in other),
        )

    def _what_reviewers_see(self, found: Told) -> None:
        self.screen.say(f"Case {found['id']} waits for {found['quorum']} reviewers. What they read first:")
        for answer in found.get("answers", []):
            self.screen.quote(f"{answer['question']}: {answer['short']}. {answer['text']}", lines_max=2)

    def _proved(self, done: Told) -> None:
        """The backup, and the numbered proof without which no call leaves."""
        proved = [str(backup["verified_by"]) for backup in done["backups"]]
        self.screen.claim(
            f"a backup was proved first: {'; '.join(proved) or 'there is none'}", proved and all(proved)
        )
        proof = done.get("proof") or []
        names = ", ".join(f"({step['number']}) {step['name']}" for step in proof)
        self.screen.claim(
            f"then everything once more: {names or 'nothing'}", proof and all(s["holds"] for s in proof)
        )

    # --- at the end --------------------------------------------------------------------------------------------------

    def checked(self, stage: Stage) -> None:
        """The whole story, as a stranger would check it."""
        bundle = stage.folder / "log.zip"
        stage.cli("erin", "export", str(bundle))
        checked = stage.cli("erin", "verify", str(bundle))
        self.screen.claim("the exported log verifies offline", checked.returncode == 0)
        if checked.returncode:
            self.screen.say(checked.stdout + checked.stderr, "red")

    def ask_for_more(self, stage: Stage) -> None:
        """A few cases that a person can decide."""
        name = world.names(self.service)
        aws = [
            f"dynamodb delete-table --table-name {name['archive']}",
            f"dynamodb update-table --table-name {name['table']} --no-deletion-protection-enabled",
            f"lambda delete-function --function-name {name['function']}",
            f"cloudwatch delete-alarms --alarm-names {name['alarm']}",
        ]
        with self.screen.working("an agent asks for a few things more, which are held for you"):
            stage.run("cleanup", ["sh", "-c", "; ".join(f"{AWS} {words}" for words in aws)])

    def kept(self, stage: Stage) -> None:
        """Leave it running, so that a person can look and decide."""
        line = self.screen.line
        line(f"\n    The console: {stage.url}   ({len(stage.held())} cases are held)")
        for person in ("dana", "erin"):
            line(f"      log in as {person}, a reviewer, with the token {stage.invite(person)}")
        line("    In another terminal you are dana (or erin, or bob, who runs agents) after:")
        line(f"      export KEYTURN_URL={stage.url} KEYTURN_LOGIN_FILE={stage.folder / 'dana.json'}")
        line("      keyturn inbox; keyturn show C-n; keyturn approve C-n")
        line(f"    {'Enter or Ctrl-C' if sys.stdin.isatty() else 'SIGTERM'} ends it and removes everything.")
        _wait()


def counted(lost: Losses, *, zeros: bool = False) -> str:
    """``10,000 items, 80 objects``."""
    return (
        ", ".join(f"{count:,} {_unit(what, count)}" for what, count in lost.items() if count or zeros)
        or "nothing"
    )


def _unit(what: str, count: int) -> str:
    if count != 1:
        return what
    return "identity" if what == "identities" else what.removesuffix("s")


def _updates(did: list[Told]) -> list[Told]:
    """What the agent changed of the function and was let through with."""
    return [
        step
        for step in did
        if not step.get("code")
        and str(step.get("operation", "")).startswith("lambda:")
        and "read" not in step["says"]
    ]


def _forget_aws() -> None:
    """Whatever account the one who plays this has access to: nothing here may reach it, or depend on it."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "KEYTURN_"))]:
        del os.environ[name]
    os.environ |= {
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def _wait() -> None:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        if sys.stdin.isatty():
            input()
        else:
            while True:
                time.sleep(1)
    except (KeyboardInterrupt, EOFError):
        pass


def _options(words: list[str] | None) -> Any:
    parser = argparse.ArgumentParser(
        prog="python -m demo.play", description="The night, played on a stand-in account (moto), not on AWS."
    )
    parser.add_argument("--service", default="cost-report", help="what every name begins with")
    parser.add_argument(
        "--bug", metavar="NAME=WRONG", help="another wrong setting of the function; with --fix"
    )
    parser.add_argument("--fix", metavar="NAME=RIGHT", help="what it should be")
    parser.add_argument("--items", type=int, default=world.ITEMS, help="items in the table")
    parser.add_argument("--skip-unguarded", action="store_true", help="begin with Act II")
    parser.add_argument(
        "--observe", action="store_true", help="keyturn up --observe: see which claims fail then"
    )
    parser.add_argument("--keep", action="store_true", help="leave the console running, with cases held")
    parser.add_argument("--stage", action="store_true", help="no play: set the stage and leave it to you")
    given = parser.parse_args(words)
    if not re.fullmatch(r"[a-z][a-z0-9-]{1,40}", given.service):
        parser.error("--service: small letters, digits and dashes, as the names of buckets have to be")
    given.wrong = world.usual_bug(given.service)
    if given.bug or given.fix:
        name, _, wrong = (given.bug or "").partition("=")
        fixed, _, right = (given.fix or "").partition("=")
        if not name or name != fixed or wrong == right:
            parser.error("--bug NAME=WRONG and --fix NAME=RIGHT name the same setting, with two values")
        given.wrong = world.Bug(name, wrong, right)
    return given


def _play(night: Night, given: Any, folder: Path) -> None:
    """All acts, in order. Raises `StageError` where it cannot go on."""
    screen, lost = night.screen, []
    if not (given.skip_unguarded or given.stage):
        lost.append(("unguarded", night.unguarded(folder)))
    if not given.stage:
        screen.act("II", "Through Keyturn: the agent has a session's key that is worth nothing elsewhere.")
    with StandIn() as standin:
        account = night.account(standin)
        stage = Stage(folder, standin.endpoint, observe=given.observe)
        try:
            with screen.working("keyturn init; keyturn up; bob, dana and erin log in"):
                stage.open()
            if not given.stage:
                lost.append(("through Keyturn", night.guarded(stage, account, folder)))
                night.taken_back(stage, account)
                night.checked(stage)
            if len(lost) == 2:
                screen.line()
                rows = [(what, *(f"{losses[what]:,}" for _, losses in lost)) for what in lost[0][1]]
                screen.table(("gone", *(where for where, _ in lost)), rows)
            if given.keep:
                night.ask_for_more(stage)
            if given.keep or given.stage:
                night.kept(stage)
        finally:
            stage.close()


def main(words: list[str] | None = None) -> int:
    """Play it; 0 only when every claim was borne out."""
    given, screen, began = _options(words), Screen(), time.monotonic()
    _forget_aws()
    night = Night(screen, given.service, given.wrong, given.items)
    screen.title(
        "Keyturn: the night that ends well", warning="This is a stand-in account (moto's server), not AWS."
    )
    screen.say(f"{world.names(given.service)['function']} has a small bug: {given.wrong}.")
    with tempfile.TemporaryDirectory(prefix="keyturn-demo-") as folder:
        try:
            _play(night, given, Path(folder))
        except StageError as error:
            screen.claim(f"it could be played to the end: {error}", holds=False)
        except KeyboardInterrupt:
            screen.line("\nStopped.")
            return 130
    screen.line()
    if screen.failed:
        screen.say(f"NOT borne out: {len(screen.failed)}", "bold", "red")
        for claim in screen.failed:
            screen.say(f"- {claim}", "red")
        return 1
    if given.stage:
        return 0
    took = f"{time.monotonic() - began:.0f} s"
    screen.say(f"Every claim was checked against the account. It took {took}.", "bold", "green")
    return 0


if __name__ == "__main__":
    sys.exit(main())
