"""What the job service and its runner need of Dask, without Dask: one worker, in this process."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

from distributed import Status

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
        """Ask these."""
        self._handlers = handlers

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """Return the handler of this name."""
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
        self.scheduler = Questions(scheduler.handlers)
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

    def hear(self, operation: str, **message: Any) -> None:
        """Tell the runner something, in the next turn of the loop."""
        self._loop.call_soon(lambda: self.stream_handlers[operation](**message))


class EagerRunner(Runner):
    """A runner whose loop of jobs ends with it, in a process whose streams others change."""

    def take(self, batch: Sequence[Any]) -> None:
        """Queue a batch for slots."""
        self._output.renew()
        super().take(batch)

    async def teardown(self, worker: Any) -> None:
        """Leave the process as it was."""
        await super().teardown(worker)
        await asyncio.to_thread(close_loop, self._jobs_loop.loop, self._jobs_loop.thread)


class EagerPlacement(Placement):
    """Runs each batch on the one worker, in this process; nobody asks whether it is busy."""

    def __init__(self, scheduler: Any) -> None:
        """Take the worker that there is."""
        super().__init__(scheduler)
        self._worker: EagerWorker = scheduler.worker

    def worker_joined(self, worker: str) -> None:
        """It is the one that there is."""

    def _begin_shift(self, worker: str) -> None:
        """There is no Dask to know of it."""

    def _send(self, worker: str, operation: str, **message: Any) -> None:  # noqa: ARG002
        self._worker.hear(operation, **message)

    async def check(
        self,
        worker: str,  # noqa: ARG002
        functions: Mapping[str, tuple[bytes | None, str]],
    ) -> dict[str, str]:
        """Have the worker look at stored functions."""
        found: dict[str, str] = await self._worker.handlers[CHECK](functions=dict(functions))
        return found

    def takes(self, worker: str) -> bool:  # noqa: ARG002
        """Say yes: nobody pauses it."""
        return True

    def can_kill(self, worker: str) -> bool:  # noqa: ARG002
        """Say no: it is this process."""
        return False


class EagerService(JobService):
    """The job service beside such a scheduler."""

    placement = EagerPlacement

    def _find_home(self) -> None:
        """It was given one: it makes none in the user's."""

    def _listen(self, scheduler: Any) -> None:
        super()._listen(scheduler)
        for name in ("parrot_submit", "parrot_children"):
            scheduler.handlers[name] = _without_waiting(scheduler.handlers[name])

    def _patience(self, pool: str) -> float:  # noqa: ARG002
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
    """A test waits for no backoff, and its worker has a slot for whoever asks for many."""
    spec = JobSpec.model_validate_json(group["spec"])
    retry = spec.retry.model_copy(update={"first": 0.0, "longest": 0.0})
    changed = spec.model_copy(update={"retry": retry, "slots": 1})
    return {**group, "spec": changed.model_dump_json().encode()}
