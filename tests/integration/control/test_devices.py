"""A worker's device after an attempt that went wrong; the device is pretended."""

import os
import time
from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest

from parrot_async import JobClient, Pools, job
from parrot_async.cluster import down
from parrot_async.errors import JobTimeoutError, UnschedulableError
from tests.pretended_torch import PretendedTensor, pretend

SOON = 20.0


@pytest.fixture(scope="module")
async def lab() -> AsyncIterator[str]:
    """Name of a cluster with one pretended device."""
    async with JobClient(name="lab", pools=Pools(cpu=1, gpu=1, io=4)):
        yield "lab"
    await down("lab")


@pytest.fixture
async def client(lab: str) -> AsyncIterator[JobClient]:
    async with JobClient(name=lab) as client:
        yield client


class DeviceAssertError(Exception):
    pass


@job(gpu=1)
def asserts() -> None:
    pretend().fault = DeviceAssertError("device-side assert triggered")
    raise DeviceAssertError("index out of range")


@job(gpu=1)
async def asserts_in_a_coroutine() -> None:
    pretend().fault = DeviceAssertError("device-side assert triggered")
    raise DeviceAssertError("index out of range")


@job(gpu=1, retries=1, retry_delay="10ms")
def asserts_once(first: int) -> int:
    if os.getpid() == first:
        pretend().fault = DeviceAssertError("device-side assert triggered")
        raise DeviceAssertError("index out of range")
    return os.getpid()


@job(gpu=1)
def raises() -> None:
    pretend()
    raise ValueError("out of memory")


@job(gpu=1, grace=1)
def leaves_kernels(seconds: float) -> None:
    pretend().busy_until = time.monotonic() + seconds
    while True:
        time.sleep(0.01)


@job(gpu=1, grace=1)
async def spins() -> None:
    pretend()
    while True:
        pass


@job(gpu=1)
def looks() -> tuple[int, int]:
    """The process, and how often device memory was freed there."""
    return os.getpid(), pretend().freed


@job(gpu=1)
def tensor() -> PretendedTensor:
    pretend()
    return PretendedTensor("cuda:0", requires_grad=True)


@job(gpu=1)
def quick() -> int:
    return os.getpid()


@job(gpu=2)
def wants_two() -> None:
    pass


@pytest.mark.parametrize("fn", [asserts, asserts_in_a_coroutine], ids=lambda fn: fn.__name__)
async def test_a_broken_device_has_its_process_replaced_before_the_next_attempt(
    client: JobClient, fn: Any
) -> None:
    before, _ = await client.run(looks)

    with anyio.fail_after(SOON):
        with pytest.raises(DeviceAssertError, match="index out of range"):
            await client.run(fn)
        after, _ = await client.run(looks)

    assert after != before


async def test_the_retry_of_what_broke_a_device_goes_to_the_fresh_process(
    client: JobClient,
) -> None:
    before, _ = await client.run(looks)

    with anyio.fail_after(SOON):
        after = await client.run(asserts_once, before)

    assert after != before


async def test_jobs_that_wait_behind_one_that_breaks_the_device_run_once_it_is_replaced(
    client: JobClient,
) -> None:
    before = await client.run(quick)

    with anyio.fail_after(SOON):
        broken = await client.submit(asserts)
        behind = [await client.submit(quick) for _ in range(5)]
        pids = await client.gather(behind)

    assert before not in pids
    assert broken.done


async def test_a_device_that_works_is_freed_and_its_process_goes_on(client: JobClient) -> None:
    before, freed = await client.run(looks)

    with pytest.raises(ValueError, match="out of memory"):
        await client.run(raises)

    assert await client.run(looks) == (before, freed + 1)


async def test_kernels_of_a_stopped_job_are_waited_for(client: JobClient) -> None:
    before, freed = await client.run(looks)
    begun = time.monotonic()

    with pytest.raises(JobTimeoutError):
        await client.run(leaves_kernels.options(timeout="200ms"), 1.2)
    after = await client.run(looks)

    assert after == (before, freed + 1)
    assert time.monotonic() - begun > 1.2


async def test_the_slot_of_a_coroutine_that_was_stopped_by_force_is_free(
    client: JobClient,
) -> None:
    _, freed = await client.run(looks)

    with anyio.fail_after(SOON):
        with pytest.raises(JobTimeoutError):
            await client.run(spins.options(timeout="200ms"))
        _, after = await client.run(looks)

    assert after == freed + 1


async def test_kernels_that_do_not_end_have_the_process_replaced(client: JobClient) -> None:
    before, _ = await client.run(looks)

    with anyio.fail_after(SOON):
        with pytest.raises(JobTimeoutError):
            await client.run(leaves_kernels.options(timeout="200ms"), 3600)
        after, _ = await client.run(looks)

    assert after != before


async def test_a_tensor_of_a_device_comes_as_one_of_the_cpu_with_a_note(client: JobClient) -> None:
    found = await client.run(tensor)

    assert found.device.type == "cpu"
    assert found.requires_grad
    assert getattr(found, "came_from", None) == "cuda:0"


async def test_more_devices_than_there_are_is_refused_at_once(client: JobClient) -> None:
    await client.run(quick)
    begun = time.monotonic()

    with pytest.raises(UnschedulableError, match="asks for 2 slots of 'gpu'"):
        await client.run(wants_two)

    assert time.monotonic() - begun < 2
