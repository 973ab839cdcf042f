"""Durations as people write them."""

from datetime import timedelta

import pytest

from parrot_async.errors import OptionsError
from parrot_async.model.durations import Duration, seconds


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (90, 90.0),
        (0, 0.0),
        ("250ms", 0.25),
        ("1m30s", 90.0),
        ("1h 30m", 5400.0),
        (" 1.5d", 129_600.0),
        ("1w", 604_800.0),
        (timedelta(minutes=2), 120.0),
    ],
)
def test_what_people_write_is_seconds(written: Duration, meant: float) -> None:
    assert seconds(written) == meant


@pytest.mark.parametrize("wrong", ["", "soon", "5", "1h later", "h1", "-5s", -1, float("inf")])
def test_what_is_no_duration_is_refused(wrong: Duration) -> None:
    with pytest.raises(OptionsError, match="duration"):
        seconds(wrong)
