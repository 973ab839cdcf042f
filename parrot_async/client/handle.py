"""What a client holds of a job: its coming result, its live node, and what can be done with it."""

import asyncio
from collections.abc import AsyncIterator, Generator, Iterable, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeVar, cast, overload

import anyio

from parrot_async import report
from parrot_async.client import display
from parrot_async.client.session import Session
from parrot_async.errors import ErrorInfo
from parrot_async.model import progress
from parrot_async.model.events import Event
from parrot_async.model.models import TERMINAL, JobId, JobNode, JobStatus, Usage, root_of
from parrot_async.model.progress import JobStatusReport
from parrot_async.model.tree import JobTree
from parrot_async.report.bar import REFRESH, bar
from parrot_async.report.timeline import Timeline
from parrot_async.transport.waiting import JobWait

if TYPE_CHECKING:
    from parrot_async.widget import JobTreeView

STAYS = (
    "a handle stays in its process: pass it to the job as an argument, and it arrives there as its "
    "result; `handle.id` is a text that travels"
)

R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


class JobHandle(Generic[R_co]):
    """A job of any client, anywhere in its tree; `await` it for its result."""

    __slots__ = ("__weakref__", "_claim", "_session", "id")

    def __init__(self, session: Session, job_id: JobId) -> None:
        """Name the job; `JobClient.submit` and `.attach` make handles."""
        self._session = session
        self._claim = session.claim(root_of(job_id))
        self.id = job_id

    def __repr__(self) -> str:
        """Show the id and the state."""
        return f"<job {self.id} {self.status}>"

    def __job_reference__(self) -> JobId:
        """As an argument of another job, a handle arrives as its result."""
        return self.id

    def __reduce__(self) -> NoReturn:
        """Raise TypeError: only as an argument of a job does a handle travel."""
        raise TypeError(STAYS)

    def __await__(self) -> Generator[object, None, R_co]:
        """Wait for the result; raises the job's error."""
        return self.result().__await__()

    async def result(self) -> R_co:
        """Wait for the result; raises the error of the body itself, or a `JobError`.

        A plan's result is the list of its children's, in order; in the place of a child that did
        not complete stands its error, where the plan completes all the same.
        """
        with JobWait(f"Job {self.id} goes on", "await handle"):
            return cast(R_co, await self._session.result(self.id))  # noqa: TC006 - a TypeVar

    def as_future(self) -> "asyncio.Task[R_co]":
        """Return a task of this loop that has the result, for what takes no other awaitable.

        `asyncio.wait` and `asyncio.shield` do with it what they do with any task, and so does who
        asks for a callback. To cancel it ends the wait; the job goes on.
        """
        return asyncio.ensure_future(self.result())

    async def wait(self) -> JobStatus:
        """Wait for the end, however it is; returns the terminal state."""
        with JobWait(f"Job {self.id} goes on", "await handle.wait()"):
            await self._session.ended([self.id])
        return self.status

    @property
    def node(self) -> JobNode:
        """The job as it is now; read it, and do not change it."""
        return self._session.node(self.id)

    @property
    def tree(self) -> JobTree:
        """The whole tree that the job is part of, as it is now."""
        return self._session.tree(root_of(self.id))

    @property
    def status(self) -> JobStatus:
        """The job's state."""
        return self.node.status

    @property
    def done(self) -> bool:
        """Whether the job has ended."""
        return self.status in TERMINAL

    @property
    def progress(self) -> float:
        """Progress in percent, with all below it."""
        return self.node.progress_percentage

    @property
    def eta(self) -> timedelta | None:
        """Expected time until the end; None where nothing is known of it."""
        seconds = progress.remaining(self.node, history=self._session.history)
        return None if seconds is None else timedelta(seconds=seconds)

    @property
    def usage(self) -> Usage:
        """Tokens and money of the job and all below it."""
        return self.node.usage or Usage()

    @property
    def cost(self) -> Decimal | None:
        """US dollars that the job and all below it have spent, as far as known; None: not known."""
        return self.usage.cost

    @property
    def error(self) -> ErrorInfo | None:
        """Why the job ended without a result."""
        return self.node.error

    @property
    def children(self) -> "list[JobHandle[Any]]":
        """The jobs directly below it."""
        return [JobHandle(self._session, child) for child in self.node.children]

    async def retry(self, failed_only: bool = False) -> "JobHandle[R_co]":
        """Run the job again, with the same function and arguments, as a new job.

        What a plan declared below it runs again as well. With `failed_only`, what had completed
        with all below it gives its stored result at once, unless it needs what runs again: a job
        that completed although children failed runs again with those. NotEndedError for a job that
        has not ended.
        """
        (found,) = await self._session.api.retry([self.id], failed_only)
        return await attach(self._session, found)

    async def cancel(self) -> None:
        """Stop the job and all below it; returns when the service has been told."""
        await self._session.cancel([self.id])

    async def pause(self) -> None:
        """Hold the job and all below it; returns when the service has been told.

        What does not run is held at once, and so is what waits for children. A body that runs
        holds at its next checkpoint, and until then `node.pause_requested` is set. What has ended
        stays as it is. InterruptedJobError where nobody runs it, until `client.recover()`.
        """
        await self._session.api.pause([self.id])

    async def resume(self) -> None:
        """Let the job, and all below it, go on."""
        await self._session.api.resume([self.id])

    def events(self, since: int = 0) -> AsyncIterator[Event]:
        """Yield all that happens in the tree, from its beginning until this job has ended.

        Who has seen the first hundred events, here or in another process, asks for the others
        with `since=100`.
        """
        return self._session.events(self.id, since)

    def status_report(self) -> JobStatusReport:
        """Return what there is to say about the job now, as one record that JSON can carry."""
        return progress.status_report(self.tree, self.id, history=self._session.history)

    def report(self) -> str:
        """Return the tree below this job with results, errors and cost, as Markdown."""
        return report.markdown(self.tree, self.id)

    def widget(self) -> "JobTreeView":
        """Return the live view of the job and all below it, for a notebook, with buttons.

        The handle alone in a cell shows it too. ParrotError where `parrot-async[notebook]` is not
        installed.
        """
        return display.live_tree(self._session, self.id)

    async def progress_bar(self) -> R_co:
        """Show one bar until the job has ended, and return its result.

        It is tqdm's where that is installed, in a notebook and in a terminal. To go on meanwhile:
        `asyncio.create_task(handle.progress_bar())`.
        """
        with JobWait(f"Job {self.id} goes on", "await handle"), bar(self.node.title) as draw:
            while not self.done:
                draw(self.node)
                with anyio.move_on_after(REFRESH):
                    await self._session.ended([self.id])
            draw(self.node)
            return await self.result()

    def timeline(self) -> Timeline:
        """Return a picture of when which worker ran what below this job; a notebook shows it."""
        return Timeline(self.tree, self.id)

    def _ipython_display_(self) -> None:
        display.show(self._session, self.id)

    def _display_(self) -> "JobTreeView":
        """Return the live view: marimo asks for this first, and shows it as it shows widgets."""
        return self.widget()

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        """The job as it is now, where nothing can be live."""
        return {
            "text/plain": repr(self),
            "text/html": report.html(self.tree, self.id),
            "text/markdown": self.report(),
        }


class JobHandles(Sequence[JobHandle[R]]):
    """The handles of one `map`, in the order of its arguments; `await` them for all results.

    `root` is the job above them.
    """

    def __init__(self, session: Session, root_id: JobId, count: int) -> None:
        """Name the jobs; handles are made when they are asked for."""
        self._session = session
        self._count = count
        self.root: JobHandle[list[R]] = JobHandle(session, root_id)

    def __reduce__(self) -> NoReturn:
        """Raise TypeError: the handles, in a list, travel as arguments of a job."""
        raise TypeError(f"{STAYS}; of all: `list(handles)`")

    def __len__(self) -> int:
        """Return the number of jobs."""
        return self._count

    @overload
    def __getitem__(self, index: int) -> JobHandle[R]: ...
    @overload
    def __getitem__(self, index: slice) -> list[JobHandle[R]]: ...
    def __getitem__(self, index: int | slice) -> JobHandle[R] | list[JobHandle[R]]:
        """Return one handle, or several."""
        numbers = range(self._count)[index]
        if isinstance(numbers, range):
            return [JobHandle(self._session, f"{self.root.id}.{number}") for number in numbers]
        return JobHandle(self._session, f"{self.root.id}.{numbers}")

    def __await__(self) -> Generator[object, None, list[R]]:
        """Wait for all results, in order; the first error to come, if there is one."""
        return gather(self._session, [self], return_exceptions=False).__await__()

    def as_future(self) -> "asyncio.Task[list[R]]":
        """Return a task of this loop that has all results; see `JobHandle.as_future`."""
        return asyncio.ensure_future(gather(self._session, [self], return_exceptions=False))

    def ids(self) -> list[JobId]:
        """Return the ids of the jobs, in order."""
        return [f"{self.root.id}.{number}" for number in range(self._count)]

    async def as_completed(self) -> AsyncIterator[JobHandle[R]]:
        """Yield the handles as their jobs end."""
        async for job_id in self._session.ends(self.ids()):
            yield JobHandle(self._session, job_id)

    async def retry(self, failed_only: bool = False) -> "JobHandles[R]":
        """Run all of them again, or those that did not complete; see `JobHandle.retry`."""
        again = await self.root.retry(failed_only)
        return JobHandles(self._session, again.id, self._count)

    async def cancel(self) -> None:
        """Stop all of them."""
        await self.root.cancel()

    async def pause(self) -> None:
        """Hold all of them."""
        await self.root.pause()

    async def resume(self) -> None:
        """Let all of them go on."""
        await self.root.resume()

    def _ipython_display_(self) -> None:
        self.root._ipython_display_()

    def _display_(self) -> "JobTreeView":
        return self.root.widget()

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return {**self.root._repr_mimebundle_(), "text/plain": repr(self)}

    def __repr__(self) -> str:
        """Show the root."""
        return f"<{self._count:,} jobs below {self.root!r}>"


async def attach(session: Session, job_id: JobId) -> JobHandle[Any]:
    """Return a handle of any job that the service knows; JobNotFoundError for another."""
    handle = JobHandle[Any](session, job_id)  # first: a session keeps only trees that are claimed
    await session.attach(job_id)
    return handle


async def gather(
    session: Session,
    handles: Iterable[JobHandle[Any] | Iterable[JobHandle[Any]]],
    *,
    return_exceptions: bool,
) -> list[Any]:
    """Return the results of handles, and of collections of handles, in order."""
    given = list(handles)
    ids = [job_id for some in given for job_id in _ids(some)]
    plans = [some.root.id for some in given if isinstance(some, JobHandles)]
    with JobWait("The jobs go on", "await client.gather(...)"):
        return await session.gather(ids, plans, return_exceptions=return_exceptions)


def _ids(handles: JobHandle[Any] | Iterable[JobHandle[Any]]) -> Iterable[JobId]:
    """Return the ids of one handle or of many, without making ten thousand handles."""
    if isinstance(handles, JobHandles):
        return handles.ids()
    return [handles.id] if isinstance(handles, JobHandle) else [handle.id for handle in handles]
