"""What an operation hands out in its answer, whatever else it does: asked of every operation, by the table of answers."""

from __future__ import annotations

from keyturn.model.assessment import Kind, Reversibility
from keyturn.model.change import Effect
from keyturn.providers.aws import answers
from keyturn.providers.aws.rules import Context, Fired, rule


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
    left = answers.of(context.operation.name).left
    if not left:
        return None
    return f"The answer to {context.operation.action} holds a secret ({', '.join(left[:3])}).", {
        "members": list(left[:10])
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
