"""A connection to PostgreSQL without a server: settings, and what errors tell to do."""

import psycopg
import pytest

from parrot_async.errors import OptionsError, StoreError, StoreFullError, StoreLockedError
from parrot_async.store.postgres_connection import (
    ADVICE,
    SETTINGS,
    PostgresConnection,
    _guess,
    _parameters,
)

NOBODY = "postgresql://me:secret@127.0.0.1:1/jobs?connect_timeout=2"


class Unconnected(PostgresConnection):
    """One that has its settings, and no server."""

    def __init__(self, url: str) -> None:
        self._parameters = _parameters(url)


class Refused(psycopg.Error):
    """An error as a server sends it."""

    def __init__(self, sqlstate: str) -> None:
        super().__init__("the server's\nown words")
        self.sqlstate = sqlstate


def test_a_url_has_its_own_settings_before_ours() -> None:
    found = _parameters("postgresql://me@host/jobs?connect_timeout=60")

    assert found == {
        **SETTINGS,
        "user": "me",
        "host": "host",
        "dbname": "jobs",
        "connect_timeout": "60",
    }


def test_a_url_that_cannot_be_read_is_not_repeated() -> None:
    with pytest.raises(OptionsError, match="write postgresql://USER@HOST") as caught:
        _parameters("postgresql://me:secret@host:many/jobs?what")

    assert "secret" not in str(caught.value)
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("postgresql://me:secret@host:6543/jobs", "host:6543/jobs"),
        ("postgresql://host/jobs", "host:5432/jobs"),
        ("postgresql:///jobs?hostaddr=10.0.0.1", "10.0.0.1:5432/jobs"),
        ("postgresql://", "localhost:5432/"),
    ],
)
def test_a_place_is_shown_without_a_password(url: str, place: str) -> None:
    connection = Unconnected(url)

    assert (connection.place, repr(connection)) == (place, f"<PostgresConnection {place}>")


def test_a_server_that_does_not_answer_is_said_to_be_silent() -> None:
    with pytest.raises(StoreError, match=r"127\.0\.0\.1:1/jobs: its server does not answer") as got:
        PostgresConnection(NOBODY)

    assert "secret" not in str(got.value)


@pytest.mark.parametrize(
    ("sqlstate", "kind", "advice"),
    [
        ("08006", StoreError, "look at the network"),
        ("42501", StoreError, "grant it CREATE"),
        ("40P01", StoreLockedError, "try again"),
        ("53100", StoreFullError, "make space"),
        ("57P03", StoreError, "going down or coming up"),
        ("XX001", StoreError, "damaged"),
        ("42P01", StoreError, "it cannot be used"),
        ("", StoreError, "it cannot be used"),
    ],
)
def test_an_error_is_explained_by_what_is_known_of_its_sqlstate(
    sqlstate: str, kind: type[StoreError], advice: str
) -> None:
    error = Unconnected("postgresql://host/jobs")._explanation(Refused(sqlstate), sqlstate)

    assert type(error) is kind
    assert advice in str(error)
    assert "(the server's own words)" in str(error)


def test_values_that_can_never_be_written_are_not_the_stores_fault() -> None:
    connection = Unconnected("postgresql://host/jobs")

    with pytest.raises(psycopg.DataError), connection._explained():
        raise psycopg.DataError("no Unicode")


@pytest.mark.parametrize(
    ("text", "sqlstate"),
    [
        ('FATAL: password authentication failed for user "me"', "28"),
        ('FATAL: role "me" does not exist', "28"),
        ('FATAL: database "jobs" does not exist', "3D"),
        ("FATAL: sorry, too many clients already", "53300"),
        ("FATAL: the database system is starting up", "3D"),
        ("connection refused", "08"),
        ("could not look up the database host", "08"),
    ],
)
def test_an_error_of_libpq_is_known_by_the_servers_words(text: str, sqlstate: str) -> None:
    assert _guess(psycopg.OperationalError(text)) == sqlstate
    assert sqlstate in ADVICE


@pytest.mark.parametrize(("version", "fits"), [(13, False), (14, True), (18, True)])
def test_a_server_that_is_too_old_is_refused(version: int, fits: bool) -> None:
    connection = Unconnected("postgresql://host/jobs")

    if fits:
        connection._check_server(version)
    else:
        with pytest.raises(StoreError, match="is PostgreSQL 13: 14 is the oldest"):
            connection._check_server(version)


def test_who_only_reads_is_told_what_is_missing() -> None:
    connection = Unconnected("postgresql://host/jobs")

    assert "no job was run there yet" in connection._too_old(0)
    assert "`parrot-async up`" in connection._too_old(1)
