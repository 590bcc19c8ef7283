"""Files that call themselves an exported log: torn, forged, hostile. None is believed, and none is an error of ours."""

from __future__ import annotations

import asyncio
import io
import random
import zipfile
from pathlib import Path
from typing import Final

import pytest

from keyturn.core.chain import Tree, sign_checkpoint
from keyturn.errors import OperatorError
from keyturn.stores.bundle import Author, pieces
from keyturn.stores.memory import MemoryStore
from keyturn.stores.vault import Signer
from keyturn.stores.verifying import Report, verify_bundle
from keyturn.testing.suites import draft

SIGNER: Final = Signer(b"\x07" * 32)


def good() -> bytes:
    """A bundle of 24 entries, signed at the fifth and at the end."""
    store, tree = MemoryStore(), Tree()

    async def write() -> None:
        for entry in await store.append([draft(f"C-{number % 3}", f"w{number}") for number in range(24)]):
            tree.add(bytes.fromhex(entry.hash))
            if entry.seq in {5, 24}:
                await store.add_checkpoint(
                    sign_checkpoint("log", tree, at_ms=1, public_key=SIGNER.public, sign=SIGNER.sign)
                )

    asyncio.run(write())
    return b"".join(pieces(store, Author("log", SIGNER.public, SIGNER.sign, at_ms=1)))


def failures(report: Report) -> str:
    assert not report.passed
    return "\n".join(str(check) for check in report.checks if not check.passed)


def members(**changed: bytes | None) -> bytes:
    """A good bundle's zip with members replaced or left out (log, checkpoints, about)."""
    whole = zipfile.ZipFile(io.BytesIO(good()))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in whole.namelist():
            data = changed.get(name.partition(".")[0], whole.read(name))
            if data is not None:
                archive.writestr(name, data)
    return out.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"this is no zip",
        members(log=None),
        members(checkpoints=None),
        members(about=None),
        members(about=b"[]"),
        members(about=b'{"format":7}'),
        members(about=b'{"format":"keyturn-log-1"}'),
        members()[:-40],
    ],
    ids=[
        "empty",
        "text",
        "no log",
        "no checkpoints",
        "no about",
        "a list",
        "a number",
        "another format",
        "torn",
    ],
)
def test_what_is_no_bundle_is_said_to_be_none(data: bytes, tmp_path: Path) -> None:
    """The operator's mistake, with what to do: there is nothing to report on."""
    path = tmp_path / "log.zip"
    path.write_bytes(data)
    with pytest.raises(OperatorError, match="is no exported log") as caught:
        verify_bundle(path)
    assert caught.value.help == "make one with: keyturn export FILE"


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """Named by its path."""
    with pytest.raises(OperatorError, match=r"nowhere\.zip"):
        verify_bundle(tmp_path / "nowhere.zip")


@pytest.mark.parametrize(
    "changed",
    [
        {"log": b"{}\n"},
        {"log": b"\n"},
        {"log": b"\xff\xfe\n"},
        {"log": b'{"seq":"1"}\n'},
        {"log": b'{"seq":1,"writer":"w","case":"","prev":"","hash":"","body":' + b"[" * 100_000},
        {"checkpoints": b"{}\n"},
        {"checkpoints": b"null"},
    ],
    ids=repr,
)
def test_lines_that_were_never_exported(changed: dict[str, bytes], tmp_path: Path) -> None:
    """A bundle whose lines are not what is written there fails by format, and nothing in it is believed."""
    path = tmp_path / "log.zip"
    path.write_bytes(members(**changed))
    assert failures(verify_bundle(path)).startswith("FAIL  format: something is not what was exported")


def test_a_line_without_end_does_not_fill_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A zip can claim to hold anything: what is longer than a line may be is refused as it is unpacked."""
    monkeypatch.setattr("keyturn.stores.verifying.LINE_BYTES_MAX", 3 << 20)
    path = tmp_path / "log.zip"
    path.write_bytes(members(log=b" " * (8 << 20)))
    assert "a line is longer than 3,145,728 bytes" in failures(verify_bundle(path))


def test_whatever_byte_is_changed_the_file_is_not_believed(tmp_path: Path) -> None:
    """Any one byte of the file changed, 400 of them: a report that fails, a refusal, or a bundle that says the same.

    Never another log that passes, and never an error of ours.
    """
    right = members()
    path = tmp_path / "log.zip"
    path.write_bytes(right)
    said = str(verify_bundle(path, public_key=SIGNER.public.hex()))
    choice = random.Random(11)
    outcomes = {"refused": 0, "failed": 0, "same": 0}
    for _ in range(400):
        data = bytearray(right)
        data[choice.randrange(len(data))] ^= choice.randrange(1, 256)
        path.write_bytes(data)
        try:
            report = verify_bundle(path, public_key=SIGNER.public.hex())
        except OperatorError:
            outcomes["refused"] += 1
            continue
        outcomes["same" if report.passed else "failed"] += 1
        assert not report.passed or str(report) == said
    assert outcomes["failed"] > 100, outcomes
