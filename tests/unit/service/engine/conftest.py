"""An engine for each test, on a store of its own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.service.engine.parts import Engine, engine_in


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Engine]:
    async with engine_in(tmp_path) as engine:
        yield engine
