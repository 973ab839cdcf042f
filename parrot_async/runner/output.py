"""What jobs print, log and warn, kept on their nodes as well as in the worker's own log."""

import logging
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any, TextIO, cast

from parrot_async.context import JobContext, _current
from parrot_async.models import LogLine

LONGEST = 2000
"""Characters of a line that are kept."""

Keep = Callable[[JobContext, LogLine], None]


class _Tee:
    """A stream that also keeps the lines written by jobs."""

    def __init__(self, stream: TextIO, level: str, keep: Keep) -> None:
        self._stream = stream
        self._level = level
        self._keep = keep
        self._partial: dict[JobContext, str] = {}

    def write(self, text: str) -> int:
        context = _current.get(None)
        if context is not None:
            *lines, rest = (self._partial.pop(context, "") + text).split("\n")
            for line in lines:
                self._keep_line(context, line)
            if rest:
                self._partial[context] = _as_shown(rest)[:LONGEST]
        return self._stream.write(text)

    def close_job(self, context: JobContext) -> None:
        """Keep a last line that has no end."""
        if rest := self._partial.pop(context, ""):
            self._keep_line(context, rest)

    def _keep_line(self, context: JobContext, line: str) -> None:
        shown = _as_shown(line.rstrip("\r"))[:LONGEST]
        self._keep(context, LogLine(time.time(), self._level, shown))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _as_shown(line: str) -> str:
    """What a terminal would show of a line that writes over itself, as progress bars do."""
    text = line.rstrip("\r")
    return text.rpartition("\r")[2] + line[len(text) :]


class _Handler(logging.Handler):
    """Keeps the records that are logged inside a job."""

    def __init__(self, keep: Keep) -> None:
        super().__init__()
        self._keep = keep
        self.setFormatter(logging.Formatter("%(name)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        context = _current.get(None)
        if context is not None:
            text = self.format(record)[:LONGEST]
            self._keep(context, LogLine(record.created, record.levelname, text))


class Output:
    """Keeps jobs' output from `install` to `remove`."""

    def __init__(self, keep: Keep) -> None:
        """`keep` is called for each line, on the job's own thread."""
        self._keep = keep
        self._handler = _Handler(keep)
        self._tees: list[_Tee] = []

    def install(self) -> None:
        """Put ourselves between the jobs and the process's streams, loggers and warnings."""
        self.renew()
        root = logging.getLogger()
        root.addHandler(self._handler)
        self._level = root.level
        root.setLevel(min(root.level, logging.INFO))
        self._showwarning = warnings.showwarning
        warnings.showwarning = cast("Any", self._warned)

    def renew(self) -> None:
        """Do so again where somebody has put other streams in place, as pytest does."""
        if not self._has_streams():
            self._streams = sys.stdout, sys.stderr
            self._tees = [_Tee(sys.stdout, "OUT", self._keep), _Tee(sys.stderr, "ERR", self._keep)]
            sys.stdout, sys.stderr = (cast("TextIO", tee) for tee in self._tees)

    def _has_streams(self) -> bool:
        return any(stream in self._tees for stream in (sys.stdout, sys.stderr))

    def remove(self) -> None:
        """Leave the process as it was."""
        if self._has_streams():
            sys.stdout, sys.stderr = self._streams
        logging.getLogger().removeHandler(self._handler)
        logging.getLogger().setLevel(self._level)
        warnings.showwarning = self._showwarning

    def close_job(self, context: JobContext) -> None:
        """Keep what the job wrote last without ending the line."""
        for tee in self._tees:
            tee.close_job(context)

    def _warned(self, message: Warning | str, category: type[Warning], *place: Any) -> None:
        context = _current.get(None)
        if context is None:
            self._showwarning(message, category, *place)
            return
        text = f"{category.__name__}: {message}"[:LONGEST]
        self._keep(context, LogLine(time.time(), "WARNING", text))
