"""What an attempt calls: its function, and its arguments as they came with the batch."""

import asyncio
import inspect
from collections.abc import Coroutine
from typing import Any

from parrot_async.errors import ResultExpiredError
from parrot_async.model.models import JobId
from parrot_async.runner.functions import LoadedFunctions
from parrot_async.transport import results
from parrot_async.transport.messages import Batch, ValueMessage
from parrot_async.transport.pickling import Call, load_call, load_value
from parrot_async.transport.wire import Value, whole


class AttemptCall:
    """The call of one attempt, unpickled when it is made."""

    __slots__ = ("_arguments", "_functions", "_names", "_values", "function_id")

    def __init__(self, functions: LoadedFunctions, batch: Batch, index: int) -> None:
        """Keep what the batch says of the call at this index."""
        self.function_id = batch["functions"][index]
        self._functions = functions
        self._arguments = batch["arguments"][index]
        self._values = batch["values"]
        self._names = batch["names"].get(batch["ids"][index], {})

    def make(self) -> Any:
        """Call the function in this thread, and return what it returns."""
        args, kwargs = self._load()
        return self._functions.load(self.function_id)(*args, **kwargs)

    async def start(self) -> Coroutine[object, None, Any]:
        """Call an async function, and return its coroutine.

        What may block, the function's import and arguments in the result folder, goes to a thread.
        """
        load = self._functions.load
        is_loaded = self._functions.is_loaded(self.function_id)
        fn = (
            load(self.function_id) if is_loaded else await asyncio.to_thread(load, self.function_id)
        )
        far = any(value["url"] for value in self._values.values()) or self._is_in_file()
        args, kwargs = await asyncio.to_thread(self._load) if far else self._load()
        value = fn(*args, **kwargs)
        return value if inspect.iscoroutine(value) else _returning(value)

    def retry_on(self) -> tuple[type[BaseException], ...]:
        """Return the errors after which the job runs again, () for every one."""
        return self._functions.retry_on(self.function_id)

    def _is_in_file(self) -> bool:
        given = self._arguments
        return isinstance(given, bytes) and results.url_in(given) is not None

    def _load(self) -> Call:
        data = whole(self._arguments)
        if (url := results.url_in(data)) is not None:
            data = results.read(url)
        return load_call(data, _Results(self._values, self._names))


class _Results(dict[JobId, Any]):
    """Results of other jobs, read when the arguments name them."""

    def __init__(self, values: dict[JobId, ValueMessage], names: dict[JobId, JobId]) -> None:
        super().__init__()
        self._values = values
        self._names = names

    def __bool__(self) -> bool:
        return bool(self._values)

    def __missing__(self, job_id: JobId) -> Any:
        pending = [job_id]
        while pending:
            value = self._value(pending[-1])
            # Parts first, without recursion: plans may be nested deeper than Python's stack.
            left = [part for part in value.parts or () if part not in self]
            if left:
                pending += reversed(left)
            elif value.parts is not None:
                self[pending.pop()] = [self[part] for part in value.parts]
            else:
                self[pending.pop()] = read_value(value)
        return self[job_id]

    def _value(self, job_id: JobId) -> Value:
        found = self._values.get(self._names.get(job_id, job_id))
        if found is None:
            raise ResultExpiredError(
                f"the result of job {job_id}, an argument, is not kept any more"
            )
        return Value(**found)


def read_value(value: Value) -> Any:
    """Return what travelled; ResultExpiredError where it lay in the result folder and is gone."""
    return load_value(results.read(value.url) if value.url else value.data or b"")


async def _returning(value: Any) -> Any:
    return value
