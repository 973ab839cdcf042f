"""The commands that read jobs, on a store and without a cluster."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from parrot_async.cli import cli
from parrot_async.cli.reading import STATUSES
from parrot_async.model.models import JobStatus
from tests.unit.cli.conftest import Run


def test_jobs_are_listed_and_what_nothing_runs_is_called_interrupted(run: Run) -> None:
    result = run("jobs")

    assert result.exit_code == 0
    states = {line.split()[0]: line.split()[3] for line in result.output.splitlines()}
    assert states == {"sums": "completed", "broken": "failed", "lost": "interrupted"}


@pytest.mark.parametrize(
    ("options", "ids"),
    [
        (("--status", "failed"), {"broken"}),
        (("--queue", "held"), {"lost"}),
        (("--function", "tests:task", "--limit", "2"), None),
        (("--function", "tests:other"), set()),
    ],
)
def test_jobs_are_filtered(run: Run, options: tuple[str, ...], ids: set[str] | None) -> None:
    found = json.loads(run("jobs", "--json", *options).output)

    assert {job["id"] for job in found} == ids if ids is not None else len(found) == 2


def test_without_any_job_that_is_said(run: Run) -> None:
    assert run("jobs", "--status", "paused").output == "No jobs.\n"


def test_every_state_can_be_asked_for() -> None:
    assert set(STATUSES) == {status.value for status in JobStatus}


def test_a_tree_is_shown_once_where_there_is_no_terminal(run: Run) -> None:
    result = run("status", "sums")

    lines = result.output.splitlines()
    assert lines[0].startswith("✔ plan: completed")
    assert [line.split(":")[0] for line in lines[1:]] == ["  ✔ 1 + 2", "  ✔ 3 + 4"]


def test_a_child_is_shown_alone(run: Run) -> None:
    assert run("status", "sums.1", "--once").output.startswith("✔ 3 + 4: completed")


def test_a_tree_is_one_json_document(run: Run) -> None:
    document = json.loads(run("status", "sums", "--json").output)

    assert (document["id"], document["status"]) == ("sums", "completed")
    assert [child["id"] for child in document["children"]] == ["sums.0", "sums.1"]
    assert document["children"][0]["worker"] == "tls://127.0.0.1:40001"


def test_a_result_is_printed_as_python_shows_it_and_in_json(run: Run) -> None:
    text = run("results", "sums")
    document = json.loads(run("results", "sums.1", "--json").output)

    assert text.exit_code == 0
    assert text.output == "[3, {'raw': b'\\xff', 'sum': 7}]\n"
    assert document["result"] == {"sum": 7, "raw": "_w=="}
    assert document["error"] is None


def test_without_a_result_the_error_goes_to_stderr_and_the_status_is_one(run: Run) -> None:
    failed, running = run("results", "broken"), run("results", "lost")

    assert (failed.exit_code, running.exit_code) == (1, 1)
    assert failed.stdout == ""
    assert failed.stderr == "Traceback: line 3\nValueError: broken\n"
    assert "has no result yet" in running.stderr


def test_an_error_is_in_the_json_document_as_well(run: Run) -> None:
    failed, running = run("results", "broken", "--json"), run("results", "lost", "--json")

    assert json.loads(failed.stdout)["error"]["type_name"] == "ValueError"
    assert json.loads(running.stdout)["error"]["type_name"] == "NotEndedError"
    assert failed.exit_code == 1


def test_the_report_is_markdown(run: Run) -> None:
    result = run("results", "sums", "--report")

    assert result.output.startswith("# Job results: plan\n")


def test_logs_have_no_control_characters_and_name_the_job(run: Run) -> None:
    (line,) = run("logs", "sums").output.splitlines()
    (entry,) = json.loads(run("logs", "sums", "--json").output)

    assert line.endswith("info     1 + 2: adding \ufffd[31m1 and 2")
    assert entry == {"job": "sums.0", "at": 2.0, "level": "info", "text": "adding \x1b[31m1 and 2"}


def test_logs_that_are_followed_end_with_the_job(run: Run) -> None:
    result = run("logs", "sums.0", "--follow")

    assert result.exit_code == 0
    assert "adding" in result.output


def test_a_mistake_is_one_sentence_and_status_one(run: Run, tmp_path: Path) -> None:
    unknown = run("status", "nothing")
    nowhere = CliRunner().invoke(cli, ["jobs", "--store", f"sqlite:///{tmp_path}/no.db"])

    for result in (unknown, nowhere):
        assert result.exit_code == 1
        assert result.stdout == ""
        assert result.stderr.startswith("parrot-async: ")
        assert result.stderr.count("\n") == 1
