"""The embedded server before it starts: its folders, rights, secrets and command lines."""

import json
import os
import pwd
import shutil
import socket
import stat
import subprocess
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict

from parrot_async.ingest.errors import ServerError
from parrot_async.ingest.vectors import server
from parrot_async.ingest.vectors.server import stop_server

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs it as another user")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own; what root keeps elsewhere is in it, too."""
    monkeypatch.setenv("PARROT_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(server, "_ROOTS_FOLDER", tmp_path / "roots")
    return tmp_path / "home"


@pytest.fixture
def found(home: Path) -> server._Server:
    """The server of that home, with nothing in it."""
    return server._Server.of(home)


def test_a_user_keeps_everything_in_a_folder_that_nobody_else_may_open(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)

    found = server._Server.of(home)

    assert found.data == home / "postgres" / "data"
    assert mode(home / "postgres") == 0o700


@as_root
def test_root_keeps_the_data_where_nobody_can_reach_them_and_no_one_else(
    found: server._Server, home: Path, tmp_path: Path
) -> None:
    # pytest's own folder is closed to others, so the data are not below it.
    parent = found.data.parent

    assert parent.parent == tmp_path / "roots"
    assert (mode(parent), parent.owner()) == (0o770, "root")
    assert parent.stat().st_gid in server._GROUPS
    assert mode(home / "postgres") == 0o700


@as_root
def test_what_else_runs_as_nobody_cannot_enter_the_folder_of_the_data(
    home: Path, tmp_path: Path
) -> None:
    nobody = pwd.getpwnam("nobody")
    for folder in (tmp_path, *tmp_path.parents[:-1]):
        folder.chmod(folder.stat().st_mode | stat.S_IXOTH)
    old = server._Server.of(home).data.parent
    os.chown(old, nobody.pw_uid, nobody.pw_gid)  # as older versions left it
    old.chmod(0o700)
    (old / "data").mkdir(mode=0o700)
    os.chown(old / "data", nobody.pw_uid, nobody.pw_gid)

    data = server._Server.of(home).data
    user = server._server_user()
    assert user is not None
    listing = [
        subprocess.run(["ls", data], user=nobody.pw_uid, group=group, extra_groups=[], check=False)
        for group in (nobody.pw_gid, user.gid)
    ]

    assert [done.returncode != 0 for done in listing] == [True, False]


@as_root
def test_root_keeps_shared_memory_out_of_the_folder_that_others_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(total=2**40)
    monkeypatch.setattr("shutil.disk_usage", lambda _path: usage)

    assert server._shared_memory() == {"dynamic_shared_memory_type": "mmap"}


@as_root
def test_two_homes_of_root_have_two_data_folders(found: server._Server, tmp_path: Path) -> None:
    other = server._Server.of(tmp_path / "other")

    assert other.data != found.data


def test_a_secret_is_readable_by_its_user_only_and_replaces_an_older_one(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("old")
    file.chmod(0o644)

    server._write_secret(file, "new")

    assert (file.read_text(), mode(file)) == ("new", 0o600)


def test_the_password_file_is_gone_after_use_even_when_it_failed(tmp_path: Path) -> None:
    owner = "nobody" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name

    block = server._secret_file(tmp_path / "password", "hush")
    file = block.__enter__()
    seen = mode(file), file.owner()
    error = ServerError("initdb failed")
    passed_on = block.__exit__(ServerError, error, None)

    assert (seen, passed_on) == ((0o600, owner), False)
    assert not (tmp_path / "password").exists()


def test_the_dsn_is_loopback_and_survives_any_password(found: server._Server) -> None:
    (found.folder / "server.json").write_text(json.dumps({"port": 5433, "password": "a b'c\\d"}))

    parts = conninfo_to_dict(found.dsn)

    assert (parts["host"], parts["port"], parts["password"]) == ("127.0.0.1", "5433", "a b'c\\d")


def test_initdb_asks_every_connection_for_the_password(tmp_path: Path) -> None:
    command = server._initdb_command(tmp_path / "data", tmp_path / "password")

    assert command[0] == "initdb"
    assert {"--auth=scram-sha-256", "--encoding=UTF8", "--no-locale"} <= set(command)
    assert f"--pwfile={tmp_path / 'password'}" in command


def test_the_server_listens_on_loopback_only_and_on_no_socket(tmp_path: Path) -> None:
    command = server._start_command(tmp_path / "data", tmp_path / "server.log", 5433)

    options = command[command.index("-o") + 1]
    assert command[:2] == ("pg_ctl", "start")
    assert "-w" in command
    assert "-c listen_addresses='127.0.0.1'" in options
    assert "-c unix_socket_directories=''" in options
    assert "-c port='5433'" in options


def test_a_small_shared_memory_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_SHARED_MEMORY", tmp_path / "missing")

    assert server._shared_memory() == {"dynamic_shared_memory_type": "mmap"}


def test_programs_do_not_see_variables_that_change_what_they_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("PGDATA", "PGHOST", "PYTHONPATH", "LC_ALL"):
        monkeypatch.setenv(name, "de_DE")

    env = server._clean_env()

    assert not [name for name in env if name.startswith(("PG", "PYTHON"))]
    assert env["LC_ALL"] == "C"
    assert env["PATH"] == os.environ["PATH"]


def test_without_its_file_a_server_is_down(found: server._Server) -> None:
    assert found.state() == "down"


def test_a_port_where_nothing_listens_is_down(found: server._Server) -> None:
    known = {"port": server._free_port(), "password": "hush"}
    (found.folder / "server.json").write_text(json.dumps(known))

    assert found.state() == "down"


def test_a_free_port_can_be_bound() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", server._free_port()))


def test_data_without_their_password_are_not_made_anew(found: server._Server) -> None:
    found.data.mkdir(parents=True)
    (found.data / "PG_VERSION").write_text("18")

    with pytest.raises(ServerError, match=r"server\.json .* is gone: restore it"):
        found.create()


def test_data_that_are_there_are_left_alone(found: server._Server) -> None:
    found.data.mkdir(parents=True)
    (found.data / "PG_VERSION").write_text("18")
    (found.folder / "server.json").write_text("{}")

    found.create()

    assert [file.name for file in found.data.iterdir()] == ["PG_VERSION"]


def test_a_program_that_fails_is_quoted(found: server._Server) -> None:
    nothing = str(found.data / "missing")

    with pytest.raises(ServerError, match=r"pg_ctl failed: .*missing"):
        found.run("pg_ctl", "stop", "-D", nothing)

    assert found.run("pg_ctl", "stop", "-D", nothing, check=False) != 0


def test_stopping_what_was_never_created_does_nothing(home: Path) -> None:
    assert stop_server() is False
    assert not (home / "postgres" / "data").exists()


def test_a_copy_of_the_programs_is_readable_and_its_programs_run_by_all(tmp_path: Path) -> None:
    program, library = tmp_path / "bin" / "postgres", tmp_path / "lib.so"
    program.parent.mkdir(mode=0o700)
    program.touch(0o700)
    library.touch(0o600)

    server._open_up(tmp_path)

    assert [mode(path) & 0o077 for path in (program.parent, program, library)] == [
        0o055,
        0o055,
        0o044,
    ]


def test_a_folder_below_a_closed_one_is_not_open_to_all(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o700)
    (tmp_path / "closed" / "open").mkdir(mode=0o755)

    assert not server._open_to_all(tmp_path / "closed" / "open")
    assert server._open_to_all(Path("/"))
