"""What the job service and its runner need of Dask, without Dask: one worker, in this process."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any, Protocol

from distributed import Status

from parrot_async.model.models import JobId, JobSpec
from parrot_async.runner.plugin import Runner
from parrot_async.service.engine.placement import Placement
from parrot_async.service.plugin import JobService
from parrot_async.service.rpc import Parts, Rpc
from parrot_async.testing.ending import end
from parrot_async.transport.api import Arguments, Operation, RunnerApi, ServiceApi, runner_stub
from parrot_async.transport.messages import Accepted, Batch, Group
from parrot_async.transport.wire import RUNNER, SERVICE

WORKER = "eager-worker"


class _Service:
    """The service's handlers as the worker's Dask connection offers them."""

    def __init__(self, handlers: dict[str, Callable[..., Any]]) -> None:
        self._handlers = handlers

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return self._handlers[name]


class EagerScheduler:
    """The scheduler that the service lives beside: its handlers, and the one worker."""

    def __init__(self, labels: Sequence[str], slots: int) -> None:
        """`labels` are the pools that the worker serves."""
        self.extensions: dict[str, Any] = {}
        self.handlers: dict[str, Callable[..., Any]] = {}
        self.stream_handlers: dict[str, Callable[..., None]] = {}
        self.worker = EagerWorker(self, labels, slots)

    async def register_worker_plugin(self, comm: None, plugin: bytes, **_: Any) -> None:  # noqa: ARG002
        """Give the worker its runner; Dask would unpickle the plugin."""
        service: JobService = self.extensions[SERVICE]
        await self.worker.run_with(EagerRunner(service.results_url))


class EagerWorker:
    """The worker as its runner sees it, and the stream between it and the service."""

    interval = 0.0
    status = Status.running

    def __init__(self, scheduler: EagerScheduler, labels: Sequence[str], slots: int) -> None:
        """Run nothing yet."""
        self.address = WORKER
        self.local_directory = ""
        self.state = SimpleNamespace(nthreads=slots, total_resources=dict.fromkeys(labels, 1))
        self.batched_stream = self
        self.stream_handlers: dict[str, Callable[..., None]] = {}
        self.handlers: dict[str, Callable[..., Any]] = {}
        self.scheduler = _Service(scheduler.handlers)
        self.plugins: dict[str, EagerRunner] = {}
        self._listening = scheduler.stream_handlers

    async def run_with(self, runner: "EagerRunner") -> None:
        """Take the runner on."""
        self.plugins[RUNNER] = runner
        self._loop = asyncio.get_running_loop()
        await runner.setup(self)  # type: ignore[arg-type]  # it asks for no more

    @staticmethod
    def closed() -> bool:
        """Whether the stream is; it never is."""
        return False

    async def close(self) -> None:
        """Let the runner go."""
        await self.plugins[RUNNER].teardown(self)

    def send(self, message: dict[str, Any]) -> None:
        """Tell the service something, in the next turn of the loop."""
        words = {**message, "worker": self.address}
        self._loop.call_soon(lambda: self._listening[words.pop("op")](**words))

    def call(self, operation: Operation, arguments: Arguments) -> Any:
        """Call the runner; what has no answer is said in the next turn of the loop."""
        runner = getattr(self.plugins[RUNNER], operation.name)
        if operation.answers:
            return runner(**arguments)
        self._loop.call_soon(lambda: runner(**arguments))
        return None


class EagerRunner(Runner):
    """A runner whose loop of jobs ends with it, in a process whose streams others change."""

    def take(self, batch: Batch) -> None:
        """Queue a batch for slots."""
        self._output.renew()
        super().take(batch)

    async def teardown(self, worker: Any) -> None:
        """Leave the process as it was."""
        await super().teardown(worker)
        await asyncio.to_thread(end, self._jobs_loop, self._jobs_thread)


class CalledWorker(Protocol):
    """A worker whose runner can be called."""

    def call(self, operation: Operation, arguments: Arguments) -> Any:
        """Call the runner; returns what can be awaited where the operation has an answer."""


class EagerPlacement(Placement):
    """Runs each batch on the one worker, in this process; no scheduler counts it as busy."""

    def __init__(self, worker: CalledWorker) -> None:
        """`worker` is the one that there is."""
        self._runner = runner_stub(worker.call)

    def worker_joined(self, worker: str) -> None:
        """Do nothing: its messages are sent at once anyway."""

    def worker_left(self, worker: str) -> None:
        """Do nothing: it stays."""

    def start(self, batch: Batch, worker: str) -> None:
        """Have the worker run a batch."""
        self.runner(worker).take(batch)

    def rest(self, worker: str) -> None:
        """Do nothing: nobody asks whether the worker is idle."""

    def shift_over(self, key: str) -> None:
        """Do nothing: there are no shifts."""

    def runner(self, worker: str) -> RunnerApi:  # noqa: ARG002 - there is but one
        """Return the one worker's runner."""
        return self._runner

    def takes(self, worker: str) -> bool:  # noqa: ARG002 - there is but one
        """Return True: nobody pauses it."""
        return True

    def can_kill(self, worker: str) -> bool:  # noqa: ARG002 - there is but one
        """Return False: it is this process."""
        return False

    def kill(self, worker: str) -> None:
        """Do nothing: it is this process."""


class EagerService(JobService):
    """The job service beside such a scheduler."""

    def _reach(self, scheduler: Any) -> Placement:
        return EagerPlacement(scheduler.worker)

    def _find_home(self) -> None:
        """It was given one: it makes none in the user's."""

    @property
    def api(self) -> ServiceApi:
        """The service as clients call it."""
        return self._rpc

    def _make_rpc(self, parts: Parts) -> Rpc:
        return _ImpatientRpc(parts)

    def _patience(self, pool: str) -> float:  # noqa: ARG002
        return 0.0  # no other worker will ever come

    def stop_all(self) -> None:
        """Cancel every tree that has not ended."""
        for job_id in [job_id for job_id in self._executor.jobs if "." not in job_id]:
            self._executor.stopping.cancel(job_id)

    @property
    def at_rest(self) -> bool:
        """Whether every job has ended."""
        return not self._executor.jobs


class _ImpatientRpc(Rpc):
    """Accepts jobs as ones that wait for nothing."""

    async def submit(
        self, groups: Sequence[Group], functions: Mapping[str, bytes], client: str | None = None
    ) -> Accepted:
        return await super().submit([_impatient(group) for group in groups], functions, client)

    async def children(
        self,
        parent_id: JobId,
        attempt: int,
        groups: Sequence[Group],
        functions: Mapping[str, bytes],
    ) -> list[JobId]:
        groups = [_impatient(group) for group in groups]
        return await super().children(parent_id, attempt, groups, functions)


def _impatient(group: Group) -> Group:
    """A test waits for no backoff, and its worker has a slot for whoever asks for many."""
    spec = JobSpec.model_validate_json(group["spec"])
    retry = spec.retry.model_copy(update={"first": 0.0, "longest": 0.0})
    changed = spec.model_copy(update={"retry": retry, "slots": 1})
    return {**group, "spec": changed.model_dump_json().encode()}
