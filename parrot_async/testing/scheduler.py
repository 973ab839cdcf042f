"""The scheduler and the one worker of an eager client, as service and runner see them."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any, cast

from distributed import Status, Worker

from parrot_async.jobs.request import Group
from parrot_async.model.models import JobSpec
from parrot_async.runner.jobs_loop import close_loop
from parrot_async.runner.plugin import Runner
from parrot_async.service.engine.placement import Placement
from parrot_async.service.plugin import JobService
from parrot_async.transport.wire import CHECK, RUNNER, SERVICE

WORKER = "eager-worker"


class Questions:
    """Calls the service's handlers by their names, as Dask's `rpc` does."""

    def __init__(self, handlers: dict[str, Callable[..., Any]]) -> None:
        """`handlers` are the service's, by name."""
        self._handlers = handlers

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """Return the handler of this name."""
        return self._handlers[name]


class EagerScheduler:
    """What the service needs of Dask's scheduler: a place for its handlers, and the one worker."""

    def __init__(self, labels: Sequence[str], slots: int) -> None:
        """`labels` are the pools of the worker."""
        self.extensions: dict[str, Any] = {}
        self.handlers: dict[str, Callable[..., Any]] = {}
        self.stream_handlers: dict[str, Callable[..., None]] = {}
        self.worker = EagerWorker(self, labels, slots)

    async def register_worker_plugin(self, comm: None, plugin: bytes, **_: Any) -> None:  # noqa: ARG002 - as Dask
        """Set up a runner on the worker; Dask would unpickle the plugin."""
        service: JobService = self.extensions[SERVICE]
        await self.worker.run_with(EagerRunner(service.results_url))


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
        self.scheduler = Questions(scheduler.handlers)
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

    async def close(self) -> None:
        """Tear the runner down."""
        await self.plugins[RUNNER].teardown(self)

    def send(self, message: dict[str, Any]) -> None:
        """Send the service a message, which arrives in the next turn of the loop."""
        words = {**message, "worker": self.address}
        self._loop.call_soon(lambda: self._listening[words.pop("op")](**words))

    def hear(self, operation: str, **message: Any) -> None:
        """Give the runner a message, in the next turn of the loop."""
        self._loop.call_soon(lambda: self.stream_handlers[operation](**message))


class EagerRunner(Runner):
    """A runner that closes its jobs' loop, in a process whose streams others replace."""

    def take(self, batch: Sequence[Any]) -> None:
        """Queue a batch for slots; pytest replaces the streams before each test."""
        self._output.renew()
        super().take(batch)

    async def teardown(self, worker: Any) -> None:
        """Leave the process as it was."""
        await super().teardown(worker)
        await asyncio.to_thread(close_loop, self._jobs_loop.loop, self._jobs_loop.thread)


class EagerPlacement(Placement):
    """Sends each batch to the one worker of this process."""

    def __init__(self, scheduler: Any) -> None:
        """Take the scheduler's worker."""
        super().__init__(scheduler)
        self._worker: EagerWorker = scheduler.worker

    def worker_joined(self, worker: str) -> None:
        """Do nothing: there is no stream to tune."""

    def _begin_shift(self, worker: str) -> None:
        """Do nothing: there is no Dask to show that the worker is busy."""

    def _send(self, worker: str, operation: str, **message: Any) -> None:  # noqa: ARG002 - there is one
        self._worker.hear(operation, **message)

    async def check(
        self,
        worker: str,  # noqa: ARG002 - there is one
        functions: Mapping[str, tuple[bytes | None, str]],
    ) -> dict[str, str]:
        """Have the worker look at stored functions."""
        found: dict[str, str] = await self._worker.handlers[CHECK](functions=dict(functions))
        return found

    def takes(self, worker: str) -> bool:  # noqa: ARG002 - there is one
        """Return True: nobody pauses it."""
        return True

    def can_kill(self, worker: str) -> bool:  # noqa: ARG002 - there is one
        """Return False: it is this process."""
        return False


class EagerService(JobService):
    """The job service of an eager client."""

    placement = EagerPlacement

    def _find_home(self) -> None:
        """Do nothing: its store has a folder already."""

    def _listen(self, scheduler: Any) -> None:
        super()._listen(scheduler)
        for name in ("parrot_submit", "parrot_children"):
            scheduler.handlers[name] = _without_waiting(scheduler.handlers[name])

    def _patience(self, pool: str) -> float:  # noqa: ARG002 - the same for all
        return 0.0  # no other worker will ever come

    def stop_all(self) -> None:
        """Cancel every tree that has not ended."""
        for job_id in [job_id for job_id in self._executor.runs if "." not in job_id]:
            self._executor.cancel(job_id)

    @property
    def at_rest(self) -> bool:
        """Whether every job has ended."""
        return not self._executor.runs


def _without_waiting(accept: Callable[..., Any]) -> Callable[..., Any]:
    async def accept_changed(groups: Sequence[Group], **message: Any) -> Any:
        return await accept(groups=[_impatient(group) for group in groups], **message)

    return accept_changed


def _impatient(group: Group) -> Group:
    """Return a group whose jobs wait for no backoff, and take one slot whatever they ask for."""
    spec = JobSpec.model_validate_json(group["spec"])
    retry = spec.retry.model_copy(update={"first": 0.0, "longest": 0.0})
    changed = spec.model_copy(update={"retry": retry, "slots": 1})
    return {**group, "spec": changed.model_dump_json().encode()}
