"""A client that cannot take in what it is told says so, instead of waiting for ever."""

import anyio
import pytest

from parrot_async import JobClient, job
from parrot_async.errors import DisconnectedError


@job
async def waits(seconds: float) -> None:
    await anyio.sleep(seconds)


async def test_who_waits_hears_of_an_error_in_taking_in(
    engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(_: object) -> None:
        raise ValueError("broken")

    async with JobClient(name=engine) as client:
        handle = await client.submit(waits, 0.5)
        monkeypatch.setattr(client._session.connection, "_on_records", breaks)

        with pytest.raises(DisconnectedError, match="broken"), anyio.fail_after(20):
            await handle
