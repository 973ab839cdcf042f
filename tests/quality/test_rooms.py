"""How many rooms of the package a reader enters who follows one job."""

import json
import subprocess
import sys

import pytest

MOST = {"submit": 8, "submit and result": 9, "cancel": 8, "progress": 7}


@pytest.fixture(scope="module")
def rooms() -> dict[str, list[str]]:
    """The rooms of each trip, traced in a process without anything but the package."""
    command = [sys.executable, "-m", "tests.quality.rooms", "--json"]
    done = subprocess.run(command, capture_output=True, check=True, text=True, timeout=100)
    found: dict[str, list[str]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("trip", MOST)
def test_a_job_passes_through_few_rooms(trip: str, rooms: dict[str, list[str]]) -> None:
    assert len(rooms[trip]) <= MOST[trip], rooms[trip]
