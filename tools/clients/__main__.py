"""``make clients``: what the tests of real clients need beside the locked packages, from npm and PyPI, into a cache outside the tree.

Every version is locked with its hashes. What cannot be had (no Node, a registry that does not answer) is said, and the rest goes on: the
tests that would use it say aloud that they were left out. The cache is ``KEYTURN_CLIENTS``, or ``~/.cache/keyturn/clients``.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tests.clients.kept import cache

HERE: Final = Path(__file__).parent
LOCKS: Final = HERE.parents[1] / "requirements"


class CannotBeHadError(Exception):
    """It was asked for, and did not come."""


def main() -> None:
    for name, fetch in WHAT.items():
        try:
            said = fetch(cache())
        except CannotBeHadError as error:
            said = f"LEFT OUT: {error}"
        print(f"{name}: {said}", flush=True)


def from_npm(folder: Path) -> str:
    """The SDK for JavaScript and the CDK."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        raise CannotBeHadError("there is no Node and npm here")
    lock = (HERE / "package-lock.json").read_bytes()

    def made(place: Path) -> None:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, place)
        _run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], place)

    return _once(folder / "npm", lock, made)


def mcp_servers(folder: Path) -> str:
    """AWS's MCP servers and a client."""
    return _environment(folder / "mcp", LOCKS / "clients-mcp.lock")


def moto_environment(folder: Path) -> str:
    """What moto's own tests need to run."""
    return _environment(folder / "moto", LOCKS / "clients-moto.lock")


def moto_source(folder: Path) -> str:
    """Moto's source distribution, which its tests come with: the version that is locked for our own tests."""
    locked = re.search(
        r"^moto(?:\[[a-z,]+\])?==(\S+) \\\n((?:    --hash=\S+(?: \\)?\n)+)", _dev_lock(), re.MULTILINE
    )
    if locked is None:
        raise CannotBeHadError("requirements/dev.lock names no version of moto with its hashes")

    def made(place: Path) -> None:
        asked = place / "moto.txt"
        asked.write_text(f"moto=={locked[1]} \\\n{locked[2]}")
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", "moto"]
        _run([*pip, "--require-hashes", "-r", str(asked), "-d", str(place)], place)
        with tarfile.open(next(place.glob("moto-*.tar.gz"))) as archive:
            archive.extractall(place, filter="data")

    return _once(folder / "moto-source", locked[0].encode(), made)


def _dev_lock() -> str:
    return (LOCKS / "dev.lock").read_text()


def _environment(place: Path, lock: Path) -> str:
    def made(there: Path) -> None:
        _run([sys.executable, "-m", "venv", str(there)], there)
        pip = [
            str(there / "bin" / "pip"),
            "install",
            "--quiet",
            "--no-deps",
            "--require-hashes",
            "-r",
            str(lock),
        ]
        _run(pip, there)

    return _once(place, lock.read_bytes() + sys.version.encode(), made, in_place=True)


def _once(place: Path, of: bytes, make: Callable[[Path], None], *, in_place: bool = False) -> str:
    """Make it anew where what it is made of has changed; half of it is never left under its name."""
    mark, digest = place / ".made-of", hashlib.sha256(of).hexdigest()
    if mark.is_file() and mark.read_text() == digest:
        return f"{place} is there"
    shutil.rmtree(place, ignore_errors=True)
    place.parent.mkdir(parents=True, exist_ok=True)
    if in_place:  # an environment knows its own path
        place.mkdir()
        make(place)
    else:
        with tempfile.TemporaryDirectory(dir=place.parent) as made:
            make(Path(made))
            shutil.copytree(made, place, symlinks=True)
    mark.write_text(digest)
    return f"{place} was made"


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise CannotBeHadError(f"{' '.join(command[:3])} failed: {said[-1] if said else done.returncode}")


WHAT: Final[dict[str, Callable[[Path], str]]] = {
    "the SDK for JavaScript and the CDK": from_npm,
    "AWS's MCP servers": mcp_servers,
    "moto's source distribution": moto_source,
    "what moto's tests need": moto_environment,
}

if __name__ == "__main__":
    main()
