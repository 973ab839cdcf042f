"""Which of the users' modules this process has, or will have, and whether a function fits them."""

import sys
import threading
from pathlib import Path

from parrot_async.errors import FunctionChangedError
from parrot_async.transport.import_paths import import_from
from parrot_async.transport.own_modules import ModuleFile, file_of, hash_of_file, own_modules
from parrot_async.transport.pickling import PackedFunction


class WorkerModules:
    """The modules of the functions that were accepted here; a process has one version of each.

    Runs on: any thread.
    """

    def __init__(self) -> None:
        """Have none yet."""
        self._claimed: dict[str, ModuleFile] = {}
        self._lock = threading.Lock()

    def accept(self, function: PackedFunction, *, changed: bool = False) -> str | None:
        """Take a function's modules in, before they are imported; None where that can be.

        Returns why it cannot where this process has other versions of them, and a fresh one would
        not. Raises FunctionChangedError where a file is not what was submitted, unless `changed`
        ones are wanted.
        """
        with self._lock:
            import_from(function.paths)
            wanted = [_as_it_is(one) if changed else one for one in function.modules]
            for one in wanted:
                if not changed and one.name not in sys.modules:
                    _check_file(one)
                if (conflict := self._conflict(one)) is not None:
                    if not self._claimed:
                        raise FunctionChangedError(conflict)
                    return conflict
            self._claimed.update({one.name: one for one in wanted})
            return None

    def _conflict(self, wanted: ModuleFile) -> str | None:
        claimed = None if wanted.name in sys.modules else self._claimed.get(wanted.name)
        have = claimed or _found(wanted)
        if have is None or _agree(have, wanted):
            return None
        return (
            f"the module {wanted.name} was submitted from {wanted.file}, and this worker has that "
            f"of {have.file}" + (" as it was before an edit" if have.file == wanted.file else "")
        )


def _found(wanted: ModuleFile) -> ModuleFile | None:
    """Return a module as this process has imported it, or would import it."""
    name = wanted.name
    if name in sys.modules:
        try:
            return next((one for one in own_modules([name]) if one.name == name), None)
        except FunctionChangedError:
            return ModuleFile(name, file_of(name) or "", "")
    file = file_of(name)
    return None if file is None else ModuleFile(name, file, hash_of_file(file) or "")


def _agree(have: ModuleFile, wanted: ModuleFile) -> bool:
    """Return whether two are one module; on another machine its file may lie elsewhere."""
    if have.hash != wanted.hash:
        return False
    return _is_same(have.file, wanted.file) or not Path(wanted.file).exists()


def _is_same(one: str, other: str) -> bool:
    return Path(one).resolve() == Path(other).resolve()


def _as_it_is(module: ModuleFile) -> ModuleFile:
    return module._replace(hash=hash_of_file(module.file) or module.hash)


def _check_file(wanted: ModuleFile) -> None:
    """Raise FunctionChangedError where a file was edited since the function was submitted."""
    now = hash_of_file(wanted.file)
    if now is not None and now != wanted.hash:
        raise FunctionChangedError(
            f"{wanted.file}, the module {wanted.name}, was edited after the job was submitted: "
            "submit it again to run what is there now"
        )
