"""YAML as documents write it: without aliases and without tags that make objects. Imported where a text is not JSON: it is a megabyte."""

from __future__ import annotations

from typing import Any, Final

import yaml

from keyturn.providers.aws.languages.documents import NoDocumentError

_Loader: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


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
    """The value of a YAML text. Raises `NoDocumentError`."""
    try:
        return yaml.load(text, Loader=_Plain)  # noqa: S506  # a safe loader, and less than that
    except NoDocumentError:
        raise
    except (yaml.YAMLError, ValueError, TypeError, RecursionError, AttributeError, OverflowError) as error:
        raise NoDocumentError(f"it is neither JSON nor YAML ({type(error).__name__})") from None
