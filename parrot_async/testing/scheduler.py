"""The scheduler and the one worker of an eager client, as service and runner see them."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any, Protocol, cast

from distributed import Status, Worker

from parrot_async.model.models import JobId, JobSpec
from parrot_async.runner.jobs_loop import close_loop
from parrot_async.runner.plugin import Runner
from parrot_async.service.engine.placement import Placement
from parrot_async.service.plugin import JobService
from parrot_async.service.rpc import Parts, Rpc
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
    """What the service needs of Dask's scheduler: a place for its handlers, and the one worker."""

    def __init__(self, labels: Sequence[str], slots: int) -> None:
        """`labels` are the pools of the worker."""
        self.extensions: dict[str, Any] = {}
        self.handlers: dict[str, Callable[..., Any]] = {}
        self.stream_handlers: dict[str, Callable[..., None]] = {}
        self.worker = EagerWorker(self, labels, slots)

    async def register_worker_plugin(self, comm: None, plugin: bytes, **_: object) -> None:  # noqa: ARG002 - as Dask
        """Set up a runner on the worker; Dask would unpickle the plugin."""
        service: JobService = self.extensions[SERVICE]
        await self.worker.run_with(EagerRunner(service.results_url))

    def set_metadata(self, keys: Sequence[str], value: object) -> None:
        """Do nothing: an eager client knows that there is a service."""

    async def register_nanny_plugin(
        self, comm: None, plugin: bytes, name: str, **_: object
    ) -> None:
        """Do nothing: the worker has no nanny."""


class EagerWorker:
    """What the runner needs of Dask's worker, and the stream between it and the service."""

    interval = 0.0
    status = Status.running

    def __init__(self, scheduler: EagerScheduler, labels: Sequence[str], slots: int) -> None:
        """`slots` is how many jobs run at once."""
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
        """Set up the runner."""
        self.plugins[RUNNER] = runner
        self._loop = asyncio.get_running_loop()
        await runner.setup(cast("Worker", self))  # it asks for no more

    @staticmethod
    def closed() -> bool:
        """Whether the stream is closed: it never is."""
        return False

    async def close(self, **_: object) -> None:
        """Tear the runner down."""
        await self.plugins[RUNNER].teardown(self)

    def send(self, message: dict[str, Any]) -> None:
        """Send the service a message, which arrives in the next turn of the loop."""
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
    """A runner that closes its jobs' loop, in a process whose streams others replace."""

    owns_process = False

    def take(self, batch: Batch) -> None:
        """Queue a batch for slots."""
        self._output.renew()
        super().take(batch)

    def _leave_loop(self) -> None:
        """Stop the jobs' loop only: `teardown` cancels what is left on it, and closes it."""
        self._jobs_loop.stop()

    async def teardown(self, worker: Any) -> None:
        """Leave the process as it was."""
        await super().teardown(worker)
        await asyncio.to_thread(close_loop, self._jobs_loop.loop, self._jobs_loop.thread)


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
    """The job service of an eager client."""

    def _reach(self, scheduler: Any) -> Placement:
        return EagerPlacement(scheduler.worker)

    def _find_home(self) -> None:
        """Do nothing: its store has a folder already."""

    @property
    def api(self) -> ServiceApi:
        """The service as clients call it."""
        return self._rpc

    def _make_rpc(self, parts: Parts) -> Rpc:
        return _ImpatientRpc(parts)

    def _gives_up_at(self, pool: str, since: float) -> float:  # noqa: ARG002 - the same for all
        return since  # no other worker will ever come

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
    """Return a group whose jobs wait for no backoff, and take one slot whatever they ask for."""
    spec = JobSpec.model_validate_json(group["spec"])
    retry = spec.retry.model_copy(update={"first": 0.0, "longest": 0.0})
    changed = spec.model_copy(update={"retry": retry, "slots": 1})
    return {**group, "spec": changed.model_dump_json().encode()}
