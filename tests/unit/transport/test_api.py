"""A stub sends what the API says, and the handlers of the other end answer it."""

from typing import Any

import pytest

from parrot_async.transport.api import (
    Arguments,
    Operation,
    RunnerApi,
    RunnerReports,
    ServiceApi,
    handlers,
    operations,
    reports_stub,
    service_stub,
    stream_request,
)


class Adder:
    """An end that answers two of the service's operations."""

    async def function(self, function_id: str) -> bytes:
        return function_id.encode()

    async def detach(self, client: str, root_ids: list[str]) -> None:
        raise LookupError(f"{client} does not watch {root_ids}")


async def test_a_stub_and_the_handlers_agree_on_names_and_arguments() -> None:
    answering = handlers(ServiceApi, Adder(), ["function", "detach"])

    async def ask(operation: Operation, arguments: Arguments) -> Any:
        return await answering[operation.wire_name](**arguments)

    service = service_stub(ask)

    assert await service.function("f") == b"f"
    with pytest.raises(LookupError, match="me does not watch"):
        await service.detach("me", root_ids=["r"])


def test_arguments_are_sent_by_their_names() -> None:
    told: list[tuple[str, Arguments]] = []
    reports = reports_stub(lambda operation, arguments: told.append((operation.name, arguments)))

    reports.worker_ready("tcp://a", ["cpu"], slots=2)

    arguments = {"worker": "tcp://a", "labels": ["cpu"], "slots": 2}
    assert told == [("worker_ready", arguments)]


def test_no_two_operations_have_one_name_on_the_wire() -> None:
    names = [
        operation.wire_name
        for api in (ServiceApi, RunnerReports, RunnerApi)
        for operation in operations(api).values()
        if (api, operation.name) not in {(RunnerApi, "pause"), (RunnerApi, "resume")}
    ]

    assert len(set(names)) == len(names)


def test_runners_answer_a_check_only_and_the_service_all() -> None:
    assert [o.name for o in operations(RunnerApi).values() if o.answers] == ["check"]
    assert not any(o.answers for o in operations(RunnerReports).values())
    assert all(o.answers for o in operations(ServiceApi).values())


def test_a_retry_is_the_one_call_that_is_never_made_twice() -> None:
    assert [o.name for o in operations(ServiceApi).values() if o.never_twice] == ["retry"]


def test_a_handler_for_what_nobody_implements_is_refused() -> None:
    with pytest.raises(AttributeError, match="hello"):
        handlers(ServiceApi, Adder())


def test_a_stream_is_asked_for_without_an_answer() -> None:
    request = stream_request("me", 2)

    assert (request["client"], request["number"], request["reply"]) == ("me", 2, False)
