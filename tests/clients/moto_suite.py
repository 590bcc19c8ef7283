"""moto's own test suite through the gateway, beside the same run direct: what comes out has to be the same, test for test.

    python -m tests.clients.moto_suite                     everything, a service at a time (two hours)
    python -m tests.clients.moto_suite kms sts             these
    python -m tests.clients.moto_suite --fast              the three minutes of `make test-all`

The suite comes with moto's source distribution (`make clients` brings it). The gateway runs under a policy that allows what policy
can allow (`packs/everything`); what it refuses on principle all the same stands, one by one and with its reason, in `moto_refused.toml`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
import tomllib
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from keyturn.agent.siblings import SIBLINGS
from tests.clients.kept import kept_moto
from tests.gateway.gateway_world import NUMBER, Running
from tests.ports import free_port

HERE: Final = Path(__file__).parent

ACCOUNTS: Final = (
    NUMBER,
    *(str(digit) * 12 for digit in range(10)),
    "123456789011",
    "012345678910",
    "111222333444",  # of every ARN of its DataSync
)
"""moto's tests work in these."""

FAST: Final = ("budgets", "ce", "cloudwatch", "kms", "s3bucket_path", "ssm", "sts")
"""The services of the three minutes: 575 tests in JSON, CBOR, query and XML."""

READY_S_MAX: Final = 30.0
TEST_S_MAX: Final = 400
"""One that hangs, in either run. The longest makes 1,100 changes one after the other, each with all that Keyturn does about one."""


class Outcome(NamedTuple):
    """What became of one test."""

    outcome: str
    why: str


class Difference(NamedTuple):
    """One test that came out otherwise."""

    test: str
    direct: Outcome
    through: Outcome


def refused_on_principle(*, doubtful: bool = False) -> dict[str, str]:
    """The tests that cannot come out the same, and why. `doubtful`: only those after which something stays locked until people look."""
    told = tomllib.loads((HERE / "moto_refused.toml").read_text())
    groups = [group for group in told["group"] if group.get("doubtful", False) or not doubtful]
    return {f"{group['in']}::{name}": group["because"] for group in groups for name in group["tests"]}


@contextlib.contextmanager
def moto_server(python: Path, folder: Path) -> Iterator[str]:
    """Moto's own server, as its tests expect it; what it writes down goes into this folder."""
    port = free_port()
    command = [str(python), "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    environment = {
        name: value for name, value in os.environ.items() if name != "MOTO_AMIS_PATH"
    }  # with all its images
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    endpoint = f"http://127.0.0.1:{port}"
    try:
        _wait_for(endpoint)
        yield endpoint
    finally:
        process.kill()
        process.wait()


def _wait_for(endpoint: str) -> None:
    end = time.monotonic() + READY_S_MAX
    while True:
        try:
            with urllib.request.urlopen(f"{endpoint}/moto-api/"):
                return
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)


@contextlib.contextmanager
def gateway(endpoint: str, folder: Path) -> Iterator[Running]:
    """A Keyturn that allows what policy can allow."""
    plane = Running(
        folder,
        endpoint,
        packs=(str(HERE / "packs" / "everything"),),
        environments=dict.fromkeys(ACCOUNTS, "test"),
    )
    try:
        yield plane
    finally:
        plane.stop()


def run(
    service: str, folder: Path, *, through: bool, more: Sequence[str] = (), only: str = ""
) -> dict[str, Outcome]:
    """Every test of this service (or `only` one) and what became of it."""
    suite = kept_moto()
    if suite is None:
        raise FileNotFoundError("moto's own tests are not here: make clients")
    out = folder / "outcomes.jsonl"
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "PYTHONPATH": str(HERE),
        "PYTHONDONTWRITEBYTECODE": "1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "TEST_SERVER_MODE": "true",
        "MOTO_SHIM_OUT": str(out),
    }
    with contextlib.ExitStack() as stack:
        endpoint = stack.enter_context(moto_server(suite.python, folder))
        environment["MOTO_SHIM_UPSTREAM"] = endpoint
        if through:
            plane = stack.enter_context(gateway(endpoint, folder / "plane"))
            environment |= {
                "MOTO_SHIM_KEY": plane.key.access_key_id,
                "MOTO_SHIM_SECRET": plane.key.secret,
                "MOTO_SHIM_SIBLINGS": " ".join(SIBLINGS),
            }
            endpoint = f"http://127.0.0.1:{plane.port}"
        environment["TEST_SERVER_MODE_ENDPOINT"] = endpoint
        command = [
            *(str(suite.python), "-m", "pytest", "-q", "-p", "moto_shim", "-p", "no:cacheprovider", "-p", "no:randomly"),
            *("--timeout", str(TEST_S_MAX), "-m", "not network and not requires_docker", "--tb", "short"),
            only or f"tests/test_{service}",
            *more,
        ]  # fmt: skip
        with (folder / "said.txt").open("w") as said:
            subprocess.run(
                command, cwd=suite.tests, env=environment, stdout=said, stderr=subprocess.STDOUT, check=False
            )
    return outcomes(out)


def outcomes(file: Path) -> dict[str, Outcome]:
    """The worst of each test's phases."""
    made: dict[str, Outcome] = {}
    for line in file.read_text().splitlines() if file.exists() else ():
        told = json.loads(line)
        if made.get(told["test"], Outcome("passed", "")).outcome == "passed":
            made[told["test"]] = Outcome(told["outcome"], told["why"])
    return made


def differences(direct: dict[str, Outcome], through: dict[str, Outcome]) -> list[Difference]:
    """Where one passes and the other does not, or is missing."""
    missing = Outcome("missing", "")
    return [
        Difference(test, direct.get(test, missing), through.get(test, missing))
        for test in sorted({*direct, *through})
        if direct.get(test, missing).outcome != through.get(test, missing).outcome
    ]


def compare(service: str, folder: Path, more: Sequence[str] = ()) -> tuple[int, list[Difference]]:
    """Both runs of a service: how many tests there were, and those that came out otherwise."""
    for name in ("direct", "through"):
        (folder / service / name).mkdir(parents=True, exist_ok=True)
        (folder / service / name / "outcomes.jsonl").unlink(missing_ok=True)
    direct = run(service, folder / service / "direct", through=False, more=more)
    # What moto's reset takes away, Keyturn does not know of: after a call in doubt its resource stays locked. Such a test is run last.
    doubtful = [test for test in refused_on_principle(doubtful=True) if test in direct]
    aside = [argument for test in doubtful for argument in ("--deselect", test)]
    through = run(service, folder / service / "through", through=True, more=[*more, *aside])
    for number, test in enumerate(doubtful):
        alone = folder / service / f"alone-{number}"
        alone.mkdir(exist_ok=True)
        through |= run(service, alone, through=True, only=test)
    return len(direct), differences(direct, through)


def services() -> list[str]:
    suite = kept_moto()
    return (
        sorted(path.name.removeprefix("test_") for path in suite.tests.glob("tests/test_*/")) if suite else []
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.clients.moto_suite", description=__doc__)
    parser.add_argument("services", nargs="*", help="kms sts ...; none: all of them")
    parser.add_argument("--fast", action="store_true", help="the three minutes of make test-all")
    parser.add_argument("--keep", type=Path, help="a folder for what was said and what came out")
    parser.add_argument("-k", help="only tests whose names match, as pytest takes it")
    given = parser.parse_args()
    folder = given.keep or Path(tempfile.mkdtemp(prefix="keyturn-moto-"))
    known, unexplained = refused_on_principle(), 0
    for service in given.services or (FAST if given.fast else services()):
        begun_s = time.monotonic()
        count, different = compare(service, folder, ["-k", given.k] if given.k else ())
        new = [one for one in different if one.test not in known]
        unexplained += len(new) + (count == 0)
        took_s = time.monotonic() - begun_s
        print(
            f"{service}: {count} tests, {len(different)} differ, {len(new)} of them unexplained ({took_s:.0f} s)",
            flush=True,
        )
        if not count:
            print(f"  no test ran: see {folder / service / 'direct' / 'said.txt'}", flush=True)
        for one in new:
            why = (one.through.why or one.direct.why).replace("\n", " ")
            print(f"  {one.test}: {one.direct.outcome} -> {one.through.outcome}: {why[:300]}", flush=True)
    sys.exit(1 if unexplained else 0)


if __name__ == "__main__":
    main()
