"""What is said of the clusters of this machine, of which none runs here."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from parrot_async.cli import cli, clusters
from parrot_async.cluster import Pools
from parrot_async.cluster.folder import ClusterRecord
from parrot_async.cluster.local import ClusterStatus
from tests.unit.cli.conftest import Run


def status(*, own: bool = True, **workers: int) -> ClusterStatus:
    record = ClusterRecord(
        id="1",
        address="tls://127.0.0.1:40000",
        pid=4711,
        started=datetime(2026, 1, 2, 3, 4, tzinfo=UTC),
        version="1.2",
        pools=Pools(cpu=2),
        idle_timeout=1800,
    )
    return ClusterStatus(record=record, log_file=Path("/x/log"), workers=workers, own=own)


def test_without_a_cluster_the_latest_jobs_are_shown_all_the_same(run: Run) -> None:
    lines = run("status").output.splitlines()

    assert lines[0].startswith("No cluster of yours runs here; the next job, or `parrot-async up`")
    assert lines[1] == "Latest jobs:"
    assert {line.split()[0] for line in lines[2:5]} == {"sums", "broken", "lost"}
    assert lines[5] == "`parrot-async recover` resumes what was interrupted."


def test_the_clusters_are_a_json_list(run: Run) -> None:
    assert json.loads(run("status", "--json").output) == []


def test_a_cluster_of_another_name_is_asked_for_by_that() -> None:
    output = CliRunner().invoke(cli, ["status", "--name", "mine"]).output

    assert "No cluster of yours runs here under the name mine" in output
    assert "`parrot-async up --name mine`" in output


def test_without_a_store_that_is_said_in_the_place_of_the_jobs() -> None:
    result = CliRunner().invoke(cli, ["status"])

    assert result.exit_code == 0
    assert result.output.splitlines()[-1].startswith("No jobs: ")


@pytest.mark.parametrize("options", [(), ("--all",)])
def test_where_no_cluster_runs_none_is_stopped(run: Run, options: tuple[str, ...]) -> None:
    result = run("down", *options)

    assert (result.exit_code, result.output) == (0, "No cluster of yours ran here.\n")


def test_a_number_of_workers_below_zero_is_a_wrong_use(run: Run) -> None:
    assert run("up", "--cpu", "-1").exit_code == 2


def test_a_cluster_is_described_in_three_lines() -> None:
    since, scheduler, end = clusters._described(status(cpu=2, gpu=0, io=1)).splitlines()

    assert since.startswith("Running since 2026-01-0")
    assert since.endswith(": workers 2 cpu, 1 io")
    assert scheduler == "Scheduler tls://127.0.0.1:40000, process 4711, log /x/log"
    assert "after 30 minutes" in end


def test_a_cluster_that_starts_or_is_of_another_environment_says_so() -> None:
    starting, other = clusters._described(status()), clusters._described(status(own=False, cpu=1))

    assert "workers starting" in starting
    assert "of another environment, version or store (1.2)" in other


def test_clusters_that_a_down_left_running_are_named_by_their_process() -> None:
    said = clusters._others([status(own=False), status(own=False)])

    assert said.endswith("process 4711, 4711")


def test_the_clusters_of_this_machine_are_named_by_the_option_that_names_them(
    home: Path,
) -> None:
    assert clusters._running_here() == "Your clusters on this machine: none runs."
