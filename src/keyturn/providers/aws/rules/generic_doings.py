"""Detectors for what a call does by its class: it executes, sets something off, hands out a secret, or deletes."""

from __future__ import annotations

import msgspec

from keyturn.model.assessment import Kind, Reversibility
from keyturn.model.change import Effect
from keyturn.providers.aws import answers, recipes
from keyturn.providers.aws.rules import Context, Fired, Said, rule
from keyturn.providers.aws.rules.delegated import with_authority
from keyturn.providers.aws.rules.generic import SOURCE, TAGGING
from keyturn.providers.aws.rules.shapes import APPENDS
from keyturn.providers.aws.rules.starting import sets_going
from keyturn.providers.aws.triggers import WRITES

R1, R4 = Reversibility.R1, Reversibility.R4


@rule("GEN010", [], Kind.OPAQUE, Effect.EXECUTE, R4, SOURCE)
def opaque(context: Context) -> Fired:
    """What an execution does is in its payload and its code, not in the request."""
    if context.operation.floor is not Effect.EXECUTE:
        return None
    if context.operation.name in APPENDS:
        return Said(
            f"Whoever listens to {context.ref} acts on what is sent.", kind=Kind.NOTE, reversibility=R1
        )
    if sets_going(context):
        return Said(
            f"{context.operation.action} is about what stands already, and brings nothing to run.",
            kind=Kind.NOTE,
            reversibility=R1,
        )
    power = context.authority
    if power is not None and power.effect is not None and power.bounded:
        said = with_authority(context, f"{context.operation.action} sets something to work.", {})
        return msgspec.structs.replace(said, kind=said.kind or Kind.DELEGATED_AUTHORITY)
    return f"What {context.operation.action} does cannot be judged from the request.", {}


@rule(
    "TRG001",
    [],
    Kind.DELEGATED_AUTHORITY,
    Effect.EXECUTE,
    R1,
    "https://docs.aws.amazon.com/lambda/latest/dg/lambda-services.html",
    everywhere=True,
)
def sets_off(context: Context) -> Fired:
    """What is written to a bucket, topic, queue, stream, table or bus runs the functions that listen there, each with its role."""
    if context.operation.name not in WRITES or context.authority is None:
        return None
    said = with_authority(context, f"{context.operation.action} sets off what listens to {context.ref}.", {})
    if said.effect in {
        Effect.DELETE,
        Effect.REPLACE,
    }:  # the write itself takes nothing away, and there is nothing of it to back up
        said = msgspec.structs.replace(said, effect=Effect.EXECUTE)
    return said


@rule("GEN011", [], Kind.SECRET, Effect.SECRET, R4, SOURCE)
def secret(context: Context) -> Fired:
    """A credential or secret that is handed out cannot be taken back."""
    told = answers.of(context.operation.name)
    if context.operation.floor is not Effect.SECRET or told.triples or told.secrets:
        return None  # OUT001 and OUT002 say what it is
    return (
        f"{context.operation.action} hands out a credential or secret; an agent that holds one is outside the plane.",
        {},
    )


@rule("GEN012", [], Kind.DATA_LOSS, Effect.DELETE, R4, SOURCE, last=True)
def deletes(context: Context) -> Fired:
    """A delete of a kind without a recipe is taken to be final; what a recipe puts back by one call is not."""
    floor, action = context.operation.floor, context.operation.action
    if floor is Effect.REPLACE:
        return Said(
            f"{action} deletes what stands of {context.ref} and makes it anew, all in one call.",
            effect=Effect.REPLACE,
            kind=Kind.REPLACE,
        )
    if floor is not Effect.DELETE or TAGGING.search(action):
        return None
    if _comes_back(context):
        return Said(
            f"{action} takes something off {context.ref}; what stands is captured, and one call puts it back.",
            kind=Kind.NOTE,
            reversibility=R1,
        )
    return f"{action} removes {context.ref}, or something of it{_what_is_left(context)}.", {}


def _what_is_left(context: Context) -> str:
    """What its recipe can do about it, as far as that does not hang on a backup."""
    recipe = recipes.for_kind(context.ref.kind)
    if recipe is None or not recipe.restores or context.operation.name not in recipe.deletes:
        return ", and there is no recipe to give it back"
    return ": its settings can be made again, what lies in it cannot" if recipe.data_bearing else ""


def _comes_back(context: Context) -> bool:
    """Whether a recipe knows the call that puts back what this takes off."""
    recipe, state = recipes.for_kind(context.ref.kind), context.state
    if recipe is None or state is None:
        return False
    return bool(recipe.inverse(context.operation.name, context.parameters, context.ref, state))
