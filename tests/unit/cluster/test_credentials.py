"""The credentials of a cluster: for its user only, and proof of who answers at an address."""

import socket
import ssl
import stat
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from parrot_async.cluster import credentials
from parrot_async.cluster.folder import Folder


def made(path: Path) -> Folder:
    folder = Folder(path, path)
    path.mkdir()
    credentials.make(folder)
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return made(tmp_path / "mine")


def serve_once(listening: socket.socket, folder: Folder | None) -> None:
    """Answer one connection, with the cluster's key, or without TLS."""
    plain, _ = listening.accept()
    with plain:
        if folder is None:
            plain.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            return
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=folder.cert_file)
        context.verify_mode = ssl.CERT_REQUIRED
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        context.load_cert_chain(folder.cert_file, folder.key_file)
        try:
            context.wrap_socket(plain, server_side=True).close()
        except OSError:
            return


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def asked(folder: Folder, listening: socket.socket, server: Folder | None) -> bool:
    thread = Thread(target=serve_once, args=(listening, server))
    thread.start()
    host, port = listening.getsockname()
    found = credentials.answers(folder, f"tls://{host}:{port}", 5.0)
    thread.join(5)
    return found


def test_only_the_user_can_read_them(folder: Folder) -> None:
    files = (folder.cert_file, folder.key_file)

    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_each_cluster_has_its_own(folder: Folder, tmp_path: Path) -> None:
    other = made(tmp_path / "other")

    assert folder.cert_file.read_text() != other.cert_file.read_text()


def test_what_dask_gets_shows_no_key_and_demands_encryption(folder: Folder) -> None:
    security = credentials.load(folder)

    assert security.require_encryption
    assert "PRIVATE" not in repr(security)
    for role in ("client", "scheduler", "worker"):
        assert security.get_connection_args(role)["ssl_context"].verify_mode is ssl.CERT_REQUIRED


def test_the_holder_of_the_key_answers(folder: Folder, listening: socket.socket) -> None:
    assert asked(folder, listening, folder)


def test_another_cluster_at_the_address_does_not_count(
    folder: Folder, listening: socket.socket, tmp_path: Path
) -> None:
    assert not asked(folder, listening, made(tmp_path / "other"))


def test_something_else_at_the_address_does_not_count(
    folder: Folder, listening: socket.socket
) -> None:
    assert not asked(folder, listening, None)


def test_nobody_at_the_address_does_not_answer(folder: Folder, listening: socket.socket) -> None:
    host, port = listening.getsockname()
    listening.close()

    assert not credentials.answers(folder, f"tls://{host}:{port}", 5.0)


def test_one_that_accepts_but_says_nothing_does_not_answer(
    folder: Folder, listening: socket.socket
) -> None:
    host, port = listening.getsockname()

    assert not credentials.answers(folder, f"tls://{host}:{port}", 0.05)


def test_without_credentials_nobody_answers(tmp_path: Path) -> None:
    assert not credentials.answers(Folder(tmp_path, tmp_path), "tls://127.0.0.1:1", 5.0)
