"""Both sides of each API: what implements it has its methods, and what is sent is what arrives."""

import inspect
from collections.abc import Callable
from typing import Any

import pytest
from distributed.protocol.core import dumps, loads

from parrot_async.errors import ErrorInfo
from parrot_async.model.events import Record
from parrot_async.runner.plugin import Runner
from parrot_async.service.plugin import JobService
from parrot_async.service.rpc import Rpc
from parrot_async.testing.scheduler import EagerRunner, EagerService
from parrot_async.transport.api import (
    WATCH,
    Operation,
    RunnerApi,
    RunnerReports,
    ServiceApi,
    handlers,
    operations,
    service_stub,
    stream_request,
)
from parrot_async.transport.messages import (
    Batch,
    OutcomeMessage,
    Stop,
    ValueMessage,
    attempts_of,
    each_attempt,
    error_message,
    error_of,
)
from parrot_async.transport.wire import pack, unpack

IMPLEMENTED = [
    (ServiceApi, Rpc),
    (RunnerReports, JobService),
    (RunnerReports, EagerService),
    (RunnerApi, Runner),
    (RunnerApi, EagerRunner),
]


def methods(api: type) -> list[str]:
    return list(operations(api))


@pytest.mark.parametrize(
    ("api", "name", "implementation"),
    [(api, name, one) for api, one in IMPLEMENTED for name in methods(api)],
)
def test_each_method_is_implemented_with_the_same_parameters(
    api: type, name: str, implementation: type
) -> None:
    promised = getattr(api, name)
    kept = getattr(implementation, name)

    assert kept.__qualname__.split(".")[0] != api.__name__
    assert inspect.iscoroutinefunction(kept) == inspect.iscoroutinefunction(promised)
    assert shape(kept) == shape(promised)


def shape(method: Callable[..., Any]) -> list[tuple[str, Any]]:
    parameters = inspect.signature(method).parameters.values()
    return [(parameter.name, parameter.default) for parameter in parameters]


def test_only_a_retry_is_never_asked_twice() -> None:
    marked = [name for name, operation in operations(ServiceApi).items() if operation.never_twice]

    assert marked == ["retry"]


def test_no_two_apis_share_a_name_on_the_wire() -> None:
    apis = (ServiceApi, RunnerReports, RunnerApi)
    # A name may serve a runner and the service, whose handlers are in different processes.
    for one in ((ServiceApi, RunnerReports), (RunnerApi,)):
        names = [operation.wire_name for api in one for operation in operations(api).values()]
        assert len(names) == len(set(names))
    assert all(WATCH not in handlers(api, _Anything()) for api in apis)


class _Anything:
    def __getattr__(self, name: str) -> str:
        return name


async def test_a_stub_sends_arguments_by_their_names() -> None:
    sent: list[tuple[Operation, dict[str, Any]]] = []

    async def ask(operation: Operation, arguments: dict[str, Any]) -> None:
        sent.append((operation, arguments))

    await service_stub(ask).events("root", 7, limit=3)

    ((operation, arguments),) = sent
    assert (operation.name, operation.answers) == ("events", True)
    assert arguments == {"root_id": "root", "after": 7, "limit": 3}


def test_a_stub_has_no_other_methods() -> None:
    async def ask(*_: Any) -> None:
        """Not to be called."""

    with pytest.raises(AttributeError):
        service_stub(ask).no_such_call  # type: ignore[attr-defined]  # noqa: B018 - it is looked up


def over_a_comm(message: Any) -> Any:
    """What the other end of a Dask comm gets of a message."""
    return loads(dumps({"message": message}))["message"]


def test_messages_keep_their_fields_over_a_comm() -> None:
    error = ErrorInfo("exception", "it broke", "ValueError", "trace", ("ValueError", "Exception"))
    outcome = OutcomeMessage(id="r.0", data=b"\x80", url=None, error=error_message(error))
    value = ValueMessage(data=None, url="file:///x", parts=("r.0", "r.1"))
    batch = Batch(
        ids=("r.0",),
        attempts=(1,),
        functions=("f",),
        arguments=(b"a",),
        coroutines=(True,),
        graces=(5.0,),
        values={"r.1": value},
        names={},
        states={},
        edited=(),
        alone=(),
    )

    assert error_of(over_a_comm(outcome)["error"]) == error
    assert over_a_comm(outcome)["data"] == b"\x80"
    assert over_a_comm(batch)["values"]["r.1"] == {**value, "parts": ("r.0", "r.1")}
    assert over_a_comm(batch)["ids"] == ("r.0",)
    assert over_a_comm([Stop(id="r", attempt=2, kind="timeout", message="late")])[0]["attempt"] == 2


def test_attempts_come_back_in_order() -> None:
    pairs = [("r.0", 1), ("r.1", 3), ("r.0", 2)]

    assert list(each_attempt(over_a_comm(attempts_of(pairs)))) == pairs


def test_records_come_back_as_bytes() -> None:
    record = Record(b"{}", (b"1", None, bytes(100_000)))

    assert unpack(over_a_comm(pack(record))) == record


def test_a_stream_is_asked_for_without_an_answer() -> None:
    request = stream_request("me", 3)

    assert request == {"op": WATCH, "client": "me", "number": 3, "reply": False}
