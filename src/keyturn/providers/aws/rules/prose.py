"""What people or models read, though its member is called as what runs is called elsewhere: a lexicon, a dashboard, a statement of a threat."""

from __future__ import annotations

from typing import Final

from keyturn.providers.aws.rules import Context
from keyturn.providers.aws.rules.shapes import Leaf

_READ: Final = frozenset(
    {"content", "contents", "definition", "document", "image", "querystring", "statement"}
)
_FOR_PEOPLE: Final = frozenset(
    {
        "lex-models",
        "lexv2-models",
        "lexv2-runtime",
        "opensearchmemory",
        "polly",
        "qapps",
        "qconnect",
        "quicksight",
        "rekognition",
        "schemas",
        "securityagent",
        "ssm-contacts",
        "textract",
        "wellarchitected",
        "wisdom",
        "workmailmessageflow",
    }
)
"""Services whose texts nothing runs."""

_PROSE: Final = frozenset(
    {
        "glue:PutAttachment",
        "iot:CreateDynamicThingGroup",
        "iot:CreateFleetMetric",
        "iot:UpdateFleetMetric",
        "organizations:CreatePolicy",  # it holds for nobody until it is attached
        "sagemaker:CreateModelCard",
        "sagemaker:UpdateModelCard",
        "ssm:PutInventory",
    }
)


def is_prose(context: Context, leaf: Leaf) -> bool:
    """Whether people, or a model, read it: nothing runs it."""
    operation = context.operation
    return leaf.name.lower() in _READ and (
        operation.service in _FOR_PEOPLE or operation.name in _PROSE or "Comment" in operation.action
    )
