"""The command `parrot-async`: jobs, the local cluster and documents from a shell.

It runs in a process that the shell starts; only `__main__` and the entry point call it.
"""

import click

from parrot_async.cli import acting, clusters, completing, documents, reading


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="parrot-async")
def cli() -> None:
    """Jobs that outlive the notebook, and what they are good for: documents you can ask.

    ID is a job's id; any beginning or end of it will do that no other job has.

    Exit status: 0 when all went well, 1 after a failure, 2 for a wrong use, 130 after Ctrl-C.
    """


def _add(command: click.Command) -> None:
    """Add a command with its whole first sentence as short help, which click would cut off."""
    command.short_help = " ".join((command.help or "").partition("\n\n")[0].split())
    cli.add_command(command)


# Named here, and not found by a scan: importing a module costs time at each start.
for module in (reading, acting, clusters, documents, completing):
    for each in module.COMMANDS:
        _add(each)


def main() -> None:
    """Run the command."""
    cli(prog_name="parrot-async")
