"""``keyturn up --workers N``: several processes over one SQLite file, killed, reloaded, ended."""

from __future__ import annotations

import json
import os
import re
import signal
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from keyturn.testing.standin import StandIn
from tests.gateway.gateway_world import Upstream
from tests.scale.scale_world import Agent, Asking, Installation, account_behind, creates, until


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with StandIn() as account:
        made = account_behind(account, late_s=3.0)
        yield made
        made.close()


@pytest.fixture
def keyturn(upstream: Upstream, tmp_path: Path) -> Iterator[Installation]:
    made = Installation(tmp_path, upstream)
    yield made
    made.stop()


def test_workers_share_everything_and_any_may_die(keyturn: Installation, upstream: Upstream) -> None:
    """A session is known to every worker at once; one killed in the middle of a call repeats nothing; all end in order."""
    running = keyturn.up("--workers", "3")
    keyturn.login()
    key = keyturn.session()
    agents = [Agent(running.gateway, key) for _ in range(6)]
    assert {agent.tables() for agent in agents} == {"ok"}

    def listed() -> list[str]:
        nodes = json.loads(keyturn.run("status", "-o", "json"))["nodes"]
        return [node.get("gateway", "") for node in nodes]

    until(lambda: listed() == [running.gateway] * 3, what="all of them in status")
    asking = [Asking(lambda agent=agent, n=n: agent.create(f"orders{n}")) for n, agent in enumerate(agents)]  # type: ignore[misc]  # mypy cannot infer a lambda's default
    until(lambda: len(creates(upstream)) == len(agents), what="all calls to leave")
    before = running.workers()
    os.kill(before[0], signal.SIGKILL)
    for one in asking:
        one.join()
    until(lambda: len(running.workers()) == 3 and before[0] not in running.workers(), what="another worker")
    cases = [keyturn.ended(f"C-{number}") for number in range(1, len(agents) + 1)]
    assert {case["phase"] for case in cases} == {"confirmed"}
    assert [len(creates(upstream, f"orders{n}")) for n in range(len(agents))] == [1] * len(agents)
    assert {agent.tables() for agent in agents} == {"ok"}
    keyturn.verified()
    assert "ended by signal 9" in running.said()
    assert running.end() == 0


def test_all_of_them_end_and_begin_again(keyturn: Installation) -> None:
    """As at an update, as many as before, one alone, or more: sessions stand, what was done is not done again, and the log goes on where it
    ended.
    """
    running = keyturn.up("--workers", "2")
    keyturn.login()
    key = keyturn.session()
    assert Agent(running.gateway, key).create("orders") == "ok"
    keyturn.ended("C-1")
    for name, many in (("invoices", ("--workers", "2")), ("letters", ()), ("offers", ("--workers", "3"))):
        assert running.end() == 0
        running = keyturn.up(*many)
        assert Agent(running.gateway, key).create(name) == "ok"
    assert {keyturn.ended(f"C-{number}")["phase"] for number in (1, 2, 3, 4)} == {"confirmed"}
    keyturn.verified()
    assert running.end() == 0


def test_a_scrape_hears_all_workers(keyturn: Installation) -> None:
    """Whichever of them is asked says what all of them answered; one that was killed loses nothing that it had written."""
    running = keyturn.up("--workers", "2")
    keyturn.login()
    key = keyturn.session()

    def scraped() -> tuple[str, int]:
        """(who answered, reads counted by all)"""
        asked = urllib.request.Request(
            f"{running.console}/metrics",
            headers={"authorization": f"Bearer {keyturn.environment['KEYTURN_TOKEN']}"},
        )
        with urllib.request.urlopen(asked, timeout=30) as answer:
            page = answer.read().decode()
        reads = [
            line
            for line in page.splitlines()
            if line.startswith("keyturn_requests_total") and 'lane="read"' in line
        ]
        who = re.search(r'keyturn_worker\{pid="([0-9]+)"', page)
        assert who is not None
        return who[1], sum(int(float(line.rpartition(" ")[2])) for line in reads)

    def both_say(reads: int) -> bool:
        heard = {scraped() for _ in range(20)}
        return heard == {(str(pid), reads) for pid in running.workers()}

    assert {Agent(running.gateway, key).tables() for _ in range(12)} == {
        "ok"
    }  # each over a connection of its own
    until(lambda: both_say(12), what="both to count all reads")
    killed = running.workers()[0]
    os.kill(killed, signal.SIGKILL)
    until(lambda: len(running.workers()) == 2 and killed not in running.workers(), what="another worker")
    until(lambda: both_say(12), what="the new one to count what the old one had")
    assert {Agent(running.gateway, key).tables() for _ in range(4)} == {"ok"}
    until(lambda: both_say(16), what="both to go on")
    assert running.end() == 0


@pytest.mark.slow
def test_policy_is_relaxed_by_two_in_every_worker(keyturn: Installation) -> None:
    """A pack is taken out of the configuration: no worker lets more through until two administrators said so; then all do."""
    both = 'packs = ["seatbelt", "caps"]'
    keyturn.configure(lambda text: text.replace('packs = ["seatbelt"]', both))
    running = keyturn.up("--workers", "2")
    keyturn.login()
    root = keyturn.environment["KEYTURN_TOKEN"]
    invite = json.loads(keyturn.run("user", "add", "ben", "--role", "administrator", "-o", "json"))["token"]
    del keyturn.environment["KEYTURN_TOKEN"]
    keyturn.run("login", "--token", invite)
    kept = json.loads((keyturn.home / ".config" / "keyturn" / "login.json").read_text())
    ben = kept["tokens"][running.console]
    keyturn.environment["KEYTURN_TOKEN"] = root

    def in_force() -> set[str]:
        """As whichever worker answers says."""
        return {json.loads(keyturn.run("status", "-o", "json"))["policy_digest"] for _ in range(6)}

    strict = in_force()
    running.config.write_text(running.config.read_text().replace(both, 'packs = ["seatbelt"]'))
    running.send(signal.SIGHUP)
    until(
        lambda: running.said().count("NOT IN FORCE: seatbelt lets more through") == 2, what="both to say so"
    )
    assert in_force() == strict
    assert "P-2 waits: seatbelt would let more through" in keyturn.run("status")
    assert "It lets through what is not let through now" in keyturn.run("proposals")
    assert "is yours now" in keyturn.run("proposals", "approve", "P-2")
    assert "another administrator has to approve" in keyturn.run("proposals", "approve", "P-2", fails=True)
    keyturn.environment["KEYTURN_TOKEN"] = ben
    assert "seatbelt is in force" in keyturn.run("proposals", "approve", "P-2")
    until(lambda: len(in_force()) == 1 and in_force() != strict, what="both to follow")
    keyturn.verified()
    assert running.end() == 0


@pytest.mark.slow
def test_reload_and_drain(keyturn: Installation, upstream: Upstream) -> None:
    """What is wrong leaves the old in force and says so; what is right is in force at once; who has asked is answered at the end."""
    running = keyturn.up("--workers", "2")
    keyturn.login()
    agent = Agent(running.gateway, keyturn.session())
    good = running.config.read_text()
    running.config.write_text(good.replace('packs = ["seatbelt"]', 'packs = ["no-such-pack"]'))
    running.send(signal.SIGHUP)
    until(lambda: running.said().count("not reloaded, what was in force stays") == 2, what="a refusal")
    assert agent.tables() == "ok"
    running.config.write_text(good + "\n[holds]\nwait_s = 1.5\n")
    running.send(signal.SIGHUP)
    until(lambda: running.said().count("reloaded: policy") == 2, what="a reload")
    until(lambda: "policy_loaded" in keyturn.run("log", "-n", "50"), what="it to be on record")

    asking = Asking(lambda: agent.create("orders"))
    until(lambda: creates(upstream, "orders"), what="the call to leave")
    assert running.end() == 0
    asking.join()
    assert asking.said == "ok"
    again = keyturn.up()
    assert keyturn.case("C-1")["phase"] in {"executed", "verifying", "confirmed"}
    assert again.end() == 0


def test_a_worker_that_cannot_start_ends_all(keyturn: Installation) -> None:
    """A configuration that no worker can use is an error of the start, not an endless loop."""
    keyturn.configure(lambda text: text.replace('packs = ["seatbelt"]', 'packs = ["no-such-pack"]'))
    assert "could not start; all of them end" in keyturn.run("up", "--workers", "2", fails=True)


@pytest.mark.slow
def test_workers_do_not_outlive_their_parent(keyturn: Installation) -> None:
    """A parent that is killed leaves nobody behind who holds the ports or writes the file."""
    running = keyturn.up("--workers", "2")
    workers = running.workers()
    running.end(signal.SIGKILL)
    until(
        lambda: not any(Path(f"/proc/{pid}/stat").exists() and _runs(pid) for pid in workers),
        what="their end",
    )
    again = keyturn.up()
    assert again.end() == 0


def _runs(pid: int) -> bool:
    """Whether it is there and no zombie."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


def test_ports_are_shared_with_no_other_installation(
    keyturn: Installation, upstream: Upstream, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Workers share their ports with each other; whoever else names one of them is told that it is taken, workers or not."""
    running = keyturn.up("--workers", "2")
    port = running.console.rpartition(":")[2]
    another = Installation(tmp_path_factory.mktemp("another"), upstream)
    another.configure(lambda text: text.replace("port = 0", f"port = {port}", 1))
    for arguments in (("up",), ("up", "--workers", "2")):
        assert "set gateway.port to another one" in another.run(*arguments, fails=True)
    another.configure(
        lambda text: text.replace(f"port = {port}", "port = 20000").replace("port = 0", "port = 20000")
    )
    assert "cannot both listen" in another.run("up", "--workers", "2", fails=True)
