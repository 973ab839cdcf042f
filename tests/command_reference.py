"""Puts each command's `--help` into the reference: `python -m tests.command_reference`."""

import re
from pathlib import Path

import click

from parrot_async.cli import cli

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "command_line.md"
WIDTH = 90
_BLOCK = re.compile(r"```text\nUsage: parrot-async ([a-z]+) .*?```", re.DOTALL)


def help_of(name: str) -> str:
    """What `parrot-async NAME --help` prints in a terminal of this width."""
    root = click.Context(cli, info_name="parrot-async", **cli.context_settings)
    command = cli.commands[name]
    context = click.Context(
        command, info_name=name, parent=root, terminal_width=WIDTH, max_content_width=WIDTH
    )
    return "\n".join(line.rstrip() for line in command.get_help(context).splitlines())


def described(page: str) -> list[str]:
    """The commands that have a block in the page."""
    return _BLOCK.findall(page)


def refreshed(page: str) -> str:
    """The page with every block as the command prints it now."""
    return _BLOCK.sub(lambda block: f"```text\n{help_of(block[1])}\n```", page)


if __name__ == "__main__":
    PAGE.write_text(refreshed(PAGE.read_text("utf-8")), "utf-8")
