"""Arguments and functions that hold secrets, as a store keeps them: sealed with a key beside it.

The key is in the file `secrets.key` of `$PARROT_HOME`, which only its user can read. It never
enters a store. AES-SIV (RFC 5297) is deterministic: what is equal stays equal.
"""

import os
import secrets
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from parrot_async.errors import StoreError
from parrot_async.settings.places import data_home
from parrot_async.transport.ownership import OTHERS_READ, make_private, open_private, read_own
from parrot_async.transport.pickled_secrets import MARKED, SEALED

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESSIV

KEY_BITS = 512


def sealed(data: bytes) -> bytes:
    """Return what a store may keep of a pickle: one that is marked as secret is encrypted.

    Raises StoreError where the key can be neither read nor made.
    """
    if not data.startswith(MARKED):
        return data
    return SEALED + _cipher(_key_file()).encrypt(data, None)


def unsealed(data: bytes) -> bytes:
    """Return the pickle of what a store kept.

    What another key has sealed is returned as it is: who needs it, the job, fails and says so.
    """
    if not data.startswith(SEALED):
        return data
    from cryptography.exceptions import InvalidTag

    try:
        return _cipher(_key_file()).decrypt(data[len(SEALED) :], None)
    except InvalidTag:
        return data


def _key_file() -> Path:
    return data_home() / "secrets.key"


@lru_cache(maxsize=8)
def _cipher(file: Path) -> "AESSIV":
    """Return what encrypts with the key in a file, which is made where there is none."""
    from cryptography.hazmat.primitives.ciphers.aead import AESSIV

    try:
        if not file.exists():
            _make_key(file)
        return AESSIV(read_own(file, OTHERS_READ))
    except (OSError, ValueError) as exc:
        raise StoreError(
            f"the key of this service's secrets cannot be used: {exc}. It must be a file of yours,"
            " mode 0600, as it was made; without it, jobs with secret arguments cannot run again"
        ) from exc


def _make_key(file: Path) -> None:
    """Write a new key as a whole; one that another process made meanwhile is left as it is."""
    from cryptography.hazmat.primitives.ciphers.aead import AESSIV

    make_private(file.parent)
    draft = file.with_suffix(f".{secrets.token_hex(8)}.tmp")
    with os.fdopen(open_private(draft, os.O_WRONLY | os.O_EXCL), "wb") as written:
        written.write(AESSIV.generate_key(KEY_BITS))
        written.flush()
        os.fsync(written.fileno())
    try:
        os.link(draft, file)
    except FileExistsError:
        return
    finally:
        draft.unlink()
