"""Handles as a person holds them: what they show, and which names they have."""

import gc
from datetime import timedelta

import pytest

from parrot_async.client.handle import JobHandle, JobHandles
from parrot_async.client.session import Session
from parrot_async.model.events import Event, Record, dump
from parrot_async.model.models import JobStatus
from parrot_async.transport.pickling import dump_value
from tests.unit.stories import PLAN, completed, failed, progressed, started, submitted, waiting

HANDLE = {
    "as_future", "cancel", "children", "cost", "done", "error", "eta", "events", "id", "node",
    "pause", "progress", "progress_bar", "report", "result", "resume", "retry", "status",
    "status_report", "timeline", "tree", "usage", "wait", "widget",
}  # fmt: skip
HANDLES = {
    "as_completed", "as_future", "cancel", "count", "ids", "index", "pause", "resume", "retry",
    "root",
}  # fmt: skip


def of(root_id: str, *events: Event, blobs: tuple[bytes, ...] = ()) -> JobHandle[object]:
    session = Session()
    handle = JobHandle[object](session, root_id)
    for seq, event in enumerate(events, 1):
        last = blobs if seq == len(events) else ()
        session.trees.take_in([(root_id, seq, Record(dump(event), last))])
    return handle


def test_a_handle_shows_only_what_users_call() -> None:
    assert {name for name in dir(JobHandle) if not name.startswith("_")} == HANDLE


def test_handles_show_only_what_users_call() -> None:
    handles = JobHandles[int](Session(), "r", 1)

    assert {name for name in dir(handles) if not name.startswith("_")} == HANDLES


def test_a_handle_says_its_id_and_state() -> None:
    assert repr(of("r", submitted("r"))) == "<job r queued>"


def test_a_handle_reads_the_live_node() -> None:
    handle = of("r", submitted("r"), started("r"), progressed("r", percent=40, step="half"))

    assert (handle.status, handle.progress, handle.done) == (JobStatus.RUNNING, 40, False)
    assert handle.node.current_step == "half"
    assert handle.tree.root_id == "r"


def test_a_handle_names_its_children() -> None:
    handle = of("r", submitted("r", spec=PLAN), submitted("r.0", "r.1"), waiting("r"))

    assert [child.id for child in handle.children] == ["r.0", "r.1"]


def test_the_error_of_an_ended_job_is_there_without_waiting() -> None:
    handle = of("r", submitted("r"), failed("r"))

    assert handle.error is not None
    assert handle.error.type_name == "ValueError"
    assert handle.eta is None


async def test_an_ended_job_can_be_awaited_again_and_again() -> None:
    handle = of("r", submitted("r"), completed("r"), blobs=(dump_value(7),))

    assert await handle == await handle.result() == 7
    assert await handle.wait() is JobStatus.COMPLETED


def test_an_eta_is_a_duration() -> None:
    handle = of("r", submitted("r"), started("r"), progressed("r", percent=50))

    assert isinstance(handle.eta, timedelta)


def test_a_report_has_the_title() -> None:
    handle = of("r", submitted("r"), completed("r"))

    assert "task" in handle.report()
    assert handle.status_report().status is JobStatus.COMPLETED
    assert "<svg" in handle.timeline()._repr_html_()


def test_where_nothing_is_live_a_handle_is_html_and_text() -> None:
    bundle = of("r", submitted("r"))._repr_mimebundle_()

    assert set(bundle) == {"text/plain", "text/html", "text/markdown"}


def test_a_handle_keeps_its_tree() -> None:
    handle = of("r", submitted("r"))
    session = handle._session

    gc.collect()

    assert session.trees.knows("r")
    assert not session.trees.drop("r")


def test_handles_of_a_map_are_made_when_they_are_asked_for() -> None:
    handles = JobHandles[int](Session(), "r", 10_000)

    assert len(handles) == 10_000
    assert handles[3].id == "r.3"
    assert handles[-1].id == "r.9999"
    assert [handle.id for handle in handles[1:3]] == ["r.1", "r.2"]
    with pytest.raises(IndexError):
        handles[10_000]


async def test_handles_are_awaited_together() -> None:
    ids = ("r.0", "r.1")
    handle = of("r", submitted("r", spec=PLAN), submitted(*ids), waiting("r"), completed("r"))
    session = handle._session
    blobs = (dump_value("a"), dump_value("b"))
    session.trees.take_in([("r", 9, Record(dump(completed(*ids)), blobs))])

    assert await JobHandles[str](session, "r", 2) == ["a", "b"]


class Marimo:
    """What marimo does with the value of a cell: it asks for `_display_` before all else."""

    def shown(self, value: object) -> object:
        return getattr(value, "_display_", lambda: repr(value))()


def test_a_handle_and_handles_show_their_live_view_in_marimo() -> None:
    handle = of("r", submitted("r", spec=PLAN), submitted("r.0"))
    handles = JobHandles[int](handle._session, "r", 1)

    assert Marimo().shown(handle) is handle.widget()
    assert Marimo().shown(handles) is handle.widget()
