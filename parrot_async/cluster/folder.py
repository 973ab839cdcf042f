"""The folder of one cluster: its record, its locks and its log, readable by the user alone."""

import errno
import fcntl
import hashlib
import json
import os
import re
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from parrot_async.cluster.package import PACKAGE, fingerprint, package_version
from parrot_async.cluster.pools import Pools
from parrot_async.errors import ClusterError
from parrot_async.settings.places import chosen_places, data_home
from parrot_async.store import shown
from parrot_async.transport.ownership import fault_of_folder, make_private, open_private

NOT_STARTED = "the cluster did not start:"
"""Before the reason in the last line of a log."""
_POLL = 0.02
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


class ClusterRecord(BaseModel):
    """What a running cluster publishes of itself."""

    model_config = ConfigDict(frozen=True)

    id: str
    address: str
    pid: int
    started: datetime
    version: str
    pools: Pools
    idle_timeout: float


class Holder(BaseModel):
    """Who holds the running lock, written by the process that took it."""

    model_config = ConfigDict(frozen=True)

    id: str
    pid: int
    group: int


@dataclass(frozen=True, slots=True)
class Folder:
    """The files of one cluster.

    `root` is the folder of the cluster's name; `path`, in it, is that of this environment and code.
    """

    root: Path
    path: Path

    @classmethod
    def of(cls, name: str | None, store: str | None = None) -> "Folder":
        """Return the folder of the cluster that this user, host, environment and code share.

        Each job store that is not the cluster's own has a folder of its own. Raises ClusterError
        for a name that cannot be one of a folder.
        """
        name = name or "default"
        if not _NAME.fullmatch(name):
            message = f"{name!r} cannot name a cluster: use letters, digits, '-', '_' and '.'"
            raise ClusterError(message)
        # The host counts because a home may be shared over the network, 127.0.0.1 never is.
        code = (package_version(), fingerprint(PACKAGE))
        places = [shown(url) for url in chosen_places(store).values()]
        parts = (sys.prefix, sys.version, socket.gethostname(), *code, *places)
        key = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]
        root = data_home() / name
        folder = cls(root, root / key)
        folder.refuse_others()
        return folder

    @classmethod
    def all_of(cls, name: str | None, store: str | None = None) -> "list[Folder]":
        """Return the same, and then those of this name of other environments, code or stores."""
        own = cls.of(name, store)
        paths = sorted(path.parent for path in own.root.glob("*/running.lock"))
        return [own, *(cls(own.root, path) for path in paths if path != own.path)]

    @classmethod
    def names(cls) -> list[str]:
        """Return the names of the clusters of this user that run on this host."""
        paths = [path.parent for path in data_home().glob("*/*/running.lock")]
        return sorted({path.parent.name for path in paths if cls(path.parent, path).is_running()})

    @property
    def record_file(self) -> Path:
        """What the running cluster publishes of itself."""
        return self.path / "cluster.json"

    @property
    def log_file(self) -> Path:
        """What the daemon and its workers print."""
        return self.path / "cluster.log"

    @property
    def cert_file(self) -> Path:
        """The one certificate: authority, server and client."""
        return self.path / "cert.pem"

    @property
    def key_file(self) -> Path:
        """The certificate's key."""
        return self.path / "key.pem"

    @property
    def scratch(self) -> Path:
        """Where Dask's workers keep their temporary files."""
        return self.path / "scratch"

    @property
    def join_lock(self) -> Path:
        """Held while somebody starts, joins or stops the cluster; its mtime is the last join."""
        return self.path / "join.lock"

    @property
    def running_lock(self) -> Path:
        """Held by the daemon as long as it lives: the kernel frees it, however the daemon ends."""
        return self.path / "running.lock"

    def make(self) -> None:
        """Create the folder, for the user alone."""
        make_private(self.path)
        self.refuse_others()
        self.path.chmod(0o700)

    def refuse_others(self) -> None:
        """Raise ClusterError where another user owns or may write to one of the folders."""
        home = data_home()
        for path in (home, self.root, self.path):
            if (fault := fault_of_folder(path, shared=path == home)) is not None:
                raise ClusterError(
                    f"{path} {fault}, who could have this cluster run what they like: choose"
                    " another PARROT_HOME, or make it yours alone with chown and chmod 700"
                )

    def read(self) -> ClusterRecord | None:
        """Return the published record, or None where there is none that can be read."""
        try:
            return ClusterRecord.model_validate_json(self.record_file.read_bytes())
        except (OSError, ValidationError):
            return None

    def publish(self, record: ClusterRecord) -> None:
        """Write the record for others, whole or not at all."""
        self.write(self.record_file, record.model_dump_json(indent=1))

    def write(self, path: Path, text: str) -> None:
        """Replace a file atomically, mode 0600 from its first byte."""
        draft = path.with_suffix(f".{os.getpid()}.tmp")
        with os.fdopen(private(draft, os.O_WRONLY | os.O_TRUNC), "w") as file:
            file.write(text)
        draft.replace(path)

    def withdraw(self) -> None:
        """Remove the record and the credentials, without which nobody can join."""
        for path in (self.record_file, self.cert_file, self.key_file):
            path.unlink(missing_ok=True)

    def tail(self, lines: int = 20) -> str:
        """Return the last lines of the log."""
        with suppress(OSError):
            return "\n".join(self.log_file.read_text(errors="replace").splitlines()[-lines:])
        return ""

    def reason(self) -> str:
        """Return why the latest daemon did not start, where it could say that in a sentence."""
        *_, last = ("", *self.tail().splitlines())
        return last.partition(NOT_STARTED)[2].strip()

    def holder(self) -> Holder | None:
        """Return who holds the running lock, or held it last; None where nobody ever did."""
        try:
            return Holder.model_validate_json(self.running_lock.read_bytes())
        except (OSError, ValidationError):
            return None

    def is_running(self) -> bool:
        """Whether a daemon holds the running lock, which no other process with its pid can."""
        with suppress(FileNotFoundError):
            fd = os.open(self.running_lock, os.O_RDONLY)
            try:
                return not try_flock(fd, fcntl.LOCK_SH)
            finally:
                os.close(fd)
        return False

    def take_running(self, holder: Holder, patience: float) -> int | None:
        """Take the running lock for the life of this process, and return its file descriptor.

        Returns None where another daemon runs, or holds the lock for `patience` seconds.
        """
        fd = private(self.running_lock, os.O_RDWR)
        until = time.monotonic() + patience
        while not try_flock(fd, fcntl.LOCK_EX):
            if self.record_file.exists() or time.monotonic() > until:
                os.close(fd)
                return None
            time.sleep(_POLL)
        self.sign(fd, holder)
        return fd

    def sign(self, fd: int, holder: Holder) -> None:
        """Write into the lock file who holds it."""
        text = json.dumps(holder.model_dump()).encode()
        os.pwrite(fd, text, 0)
        os.ftruncate(fd, len(text))

    @contextmanager
    def joining(self, patience: float) -> Iterator[None]:
        """Hold the join lock; raises ClusterError if it is not free within `patience` seconds."""
        fd = private(self.join_lock, os.O_RDWR)
        try:
            until = time.monotonic() + patience
            while not try_flock(fd, fcntl.LOCK_EX):
                if time.monotonic() >= until:
                    message = f"Somebody else is starting or stopping this cluster: {self.path}"
                    raise ClusterError(message)
                time.sleep(_POLL)
            yield
        finally:
            os.close(fd)

    def touch(self) -> None:
        """Note that somebody joins, so that the cluster does not end at the same moment."""
        os.utime(self.join_lock)

    def since_joined(self) -> float:
        """Return the seconds since somebody last joined."""
        return max(0.0, time.time() - self.join_lock.stat().st_mtime)


def private(path: Path, flags: int) -> int:
    """Open a file, created for the user alone, and return its file descriptor.

    Raises ClusterError for a link, which is not followed, and for a file of another user.
    """
    try:
        return open_private(path, flags)
    except OSError as exc:
        if isinstance(exc, PermissionError) or exc.errno == errno.ELOOP:
            raise ClusterError(
                f"{path} is a link or not a file of yours: see who has put it there, and remove it"
            ) from exc
        raise


def try_flock(fd: int, kind: int) -> bool:
    """Take a lock if nobody holds it; False where somebody does."""
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
