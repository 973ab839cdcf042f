"""The reference of the command line says what the commands say of themselves."""

from parrot_async.cli import cli
from tests.command_reference import PAGE, described, refreshed


def test_the_reference_has_every_command_once() -> None:
    assert sorted(described(PAGE.read_text("utf-8"))) == sorted(cli.commands)


def test_the_reference_has_each_commands_own_help() -> None:
    page = PAGE.read_text("utf-8")

    # `python -m tests.command_reference` brings it up to date.
    assert refreshed(page) == page
