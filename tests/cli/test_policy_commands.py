"""``keyturn policy check | test | explain`` from the command line."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner, Result

from keyturn.cli.main import main


def keyturn(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["policy", *arguments])


def test_the_shipped_pack_is_sound_and_its_cases_hold() -> None:
    """As `up` loads it, against every operation of the catalogue."""
    assert "sound, sha256:" in keyturn("check").output
    told = keyturn("test", "-v")
    assert told.exit_code == 0
    assert "FAIL" not in told.output
    assert "cases hold" in told.output


def test_a_policy_that_names_an_operation_that_is_none_is_refused(tmp_path: Path) -> None:
    """A typing error in a policy is a hole; it is named, with what was meant."""
    pack = tmp_path / "mine"
    pack.mkdir()
    (pack / "mine.cedar").write_text(
        '@id("mine.drop")\n@message("no")\nforbid (principal, action == Action::"dynamodb:DropTable", resource);\n'
    )
    told = keyturn("check", str(pack))
    assert told.exit_code == 1
    assert "dynamodb:DropTable" in told.output


def test_explain_says_who_decided_and_what_would_go_through() -> None:
    """Facts in, reasons out."""
    told = keyturn("explain", "effect=delete", "environment=production", "data_bearing=true")
    assert told.output.startswith("HOLD")
    assert "seatbelt.destroys-in-production" in told.output
    assert "It would be allowed" in told.output
    asked = keyturn("explain", "effect=update", "inverse=true", "-o", "json")
    assert json.loads(asked.output)["decision"]["verdict"] == "allow"


def test_a_mistyped_fact_is_named() -> None:
    """With what was meant."""
    for facts, says in (
        ("efect=delete", "did you mean effect?"),
        ("delete", "write name=value"),
        ("effect=destroy", "Invalid enum value"),
    ):
        told = keyturn("explain", facts)
        assert told.exit_code == 1
        assert says in told.output


def test_a_pack_without_tests_is_said_to_have_none(tmp_path: Path) -> None:
    """Untested policies are not policies that pass."""
    pack = tmp_path / "mine"
    pack.mkdir()
    (pack / "mine.cedar").write_text('@id("mine.reads")\npermit (principal, action, resource);\n')
    assert keyturn("test", str(pack)).exit_code == 1
