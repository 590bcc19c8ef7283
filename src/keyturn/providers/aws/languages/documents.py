"""JSON and YAML as one: the documents that requests carry. Total: what is neither is a `NoDocumentError`, whatever the text.

YAML is read without aliases (a few lines of them make a tree of any size) and without any tag that makes objects; tags of
CloudFormation are what they stand for: ``!Ref x`` is ``{"Ref": "x"}``.
"""

from __future__ import annotations

import json
from typing import Any, Final

import yaml

DOCUMENT_CHARS_MAX: Final = 2_000_000
"""The largest documents AWS takes are templates of 1 MB (CloudFormation quotas); larger ones are not read."""

_Loader: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class NoDocumentError(ValueError):
    """It is neither JSON nor YAML that is read here."""


class _Plain(_Loader):  # type: ignore[misc]  # which of two classes it is, is known at run time only
    """Without aliases."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.events.AliasEvent):
            raise NoDocumentError("it has YAML aliases, which are not followed")
        return super().compose_node(parent, index)


def _tagged(loader: Any, suffix: str, node: Any) -> Any:
    """``!GetAtt a.b`` and its like; any other tag is its value."""
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}": value}


_Plain.add_multi_constructor("!", _tagged)
_Plain.add_constructor("tag:yaml.org,2002:timestamp", lambda loader, node: loader.construct_scalar(node))


def read(text: str) -> Any:
    """The value of a JSON or YAML text. Raises `NoDocumentError`."""
    if len(text) > DOCUMENT_CHARS_MAX:
        raise NoDocumentError(f"it is longer than {DOCUMENT_CHARS_MAX} characters")
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    try:
        return yaml.load(text, Loader=_Plain)  # noqa: S506  # a safe loader, and less than that
    except NoDocumentError:
        raise
    except (yaml.YAMLError, ValueError, TypeError, RecursionError, AttributeError, OverflowError) as error:
        raise NoDocumentError(f"it is neither JSON nor YAML ({type(error).__name__})") from None


def read_object(text: str) -> dict[str, Any]:
    """As `read`, of an object. Raises `NoDocumentError`."""
    found = read(text)
    if not isinstance(found, dict):
        raise NoDocumentError("it is no object")
    return {str(key): value for key, value in found.items()}
