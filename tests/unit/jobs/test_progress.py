"""Percent and counts of a job, by its tracks."""

import pytest

from parrot_async.jobs.progress import JobProgress, Track


def track(total: int, done: int) -> Track:
    made = Track(total)
    made.done = done
    return made


def progress_of(*tracks: Track) -> JobProgress:
    progress = JobProgress()
    progress.tracks.extend(tracks)
    progress.recount()
    return progress


@pytest.mark.parametrize(
    ("said", "percent"), [(-1, 0.0), (0, 0.0), (33, 33.0), (100, 100.0), (1e9, 100.0)]
)
def test_a_reported_percent_lies_between_0_and_100(said: float, percent: float) -> None:
    progress = JobProgress()

    progress.report(said)

    assert progress.percent == percent


def test_a_track_counts_its_steps() -> None:
    assert progress_of(track(4, 1)).percent == 25.0


def test_a_track_inside_a_track_moves_the_outer_one_by_parts_of_a_step() -> None:
    assert progress_of(track(2, 1), track(4, 1)).percent == 62.5
    assert progress_of(track(2, 1), track(4, 2), track(2, 1)).percent == 81.25


def test_more_items_than_were_announced_are_no_more_than_all() -> None:
    assert progress_of(track(2, 5)).percent == 100.0


def test_an_inner_track_of_unknown_length_does_not_count() -> None:
    assert progress_of(track(2, 1), track(0, 7)).percent == 50.0


def test_an_outermost_track_of_unknown_length_leaves_the_percent_as_it_was() -> None:
    progress = JobProgress()
    progress.report(40)
    progress.tracks.append(track(0, 7))

    progress.recount()

    assert progress.percent == 40.0


def test_the_counts_are_those_of_the_outermost_track() -> None:
    assert progress_of(track(4, 1), track(9, 9)).counts() == (1, 4)
    assert JobProgress().counts() == (0, 0)
