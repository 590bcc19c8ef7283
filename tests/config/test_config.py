"""The configuration: what it says wrongly is named, with what was meant and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from keyturn import config
from keyturn.errors import OperatorError


def vault(**given: str) -> str:
    """A file with a vault account, in which one thing is otherwise than it has to be."""
    right = {"account": "2" * 12, "role": f"arn:aws:iam::{'2' * 12}:role/keyturn-vault", "bucket": "far"}
    lines = [f'{name} = "{value}"' for name, value in {**right, **given}.items()]
    return "\n".join(["[aws]", f'account = "{"1" * 12}"', "[vault]", *lines])


WRONG: list[tuple[str, str, str, str]] = [
    ("a mistyped setting", 'data_dirr = "x"', "data_dirr", "did you mean data_dir?"),
    ("a mistyped table", "[gatway]\nport = 1", "gatway", "did you mean gateway?"),
    ("a mistyped setting in a table", "[gateway]\nprot = 1", "gateway.prot", "did you mean gateway.port?"),
    ("nothing like it", "[aws]\nfrobnicate = 1", "aws.frobnicate", "it takes: account, region"),
    ("a text for a number", '[gateway]\nport = "8420"', "port", "docs/reference/settings.md"),
    ("a number for a text", "[aws]\naccount = 123456789012", "account", "docs/reference/settings.md"),
    ("a text for a list", 'packs = "seatbelt"', "packs", "docs/reference/settings.md"),
    ("a list for a switch", "observe = []", "observe", "docs/reference/settings.md"),
    ("no TOML", "data_dir = ", "no TOML", "toml.io"),
    ("a setting twice", 'data_dir = "a"\ndata_dir = "b"', "no TOML", "toml.io"),
    ("no port there is", "[console]\nport = 65536", "console.port = 65536", "1 to 65535"),
    ("a port below none", "[gateway]\nport = -1", "gateway.port = -1", "1 to 65535"),
    (
        "a vault account that is its own",
        vault(account="1" * 12),
        "is the plane's own account",
        "nobody works in",
    ),
    ("a vault account of few digits", vault(account="12"), "is no AWS account id", "twelve digits"),
    (
        "a role of another account",
        vault(role="arn:aws:iam::333333333333:role/x"),
        "vault.role",
        "arn:aws:iam::222222222222:role/",
    ),
    (
        "a key of another account",
        vault(kms_key="arn:aws:kms:eu-west-1:333333333333:key/1"),
        "vault.kms_key",
        "222222222222:key/",
    ),
    (
        "a vault account without a bucket",
        vault(bucket=""),
        "vault.bucket is missing",
        "keyturn-vault-222222222222",
    ),
    ("a key for AWS itself", '[aws]\naccess_key_id = "AKIA"', "only for stand-ins", "instance role"),
]


@pytest.mark.parametrize(("what", "text", "says", "help_"), WRONG, ids=[row[0] for row in WRONG])
def test_what_is_wrong_is_named(what: str, text: str, says: str, help_: str) -> None:
    """With the file, the setting, and what to write instead."""
    with pytest.raises(OperatorError) as caught:
        config.parse(text, "/etc/keyturn.toml")
    assert "/etc/keyturn.toml" in caught.value.message
    assert says in caught.value.message
    assert help_ in caught.value.help


def test_a_file_that_is_not_there_says_how_to_make_one(tmp_path: Path) -> None:
    """And one that cannot be read, what to check."""
    with pytest.raises(OperatorError, match="no configuration at") as caught:
        config.load(str(tmp_path / "none.toml"))
    assert "keyturn init" in caught.value.help
    folder = tmp_path / "folder.toml"
    folder.mkdir()
    with pytest.raises(OperatorError, match="cannot be read"):
        config.load(str(folder))
    noise = tmp_path / "noise.toml"
    noise.write_bytes(b"\xff\xfe")
    with pytest.raises(OperatorError, match="not UTF-8"):
        config.load(str(noise))


def test_it_is_found_where_it_was_said_to_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """First the option, then the variable, then the home."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KEYTURN_CONFIG", raising=False)
    assert config.config_path() == tmp_path / ".config/keyturn/keyturn.toml"
    monkeypatch.setenv("KEYTURN_CONFIG", "/from/variable.toml")
    assert config.config_path() == Path("/from/variable.toml")
    assert config.config_path("~/mine.toml") == tmp_path / "mine.toml"


def test_what_init_writes_is_what_load_reads() -> None:
    """With every default where nothing is said."""
    text = config.TEMPLATE.format(
        data_dir="/data", account="123456789012", region="eu-central-1", gateway_port=1, console_port=2
    )
    made = config.parse(text, "x")
    assert (made.aws.account, made.gateway.port, made.console.url) == (
        "123456789012",
        1,
        "http://127.0.0.1:2",
    )
    assert made.holds == config.Holds()
    assert made.packs == ("seatbelt",)


def test_every_setting_is_in_the_table() -> None:
    """The reference is made from it."""
    table = config.settings_table()
    for name in ("data_dir", "gateway.port", "aws.endpoint_url", "holds.wait_s", "environments", "observe"):
        assert f"`{name}`" in table
