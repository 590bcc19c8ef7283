"""SQL, PartiQL and graph queries in requests: what the statements do, as far as their grammar tells."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from keyturn.model.assessment import Kind, Reversibility
from keyturn.model.change import Effect
from keyturn.providers.aws.languages import graph, sql
from keyturn.providers.aws.languages.sql import Does, Sql
from keyturn.providers.aws.rules import Context, Fired, Said, rule

_RDS: Final = ("mysql", "postgres")
_SQL: Final = {
    "rds-data:ExecuteStatement": (("sql",), _RDS),
    "rds-data:BatchExecuteStatement": (("sql",), _RDS),
    "rds-data:ExecuteSql": (("sqlStatements",), _RDS),
    "redshift-data:ExecuteStatement": (("Sql",), ("redshift",)),
    "redshift-data:BatchExecuteStatement": (("Sqls",), ("redshift",)),
    "athena:StartQueryExecution": (("QueryString",), ("athena",)),
    "timestream-query:Query": (("QueryString",), ("presto",)),
}
_PARTIQL: Final = {
    "dynamodb:ExecuteStatement": "",
    "dynamodb:BatchExecuteStatement": "Statements",
    "dynamodb:ExecuteTransaction": "TransactStatements",
}
_GRAPH: Final[dict[str, tuple[str, Callable[[str], Sql]]]] = {
    "neptunedata:ExecuteOpenCypherQuery": ("openCypherQuery", graph.opencypher),
    "neptunedata:ExecuteOpenCypherExplainQuery": ("openCypherQuery", graph.opencypher),
    "neptunedata:ExecuteGremlinQuery": ("gremlinQuery", graph.gremlin),
    "neptunedata:ExecuteGremlinProfileQuery": ("gremlinQuery", graph.gremlin),
    "neptune-graph:ExecuteQuery": ("queryString", graph.opencypher),
}
OPERATIONS: Final = (*_SQL, *_PARTIQL, *_GRAPH)

SOURCE: Final = "https://docs.aws.amazon.com/rdsdataservice/latest/APIReference/API_ExecuteStatement.html"


def statements(name: str, parameters: Mapping[str, Any]) -> list[Sql]:
    """What each statement of the request does; a request without any is unknown."""
    if name in _SQL:
        members, dialects = _SQL[name]
        given = [parameters.get(member) for member in members]
        texts = [text for one in given for text in (one if isinstance(one, list) else [one])]
        return [
            sql.judge(text, dialects) if isinstance(text, str) else Sql(Does.UNKNOWN, "the SQL is not given")
            for text in texts
        ]
    if name in _GRAPH:
        member, judge = _GRAPH[name]
        if str(parameters.get("explainMode")).lower() == "static":
            return [Sql(Does.READS, "the plan is made, and nothing is run")]
        query = parameters.get(member)
        return [judge(query) if isinstance(query, str) else Sql(Does.UNKNOWN, "the query is not given")]
    inside = _PARTIQL.get(name)
    if inside is None:
        return []
    listed = parameters.get(inside) if inside else [parameters]
    items = listed if isinstance(listed, list) and listed else [{}]
    found = [item.get("Statement") if isinstance(item, dict) else None for item in items]
    return [
        sql.partiql(text) if isinstance(text, str) else Sql(Does.UNKNOWN, "the statement is not given")
        for text in found
    ]


def only_reads(name: str, parameters: Mapping[str, Any]) -> bool:
    """Whether every statement certainly reads and does nothing else; false for what carries no statements."""
    found = statements(name, parameters)
    return bool(found) and all(one.does is Does.READS for one in found)


def _those(context: Context, *does: Does) -> Fired:
    found = [one for one in statements(context.operation.name, context.parameters) if one.does in does]
    if not found:
        return None
    more = f" ({len(found)} statements)" if len(found) > 1 else ""
    return f"By its statement, {found[0].says}{more}.", {"statements": len(found)}


@rule("SQL001", OPERATIONS, Kind.DATA_LOSS, Effect.DELETE, Reversibility.R4, SOURCE)
def destroys(context: Context) -> Fired:
    """A statement that deletes, truncates, drops or overwrites all of something takes data for good."""
    return _those(context, Does.DESTROYS)


@rule("SQL002", OPERATIONS, Kind.OVERWRITE, Effect.UPDATE, Reversibility.R4, SOURCE)
def writes(context: Context) -> Fired:
    """A statement that updates rows has no inverse but a restore of the database; what it adds takes nothing away."""
    added = _those(context, Does.ADDS)
    if isinstance(added, tuple) and _those(context, Does.WRITES) is None:
        # an item that PartiQL inserts stood nowhere, and a delete takes it off again (API_ExecuteStatement)
        back = Reversibility.R1 if context.operation.service == "dynamodb" else None
        return Said(*added, kind=Kind.NOTE, reversibility=back)
    return _those(context, Does.WRITES)


@rule("SQL003", OPERATIONS, Kind.DELEGATED_AUTHORITY, Effect.PERMISSION, Reversibility.R3, SOURCE)
def grants(context: Context) -> Fired:
    """Rights inside of a database are rights on its data."""
    return _those(context, Does.GRANTS)


@rule("SQL004", OPERATIONS, Kind.REPLACE, Effect.REPLACE, Reversibility.R3, SOURCE)
def replaces(context: Context) -> Fired:
    """What is created or altered in the place of something takes what stood there."""
    return _those(context, Does.REPLACES)


@rule("SQL005", OPERATIONS, Kind.OPAQUE, Effect.EXECUTE, Reversibility.R4, SOURCE)
def unknown(context: Context) -> Fired:
    """What cannot be parsed, calls functions of the database's own, or is several statements is not taken for harmless."""
    return _those(context, Does.UNKNOWN)


@rule("SQL006", OPERATIONS, Kind.NOTE, Effect.CREATE, Reversibility.R1, SOURCE)
def creates(context: Context) -> Fired:
    """A new table or view takes nothing away."""
    return _those(context, Does.CREATES)
