"""What pages are made of comes along: every template and asset that is named exists, and is in what is installed."""

from __future__ import annotations

import re
import subprocess
import tomllib
from importlib.resources import files

from tests.house import tree

CONSOLE = tree.ROOT / "src" / "keyturn" / "console"
TEMPLATES = sorted((CONSOLE / "templates").glob("*.html"))


def test_whatever_a_template_names_is_there() -> None:
    """Scripts, styles, icons, parents and parts: a page of an installed Keyturn asks for nothing that was left behind."""
    missing = []
    for template in TEMPLATES:
        text = template.read_text()
        named = [CONSOLE / found for found in re.findall(r'(?:src|href)="/(static/[^"{]+)"', text)]
        parts = re.findall(r'{%-? (?:extends|include|from) "([^"]+)"', text)
        missing += [
            str(path)
            for path in [*named, *(CONSOLE / "templates" / one for one in parts)]
            if not path.is_file()
        ]
    assert missing == []


def test_every_asset_is_used() -> None:
    """A script or a template that nothing names is no longer needed."""
    text = "".join(template.read_text() for template in TEMPLATES)
    code = "".join(path.read_text() for path in CONSOLE.glob("*.py"))
    assets = [path for path in (CONSOLE / "static").rglob("*") if path.suffix in {".js", ".css", ".svg"}]
    unused = [path.name for path in assets if f"/{path.name}" not in text]
    unused += [one.name for one in TEMPLATES if f'"{one.name}"' not in text + code]
    assert unused == []


def test_assets_are_in_the_wheel() -> None:
    """The wheel takes the package's folder as it stands, less what git ignores: nothing of it may be ignored or excluded."""
    wheel = tomllib.loads((tree.ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"][
        "wheel"
    ]
    assert wheel == {"packages": ["src/keyturn"]}
    assets = [str(path) for path in CONSOLE.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    ignored = subprocess.run(
        ["git", "check-ignore", "--", *assets], cwd=tree.ROOT, capture_output=True, text=True, check=False
    )
    assert ignored.stdout == ""
    assert (files("keyturn.console") / "static" / "keyturn.css").is_file(), "where it is served from"
