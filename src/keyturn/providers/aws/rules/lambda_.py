"""Lambda: whose authority a function runs with, what it runs, and what a delete loses."""

from __future__ import annotations

from typing import Final

from keyturn.model.assessment import Kind, Reversibility
from keyturn.model.change import Effect
from keyturn.providers.aws.rules import Context, Fired, rule

R1, R4 = Reversibility.R1, Reversibility.R4
LAMBDA: Final = "https://docs.aws.amazon.com/lambda/latest/api/"


@rule(
    "LAM001", ["lambda:DeleteFunction"], Kind.DATA_LOSS, Effect.DELETE, R4, LAMBDA + "API_DeleteFunction.html"
)
def delete_function(context: Context) -> Fired:
    """Without a qualifier all versions and aliases go; a deleted function cannot be recovered."""
    what = "a version" if context.parameters.get("Qualifier") else "all versions and aliases"
    return f"The function {context.ref.id} would be deleted for good ({what}).", {}


@rule(
    "LAM002",
    ["lambda:CreateFunction"],
    Kind.DELEGATED_AUTHORITY,
    Effect.EXECUTE,
    R1,
    LAMBDA + "API_CreateFunction.html",
)
def create_function(context: Context) -> Fired:
    """A function acts later with its role's authority, on code that came with the request."""
    if context.state is not None:
        return None  # it stands: the call fails, or the other half of a replace is judged as that
    return (
        f"New code would run with the authority of {str(context.parameters.get('Role', 'a role')).rpartition('/')[2]}.",
        {},
    )


@rule(
    "LAM003",
    ["lambda:UpdateFunctionCode"],
    Kind.DELEGATED_AUTHORITY,
    Effect.EXECUTE,
    R4,
    LAMBDA + "API_UpdateFunctionCode.html",
)
def update_code(context: Context) -> Fired:
    """New code acts with the function's role; the code before is kept only where a version was published."""
    if context.parameters.get("DryRun") is True:
        return None
    return f"Other code would run as {context.ref.id}, with its role's authority.", {}


@rule(
    "LAM004",
    ["lambda:UpdateFunctionConfiguration"],
    Kind.DELEGATED_AUTHORITY,
    Effect.PERMISSION,
    R1,
    LAMBDA + "API_UpdateFunctionConfiguration.html",
)
def role_or_layers(context: Context) -> Fired:
    """Another role or other layers change what the function may do, or what it runs."""
    state = context.state or {}
    role, layers = context.parameters.get("Role"), context.parameters.get("Layers")
    if role and role != state.get("role"):
        return f"{context.ref.id} would act with another role: {role.rpartition('/')[2]}.", {}
    if layers and layers != state.get("layers"):
        return f"{context.ref.id} would load other layers.", {}
    return None


@rule(
    "LAM005",
    ["lambda:UpdateFunctionConfiguration"],
    Kind.OUTAGE,
    Effect.UPDATE,
    R1,
    LAMBDA + "API_UpdateFunctionConfiguration.html",
)
def variables_dropped(context: Context) -> Fired:
    """The environment is replaced as a whole: a variable that is not given is gone."""
    given = context.parameters.get("Environment")
    standing = (context.state or {}).get("environment") or {}
    if given is None or context.state is None:
        return None
    dropped = sorted(set(standing) - set(given.get("Variables") or {}))
    return (
        (f"{context.ref.id} would lose the variables {', '.join(dropped)}.", {"dropped": dropped})
        if dropped
        else None
    )


@rule(
    "LAM006",
    ["lambda:PutFunctionConcurrency"],
    Kind.OUTAGE,
    Effect.UPDATE,
    R1,
    LAMBDA + "API_PutFunctionConcurrency.html",
)
def concurrency_zero(context: Context) -> Fired:
    """Reserved concurrency of zero stops the function."""
    return (
        (f"{context.ref.id} would be stopped.", {})
        if context.parameters.get("ReservedConcurrentExecutions") == 0
        else None
    )
