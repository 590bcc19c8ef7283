"""What SQL in a request does. Unparsed is unknown, and never safe; only what is certainly one plain query is a read.

A query is plain when every function in it is a builtin that the grammar knows by name: any other may be volatile, as a function of
the database's own always may. Where the engine is not known (RDS Data API), each of its possible dialects has to agree: MySQL
executes what PostgreSQL takes for a comment. PostgreSQL's own grammar is asked too where `pglast` is installed (extra ``sql``).
"""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final

import msgspec

SQL_CHARS_MAX: Final = 100_000
"""Longer texts are not parsed: the Data APIs take 64 KB and 100 KB (RDS Data API, Redshift Data API and Athena quotas)."""


class Does(StrEnum):
    """What a statement does, worst last."""

    READS = "reads"
    CREATES = "creates"
    ADDS = "adds"
    WRITES = "writes"
    GRANTS = "grants"
    UNKNOWN = "unknown"
    REPLACES = "replaces"
    DESTROYS = "destroys"


_RANK: Final = {does: rank for rank, does in enumerate(Does)}


class Sql(msgspec.Struct, frozen=True):
    """The worst that the text does, and that in words."""

    does: Does
    says: str


_FIRST: Final = re.compile(r"(?:\s|\(|--[^\n]*\n|/\*(?!!).*?\*/)*([A-Za-z]+)", re.DOTALL)
_PARSED: Final = frozenset(
    [
        "SELECT",
        "WITH",
        "VALUES",
        "TABLE",
        "INSERT",
        "UPDATE",
        "DELETE",
        "MERGE",
        "CREATE",
        "DROP",
        "ALTER",
        "TRUNCATE",
        "GRANT",
        "REVOKE",
        "REPLACE",
    ]
)
_SHOWN: Final = re.compile(r"(?i)\s*(show|desc|describe)\s+[\w\s.\"'`*%=]+;?\s*")
_EXECUTABLE: Final = re.compile(r"/\*!|/\*M!")
"""Comments that MySQL and MariaDB execute (MySQL Reference Manual, "Comments")."""

_OPERATOR: Final = re.compile(r"(?i)\boperator\s*\(|~~~")
"""Operators by name, and one that PostgreSQL has only where somebody made it (PostgreSQL manual, 4.2.5 and 36.14)."""

_WORDS: Final = {
    "DELETE": (Does.DESTROYS, "rows would be deleted"),
    "TRUNCATE": (Does.DESTROYS, "every row of a table would be deleted"),
    "DROP": (Does.DESTROYS, "something would be dropped"),
    "ALTER": (Does.REPLACES, "a definition would be altered"),
    "UPDATE": (Does.WRITES, "rows would be overwritten"),
    "MERGE": (Does.WRITES, "rows would be merged"),
    "INSERT": (Does.WRITES, "rows would be inserted"),
    "REPLACE": (Does.WRITES, "rows would be overwritten"),
    "CREATE": (Does.CREATES, "something would be created"),
    "GRANT": (Does.GRANTS, "rights would be granted"),
    "REVOKE": (Does.GRANTS, "rights would be taken away"),
}


def judge(text: str, dialects: tuple[str, ...]) -> Sql:
    """The worst of the text in any of the dialects; a read only where it is one in all of them. Total."""
    if len(text) > SQL_CHARS_MAX:
        return Sql(Does.UNKNOWN, "the SQL is too long to be parsed")
    return _judged(text, dialects)


@lru_cache(maxsize=4_096)
def _judged(text: str, dialects: tuple[str, ...]) -> Sql:
    if _EXECUTABLE.search(text):
        return Sql(Does.UNKNOWN, "the SQL has comments that some engines execute")
    if _OPERATOR.search(text):
        return Sql(Does.UNKNOWN, "an operator of the database's own calls a function of its own")
    found = [_in(text, dialect) for dialect in dialects]
    if "postgres" in dialects and not _postgres_reads(text):
        found.append(Sql(Does.UNKNOWN, "PostgreSQL's own grammar takes it for something else than a query"))
    worst = max(found, key=lambda one: _RANK[one.does])
    known = [one for one in found if one.does is not Does.UNKNOWN]
    # one dialect's grammar does not take it: then it is what the other says, unless that would be less than unknown
    return (
        max(known, key=lambda one: _RANK[one.does])
        if worst.does is Does.UNKNOWN and _certain(known)
        else worst
    )


def _certain(known: list[Sql]) -> bool:
    return any(one.does not in {Does.READS, Does.CREATES} for one in known)


def _in(text: str, dialect: str) -> Sql:
    first = _FIRST.match(text)
    word = first[1].upper() if first else ""
    if word not in _PARSED:
        if _SHOWN.fullmatch(text):
            return Sql(Does.READS, "it shows definitions")
        return Sql(Does.UNKNOWN, f"what {word or 'this'} does is not read here")
    import sqlglot  # noqa: PLC0415  # takes a while, and most requests carry no SQL

    try:
        statements = [one for one in sqlglot.parse(text, read=dialect) if one is not None]
        found = [_statement(one) for one in statements]
    except Exception as error:  # noqa: BLE001  # a parser of another's over any text: what it stumbles over is unknown
        return Sql(Does.UNKNOWN, f"the SQL could not be parsed ({type(error).__name__})")
    if not found:
        return Sql(Does.UNKNOWN, "there is no statement in it")
    worst = max(found, key=lambda one: _RANK[one.does])
    if len(found) > 1 and worst.does is Does.READS:
        return Sql(Does.UNKNOWN, "there are several statements in it")
    return worst


def _statement(statement: Any) -> Sql:
    from sqlglot import exp  # noqa: PLC0415  # as above

    found = [_node(node) for node in statement.walk()]
    said = [one for one in found if one is not None]
    if said:
        return max(said, key=lambda one: _RANK[one.does])
    if not isinstance(statement, (exp.Query, exp.Values)):
        return Sql(Does.UNKNOWN, f"what {type(statement).__name__} does is not read here")
    return Sql(Does.READS, "it only reads")


def _node(node: Any) -> Sql | None:
    """What one node of a statement does by itself; None where it is part of a query."""
    from sqlglot import exp  # noqa: PLC0415  # as above

    if isinstance(node, exp.Into):
        return Sql(Does.CREATES, "the query makes a table of its result")
    if isinstance(node, exp.Lock):
        return Sql(Does.UNKNOWN, "the query locks rows")
    if isinstance(node, exp.Anonymous | exp.AnonymousAggFunc | exp.NextValueFor | exp.Command | exp.Copy):
        return Sql(Does.UNKNOWN, f"what {str(node.name or type(node).__name__)[:60]} does is not known")
    if isinstance(node, exp.Dot) and isinstance(node.expression, exp.Func):
        return Sql(Does.UNKNOWN, "it calls a function of the database's own")
    if isinstance(node, exp.Delete) and node.args.get("where") is None:
        return Sql(Does.DESTROYS, "every row of a table would be deleted (there is no WHERE)")
    if isinstance(node, exp.Update) and node.args.get("where") is None:
        return Sql(Does.DESTROYS, "every row of a table would be overwritten (there is no WHERE)")
    if isinstance(node, exp.Insert) and node.args.get("overwrite"):
        return Sql(Does.DESTROYS, "what stands would be overwritten by the insert")
    if isinstance(node, exp.Insert) and not (node.args.get("conflict") or node.args.get("alternative")):
        return Sql(Does.ADDS, "rows would be added")
    if isinstance(node, exp.Create) and node.args.get("replace"):
        return Sql(Does.REPLACES, "what stands under the name would be replaced")
    if isinstance(node, exp.Merge) and any(
        isinstance(one, exp.When) and _deletes(one) for one in node.walk()
    ):
        return Sql(Does.DESTROYS, "rows would be deleted by the merge")
    kinds = {
        exp.Delete: "DELETE", exp.TruncateTable: "TRUNCATE", exp.Drop: "DROP", exp.Alter: "ALTER", exp.Update: "UPDATE",
        exp.Merge: "MERGE", exp.Insert: "INSERT", exp.Create: "CREATE", exp.Grant: "GRANT", exp.Revoke: "REVOKE",
    }  # fmt: skip
    word = next((word for kind, word in kinds.items() if isinstance(node, kind)), "")
    if word == "ALTER" and any(isinstance(one, exp.Drop) for one in node.walk()):
        return Sql(Does.DESTROYS, "a column or a part of a table would be dropped")
    return Sql(*_WORDS[word]) if word else None


def _deletes(when: Any) -> bool:
    return "DELETE" in str(when.args.get("then") or "").upper()


def _postgres_reads(text: str) -> bool:
    """Whether PostgreSQL's grammar finds one plain query too; true where it is not installed, and for what is no query anyway."""
    first = _FIRST.match(text)
    if first is None or first[1].upper() not in {"SELECT", "WITH", "VALUES", "TABLE"}:
        return True
    try:
        from pglast import parser  # noqa: PLC0415  # an extra
    except ImportError:
        return True
    try:
        tree = parser.parse_sql_json(re.sub(r"(?<![:\w]):\w+", "NULL", text))
    except Exception:  # noqa: BLE001  # what it refuses is no query of PostgreSQL's: the other dialects decide
        return True
    return tree.count('"SelectStmt"') > 0 and not re.search(
        r'"(?:DeleteStmt|InsertStmt|UpdateStmt|MergeStmt|IntoClause|intoClause|lockingClause)"', tree
    )


_PARTIQL: Final = {
    "SELECT": Sql(Does.READS, "it only reads"),
    "EXISTS": Sql(Does.READS, "it only looks"),
    "INSERT": Sql(Does.ADDS, "an item would be added"),  # never in the place of one: DuplicateItemException
    "UPDATE": Sql(Does.WRITES, "an item would be changed or overwritten"),
    "DELETE": Sql(Does.DESTROYS, "an item would be deleted"),
}


def partiql(text: str) -> Sql:
    """One statement of DynamoDB's PartiQL: its verbs are these, and it calls no functions that write (DynamoDB PartiQL reference)."""
    first = re.match(r"\s*([A-Za-z]+)", text)
    found = _PARTIQL.get(first[1].upper()) if first else None
    if found is None or len(text) > SQL_CHARS_MAX:
        return Sql(Does.UNKNOWN, "the statement is none of PartiQL's verbs")
    if found.does is Does.READS and _MORE.search(_TEXTS.sub("", text)):
        return Sql(Does.UNKNOWN, "there is more in it than one query")
    return found


_TEXTS: Final = re.compile(r"'(?:''|[^'])*'|\"(?:\"\"|[^\"])*\"")
_MORE: Final = re.compile(r"(?i);\s*\S|--|/\*|\b(insert|update|delete|remove|set)\s+(into|from|\")|['\"]")
"""What one query does not have outside of its texts: another statement, a comment, a text that does not end."""
