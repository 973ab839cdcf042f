"""Arguments too big for the store: files of the result folder, as long as their jobs are stored."""

import asyncio
import logging
from collections.abc import Collection, Iterator, Sequence
from typing import Final, NamedTuple, Protocol
from urllib.parse import urlsplit

from parrot_async.errors import ParrotError
from parrot_async.model.models import JobId, root_of
from parrot_async.service.engine.state import TrackedJob
from parrot_async.transport import results
from parrot_async.transport.pickled_secrets import MARKED
from parrot_async.transport.results import in_file, url_in
from parrot_async.transport.wire import INLINE

SUFFIX: Final = ".arguments.pickle"

_HERE: Final = frozenset(("127.0.0.1", "::1", "localhost"))

logger = logging.getLogger(__name__)


class Called(Protocol):
    """Jobs with their arguments."""

    ids: Sequence[JobId]
    arguments: Sequence[bytes]


class _Place(NamedTuple):
    """Where among the jobs that are asked for one has arguments that belong into a file."""

    request: Called
    at: int

    @property
    def name(self) -> str:
        """The file's name."""
        return f"{self.request.ids[self.at]}{SUFFIX}"


def job_of(url: str) -> JobId | None:
    """Return whose arguments a file has; None for another file."""
    name = url.rpartition("/")[2]
    return name.removesuffix(SUFFIX) if name.endswith(SUFFIX) else None


def files_of(folder: str, root_ids: Collection[JobId]) -> list[str]:
    """Return the URLs of the files of whole trees."""
    found = ((url, job_of(url)) for url in results.listed(folder))
    return [url for url, job_id in found if job_id is not None and root_of(job_id) in root_ids]


class ArgumentFiles:
    """Moves big arguments to files of a folder, of which the store keeps the URL.

    What holds a secret stays with the store, which seals it.

    Runs on: the scheduler's loop; files are written and read in threads.
    """

    def __init__(self, folder: str) -> None:
        """`folder` is the URL of the results' folder."""
        self._folder = folder

    async def keep(self, requests: Sequence[Called]) -> None:
        """Write what is big, on disk when this returns; it stays where no file can be written.

        Jobs that run again get files of their own, since the old ones go with their tree.
        Raises ResultExpiredError where such a file is gone.
        """
        for place in list(_places(requests)):
            arguments = list(place.request.arguments)
            data = arguments[place.at]
            try:
                arguments[place.at] = await asyncio.to_thread(self._moved, data, place.name)
            except (OSError, ValueError) as exc:
                logger.warning("big arguments stay in the job store: %s", exc)
            place.request.arguments = arguments

    def _moved(self, data: bytes, name: str) -> bytes:
        if (url := url_in(data)) is not None:
            if url.endswith(f"/{name}"):
                return data
            data = results.read(url)
        return in_file(results.write(self._folder, name, data, sync=True))


def _places(requests: Sequence[Called]) -> Iterator[_Place]:
    for request in requests:
        for index, data in enumerate(request.arguments):
            if (len(data) > INLINE and not data.startswith(MARKED)) or url_in(data) is not None:
                yield _Place(request, index)


async def send_along(jobs: Sequence[TrackedJob]) -> None:
    """Read files for jobs whose workers may not reach them: those on other machines."""
    for job in jobs:
        url = url_in(job.arguments or b"")
        if url is not None and results.is_local(url) and not _is_here(job.worker):
            try:
                job.arguments = await asyncio.to_thread(results.read, url)
            except ParrotError as exc:  # the worker says so, as the job's error
                logger.warning("arguments of job %s cannot be read: %s", job.id, exc)


def _is_here(worker: str) -> bool:
    place = urlsplit(worker)
    return place.scheme == "inproc" or place.hostname in _HERE
