"""Jobs with nasty bodies among innocent ones, in a short form; the long one is run by hand."""

import pytest

from tests.nemesis.nasty import stress


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_nasty_jobs_end_as_they_may_and_innocent_ones_right() -> None:
    found = await stress(500)

    assert found["violations"] == []
    assert found["ended"] == {"nasty": 500, "innocent": 500}


@pytest.mark.nightly
@pytest.mark.timeout(1200)
async def test_ten_thousand_nasty_jobs_harm_no_other() -> None:
    found = await stress(10_000)

    assert found["violations"] == []
    assert found["ended"] == {"nasty": 10_000, "innocent": 10_000}
