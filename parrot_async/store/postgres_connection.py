"""A connection to the store's PostgreSQL: reconnects, is shared by threads, explains errors."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import TransactionStatus

from parrot_async.errors import OptionsError, StoreError, StoreFullError, StoreLockedError
from parrot_async.store.tables import statements

T = TypeVar("T")
DriverConnection = psycopg.Connection[Any]
"""psycopg's own connection, which ends with a cut."""
Parameters = Sequence[object] | Mapping[str, object]
MIGRATIONS = ("postgres_v1",)
"""Files of statements; the n-th brings a store from version n-1 to n and never changes again."""
OLDEST_SERVER = 14
MIGRATING = 0x7072727400000000
"""Number of the server's lock that is held to make or change the schema."""

SETTINGS = {
    "connect_timeout": 5,
    # A dead connection that nobody closed is noticed within seconds.
    "keepalives_idle": 10,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
    "application_name": "parrot_async",
}
"""Settings of every connection, unless the URL says otherwise."""
SESSION = "SET lock_timeout = '5s'; SET idle_in_transaction_session_timeout = '60s'"

ADVICE: dict[str, tuple[type[StoreError], str]] = {
    "08": (StoreError, "its server does not answer: start it, or look at the network"),
    "28": (StoreError, "its server does not let this user in: look at user and password"),
    "3D": (StoreError, "its server has no such database: create it, or name another"),
    "42501": (
        StoreError,
        "this user may not do that: grant it CREATE on the database, or all on schema parrot_async",
    ),
    "25006": (StoreError, "it is read-only: its server is a standby, or it was opened to read"),
    "40P01": (StoreLockedError, "another one wrote the same: try again"),
    "55P03": (StoreLockedError, "another process holds it: try again when that ended"),
    "53100": (StoreFullError, "its disk is full: make space, then try again"),
    "53200": (StoreFullError, "its server has no memory left: try again when that ended"),
    "53300": (StoreError, "its server takes no more connections: raise max_connections"),
    "54000": (StoreError, "a value is too big for it: keep the value in a file"),
    "57P": (StoreError, "its server is going down or coming up: try again"),
    "XX": (StoreError, "it is damaged: look into its server's log"),
}
"""What to do about an error, by the beginning of its SQLSTATE; the longest known one counts."""


class PostgresConnection:
    """One connection, which reconnects after a cut.

    Runs on: any thread; a lock makes them take turns.
    """

    def __init__(self, url: str, read_only: bool = False) -> None:
        """Connect; raises StoreError, which says what to do, where that fails."""
        self._parameters = _parameters(url)
        self._read_only = read_only
        self._lock = threading.Lock()
        self._closed = False
        with self._explained():
            self._connection = self._connect()

    def __repr__(self) -> str:
        """Show the server, never the password."""
        return f"<PostgresConnection {self.place}>"

    @property
    def place(self) -> str:
        """Return host, port and database, for people."""
        known = self._parameters
        host = known.get("host") or known.get("hostaddr") or "localhost"
        return f"{host}:{known.get('port') or 5432}/{known.get('dbname') or ''}"

    def rows(self, sql: bytes, parameters: Parameters = ()) -> list[Any]:
        """Return all rows of one statement."""
        return self.do(lambda driver: driver.execute(sql, parameters, binary=True).fetchall())

    def do(
        self,
        work: Callable[[DriverConnection], T],
        again: Callable[[DriverConnection], T] | None = None,
    ) -> T:
        """Return what `work` does on the connection.

        After a cut or a deadlock it is repeated once, or `again` is done in its place.
        """
        with self._lock, self._explained():
            try:
                return work(self._ready())
            except psycopg.OperationalError as exc:
                if not self._connection.closed and exc.sqlstate != "40P01":
                    raise
            return (again or work)(self._ready())

    def close(self) -> None:
        """Close the connection; a second time does nothing."""
        with self._lock:
            self._closed = True
            self._connection.close()

    def _ready(self) -> DriverConnection:
        if self._closed:
            raise StoreError(f"the job store {self.place} is closed")
        if _was_closed(self._connection):
            self._connection.close()
            self._connection = self._connect()
        return self._connection

    def _connect(self) -> DriverConnection:
        connection = psycopg.connect(**self._parameters, autocommit=True)
        try:
            self._check_server(connection.info.server_version // 10_000)
            connection.execute(SESSION)
            self._set_up(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _check_server(self, version: int) -> None:
        if version < OLDEST_SERVER:
            raise StoreError(
                f"the server of the job store {self.place} is PostgreSQL {version}:"
                f" {OLDEST_SERVER} is the oldest that will do"
            )

    def _set_up(self, connection: DriverConnection) -> None:
        if self._read_only:
            connection.execute("SET default_transaction_read_only = on")
            if (version := self._version(connection)) < len(MIGRATIONS):
                raise StoreError(self._too_old(version))
        elif self._version(connection) < len(MIGRATIONS):
            # A lock of the session and not of the transaction: a transaction sees the schema as it
            # was when it began, so it must begin after the lock was got.
            connection.execute("SELECT pg_advisory_lock(%s)", (MIGRATING,))
            with connection.transaction():
                self._migrate(connection)
            connection.execute("SELECT pg_advisory_unlock(%s)", (MIGRATING,))

    def _version(self, connection: DriverConnection) -> int:
        """Return the version of the schema, 0 without one; raises StoreError for a newer one."""
        known = connection.execute("SELECT to_regclass('parrot_async.version')").fetchone()
        if known is None or known[0] is None:
            return 0
        (row,) = connection.execute(statements("postgres_queries")["version"].encode()).fetchall()
        if row[0] > len(MIGRATIONS):
            raise StoreError(
                f"the job store {self.place} was written by a newer parrot_async"
                f" (schema {row[0]}, here {len(MIGRATIONS)}): upgrade parrot_async"
            )
        return int(row[0])

    def _too_old(self, version: int) -> str:
        if version == 0:
            return f"there is no job store at {self.place}: no job was run there yet"
        return (
            f"the job store {self.place} was written by an older parrot_async (schema {version},"
            f" here {len(MIGRATIONS)}): `parrot-async up` brings it up to date"
        )

    def _migrate(self, connection: DriverConnection) -> None:
        # Read again within the transaction: another process may have been first.
        version = self._version(connection)
        for number, name in enumerate(MIGRATIONS[version:], version + 1):
            for statement in statements(name).values():
                connection.execute(statement.encode())
            put_version = statements("postgres_queries")["put_version"]
            connection.execute(put_version.encode(), (number,))

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except psycopg.OperationalError as exc:
            raise self._explanation(exc, exc.sqlstate or _guess(exc)) from exc
        except psycopg.DataError:
            raise  # not the store's fault: these values can never be written
        except psycopg.Error as exc:
            raise self._explanation(exc, exc.sqlstate or "") from exc

    def _explanation(self, exc: psycopg.Error, state: str) -> StoreError:
        found = next((ADVICE[state[:n]] for n in (5, 3, 2) if state[:n] in ADVICE), None)
        kind, advice = found or (StoreError, "it cannot be used")
        text = " ".join(str(exc).split())
        return kind(f"the job store {self.place}: {advice} ({text})")


def _was_closed(connection: DriverConnection) -> bool:
    """Whether the server has closed the connection since it was last used.

    It is asked before anything is begun: what was begun could not simply be repeated.
    """
    with suppress(psycopg.OperationalError):
        connection.pgconn.consume_input()  # the server's last message
        connection.pgconn.consume_input()  # the end of its stream
    return connection.closed


@contextmanager
def pipelined(connection: DriverConnection) -> Iterator[None]:
    """Open a transaction of one round trip; psycopg's own waits for its begin and its end."""
    idle = {TransactionStatus.IDLE, TransactionStatus.UNKNOWN}
    try:
        with connection.pipeline():
            connection.execute("BEGIN")
            yield
            connection.execute("COMMIT")
    finally:
        if connection.info.transaction_status not in idle:
            connection.rollback()


def _parameters(url: str) -> dict[str, Any]:
    try:
        return {**SETTINGS, **conninfo_to_dict(url)}
    except psycopg.Error:
        # Neither the URL nor libpq's message is shown, because a part of them is a password.
        raise OptionsError(
            "the URL of the job store cannot be read: write postgresql://USER@HOST:5432/DATABASE"
        ) from None


def _guess(exc: psycopg.OperationalError) -> str:
    """Guess the SQLSTATE of an error of libpq itself, which has only the server's words."""
    text = str(exc)
    for words, state in (
        ("password", "28"),
        ("no pg_hba.conf entry", "28"),
        ("role", "28"),
        ("database", "3D"),
        ("too many", "53300"),
        ("starting up", "57P"),
        ("not yet accepting", "57P"),
        ("shutting down", "57P"),
    ):
        if words in text and "FATAL" in text:
            return state
    return "08"
