"""Lambda: whose authority a function runs with, what it runs, and what a delete loses."""

from __future__ import annotations

from typing import Final

from keyturn.model.assessment import Kind, Reversibility
from keyturn.model.change import Effect
from keyturn.providers.aws.rules import Context, Fired, Said, rule
from keyturn.providers.aws.rules.delegated import with_authority

R1, R3, R4 = Reversibility.R1, Reversibility.R3, Reversibility.R4
LAMBDA: Final = "https://docs.aws.amazon.com/lambda/latest/api/"

_LOADERS: Final = frozenset(
    {
        "AWS_LAMBDA_EXEC_WRAPPER",
        "BASH_ENV",
        "DOTNET_STARTUP_HOOKS",
        "JAVA_TOOL_OPTIONS",
        "LD_LIBRARY_PATH",
        "LD_PRELOAD",
        "NODE_OPTIONS",
        "NODE_PATH",
        "PERL5LIB",
        "PERL5OPT",
        "PYTHONPATH",
        "PYTHONSTARTUP",
        "RUBYLIB",
        "RUBYOPT",
    }
)
"""Variables by which a runtime is made to run other code than the function's
(https://docs.aws.amazon.com/lambda/latest/dg/runtimes-modify.html)."""


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
    if context.state is not None and context.state.get("role") == context.parameters.get("Role"):
        return (
            None  # it stands with this role: the call fails, or the other half of a replace is judged as that
        )
    role = str(context.parameters.get("Role", "a role")).rpartition("/")[2]
    return with_authority(context, f"New code would run with the authority of {role}.", {})


@rule(
    "LAM003",
    ["lambda:UpdateFunctionCode"],
    Kind.DELEGATED_AUTHORITY,
    Effect.EXECUTE,
    R3,
    LAMBDA + "API_UpdateFunctionCode.html",
)
def update_code(context: Context) -> Fired:
    """New code acts with the function's role; the code before is kept only where a version was published."""
    if context.parameters.get("DryRun") is True:
        return None
    return with_authority(
        context, f"Other code would run as {context.ref.id}, with its role's authority.", {}
    )


@rule(
    "LAM004",
    ["lambda:UpdateFunctionConfiguration"],
    Kind.DELEGATED_AUTHORITY,
    Effect.PERMISSION,
    R1,
    LAMBDA + "API_UpdateFunctionConfiguration.html",
)
def role_or_layers(context: Context) -> Fired:
    """Another role, other layers, another image command or file system change what the function may do, or what it runs; so does a variable by which a runtime is told to load code."""
    given, state = context.parameters, context.state or {}
    role, before = given.get("Role"), state.get("environment") or {}
    found = [f"the role {role.rpartition('/')[2]}"] if role and role != state.get("role") else []
    if "Layers" in given and given["Layers"] != state.get("layers"):
        found.append("other layers")
    found += [name for name in ("ImageConfig", "FileSystemConfigs") if given.get(name)]
    variables = (given.get("Environment") or {}).get("Variables") or {}
    found += [
        name for name, value in sorted(variables.items()) if name in _LOADERS and before.get(name) != value
    ]
    return (
        (f"{context.ref.id} would get {', '.join(found)}: other authority, or other code.", {"found": found})
        if found
        else None
    )


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
    if given is None:
        return None
    if context.state is None and str(context.ref) not in context.states and not given.get("Variables"):
        return f"{context.ref.id} would lose all of its variables; which they are could not be read.", {}
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


@rule(
    "LAM007",
    ["lambda:CreateEventSourceMapping", "lambda:UpdateEventSourceMapping", "lambda:DeleteEventSourceMapping"],
    Kind.OUTAGE,
    Effect.UPDATE,
    R1,
    LAMBDA + "API_UpdateEventSourceMapping.html",
)
def feeding(context: Context) -> Fired:
    """When Enabled is true the mapping is active, when false Lambda pauses polling and invocation; a mapping makes a function run on what others write."""
    given, action = context.parameters, context.operation.action
    if action.startswith("Delete"):  # made again it has another UUID, and begins a stream anew
        return Said(f"{context.ref} would no longer read what it is fed with.", reversibility=R3)
    if action.startswith("Update") and given.get("Enabled") is False:
        return f"{context.ref} would no longer read what it is fed with.", {}
    if given.get("Enabled") is False:
        return None  # it is made asleep: what wakes it is judged then
    if action.startswith("Update") and not given.get("FunctionName"):
        return None  # it wakes with what it was given before
    return Said(
        f"{context.ref} would run, with its role, on whatever is written into its source.",
        effect=Effect.EXECUTE,
        kind=Kind.DELEGATED_AUTHORITY,
    )
