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
    # What would be decided of a request, with nothing running.
    "explaining": ("pipeline", "policy", "providers", "core", "model", "errors"),
    # Adapters: the model and their own interface; a store checks the chain that `core.chain` defines, a bundle all of it.
    "stores": ("core.chain", "core.merkle", "core.receipts", "model", "errors"),
    "executors": ("providers", "model", "errors"),
    "reviewers": ("stores.interface", "stores.following", "model", "errors"),  # remember what they have told
    # The runtime knows adapters by their interfaces; the vault and the bundle are formats of ours, not adapters.
    "runtime": (
        *("pipeline", "core", "model", "errors"),
        *("stores.interface", "stores.vault", "stores.bundle", "executors.interface"),
    ),
    # A surface forwards reads itself, through the executor it is given.
    "surfaces": ("runtime.interface", "executors", "providers", "model", "errors"),
    # A twin of the account: a surface of its own in front of a stand-in, over the runtime's readings.
    "rehearsing": (
        "surfaces",
        "runtime",
        "executors",
        "providers",
        "core",
        "model",
        "errors",
        "testing.standin",
    ),
    "console": (
        *("runtime.interface", "stores.interface", "pipeline", "core", "model", "errors"),
        "providers.aws.only_if",  # a request's own condition in words: for people, and pure
        "providers.aws.environment",  # what a person calls an environment, as assessments call it: pure
    ),
    # Tells others what the log says; a trace is a case's life, which is folded as everywhere.
    "outward": (
        *("stores.interface", "stores.following", "core.advance", "core.case", "core.lifecycle"),
        *("model", "errors"),
    ),
    "agent": ("config", "errors"),  # the doctor looks where the configuration says things are
    "config": ("errors",),
    "footprint": (),
    "workers": ("errors",),  # looks after processes, whatever they do
    # `init`, `verify` and `policy` work with nothing running; everything else goes through the console's API.
    "cli": (
        *(
            "app",
            "config",
            "agent",
            "explaining",
            "runtime",
            "console.graph",
            "console.identity",
            "console.openapi",
            "policy",
            "providers",
            "core",
        ),
        *("stores", "model", "errors", "testing"),
    ),
    "app": ("",),  # wires everything
    "messengers": ("",),  # and this who is told
    # The runtime's port to policies that were loaded before: opened by `policy`, kept by a store, compared over the catalogue.
    "policy_texts": ("policy", "providers", "core", "stores.interface", "stores.bundle", "model", "errors"),
    "testing": ("",),  # tests everything
}
"""Part of the package -> what of the others it may import (a part, or a module of one)."""


def _part(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def trespasses(module: str, imported: frozenset[str]) -> list[str]:
    """What this module imports of other parts and may not."""
    part = _part(module)
    may = MAY_IMPORT.get(part, ("",))

    def allowed(name: str) -> bool:
        inner = name.removeprefix("keyturn").removeprefix(".")
        return any(not to or inner == to or inner.startswith(f"{to}.") for to in may)

    ours = {name for name in imported if name.startswith("keyturn") and _part(name) not in {"", part}}
    return sorted(name for name in ours if not allowed(name))


@pytest.mark.parametrize("module", sorted(tree.modules()))
def test_a_module_imports_only_what_its_part_may(module: str) -> None:
    """Model <- core <- providers, policy <- pipeline <- runtime <- surfaces, console, agent, cli <- app."""
    assert trespasses(module, tree.imports(tree.modules()[module])) == []


@pytest.mark.parametrize(
    ("module", "imported"),
    [
        ("keyturn.core.advance", "keyturn.runtime.book"),
        ("keyturn.core.plane", "keyturn.providers.aws"),
        ("keyturn.model.change", "keyturn.core.case"),
        ("keyturn.providers.aws.assess", "keyturn.policy"),
        ("keyturn.policy.cedar", "keyturn.providers.aws.catalogue"),
        ("keyturn.runtime.work", "keyturn.executors.aws"),
        ("keyturn.runtime.work", "keyturn.stores.sqlite"),
        ("keyturn.stores.sqlite", "keyturn.core.advance"),
        ("keyturn.console.api", "keyturn.runtime.work"),
        ("keyturn.surfaces.aws_gateway.server", "keyturn.stores.vault"),
    ],
)
def test_who_may_not_import_whom(module: str, imported: str) -> None:
    """The table above does forbid what the design forbids."""
    assert trespasses(module, frozenset({imported})) == [imported]


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


STANDS_ONLY_IN = {
    "boto3": (),  # the plane makes its own requests
    "botocore": ("executors",),  # every call to AWS
    "sqlite3": ("stores",),  # every SQL statement
    "psycopg": ("stores", "testing"),  # the same; and a server for tests
    "alembic": ("stores",),
    "sqlalchemy": ("stores",),  # for Alembic alone
    "cryptography": ("core", "providers", "stores", "testing"),  # every key; SigV4A's signatures; a receipt's
    "cedarpy": ("policy",),
    "z3": ("policy",),  # proofs
    "sqlglot": ("providers",),
    "pglast": ("providers",),
    "yaml": ("providers",),  # documents inside of requests
    "starlette": ("console",),
    "jinja2": ("console",),
    "uvicorn": ("console",),
    "click": ("cli",),
    "subprocess": ("agent", "testing"),
    "moto": ("testing",),
    "werkzeug": ("testing",),
    "random": ("testing",),
}
"""A library -> the parts that may import it, lazily or not. What is absent elsewhere is absent on purpose."""


@pytest.mark.parametrize("library", STANDS_ONLY_IN)
def test_a_library_stands_only_where_its_business_is(library: str) -> None:
    """Who looks for every call to AWS, or every key, looks in one place; an entry that is not needed any more goes."""
    found = {
        _part(module)
        for module, path in tree.modules().items()
        if any(imported.split(".")[0] == library for imported in tree.imports(path))
    }
    assert found == set(STANDS_ONLY_IN[library]), "elsewhere, or not needed any more"


# --- what is pure ----------------------------------------------------------------------------------------------------

PURE = ("model", "core", "providers", "policy", "pipeline", "explaining")
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
        *("datetime", "time", "zoneinfo"),  # to convert, never to ask: see `_asks`
        *(
            "email.utils",
            "urllib.parse",
            "xml.etree.ElementTree",
            "xml.etree",
            "xml.parsers.expat",
            "xml.parsers",
        ),
        *("xml.sax.saxutils", "importlib.resources", "importlib.resources.abc"),  # data files of the package
        "mmap",  # the wire table, left in its file
        "cedarpy",
        "z3",  # within a measure of work of its own, not of time
        "yaml",  # from a text, by a safe loader
        *("sqlglot", "pglast"),  # grammars of SQL
        # arithmetic only: SigV4A
        *(
            "cryptography.exceptions",
            "cryptography.hazmat.primitives",
            "cryptography.hazmat.primitives.asymmetric",
        ),
        "cryptography.hazmat.primitives.serialization",
    }
)
READS_THE_CLOCK = frozenset(
    {
        *(
            "now",
            "today",
            "utcnow",
            "time_ns",
            "monotonic",
            "monotonic_ns",
            "perf_counter",
            "perf_counter_ns",
        ),
        *("sleep", "localtime", "ctime", "process_time"),
    }
)
"""Called on whatever: nothing that decides has a method of these names."""

WITHOUT_ARGUMENTS = frozenset({"gmtime", "strftime", "time", "asctime"})
"""Of `time`: with the moment given they convert, without they ask. `strftime` takes its moment second."""

DOES_IO = frozenset({"open", "print", "input", "eval", "exec", "compile", "__import__", "breakpoint"})


def impurities(path: Path) -> list[str]:
    """Why this file is not pure, one line each; none when it is."""
    found = [
        f"imports {imported}"
        for imported in sorted(tree.imports(path))
        if imported not in MAY_USE and imported.split(".")[0] not in {"keyturn", "collections", "msgspec"}
    ]
    for node in ast.walk(tree.parsed(path)):
        if isinstance(node, ast.ImportFrom) and node.module == "time":
            found.append(
                f"line {node.lineno} imports names from time: call them as time.x, so that they are seen"
            )
        if isinstance(node, ast.Call) and (called := _asks(node)):
            found.append(f"line {node.lineno} calls {called}()")
    return found


def _asks(call: ast.Call) -> str:
    """The function's name, when it does I/O or reads the clock; else empty."""
    if isinstance(call.func, ast.Name):
        return call.func.id if call.func.id in DOES_IO else ""
    if not isinstance(call.func, ast.Attribute):
        return ""
    name = call.func.attr
    if name in READS_THE_CLOCK:
        return name
    of_time = isinstance(call.func.value, ast.Name) and call.func.value.id == "time"
    moments = len(call.args) - (name == "strftime")
    return f"time.{name}" if of_time and name in WITHOUT_ARGUMENTS and moments < 1 else ""


@pytest.mark.parametrize("module", sorted(module for module in tree.modules() if _part(module) in PURE))
def test_what_decides_touches_nothing(module: str) -> None:
    """No I/O, no clock, no randomness, no logging: what decides can be run again and answers the same.

    Facts come in as answers, time comes in as data.
    """
    assert impurities(tree.modules()[module]) == []


@pytest.mark.parametrize(
    ("planted", "found"),
    [
        ("import os", "imports os"),
        ("import logging", "imports logging"),
        ("import random", "imports random"),
        ("from urllib import request", "imports urllib"),
        ("import urllib.request", "imports urllib.request"),
        ("def f() -> None:\n    import socket", "imports socket"),
        ("from pathlib import Path", "imports pathlib"),
        ("import datetime\nx = datetime.datetime.now()", "calls now()"),
        ("from datetime import datetime as dt\nx = dt.utcnow()", "calls utcnow()"),
        ("import time\nx = time.time()", "calls time.time()"),
        ("from time import time\nx = time()", "imports names from time"),
        ("import time\nx = time.strftime('%Y')", "calls time.strftime()"),
        ("x = open('/etc/passwd')", "calls open()"),
        ("print('hello')", "calls print()"),
    ],
)
def test_what_is_planted_is_found(planted: str, found: str, tmp_path: Path) -> None:
    """The guard above sees each way of touching something."""
    path = tmp_path / "planted.py"
    path.write_text(planted)
    assert any(found in line for line in impurities(path)), impurities(path)


def test_what_only_converts_is_let_be(tmp_path: Path) -> None:
    """A moment that is given may be written and read; only asking for it is banned."""
    path = tmp_path / "fine.py"
    path.write_text("import time\nx = time.strftime('%Y', time.gmtime(0))\nfrom urllib.parse import quote\n")
    assert impurities(path) == []


# --- how long, how documented ----------------------------------------------------------------------------------------

FILE_LINES_MAX = 500
FUNCTION_LINES_MAX = 60
TEST_LINES_MAX = 100
"""A conversation or a table may be longer than a thought."""

LONG_FILES = {
    "tests/provider/rule_cases.py": "a table: two cases a rule",
    "tests/record/test_record_corpus.py": "a table: every event ever written, and every value in one",
    "tests/runtime/test_conversations.py": "to be parted by what the conversations are about",
    "src/keyturn/providers/aws/recipes/iam.py": "four kinds that lean on each other: role, user, policy, instance profile",
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
    """A function that is read without scrolling; the exceptions are named, with why."""
    long = {
        f"{path.relative_to(tree.ROOT)}::{name}"
        for path in _python()
        for name, lines in tree.functions(path)
        if lines > (TEST_LINES_MAX if path.is_relative_to(tree.ROOT / "tests") else FUNCTION_LINES_MAX)
    }
    assert long == set(LONG_FUNCTIONS), "new: part it; gone: take it out of LONG_FUNCTIONS"


def _lines(path: Path) -> int:
    return path.read_bytes().count(b"\n")


def test_every_module_says_what_it_is_for() -> None:
    """A docstring that says something; an empty __init__ of a folder of data says nothing and needs nothing."""
    mute = [module for module, path in tree.modules().items() if path.stat().st_size and not _said(path)]
    assert not mute, f"no docstring: {mute}"


def test_every_test_says_what_must_hold() -> None:
    """And why: who breaks it in three years reads the sentence first."""
    mute = [
        f"{path.relative_to(tree.ROOT)}::{node.name}"
        for path in _python()
        if path.name.startswith("test_")
        for node in ast.walk(tree.parsed(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if node.name.startswith("test_") and not ast.get_docstring(node)
    ]
    assert mute == []


def test_test_files_have_names_of_their_own() -> None:
    """Folders of tests are no packages: two files of one name would be one module."""
    names = [path.name for path in _python() if path.name.startswith("test_")]
    assert sorted(names) == sorted(set(names))


def _said(path: Path) -> bool:
    said = ast.get_docstring(tree.parsed(path)) or ""
    return len(said.split()) >= 3


# --- what may stand nowhere ------------------------------------------------------------------------------------------

# Put together here, so that this file does not contain them itself.
NOWHERE = {
    "a path of one machine": re.compile(
        "|".join(
            ("/wo" + "rk/", r"\.\./sha" + "red", "/ho" + r"me/(?!runner|agent|user|erin|bob|dana|\.\.\.)\w+/")
        )
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
