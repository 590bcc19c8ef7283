"""`keyturn backup` at a plane that runs: what stands is listed, taken out and used with Keyturn gone, and dropped as policy says."""

from __future__ import annotations

import hashlib
import json
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from demo import world
from keyturn import config as settings
from keyturn.cli.backups import unpacked
from keyturn.errors import OperatorError
from keyturn.testing.standin import StandIn
from tests.cli.test_command_line import Desk
from tests.console.running_plane import REGION, Plane
from tests.recipes.test_runbooks import AWS, typed

BODY = b"quarter,total\n1,77\n"


@pytest.fixture(scope="module")
def account() -> Iterator[world.Account]:
    with StandIn() as standin:
        made = world.Account(standin.endpoint, "AKIAENGINEER", "secret", region=REGION)
        yield made


@pytest.fixture(scope="module")
def desk(account: world.Account, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """Bob administers and runs agents, dana and erin review."""
    backups = settings.BackupsConfig(keep_days=30, export=True)
    plane = Plane(tmp_path_factory.mktemp("plane"), account, backups=backups)
    plane.start()
    made = Desk(plane, tmp_path_factory.mktemp("people"))
    try:
        for name in ("bob", "dana", "erin", "olga", "ada"):
            assert made.say(name, "login", "--token", plane.token(name)).exit_code == 0
        yield made
    finally:
        plane.stop()


def confirmed(desk: Desk, case: str) -> None:
    book = desk.plane.app.runtime.book
    done = desk.plane.await_(book.until(case, lambda one: one.phase == "confirmed", timeout_s=90))
    assert done.phase == "confirmed", done.reason


def lost(desk: Desk, account: world.Account, bucket: str) -> str:
    """An object of an unversioned bucket that an agent deletes, with two approvals; returns the case."""
    s3 = account("s3")
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [{"Key": "env", "Value": "production"}]})
    s3.put_object(
        Bucket=bucket, Key="2026/q1.csv", Body=BODY, ContentType="text/csv", Metadata={"by": "it's"}
    )
    opened = desk.json("bob", "session", "new", "--agent", "kiro")
    (session,) = opened if isinstance(opened, list) else (opened,)
    import boto3

    agent = boto3.client(
        "s3",
        endpoint_url=session["endpoint_url"],
        region_name=REGION,
        aws_access_key_id=session["access_key_id"],
        aws_secret_access_key=session["secret_access_key"],
    )
    with pytest.raises(ClientError):
        agent.delete_object(Bucket=bucket, Key="2026/q1.csv")
    case: str = next(one["id"] for one in desk.json("dana", "inbox") if bucket in str(one["resources"]))
    for person in ("dana", "erin"):
        assert desk.say(person, "approve", case).exit_code == 0
    assert desk.say("dana", "execute", case).exit_code == 0
    confirmed(desk, case)
    with pytest.raises(ClientError):
        s3.head_object(Bucket=bucket, Key="2026/q1.csv")
    return case


def test_it_is_listed_exported_and_given_back_by_bash_and_aws_alone(
    desk: Desk, account: world.Account, tmp_path: Path
) -> None:
    """Precisely what the command wrote is used: nothing of Keyturn's, no vault; the object is as it was."""
    if not AWS.exists() or shutil.which("bash") is None:
        pytest.skip("LEFT OUT: runbooks are not run: bash or the aws command is not installed")
    case = lost(desk, account, "reports")
    (one,) = [one for one in desk.json("dana", "backup", "list") if one["case"] == case]
    assert (one["backup"]["keep_days"], one["needed"], one["upkeep"]["size_bytes"]) == (30, "", len(BODY))
    assert one["keeps_until_ms"] == one["backup"]["taken_at_ms"] + 30 * 86_400_000
    shown = desk.say("dana", "backup", "list").output
    assert "s3:object/reports/2026/q1.csv" in shown
    assert "1 backup, about 0.00 USD a month" in shown
    folder = tmp_path / "safe"
    told = desk.say("bob", "backup", "export", case, str(folder))
    assert told.exit_code == 0, told.output
    assert "they are not sealed: keep them safe" in told.output
    names = sorted(
        (str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()),
        key=lambda name: ("/" in name, name),
    )
    (place,) = {name.partition("/")[0] for name in names if "/" in name}
    assert names == [
        "SHA256SUMS",
        "manifest.json",
        *(f"{place}/{name}" for name in ("content", "runbook.md")),
    ]
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*") if path.is_file()} == {0o600}
    manifest = json.loads((folder / "manifest.json").read_text())
    (listed,) = manifest["backups"]
    assert (manifest["case"], manifest["by"], listed["without"]) == (case, "bob", "")
    assert [(one["name"], one["sha256"]) for one in listed["files"]][1:] == [
        (f"{place}/content", hashlib.sha256(BODY).hexdigest())
    ]
    typed((folder / place / "runbook.md").read_text(), account.endpoint, folder / place)
    back = account("s3").get_object(Bucket="reports", Key="2026/q1.csv")
    assert (back["Body"].read(), back["ContentType"], back["Metadata"]) == (BODY, "text/csv", {"by": "it's"})
    events: list[Any] = [
        entry.event()
        for entry in desk.plane.app.runtime.log(after=0, limit=10_000)
        if not entry.case_id and b"backup_exported" in entry.body
    ]
    assert [(one.by, one.case) for one in events] == [("bob", case)]


def test_who_may_not_takes_nothing_out(desk: Desk, account: world.Account, tmp_path: Path) -> None:
    """Not a reviewer; not into a folder with something in it; and nobody where the setting does not allow it."""
    case = lost(desk, account, "ledgers")
    told = desk.say("dana", "backup", "export", case, str(tmp_path / "hers"))
    assert (told.exit_code, "administrator" in told.output) == (3, True)
    assert not (tmp_path / "hers").exists(), "nothing is left of it"
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a").write_text("b")
    assert "is not empty" in desk.say("bob", "backup", "export", case, str(tmp_path / "full")).output
    import msgspec

    runtime = desk.plane.app.runtime
    allowed = runtime.work.settings
    runtime.work.settings = msgspec.structs.replace(allowed, backup_export=False)
    try:
        told = desk.say("bob", "backup", "export", case, str(tmp_path / "off"))
        assert "does not leave it here" in told.output
        assert "export = true under [backups]" in told.output
    finally:
        runtime.work.settings = allowed


def test_a_drop_is_held_and_then_the_undo_says_so(desk: Desk, account: world.Account) -> None:
    """Two others approve; the sealed content is gone from the vault, and whoever asks for the undo hears why."""
    case = lost(desk, account, "invoices")
    assert "--reason" in desk.say("dana", "backup", "drop", case).output
    told = desk.say("bob", "backup", "drop", case, "--reason", "the customer has left")
    assert told.exit_code == 2, told.output
    drop = told.output.split()[0]
    seen = desk.json("dana", "show", drop)
    found = seen[0] if isinstance(seen, list) else seen
    assert (found["effect"], found["environment"], found["drops"]) == ("delete", "production", case)
    assert [one["name"] for one in found["change"]["operations"]] == ["keyturn:DropExport"]
    for person in ("dana", "erin"):
        assert desk.say(person, "approve", drop).exit_code == 0, drop
    confirmed(desk, drop)
    undo = desk.say("erin", "undo", case)
    assert undo.exit_code != 0
    assert f"by bob in {drop}: the customer has left" in undo.output
    after = desk.json("dana", "show", case)
    gone = after[0] if isinstance(after, list) else after
    assert gone["way_back"] == "R4"
    assert desk.json("dana", "backup", "list", case) == []


def test_an_export_that_was_cut_or_changed_is_none(tmp_path: Path) -> None:
    """Without its checksums, with one that is otherwise, or with a file that leads elsewhere nothing is taken for an export."""
    import io
    import tarfile

    def tar(*members: tuple[str, bytes]) -> Path:
        path = tmp_path / "one.tar"
        with tarfile.open(path, "w") as made:
            for name, data in members:
                info = tarfile.TarInfo(name)
                info.size = len(data)
                made.addfile(info, io.BytesIO(data))
        return path

    for number, (members, says) in enumerate(
        (
            ((("a", b"1"),), "it has no checksums"),
            ((("a", b"1"), ("SHA256SUMS", b"00  a\n")), "a is not what was sent"),
            ((("../a", b"1"),), "is no file of an export"),
        )
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        with pytest.raises(OperatorError, match=says):
            unpacked(tar(*members), folder)


def test_who_ran_the_agent_does_not_let_its_backup_go(desk: Desk, account: world.Account) -> None:
    """Dana asks for it, and bob, whose agent deleted the object, is no reviewer of it: what is left of its deed is not his to decide
    (docs/concepts/rules.md, 4). The same through every door.
    """
    case = lost(desk, account, "diaries")
    told = desk.say("dana", "backup", "drop", case, "--reason", "nobody misses it")
    (drop,) = [one["id"] for one in desk.json("erin", "inbox") if one["drops"] == case]
    assert desk.plane.case(drop)["phase"] == "held", told.output
    told = desk.say("bob", "approve", drop)
    assert (told.exit_code, "own-agent" in told.output) == (3, True)
    body = {"approve": True, "binding": desk.plane.case(drop)["binding"], "note": ""}
    with desk.plane.api("bob") as api:
        refused = api.post(f"/cases/{drop}/review", json=body).json()["error"]
        assert refused["code"] == "own-agent"
        assert api.post(f"/cases/{drop}/execute", json={}).json()["error"]["code"] == "not-approved"
        glass = {"reason": "now", "binding": body["binding"]}
        assert api.post(f"/cases/{drop}/break-glass", json=glass).json()["error"]["code"] == "irreversible"
    with desk.plane.browser("bob") as browser:
        page = browser.get(f"/c/{drop}").text
        assert f'action="/c/{drop}/approve"' not in page
    assert desk.say("dana", "approve", drop).exit_code == 3, "she asked for it"
    assert desk.plane.case(drop)["approvals"] == []
    kept = [one for one in desk.json("dana", "backup", "list") if one["case"] == case]
    assert len(kept) == 1, "it stands"


def test_who_ran_the_agent_does_not_let_it_happen_again_as_an_undo_of_an_undo(
    desk: Desk, account: world.Account
) -> None:
    """What gives back is taken back: that is the agent's deed once more, and waits for somebody else than bob."""
    case = lost(desk, account, "letters")
    back = desk.json("bob", "undo", case)[0]
    confirmed(desk, back["id"])
    desk.say("dana", "undo", back["id"])
    (again,) = [one["id"] for one in desk.json("erin", "inbox") if one["undoes"] == back["id"]]
    assert desk.plane.case(again)["phase"] == "held"
    told = desk.say("bob", "approve", again)
    assert (told.exit_code, "own-agent" in told.output) == (3, True)
    assert desk.say("erin", "approve", again).exit_code == 0
    assert account("s3").head_object(Bucket="letters", Key="2026/q1.csv")["ContentLength"] == len(BODY)
