"""What people get wrong at first, and what they are told."""

import threading
from typing import Any

import pytest

from parrot_async import JobClient, JobStatus, current_job, job
from parrot_async.errors import ClusterError, JobNotFoundError, OptionsError, SerializationError
from parrot_async.model.models import FailurePolicy
from parrot_async.testing import EagerClient


@job
def scale(number: int, factor: int = 1) -> int:
    return factor * number


@job
def returns_what_it_did_not_wait_for() -> Any:
    return current_job().run(scale, 3)


async def test_arguments_that_do_not_fit_are_told_with_the_function() -> None:
    async with EagerClient() as client:
        with pytest.raises(TypeError, match=r"scale\(number: int.*missing a required argument"):
            await client.submit(scale)  # type: ignore[call-overload]
        with pytest.raises(TypeError, match="too many positional arguments"):
            await client.map(scale, [1], [2], [3])


async def test_an_option_among_the_arguments_is_told_where_it_belongs() -> None:
    async with EagerClient() as client:
        with pytest.raises(TypeError, match=r"Options go to the job itself: \.options\(timeout=3"):
            await client.submit(scale, 1, timeout=3)  # type: ignore[call-arg, arg-type]
        with pytest.raises(TypeError, match=r"unexpected keyword argument 'fast'$"):
            await client.submit(scale, 1, fast=True)  # type: ignore[call-arg, arg-type]


def test_an_unknown_option_is_answered_with_those_near_or_with_all() -> None:
    with pytest.raises(OptionsError, match=r"'retry': did you mean 'retry_on' or 'retries'\?"):
        scale.options(retry=3)  # type: ignore[call-arg]
    with pytest.raises(OptionsError, match="'colour': they are queue, cpu, gpu, io, "):
        scale.options(colour="red")  # type: ignore[call-arg]


def test_an_unknown_word_is_answered_with_the_known_ones() -> None:
    with pytest.raises(OptionsError, match="'done' is no JobStatus: choose from planning, queued,"):
        JobStatus("done")
    with pytest.raises(OptionsError, match="choose from fail, collect, ignore"):
        FailurePolicy("stop")


async def test_an_argument_that_cannot_be_pickled_is_named() -> None:
    lock: Any = threading.Lock()

    async with EagerClient() as client:
        with pytest.raises(SerializationError, match="argument 2, of type lock, cannot be pickled"):
            await client.submit(scale, 1, lock)
        with pytest.raises(SerializationError, match="argument factor, of type lock, cannot be"):
            await client.map(scale, [1], factor=lock)


async def test_who_returns_what_nobody_waited_for_is_told_to_wait() -> None:
    async with EagerClient() as client:
        with pytest.raises(SerializationError, match="type Pending cannot be pickled: nobody has"):
            await client.run(returns_what_it_did_not_wait_for)


def test_a_store_that_is_no_url_is_refused_before_anything_starts() -> None:
    with pytest.raises(OptionsError, match="use sqlite:///path or postgresql://"):
        JobClient(store="jobs.db")


@pytest.mark.parametrize("address", ["localhost", "carrier-pigeon://host:1"])
async def test_what_is_no_address_is_told_with_one_that_is(address: str) -> None:
    with pytest.raises(ClusterError, match=r"is no address of a scheduler, such as tcp://"):
        await JobClient(address)


async def test_what_is_no_whole_id_of_a_job_is_told_where_ids_are() -> None:
    async with EagerClient() as client:
        with pytest.raises(OptionsError, match="the id of a job, a text, not 3"):
            await client.attach(3)  # type: ignore[arg-type]
        with pytest.raises(JobNotFoundError, match=r"`await client.jobs\(\)` lists the newest"):
            await client.attach("0k")
