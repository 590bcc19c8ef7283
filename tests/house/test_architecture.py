"""The shape of the tree: who may import whom, what does no I/O, how long things may get, what may stand nowhere."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.house import tree

# --- who may import whom ---------------------------------------------------------------------------------------------

MAY_IMPORT: dict[str, tuple[str, ...]] = {
    "errors": (),
    "model": ("errors",),
    "core": ("model", "errors"),
    "providers": ("core", "model", "errors"),
    "policy": ("core", "model", "errors"),
    "pipeline": ("core", "model", "errors"),
    # Adapters: the model and their own interface; a store checks the chain that `core.chain` defines.
    "stores": ("core.chain", "model", "errors"),
    "executors": ("providers", "model", "errors"),
    # The runtime knows adapters by their interfaces; the vault and the bundle are formats of ours, not adapters.
    "runtime": (
        *("pipeline", "core", "model", "errors"),
        *("stores.interface", "stores.vault", "stores.bundle", "executors.interface"),
    ),
    # A surface forwards reads itself, through the executor it is given.
    "surfaces": ("runtime.interface", "executors", "providers", "model", "errors"),
    "console": ("runtime.interface", "stores.interface", "pipeline", "core", "model", "errors"),
    "agent": ("errors",),
    "config": ("errors",),
    # `init`, `verify` and `policy` work with nothing running; everything else goes through the console's API.
    "cli": (
        *("app", "config", "agent", "runtime", "console.identity", "policy", "providers", "core"),
        *("stores", "model", "errors", "testing"),
    ),
    "app": ("",),  # wires everything
    "testing": ("",),  # tests everything
}
"""Part of the package -> what of the others it may import (a part, or a module of one)."""


def _part(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


@pytest.mark.parametrize("module", sorted(tree.modules()))
def test_a_module_imports_only_what_its_part_may(module: str) -> None:
    """Model <- core <- providers, policy <- pipeline <- runtime <- surfaces, console, agent, cli <- app."""
    part = _part(module)
    if not part:
        return
    may = MAY_IMPORT[part]
    for imported in tree.imports(tree.modules()[module]):
        inner = imported.removeprefix("keyturn").removeprefix(".")
        if not imported.startswith("keyturn") or _part(imported) in {"", part}:
            continue
        allowed = any(not to or inner == to or inner.startswith(f"{to}.") for to in may)
        assert allowed, f"{module} imports {imported}; {part} may import: {', '.join(may)}"


def test_every_part_is_in_the_table() -> None:
    """A new part says what it may import; one that is gone is forgotten."""
    assert {_part(module) for module in tree.modules()} - {"", "__main__"} == set(MAY_IMPORT)


def test_no_module_imports_itself_by_way_of_others() -> None:
    """There are no import cycles: each module can be understood after those it imports."""
    edges = {
        module: tree.imports(path, lazy=False) & tree.modules().keys()
        for module, path in tree.modules().items()
    }
    done: set[str] = set()

    def visit(module: str, way: tuple[str, ...]) -> None:
        assert module not in way, " -> ".join((*way[way.index(module) :], module))
        if module in done:
            return
        for imported in sorted(edges[module]):
            if not _registering(module, imported):
                visit(imported, (*way, module))
        done.add(module)

    for module in edges:
        visit(module, ())


def _registering(package: str, module: str) -> bool:
    """A package that imports its own modules at its end, so that they put themselves into its registry."""
    return package == "keyturn.providers.aws.rules" and module.startswith(f"{package}.")


# --- what is pure ----------------------------------------------------------------------------------------------------

PURE = ("model", "core", "providers", "policy", "pipeline")
MAY_USE = frozenset(
    {
        *(
            "__future__",
            "abc",
            "base64",
            "binascii",
            "bisect",
            "calendar",
            "collections",
            "copy",
            "dataclasses",
        ),
        *(
            "decimal",
            "difflib",
            "enum",
            "fnmatch",
            "fractions",
            "functools",
            "hashlib",
            "heapq",
            "hmac",
            "html",
        ),
        *("itertools", "json", "keyword", "math", "operator", "re", "shlex", "string", "struct", "textwrap"),
        *("types", "typing", "unicodedata", "zlib"),
        *("datetime", "time"),  # to convert, never to ask: see READS_THE_CLOCK
        *(
            "email.utils",
            "urllib.parse",
            "xml.etree.ElementTree",
            "xml.etree",
            "xml.parsers.expat",
            "xml.parsers",
        ),
        *("xml.sax.saxutils", "importlib.resources", "importlib.resources.abc"),  # data files of the package
        "cedarpy",
    }
)
READS_THE_CLOCK = frozenset(
    {
        *("now", "today", "utcnow", "time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "sleep"),
        *("localtime", "ctime", "process_time"),
    }
)
DOES_IO = frozenset({"open", "print", "input", "eval", "exec", "__import__", "breakpoint"})


def _pure() -> list[str]:
    return sorted(module for module in tree.modules() if _part(module) in PURE)


@pytest.mark.parametrize("module", _pure())
def test_what_decides_touches_nothing(module: str) -> None:
    """No I/O, no clock, no randomness, no logging: what decides can be run again and answers the same."""
    path = tree.modules()[module]
    for imported in tree.imports(path):
        assert imported in MAY_USE or imported.split(".")[0] in {"keyturn", "collections", "msgspec"}, (
            f"{module} imports {imported}; facts come in as answers, time comes in as data"
        )
    for node in ast.walk(tree.parsed(path)):
        if not isinstance(node, ast.Call):
            continue
        where = f"{module}:{node.lineno}"
        if isinstance(node.func, ast.Name):
            assert node.func.id not in DOES_IO, f"{where} calls {node.func.id}()"
        elif isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name):
            owner, name = node.func.value.id, node.func.attr
            asks = owner in {"time", "datetime", "date"} and (
                name in READS_THE_CLOCK or (name == "gmtime" and not node.args)
            )
            assert not asks, f"{where} calls {owner}.{name}(); time comes in as data"


# --- how long, how documented ----------------------------------------------------------------------------------------

FILE_LINES_MAX = 500
FUNCTION_LINES_MAX = 60

LONG_FILES = {
    "tests/provider/rule_cases.py": "a table: two cases a rule",
    "tests/runtime/test_conversations.py": "to be parted by what the conversations are about",
    "src/keyturn/providers/aws/recipes/dynamodb.py": "capture, backup, restore and update of the richest kind there is",
    "src/keyturn/runtime/work.py": "one short function a command; to be parted by what happens before and after the call",
}
LONG_FUNCTIONS: dict[str, str] = {
    "bench/log.py::_case": "one case of the log, written out event by event",
}
"""Exceptions with their reason. One that is no longer needed fails the test, so that the list only gets shorter."""


def _python() -> list[Path]:
    return [path for path in tree.tracked() if path.suffix == ".py"]


def test_files_stay_short() -> None:
    """A file that fits in a head; the exceptions are named, with why, and go when they are not needed any more."""
    long = {str(path.relative_to(tree.ROOT)) for path in _python() if _lines(path) > FILE_LINES_MAX}
    assert long == set(LONG_FILES), "new: part it; gone: take it out of LONG_FILES"


def test_functions_stay_short() -> None:
    long = {
        f"{path.relative_to(tree.ROOT)}::{name}"
        for path in _python()
        for name, lines in tree.functions(path)
        if lines > FUNCTION_LINES_MAX
    }
    assert long == set(LONG_FUNCTIONS), "new: part it; gone: take it out of LONG_FUNCTIONS"


def _lines(path: Path) -> int:
    return path.read_bytes().count(b"\n")


def test_every_module_says_what_it_is_for() -> None:
    """A docstring that says something; an empty __init__ of a folder of data says nothing and needs nothing."""
    mute = [module for module, path in tree.modules().items() if path.stat().st_size and not _said(path)]
    assert not mute, f"no docstring: {mute}"


def _said(path: Path) -> bool:
    said = ast.get_docstring(tree.parsed(path)) or ""
    return len(said.split()) >= 3


# --- what may stand nowhere ------------------------------------------------------------------------------------------

# Put together here, so that this file does not contain them itself.
NOWHERE = {
    "a path of one machine": re.compile(
        "|".join(("/wo" + "rk/", r"\.\./sha" + "red", "/ho" + r"me/(?!runner|agent|user|\.\.\.)\w+/"))
    ),
    "a package registry's host": re.compile(
        "|".join(("pypi" + r"\.org", "python" + r"hosted\.org", "registry" + r"\.npmjs", r"crates" + r"\.io"))
    ),
    "a key that looks real": re.compile("AK" + r"IA(?!\w{9}EXAMPLE)(?=[A-Z0-9]*\d)[A-Z0-9]{16}\b"),
    "a private key": re.compile("-----BEGIN " + "[A-Z ]*PRIVATE KEY-----"),
    "an unfinished merge": re.compile("^" + "<<<<" + "<<< ", re.MULTILINE),
}


@pytest.mark.parametrize("what", NOWHERE)
def test_stands_nowhere(what: str) -> None:
    """The repository works wherever it is cloned, and holds nothing that opens a door."""
    found = []
    for path in tree.tracked():
        data = path.read_bytes()
        if b"\0" in data:
            continue
        text = data.decode("utf-8", "replace")
        found += [f"{path.relative_to(tree.ROOT)}: {match[0]!r}" for match in NOWHERE[what].finditer(text)]
    assert not found


def test_each_of_these_patterns_finds_what_it_is_for() -> None:
    """Each pattern does find what it is for."""
    samples = {
        "a path of one machine": "see /wo" + "rk/main",
        "a package registry's host": "from py" + "pi.org",
        "a key that looks real": "AK" + "IA2E4QLR7TZ5XW9KMN",
        "a private key": "-----BEGIN EC " + "PRIVATE KEY-----",
        "an unfinished merge": "<<<<" + "<<< HEAD",
    }
    assert set(samples) == set(NOWHERE)
    for what, sample in samples.items():
        assert NOWHERE[what].search(sample), what
