"""A job as one bar, from a handle."""

import pytest

from parrot_async import JobClient, current_job, job


@job
def steps(count: int) -> int:
    return sum(current_job().track(range(count), "adding"))


@job
def breaks() -> None:
    raise ValueError("broken")


async def test_awaiting_a_progress_bar_gives_the_result(
    client: JobClient, capsys: pytest.CaptureFixture[str]
) -> None:
    handle = await client.submit(steps, 5)

    assert await handle.progress_bar() == 10
    assert "steps: 100%" in "".join(capsys.readouterr())


async def test_awaiting_a_progress_bar_raises_the_error_of_the_job(client: JobClient) -> None:
    handle = await client.submit(breaks)

    with pytest.raises(ValueError, match="broken"):
        await handle.progress_bar()
