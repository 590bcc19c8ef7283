"""What an operation hands out in its answer, whatever else it does: asked of every operation, by the table of answers."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from keyturn.model.assessment import Kind, Reversibility
from keyturn.model.change import Effect
from keyturn.providers.aws import answers
from keyturn.providers.aws.rules import Context, Fired, rule
from keyturn.providers.aws.wire_table import Service, load

DEPTH_MAX: Final = 6
"""How deep a request holds secrets: botocore's inputs have few below it."""


@lru_cache(maxsize=256)
def _asked(name: str) -> frozenset[str]:
    """The names of all members that a request of this operation may have."""
    service, _, action = name.partition(":")
    if service not in load().entries:
        return frozenset()
    known = load().service(service)
    operation = known.operations.get(action)
    return frozenset(_names(known, operation.input, 0)) if operation and operation.input else frozenset()


def _names(known: Service, shape: str, depth: int) -> Iterator[str]:
    if depth > DEPTH_MAX:
        return
    found = known.shape(shape)
    for name, member in found.members.items():
        yield name
        yield from _names(known, member.shape, depth + 1)
    for inner in (found.element, found.value):
        if inner is not None:
            yield from _names(known, inner.shape, depth + 1)


@rule(
    "OUT001",
    [],
    Kind.SECRET,
    Effect.SECRET,
    Reversibility.R4,
    "Keyturn: members of the answer that open something, from botocore's output shapes",
    everywhere=True,
)
def handed_out(context: Context) -> Fired:
    """A password, token, key or signed URL in an answer opens something by itself, beside the plane; it cannot be taken back."""
    found = answers.of(context.operation.name)
    if not found.secrets or found.covered:
        return None
    secrets = list(found.secrets)
    if (
        context.operation.floor is Effect.CREATE
    ):  # what is new has no secret but those it is made with, and those AWS makes up
        secrets = [one for one in secrets if one.rpartition("/")[2] not in _asked(context.operation.name)]
    if not secrets:
        return None
    return f"The answer to {context.operation.action} holds a secret ({', '.join(secrets[:3])}).", {
        "members": secrets[:10]
    }


@rule(
    "OUT002",
    [],
    Kind.NOTE,
    Effect.SECRET,
    Reversibility.R1,
    "https://docs.aws.amazon.com/STS/latest/APIReference/API_Credentials.html",
    everywhere=True,
)
def credentials_minted(context: Context) -> Fired:
    """Credentials say who a call is made as. The plane keeps them: the agent's are virtual, and every call with them is decided anew."""
    if not answers.of(context.operation.name).triples:
        return None
    return (
        f"{context.operation.action} gives the agent another identity to act as; AWS's credential stays with Keyturn, each call is judged.",
        {},
    )
