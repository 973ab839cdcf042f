"""Shell completion: the command `completion`, and the completion of job ids."""

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

OFFERED = 50
"""Jobs whose ids a shell offers, the newest."""
SHELLS = ("bash", "zsh", "fish")
HOW = """\b
To have it in every shell:
  bash: echo 'eval "$(parrot-async completion bash)"' >> ~/.bashrc
  zsh:  echo 'eval "$(parrot-async completion zsh)"' >> ~/.zshrc
  fish: parrot-async completion fish > ~/.config/fish/completions/parrot-async.fish
"""


def job_id(context: click.Context, _: click.Parameter, incomplete: str) -> "list[CompletionItem]":
    """Return the newest jobs, with states and titles for the shells that show such help."""
    from click.shell_completion import CompletionItem

    from parrot_async.errors import ParrotError
    from parrot_async.history import History

    try:
        with History(context.params.get("store"), name=context.params.get("name")) as history:
            rows = history.jobs(limit=OFFERED)
    except ParrotError:  # a shell cannot show it, and the command itself will
        return []
    return [
        CompletionItem(row.id, help=f"{row.status}: {row.title}")
        for row in rows
        if row.id.startswith(incomplete)
    ]


@click.command(epilog=HOW)
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """Print what makes SHELL complete this command, its options and the ids of your jobs."""
    from click.shell_completion import get_completion_class

    root = click.get_current_context().find_root()
    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"click knows no completion for {shell}")
    click.echo(kind(root.command, {}, "parrot-async", "_PARROT_ASYNC_COMPLETE").source())


COMMANDS = (completion,)
