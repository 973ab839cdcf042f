"""What jobs print, log and warn: kept on their nodes as well as in the worker's own log."""

import logging
import re
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from threading import get_ident
from typing import Any, TextIO, cast
from weakref import WeakKeyDictionary

from parrot_async.jobs.context import JobContext, current_context
from parrot_async.model.models import LogLine
from parrot_async.transport.secrets import redact
from parrot_async.transport.text import text_of

LONGEST = 2000
"""Characters of a line that are kept."""

Keep = Callable[[JobContext, LogLine], None]

_Filter = tuple[Any, ...]
"""Action, pattern of the text, category, pattern of the module, line."""
_ONCE = ("default", "module", "once")
"""Actions that show a warning once in a process."""

_LEVELS = {"stdout": "OUT", "stderr": "ERR"}
"""Names of the streams in `sys`, and the levels of their lines."""


class _Tee:
    """A stream that also keeps the lines that jobs write.

    Runs on: any thread; the lines of two jobs, or of two threads of a job, do not mix.
    """

    def __init__(self, stream: TextIO, level: str, keep: Keep) -> None:
        self._stream = stream
        self._level = level
        self._keep = keep
        self._partial: dict[tuple[JobContext, int], str] = {}
        """Lines without their ends, by job and thread."""

    def write(self, text: str) -> int:
        context = current_context.get(None)
        if context is None:
            self._pass_on(redact(text))
            return len(text)
        writer = context, get_ident()
        *lines, rest = (self._partial.pop(writer, "") + text).split("\n")
        for line in lines:
            self._keep_line(context, line)
        if rest:
            self._partial[writer] = _cut(_as_shown(rest))
        return len(text)

    def _pass_on(self, text: str) -> None:
        """Write to the worker's own log; where a job has closed that, the line is on its node."""
        with suppress(OSError, ValueError):
            try:
                self._stream.write(text)
            except UnicodeEncodeError:
                self._stream.write(text.encode("ascii", "backslashreplace").decode("ascii"))

    def writelines(self, lines: Iterable[str]) -> None:
        """Write each of the texts."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Flush the worker's own log, unless a job has closed it."""
        with suppress(OSError, ValueError):
            self._stream.flush()

    def close(self) -> None:
        """Do nothing: all jobs of the process write here."""

    def close_job(self, context: JobContext) -> None:
        """Keep last lines that do not end in a newline."""
        if not self._partial:
            return
        for writer in [one for one in list(self._partial) if one[0] is context]:
            self._keep_line(context, self._partial.pop(writer))

    def _keep_line(self, context: JobContext, line: str) -> None:
        # A secret may be written in pieces: so the stream too gets whole lines of a job.
        clean = redact(line)
        self._pass_on(f"{clean}\n")
        self._keep(context, _line(time.time(), self._level, _as_shown(clean.rstrip("\r"))))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _cut(line: str) -> str:
    """Return the beginning of a long line, without half of a secret at its end."""
    return line if len(line) <= LONGEST else redact(line)[:LONGEST]


def _as_shown(line: str) -> str:
    """Return what a terminal shows of a line that overwrites itself, as progress bars do."""
    text = line.rstrip("\r")
    return text.rpartition("\r")[2] + line[len(text) :]


def _line(at: float, level: str, text: str) -> LogLine:
    return LogLine(at, text_of(level, LONGEST), text_of(text, LONGEST))


class _Handler(logging.Handler):
    """Keeps what is logged inside a job."""

    def __init__(self, keep: Keep) -> None:
        super().__init__()
        self._keep = keep
        self.setFormatter(logging.Formatter("%(name)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        context = current_context.get(None)
        if context is None:
            return
        try:
            line = _line(record.created, record.levelname, redact(self.format(record)))
        except Exception:  # noqa: BLE001 - as every handler of the standard library does
            self.handleError(record)
        else:
            self._keep(context, line)


class _InJobs:
    """A filter's pattern that matches inside jobs only, and there what the original matches."""

    def __init__(self, original: re.Pattern[str] | None) -> None:
        self._original = original

    def match(self, text: str) -> bool:
        if current_context.get(None) is None:
            return False
        return self._original is None or self._original.match(text) is not None


_LAST: _Filter = ("always", _InJobs(None), Warning, None, 0)
"""The filter behind all others, which is there as long as nobody has set others."""


def _with_job_filters(filters: Iterable[_Filter]) -> Iterator[_Filter]:
    """Yield the filters, with one for jobs before each that shows a warning once in a process.

    Python notes in each module what it has warned, and is silent from then on; with the action
    "always" it notes nothing. What is an error, or ignored, stays so.
    """
    for action, pattern, *rest in filters:
        if action in _ONCE:
            yield ("always", _InJobs(pattern), *rest)
        yield (action, pattern, *rest)
    yield _LAST  # where Python would have shown it once


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
        self._tees: dict[str, _Tee] = {}
        self._streams: dict[str, TextIO] = {}
        self._warnings: WeakKeyDictionary[JobContext, set[Any]] = WeakKeyDictionary()

    def install(self) -> None:
        """Replace the process's streams, add a log handler, and take over its warnings."""
        self._level = logging.getLogger().level
        self._showwarning = warnings.showwarning
        self.renew()

    def renew(self) -> None:
        """Replace streams, handler and filters again where somebody has set others.

        Pytest does, and so does a job that calls `logging.basicConfig(force=True)`.
        """
        root = logging.root
        if self._handler not in root.handlers:
            root.addHandler(self._handler)
        if root.level > logging.INFO:
            root.setLevel(logging.INFO)
        if warnings.showwarning != self._warned:
            warnings.showwarning = cast("Any", self._warned)
        filters = cast("list[_Filter]", warnings.filters)
        if not filters or filters[-1] is not _LAST:
            filters[:] = _with_job_filters(f for f in filters if not _is_job_filter(f))
        if sys.stdout is not self._tees.get("stdout") or sys.stderr is not self._tees.get("stderr"):
            self._replace_streams()

    def _replace_streams(self) -> None:
        for name, level in _LEVELS.items():
            if (stream := getattr(sys, name)) is not self._tees.get(name):
                self._streams[name] = stream
                self._tees[name] = _Tee(stream, level, self._keep)
                setattr(sys, name, self._tees[name])

    def reset(self) -> None:
        """Put the streams of `install` back, and what `renew` looks after."""
        for name, tee in self._tees.items():
            setattr(sys, name, tee)
        self.renew()

    def remove(self) -> None:
        """Restore the process's own streams, handlers and warnings."""
        for name, tee in self._tees.items():
            if getattr(sys, name) is tee:
                setattr(sys, name, self._streams[name])
        logging.getLogger().removeHandler(self._handler)
        logging.getLogger().setLevel(self._level)
        if warnings.showwarning == self._warned:
            warnings.showwarning = self._showwarning
        filters = cast("list[_Filter]", warnings.filters)
        filters[:] = [one for one in filters if not _is_job_filter(one)]

    def close_job(self, context: JobContext) -> None:
        """Keep what the job wrote last, if that does not end in a newline."""
        for tee in self._tees.values():
            tee.close_job(context)

    def _warned(self, message: Warning | str, category: type[Warning], *where: Any) -> None:
        context = current_context.get(None)
        if context is None:
            self._showwarning(message, category, *where)
            return
        text = text_of(redact(f"{category.__name__}: {message}"), LONGEST)
        told = self._warnings.setdefault(context, set())
        if (text, *where[:2]) in told:
            return
        told.add((text, *where[:2]))
        self._keep(context, LogLine(time.time(), "WARNING", text))
