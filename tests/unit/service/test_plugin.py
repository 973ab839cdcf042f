"""The service as Dask has it: what of it travels, and what of a worker's words it survives."""

import pickle

import pytest

from parrot_async.service.intake import guarded
from parrot_async.service.plugin import JobService
from parrot_async.transport.results import part_of


def test_only_the_settings_travel_to_a_scheduler() -> None:
    service = JobService("sqlite:///jobs.db", "s3://bucket/results", {"gpu": 2})

    again = pickle.loads(pickle.dumps(service))  # noqa: S301 - our own

    assert vars(again) == {
        "store_url": "sqlite:///jobs.db",
        "results_url": "s3://bucket/results",
        "promised": {"gpu": 2},
    }


def test_a_report_that_cannot_be_taken_in_is_logged_and_ends_no_stream(
    caplog: pytest.LogCaptureFixture,
) -> None:
    heard: list[str] = []

    def hear(worker: str) -> None:
        heard.append(worker)
        raise KeyError(worker)

    guarded(hear)(worker="tcp://a")

    assert heard == ["tcp://a"]
    assert "could not take in what a worker said" in caplog.text
    assert "KeyError: 'tcp://a'" in caplog.text


def test_the_mark_of_a_store_tells_stores_apart_and_has_no_secret() -> None:
    url = "postgresql://me:secret@db:5432/jobs"

    assert part_of(url) == part_of(url.replace("secret", "changed"))
    assert part_of(url) != part_of(url.replace("/jobs", "/others"))
