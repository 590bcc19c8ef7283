"""SQL in requests: a read is one only when it is certainly one, and what cannot be parsed is unknown."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keyturn.providers.aws.assess import lowered
from keyturn.providers.aws.languages.graph import gremlin, opencypher
from keyturn.providers.aws.languages.sql import Does, judge, partiql

RDS = ("mysql", "postgres")

TEXTS: list[tuple[str, Does]] = [
    ("SELECT a, lower(b), count(*) FROM orders o JOIN c ON o.id = c.id WHERE o.id = :id GROUP BY a ORDER BY 1 LIMIT 5", Does.READS),
    ("WITH x AS (SELECT 1 AS a) SELECT * FROM x UNION ALL SELECT 2", Does.READS),
    ("SELECT 'DROP TABLE orders; --' AS a", Does.READS),
    ("SHOW TABLES", Does.READS),
    ("SELECT nextval('s')", Does.UNKNOWN),
    ("SELECT pg_terminate_backend(1)", Does.UNKNOWN),
    ("SELECT mine.lower(a) FROM t", Does.UNKNOWN),
    ("SELECT * FROM t FOR UPDATE", Does.UNKNOWN),
    ("SELECT 1; SELECT 2", Does.UNKNOWN),
    ("SELECT 1 /*! INTO OUTFILE '/tmp/x' */", Does.UNKNOWN),
    ("EXPLAIN ANALYZE DELETE FROM t", Does.UNKNOWN),
    ("CALL tidy_up()", Does.UNKNOWN),
    ("SELEC 1", Does.UNKNOWN),
    ("", Does.UNKNOWN),
    ("INSERT INTO t VALUES (1)", Does.ADDS),
    ("INSERT INTO t VALUES (1) ON CONFLICT (id) DO UPDATE SET a = 2", Does.WRITES),
    ("UPDATE t SET a = 1 WHERE id = 2", Does.WRITES),
    ("UPDATE t SET a = 1", Does.DESTROYS),
    ("DELETE FROM t WHERE id = 1", Does.DESTROYS),
    ("WITH d AS (DELETE FROM t RETURNING *) SELECT * FROM d", Does.DESTROYS),
    ("SELECT 1; DROP TABLE t", Does.DESTROYS),
    ("TRUNCATE TABLE t", Does.DESTROYS),
    ("ALTER TABLE t DROP COLUMN c", Does.DESTROYS),
    ("GRANT ALL ON t TO bob", Does.GRANTS),
    ("CREATE TABLE t (a int)", Does.CREATES),
]  # fmt: skip


@pytest.mark.parametrize(("text", "does"), TEXTS, ids=[text[:40] or "nothing" for text, _ in TEXTS])
def test_a_text_does_the_worst_of_its_statements(text: str, does: Does) -> None:
    """In whichever dialect it may be executed: what one of them takes for a query and another for more is more."""
    assert judge(text, RDS).does is does


def test_a_table_made_of_a_query_is_no_read() -> None:
    """SELECT INTO looks like a query, and leaves a table."""
    assert judge("SELECT * INTO copy FROM t", ("redshift",)).does is Does.CREATES


PARTIQL = {
    "SELECT * FROM \"t\" WHERE id='1'": Does.READS,
    "insert into t value {'id': '1'}": Does.ADDS,
    "UPDATE t SET a=1 WHERE id='1'": Does.WRITES,
    "DELETE FROM t WHERE id='1'": Does.DESTROYS,
    "DROP TABLE t": Does.UNKNOWN,
}


@pytest.mark.parametrize(("text", "does"), PARTIQL.items())
def test_partiql_is_its_verb(text: str, does: Does) -> None:
    """DynamoDB's dialect has four verbs, and no functions that write."""
    assert partiql(text).does is does


GRAPHS = {
    "MATCH (n:Person {name: 'DELETE'})-[:KNOWS]->(m) WHERE m.age > $age RETURN m.name LIMIT 3": Does.READS,
    "MATCH (n) DETACH DELETE n": Does.DESTROYS,
    "MATCH (n) /* ' */ DELETE n /* ' */ RETURN 1": Does.DESTROYS,
    "MATCH (n) REMOVE n.age RETURN n": Does.DESTROYS,
    "MATCH (n) SET n.age = 3": Does.WRITES,
    "CREATE (n:Person)": Does.WRITES,
    "CALL neptune.graph.reset()": Does.UNKNOWN,
    "MATCH (n) WHERE n.name = 'x RETURN n": Does.UNKNOWN,
    "": Does.UNKNOWN,
}


@pytest.mark.parametrize(("text", "does"), GRAPHS.items())
def test_opencypher_is_its_clauses(text: str, does: Does) -> None:
    """Words in strings and comments are no clauses; a string that is not closed is not read."""
    assert opencypher(text).does is does


def test_gremlin_is_its_steps_and_never_a_certain_read() -> None:
    """A traversal may carry closures: what is not found to write is unknown."""
    assert gremlin("g.V().has('name', 'drop(').drop()").does is Does.DESTROYS
    assert gremlin("g.addV('person').property('a', 1)").does is Does.WRITES
    assert gremlin("g.V().has('name', 'drop()')").does is Does.UNKNOWN


def test_only_a_certain_read_lowers_an_execution() -> None:
    """Every statement of a batch has to be one."""
    assert lowered("rds-data:ExecuteStatement", {"sql": "SELECT 1"})
    assert not lowered("rds-data:ExecuteStatement", {"sql": "SELECT mine()"})
    assert not lowered("rds-data:ExecuteStatement", {})
    assert lowered("redshift-data:BatchExecuteStatement", {"Sqls": ["SELECT 1", "SELECT 2"]})
    assert not lowered("redshift-data:BatchExecuteStatement", {"Sqls": ["SELECT 1", "DROP TABLE t"]})
    assert lowered("dynamodb:BatchExecuteStatement", {"Statements": [{"Statement": "SELECT * FROM t"}]})
    assert not lowered(
        "dynamodb:ExecuteTransaction", {"TransactStatements": [{"Statement": "DELETE FROM t"}]}
    )


SQL_WORDS = st.sampled_from(
    [
        "SELECT",
        "FROM",
        "t",
        "WHERE",
        "(",
        ")",
        ",",
        ";",
        "DELETE",
        "DROP",
        "TABLE",
        "'a",
        '"',
        "--",
        "/*",
        "*/",
        "WITH",
        "AS",
        "INTO",
        ":x",
        "1",
        "*",
        "GRANT",
        "\\",
    ]
)


@given(st.one_of(st.text(), st.lists(SQL_WORDS).map(" ".join)))
@settings(max_examples=150, deadline=None)
def test_any_text_is_judged(text: str) -> None:
    """Total, in every dialect; what names a destroyer outside of quotes is never a read."""
    for dialects in (RDS, ("redshift",), ("athena",), ("presto",)):
        assert judge(text, dialects).says
    assert partiql(text).says
    assert opencypher(text).says
    assert gremlin(text).says
