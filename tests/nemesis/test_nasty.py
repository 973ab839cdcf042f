"""Jobs with nasty bodies among innocent ones: some in every run, ten thousand by night."""

import pytest

from tests.nemesis.nasty import stress


@pytest.mark.parametrize(
    "size",
    [
        pytest.param(500, marks=[pytest.mark.slow, pytest.mark.timeout(300)]),
        pytest.param(10_000, marks=[pytest.mark.nightly, pytest.mark.timeout(1200)]),
    ],
)
async def test_nasty_jobs_end_as_they_may_and_innocent_ones_right(size: int) -> None:
    found = await stress(size)

    assert found["violations"] == []
    assert found["ended"] == {"nasty": size, "innocent": size}
