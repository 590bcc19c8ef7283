"""openCypher and Gremlin: clauses and steps that write or delete; what is neither found nor certainly a query is unknown. Total."""

from __future__ import annotations

import re
from typing import Final

from keyturn.providers.aws.languages.sql import SQL_CHARS_MAX, Does, Sql

_TEXTS: Final = re.compile(r"'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"|`[^`]*`|//[^\n]*|/\*.*?\*/", re.DOTALL)
"""Strings, quoted names and comments: no clause stands in them."""

_CYPHER_DESTROYS: Final = re.compile(r"(?i)\b(detach\s+delete|delete|remove|drop)\b")
_CYPHER_WRITES: Final = re.compile(r"(?i)\b(create|merge|set)\b")
_CYPHER_OTHER: Final = re.compile(r"(?i)\b(call|load|foreach|use|explain|profile)\b|;|['\"`]")
_ESCAPED: Final = re.compile(r"\\u[0-9A-Fa-f]{4}")
"""openCypher takes these anywhere in a query for the letter they stand for: a clause may be written so (openCypher 9, "Escape sequences")."""
_CYPHER_FIRST: Final = re.compile(r"(?i)\s*(match|optional|unwind|with|return)\b")

_GREMLIN_DESTROYS: Final = re.compile(r"\bdrop\s*\(")
_GREMLIN_WRITES: Final = re.compile(r"\b(addV|addE|addVertex|addEdge|property|mergeV|mergeE|io|write)\s*\(")


def opencypher(text: str) -> Sql:
    """By its clauses; a query that begins and goes on as one is a read: Neptune's functions have no side effects."""
    if len(text) > SQL_CHARS_MAX:
        return Sql(Does.UNKNOWN, "the query is too long to be read")
    bare = _TEXTS.sub(" ", text)
    if _CYPHER_DESTROYS.search(bare):
        return Sql(Does.DESTROYS, "nodes, edges or properties would be deleted")
    if _CYPHER_WRITES.search(bare):
        return Sql(Does.WRITES, "nodes, edges or properties would be written")
    if _ESCAPED.search(text) or _CYPHER_OTHER.search(bare) or not _CYPHER_FIRST.match(bare):
        return Sql(Does.UNKNOWN, "what the query does is not read here")
    return Sql(Does.READS, "it only reads")


def gremlin(text: str) -> Sql:
    """By its steps; a traversal without a step that is known to write is unknown: closures run anything."""
    bare = _TEXTS.sub(" ", text[:SQL_CHARS_MAX])
    if _GREMLIN_DESTROYS.search(bare):
        return Sql(Does.DESTROYS, "the traversal would drop what it reaches")
    if _GREMLIN_WRITES.search(bare):
        return Sql(Does.WRITES, "the traversal would write to the graph")
    return Sql(Does.UNKNOWN, "what the traversal does is not certain")
