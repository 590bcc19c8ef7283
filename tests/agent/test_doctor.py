"""The doctor finds what leads around Keyturn, from where the agent stands, and says what would close it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from keyturn.agent import doctor
from tests.ports import free_port

_GIVEN = ("AWS_", "KEYTURN_")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with nothing in it, and an environment as clean."""
    import os

    for name in list(os.environ):
        if name.startswith(_GIVEN):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(doctor, "_homes", lambda: [tmp_path])
    closed = ("127.0.0.1", free_port())
    monkeypatch.setattr(doctor, "IMDS", closed)
    monkeypatch.setattr(doctor, "CONTAINER", closed)
    return tmp_path


@pytest.fixture
def metadata() -> Iterator[tuple[str, int]]:
    """Something that answers where an instance's metadata would."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[:2]


def told() -> tuple[int, str]:
    lines: list[str] = []
    return doctor.report(lines.append), "\n".join(lines)


def test_a_clean_place_is_said_to_be_one(home: Path) -> None:
    """And exits with 0."""
    code, text = told()
    assert code == 0
    assert "Nothing that was tried leads around Keyturn" in text


@pytest.mark.parametrize(
    "name",
    [
        ".aws/credentials",
        ".aws/config",
        ".aws/sso/cache/0a1b.json",
        ".aws/cli/cache/0a1b.json",
        ".config/keyturn/login.json",
        ".local/share/keyturn/keyturn.db",
        ".local/share/keyturn/keys/installation.key",
    ],
)
def test_a_file_that_can_be_read_is_a_way_around(home: Path, name: str) -> None:
    """By its absolute path, whatever the environment says; what would close it stands beside it."""
    place = home / name
    place.parent.mkdir(parents=True)
    place.write_text("x")
    code, text = told()
    assert code == 1
    assert "REACHABLE" in text
    assert str(home) in text
    assert "run the agent as another user" in text


@pytest.mark.parametrize(
    "variable",
    [
        "AWS_PROFILE",
        "AWS_SESSION_TOKEN",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "KEYTURN_TOKEN",
    ],
)
def test_a_variable_that_was_left_is_a_way_around(
    home: Path, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Named, and never its value."""
    monkeypatch.setenv(variable, "the-secret-value")
    code, text = told()
    assert code == 1
    assert f"${variable}" in text
    assert "the-secret-value" not in text


def test_a_key_that_is_no_sessions_key_is_a_way_around(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A session's own is not."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "KTSESSAAA")
    assert told()[0] == 0
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAREAL")
    assert told()[0] == 1


@pytest.mark.parametrize("which", ["IMDS", "CONTAINER"])
def test_metadata_that_answers_is_a_way_around(
    home: Path, which: str, metadata: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The instance's or the container's role is one request away."""
    monkeypatch.setattr(doctor, which, metadata)
    code, text = told()
    assert code == 1
    assert "block it for the agent's user or host" in text


def test_a_store_elsewhere_is_found_by_the_configuration(
    home: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its keys are worth more than the log."""
    data = tmp_path_factory.mktemp("elsewhere")
    (data / "keys").mkdir()
    (data / "keys" / "installation.key").write_bytes(b"k" * 32)
    config = data / "keyturn.toml"
    config.write_text(f'data_dir = "{data}"\n')
    monkeypatch.setenv("KEYTURN_CONFIG", str(config))
    code, text = told()
    assert code == 1
    assert str(data / "keys" / "installation.key") in text
