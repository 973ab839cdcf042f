"""A store of the jobs that commands are asked about, and the commands as a shell runs them."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from parrot_async.cli import cli
from parrot_async.model.events import Logged
from parrot_async.model.models import JobStatus, LogLine
from tests.unit.stores import BODY, row, write
from tests.unit.stories import PLAN, completed, failed, started, submitted

Run = Callable[..., Result]


@pytest.fixture(autouse=True)
def no_blocking_calls() -> None:
    """A command has its process and its loop to itself: it imports what it needs while it runs."""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No cluster of a person, and no store of theirs, is ever found here."""
    for name in ("PARROT_STORE", "PARROT_CLUSTER", "PARROT_DSN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PARROT_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A plan of two sums that completed, a job that failed, and one that nothing runs any more."""
    url = f"sqlite:///{tmp_path}/jobs.db"
    log = Logged(id="sums.0", attempt=1, lines=(LogLine(2.0, "info", "adding \x1b[31m1 and 2"),))
    write(
        url,
        submitted("sums", spec=PLAN),
        submitted("sums.0", "sums.1", spec=BODY, titles=["1 + 2", "3 + 4"]),
        started("sums.0", "sums.1"),
        log,
        completed("sums.0", preview="3"),
        completed("sums.1", preview="7"),
        completed("sums", attempt=0),
        values={"sums.0": 3, "sums.1": {"sum": 7, "raw": b"\xff"}},
        row=row("sums"),
    )
    write(
        url,
        submitted("broken", spec=BODY),
        started("broken"),
        failed("broken"),
        values={},
        row=row("broken", JobStatus.FAILED),
    )
    write(
        url,
        submitted("lost", spec=BODY),
        started("lost"),
        values={},
        row=row("lost", JobStatus.RUNNING, queue="held"),
    )
    return url


@pytest.fixture
def run(url: str) -> Run:
    """Run a command on that store, as a shell does."""

    def run(*args: str) -> Result:
        return CliRunner().invoke(cli, [*args, "--store", url])

    return run
