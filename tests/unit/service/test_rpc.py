"""What the service answers to clients, asked as the eager client asks it."""

from collections.abc import AsyncIterator, Coroutine, Sequence
from typing import Any, cast

import pytest

from parrot_async.errors import JobNotFoundError
from parrot_async.service.rpc import Rpc
from parrot_async.testing.host import EagerHost
from parrot_async.transport.api import VERSION, ServiceApi, operations


@pytest.fixture
async def host() -> AsyncIterator[EagerHost]:
    host = EagerHost(["cpu"], slots=1)
    await host.start()
    yield host
    await host.close()


async def asked(host: EagerHost, question: object) -> Any:
    return await host.run(cast("Coroutine[object, None, Any]", question))


async def test_a_client_hears_the_version_and_that_nothing_is_interrupted(host: EagerHost) -> None:
    hello = await asked(host, host.api.hello())

    assert (hello["version"], hello["interrupted"]) == (VERSION, 0)


@pytest.mark.parametrize("name", ["cancel", "pause", "resume"])
async def test_a_job_that_does_not_run_is_not_changed(host: EagerHost, name: str) -> None:
    assert await asked(host, getattr(host.api, name)(["nobody"])) == [False]


async def test_a_job_that_nobody_knows_cannot_run_again(host: EagerHost) -> None:
    with pytest.raises(JobNotFoundError, match="nobody"):
        await asked(host, host.api.retry(["nobody"]))


async def test_a_function_that_nobody_knows_is_an_error(host: EagerHost) -> None:
    with pytest.raises(LookupError, match="function f is not known"):
        await asked(host, host.api.function("f"))


async def test_an_empty_store_has_no_jobs_and_no_past(host: EagerHost) -> None:
    jobs: Sequence[object] = await asked(host, host.api.jobs())
    past: Sequence[object] = await asked(host, host.api.attach("me", {"r": 0}, 10))

    assert (list(jobs), list(past)) == ([], [])


def test_the_service_has_every_operation_with_the_parameters_of_its_api() -> None:
    for name, operation in operations(ServiceApi).items():
        assert operations(Rpc)[name].parameters == operation.parameters
