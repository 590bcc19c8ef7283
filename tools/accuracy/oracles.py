"""What others say of AWS operations, to hold the catalogue against: nobody here is right by definition, and none of it is shipped."""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Iterable, Iterator
from fnmatch import translate
from functools import cache
from pathlib import Path
from typing import NamedTuple

from botocore.loaders import Loader

from tools.catalogue.sources import Authorization, services


class Known(NamedTuple):
    """One operation, as others see it."""

    name: str  # service:Operation
    action: str  # its IAM action in lower case, "" where the reference has none of that name
    level: str  # the reference's access level
    method: str  # of REST protocols


@cache
def operations() -> tuple[Known, ...]:
    """Everything that botocore has."""
    authorization = Authorization()
    return tuple(
        Known(
            f"{service}:{name}",
            found[0].lower() if (found := authorization.find(prefixes, name)) else "",
            found[1]["accessLevel"] if found else "",
            operation.get("http", {}).get("method", "POST")
            if str(model["metadata"].get("protocol", "")).startswith("rest")
            else "",
        )
        for service, model, _, prefixes in services(Loader())
        for name, operation in model["operations"].items()
    )


@cache
def allowed(policy: str) -> frozenset[str]:
    """Names of operations whose action an AWS managed policy allows, as moto has it."""
    from moto.iam.aws_managed_policies import aws_managed_policies_data

    document = json.loads(aws_managed_policies_data)[policy]["Document"]
    patterns = [
        translate(action.lower())
        for statement in document["Statement"]
        if statement["Effect"] == "Allow"
        for action in _many(statement.get("Action", []))
    ]
    matching = re.compile("|".join(patterns))
    return frozenset(one.name for one in operations() if one.action and matching.match(one.action))


def _many(value: str | Iterable[str]) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


@cache
def delete_only() -> frozenset[str]:
    """Names of operations that only delete handlers of CloudFormation's types need: they take something away."""
    deletes: set[str] = set()
    others: set[str] = set()
    for handlers in _handlers():
        for kind, handler in handlers.items():
            actions = {action.lower() for action in handler.get("permissions") or ()}
            (deletes if kind == "delete" else others).update(actions)
    alone = deletes - others - {""}
    return frozenset(one.name for one in operations() if one.action in alone)


def _handlers() -> Iterator[dict[str, dict[str, list[str]]]]:
    found = importlib.util.find_spec("cfnlint")
    if found is None or found.origin is None:
        raise SystemExit("cfn-lint is not installed. Run: pip install cfn-lint")
    for path in sorted((Path(found.origin).parent / "data/schemas/resources").glob("*.json")):
        text = path.read_text(encoding="utf-8")
        if '"handlers"' in text:
            yield json.loads(text).get("handlers") or {}


def examples(path: Path) -> list[tuple[str, str, str]]:
    """(botocore's service, operation, access level) of a file of CLI examples, one JSON object a line."""
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    return [
        (line["service"], line["api_operation"], line["iam_access_level"])
        for line in lines
        if line.get("api_operation") and line.get("iam_access_level")
    ]
