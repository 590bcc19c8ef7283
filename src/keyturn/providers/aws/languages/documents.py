"""JSON and YAML as one: the documents that requests carry. Total: what is neither is a `NoDocumentError`, whatever the text.

YAML is read without aliases (a few lines of them make a tree of any size) and without any tag that makes objects; tags of
CloudFormation are what they stand for: ``!Ref x`` is ``{"Ref": "x"}``.
"""

from __future__ import annotations

import json
from typing import Any, Final

DOCUMENT_CHARS_MAX: Final = 2_000_000
"""The largest documents AWS takes are templates of 1 MB (CloudFormation quotas); larger ones are not read."""


class NoDocumentError(ValueError):
    """It is neither JSON nor YAML that is read here."""


def read(text: str) -> Any:
    """The value of a JSON or YAML text. Raises `NoDocumentError`."""
    if len(text) > DOCUMENT_CHARS_MAX:
        raise NoDocumentError(f"it is longer than {DOCUMENT_CHARS_MAX} characters")
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    from keyturn.providers.aws.languages import yaml_documents  # noqa: PLC0415  # see there

    return yaml_documents.read(text)


def read_object(text: str) -> dict[str, Any]:
    """As `read`, of an object. Raises `NoDocumentError`."""
    found = read(text)
    if not isinstance(found, dict):
        raise NoDocumentError("it is no object")
    return {str(key): value for key, value in found.items()}
