"""``keyturn completion``: what a shell has to be told, so that it completes commands, options and open cases."""

from __future__ import annotations

import click


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    r"""Print a script by which the shell completes commands, options, and the cases that are open.

    \b
    eval "$(keyturn completion bash)"      # into ~/.bashrc
    eval "$(keyturn completion zsh)"       # into ~/.zshrc, after compinit
    keyturn completion fish | source       # into ~/.config/fish/config.fish
    """
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None  # noqa: S101  # the choice names only those that click has
    root = ctx.find_root().command
    click.echo(kind(root, {}, "keyturn", "_KEYTURN_COMPLETE").source())
