"""Memory stays flat while jobs pass."""

import pytest

from tests.nemesis.soak import STEP, soak

MOST_GROWN = 20.0
"""MB by which neither side may grow in the second half. The service keeps 10,000 ended nodes."""


@pytest.mark.slow
async def test_a_short_soak_loses_nothing() -> None:
    soaked = await soak(2 * STEP)

    assert soaked.jobs == 1000
    assert len(soaked.client_mb) == len(soaked.scheduler_mb) == 3


@pytest.mark.nightly
@pytest.mark.timeout(900)
async def test_memory_is_flat_over_ten_minutes() -> None:
    soaked = await soak(600)

    client, scheduler = soaked.grown()
    assert client < MOST_GROWN
    assert scheduler < MOST_GROWN
