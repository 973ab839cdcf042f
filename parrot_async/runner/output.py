"""What jobs print, log and warn: kept on their nodes as well as in the worker's own log."""

import logging
import re
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TextIO, cast
from weakref import WeakKeyDictionary

from parrot_async.jobs.context import JobContext, current_context
from parrot_async.model.models import LogLine
from parrot_async.transport.secrets import redact

LONGEST = 2000
"""Characters of a line that are kept."""

Keep = Callable[[JobContext, LogLine], None]

_Filter = tuple[Any, ...]
"""Action, pattern of the text, category, pattern of the module, line."""
_ONCE = ("default", "module", "once")
"""Actions that show a warning once in a process."""


class _Tee:
    """A stream that also keeps the lines that jobs write.

    Runs on: any thread; the lines of two jobs do not mix.
    """

    def __init__(self, stream: TextIO, level: str, keep: Keep) -> None:
        self._stream = stream
        self._level = level
        self._keep = keep
        self._partial: dict[JobContext, str] = {}

    def write(self, text: str) -> int:
        context = current_context.get(None)
        if context is None:
            self._stream.write(redact(text))
            return len(text)
        *lines, rest = (self._partial.pop(context, "") + text).split("\n")
        for line in lines:
            self._keep_line(context, line)
        if rest:
            self._partial[context] = _cut(_as_shown(rest))
        return len(text)

    def close_job(self, context: JobContext) -> None:
        """Keep a last line that does not end in a newline."""
        if rest := self._partial.pop(context, ""):
            self._keep_line(context, rest)

    def _keep_line(self, context: JobContext, line: str) -> None:
        # A secret may be written in pieces: so the stream too gets whole lines of a job.
        clean = redact(line)
        self._stream.write(f"{clean}\n")
        shown = _as_shown(clean.rstrip("\r"))[:LONGEST]
        self._keep(context, LogLine(time.time(), self._level, shown))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _cut(line: str) -> str:
    """Return the beginning of a long line, without half of a secret at its end."""
    return line if len(line) <= LONGEST else redact(line)[:LONGEST]


def _as_shown(line: str) -> str:
    """Return what a terminal shows of a line that overwrites itself, as progress bars do."""
    text = line.rstrip("\r")
    return text.rpartition("\r")[2] + line[len(text) :]


class _Handler(logging.Handler):
    """Keeps what is logged inside a job."""

    def __init__(self, keep: Keep) -> None:
        super().__init__()
        self._keep = keep
        self.setFormatter(logging.Formatter("%(name)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        context = current_context.get(None)
        if context is not None:
            text = redact(self.format(record))[:LONGEST]
            self._keep(context, LogLine(record.created, record.levelname, text))


class _InJobs:
    """A filter's pattern that matches inside jobs only, and there what the original matches."""

    def __init__(self, original: re.Pattern[str] | None) -> None:
        self._original = original

    def match(self, text: str) -> bool:
        if current_context.get(None) is None:
            return False
        return self._original is None or self._original.match(text) is not None


def _with_job_filters(filters: Iterable[_Filter]) -> Iterator[_Filter]:
    """Yield the filters, with one for jobs before each that shows a warning once in a process.

    Python notes in each module what it has warned, and is silent from then on; with the action
    "always" it notes nothing. What is an error, or ignored, stays so.
    """
    for action, pattern, *rest in filters:
        if action in _ONCE:
            yield ("always", _InJobs(pattern), *rest)
        yield (action, pattern, *rest)
    yield ("always", _InJobs(None), Warning, None, 0)  # where Python would have shown it once


def _is_job_filter(one: _Filter) -> bool:
    return isinstance(one[1], _InJobs)


class Output:
    """Keeps jobs' output from `install` to `remove`.

    Runs on: the worker's loop; what it installs runs on any thread.
    """

    def __init__(self, keep: Keep) -> None:
        """`keep` is called for each line, on the job's own thread."""
        self._keep = keep
        self._handler = _Handler(keep)
        self._tees: list[_Tee] = []
        self._warnings: WeakKeyDictionary[JobContext, set[Any]] = WeakKeyDictionary()

    def install(self) -> None:
        """Replace the process's streams, add a log handler, and take over its warnings."""
        self.renew()
        root = logging.getLogger()
        root.addHandler(self._handler)
        self._level = root.level
        root.setLevel(min(root.level, logging.INFO))
        self._showwarning = warnings.showwarning
        warnings.showwarning = cast("Any", self._warned)

    def renew(self) -> None:
        """Replace streams and filters again where somebody has set others, as pytest does."""
        if not self._has_streams():
            self._streams = sys.stdout, sys.stderr
            self._tees = [_Tee(sys.stdout, "OUT", self._keep), _Tee(sys.stderr, "ERR", self._keep)]
            sys.stdout, sys.stderr = (cast("TextIO", tee) for tee in self._tees)
        filters = cast("list[_Filter]", warnings.filters)
        if not any(map(_is_job_filter, filters)):
            filters[:] = _with_job_filters(filters)

    def _has_streams(self) -> bool:
        return any(stream in self._tees for stream in (sys.stdout, sys.stderr))

    def remove(self) -> None:
        """Restore the process's own streams, handlers and warnings."""
        if self._has_streams():
            sys.stdout, sys.stderr = self._streams
        logging.getLogger().removeHandler(self._handler)
        logging.getLogger().setLevel(self._level)
        warnings.showwarning = self._showwarning
        filters = cast("list[_Filter]", warnings.filters)
        filters[:] = [one for one in filters if not _is_job_filter(one)]

    def close_job(self, context: JobContext) -> None:
        """Keep what the job wrote last, if that does not end in a newline."""
        for tee in self._tees:
            tee.close_job(context)

    def _warned(self, message: Warning | str, category: type[Warning], *where: Any) -> None:
        context = current_context.get(None)
        if context is None:
            self._showwarning(message, category, *where)
            return
        text = redact(f"{category.__name__}: {message}")[:LONGEST]
        told = self._warnings.setdefault(context, set())
        if (text, *where[:2]) in told:
            return
        told.add((text, *where[:2]))
        self._keep(context, LogLine(time.time(), "WARNING", text))
