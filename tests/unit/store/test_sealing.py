"""What is marked as secret lies in a store only sealed, and its key only in a file of its own."""

from pathlib import Path

import pytest

from parrot_async.errors import StoreError
from parrot_async.store.sealing import sealed, unsealed
from parrot_async.transport.pickled_secrets import MARKED, SEALED

SECRET = MARKED + b"\0\0\0\2[]a pickle"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PARROT_HOME that is not there yet."""
    monkeypatch.setenv("PARROT_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_what_is_no_secret_is_stored_as_it_is(home: Path) -> None:
    assert unsealed(sealed(b"a pickle")) == b"a pickle"
    assert not home.exists()


def test_a_secret_is_sealed_and_comes_back(home: Path) -> None:
    stored = sealed(SECRET)

    assert stored.startswith(SEALED)
    assert b"a pickle" not in stored
    assert unsealed(stored) == SECRET
    assert (home / "secrets.key").stat().st_mode & 0o777 == 0o600
    assert home.stat().st_mode & 0o777 == 0o700


def test_what_another_key_sealed_stays_sealed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = sealed(SECRET)
    monkeypatch.setenv("PARROT_HOME", str(tmp_path / "other"))

    assert unsealed(stored) == stored


def test_a_key_that_others_can_read_is_refused(home: Path) -> None:
    home.mkdir()
    (home / "secrets.key").write_bytes(bytes(64))
    (home / "secrets.key").chmod(0o644)

    with pytest.raises(StoreError, match="can be read by others"):
        sealed(SECRET)
