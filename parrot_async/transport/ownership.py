"""Whose a file or a folder is: what others may write to is neither trusted nor followed."""

import os
import pwd
import stat
from itertools import takewhile
from pathlib import Path

OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
OTHERS_READ = stat.S_IRWXG | stat.S_IRWXO


def make_private(folder: Path) -> None:
    """Create a folder and those above it that are missing, mode 0700 whatever the umask."""
    missing = list(takewhile(lambda path: not path.exists(), (folder, *folder.parents)))
    for path in reversed(missing):
        path.mkdir(mode=0o700, exist_ok=True)
        path.chmod(0o700)


def open_private(path: Path, flags: int) -> int:
    """Open a file of this user's, created with mode 0600; return its file descriptor.

    Raises OSError for a link, and PermissionError for a file of another user or no plain file.
    """
    fd = os.open(path, flags | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
    status = os.fstat(fd)
    if status.st_uid != os.geteuid() or not stat.S_ISREG(status.st_mode):
        os.close(fd)
        raise PermissionError(f"{path} is no file of yours: remove it")
    os.fchmod(fd, 0o600)
    return fd


def read_own(path: Path, others: int = OTHERS_WRITE) -> bytes:
    """Return the content of a file that only this user, or root, can have written.

    Raises PermissionError for a file of another user or one that `others` (mode bits) allows to
    others, and OSError for a link.
    """
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(fd, "rb") as file:
        status = os.fstat(fd)
        if (why := fault_of(status, others)) is not None or not stat.S_ISREG(status.st_mode):
            raise PermissionError(f"{path} {why or 'is no plain file'}")
        return file.read()


def fault_of(status: os.stat_result, others: int = OTHERS_WRITE) -> str | None:
    """Return what is wrong with the owner or the mode of a file; None where it is this user's.

    What root owns is trusted, since root can write to everything.
    """
    if status.st_uid not in {os.geteuid(), 0}:
        return f"belongs to {_name(status.st_uid)}, not to {_name(os.geteuid())}"
    if status.st_mode & others & OTHERS_WRITE:
        return "can be written by others"
    return "can be read by others" if status.st_mode & others else None


def fault_of_folder(folder: Path, *, shared: bool = False) -> str | None:
    """Return why a folder is not safe from other users; None where it is, or is not there.

    `shared` accepts a folder of root's in which each user may delete only what is theirs (/tmp).
    """
    try:
        link, status = folder.lstat(), folder.stat()
    except FileNotFoundError:
        return None
    if shared and status.st_uid == 0 and status.st_mode & stat.S_ISVTX:
        return None
    if {link.st_uid, status.st_uid} - {os.geteuid(), 0}:
        owner = status.st_uid if status.st_uid != os.geteuid() else link.st_uid
        return f"belongs to {_name(owner)}, not to {_name(os.geteuid())}"
    return "can be written by others" if status.st_mode & OTHERS_WRITE else None


def _name(uid: int) -> str:
    """Return a user's name, or their number where they have no name here."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
