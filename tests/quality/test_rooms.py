"""How many rooms of the package a reader enters who follows one job."""

import anyio

from tests.quality.rooms import trips

MOST = {"submit": 8, "submit and result": 9, "cancel": 8, "progress": 7}


async def test_a_job_passes_through_few_rooms() -> None:
    with anyio.fail_after(60):
        found = await trips()

    assert {name: len(trip.rooms) <= MOST[name] for name, trip in found.items()} == dict.fromkeys(
        MOST, True
    ), {name: sorted(trip.rooms) for name, trip in found.items()}
