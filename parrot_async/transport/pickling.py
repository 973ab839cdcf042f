"""How users' functions and values travel: pickled, never looked into on the way."""

import io
import pickle
import reprlib
import sys
import sysconfig
from collections import ChainMap
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from hashlib import sha256
from pathlib import Path
from types import CodeType, MethodType
from typing import Any, ClassVar

import cloudpickle

from parrot_async.errors import ParrotError, SerializationError
from parrot_async.model.models import JobId

Call = tuple[tuple[Any, ...], dict[str, Any]]

_REPR = reprlib.Repr()
_REPR.maxstring = _REPR.maxother = 80
_REPR.maxlist = _REPR.maxtuple = _REPR.maxdict = 4


class _CallPickler(cloudpickle.Pickler):  # type: ignore[misc]
    """Puts a reference where an argument is a handle, and remembers which."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file, protocol=pickle.HIGHEST_PROTOCOL)
        self.needed: list[JobId] = []

    def persistent_id(self, value: Any) -> JobId | None:
        job_id = getattr(type(value), "__job_reference__", None)
        if job_id is None:
            return None
        self.needed.append(job_id(value))
        return self.needed[-1]


class _CallUnpickler(pickle.Unpickler):
    def __init__(self, data: bytes, values: Mapping[JobId, Any]) -> None:
        super().__init__(io.BytesIO(data))
        self._values = values

    def persistent_load(self, pid: JobId) -> Any:
        return self._values[pid]


_PLAIN = (int, float, str, bytes, bool, type(None))


def dump_call(call: Call) -> tuple[bytes, tuple[JobId, ...]]:
    """Pickle arguments; a handle or a step among them becomes a reference to its result.

    Returns the bytes and the ids of the jobs referred to. SerializationError where an argument
    cannot be pickled.
    """
    args, kwargs = call
    if not kwargs and all(type(arg) in _PLAIN for arg in args):
        return pickle.dumps(call, pickle.HIGHEST_PROTOCOL), ()
    buffer = io.BytesIO()
    pickler = _CallPickler(buffer)
    try:
        pickler.dump(call)
    except ParrotError:
        raise
    except Exception as exc:
        raise SerializationError(f"{_culprit(call)} cannot be pickled: {exc}") from exc
    return buffer.getvalue(), tuple(dict.fromkeys(pickler.needed))


def _culprit(call: Call) -> str:
    """Name the first argument that cannot be pickled, as who wrote the call knows it."""
    args, kwargs = call
    for name, value in [*enumerate(args, 1), *kwargs.items()]:
        try:
            _CallPickler(io.BytesIO()).dump(value)
        except Exception:  # noqa: BLE001 - whatever its own code does
            return f"argument {name}, of type {type(value).__qualname__},"
    return "an argument"


def load_call(data: bytes, values: Mapping[JobId, Any]) -> Call:
    """Return the arguments, with each reference replaced by its value."""
    call: Call = _CallUnpickler(data, values).load() if values else pickle.loads(data)
    return call


def dump_value(value: Any) -> bytes:
    """Pickle a result or an exception; by value what only this process's `__main__` knows."""
    try:
        data = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
        if b"__main__" not in data:
            return data
    except Exception:  # noqa: BLE001, S110 - cloudpickle takes more, and tells what it cannot
        pass
    try:
        return bytes(cloudpickle.dumps(value))
    except Exception as exc:
        kind = type(value).__qualname__
        raise SerializationError(f"a value of type {kind} cannot be pickled: {exc}") from exc


def load_value(data: bytes) -> Any:
    """Return the value that `dump_value` pickled."""
    return pickle.loads(data)


def dump_function(fn: Callable[..., Any]) -> tuple[str, bytes]:
    """Pickle a function with the places that its modules are imported from.

    Returns its id (SHA-256 of the code, and of the places, hex) and the bytes.
    SerializationError where something that it refers to cannot be pickled.
    """
    try:
        code = cloudpickle.dumps(getattr(fn, "__job_body__", fn))
    except Exception as exc:
        name = getattr(fn, "__qualname__", type(fn).__qualname__)
        raise SerializationError(
            f"{name} cannot be pickled: {exc}. Pass what it needs as arguments, or open it inside."
        ) from exc
    paths = _import_paths(tuple(sys.path))
    function_id = sha256(code).hexdigest()[:48] + sha256(repr(paths).encode()).hexdigest()[:16]
    return function_id, pickle.dumps((paths, code))


def code_of(function_id: str) -> str:
    """Return the part of a function's id that is the same from wherever it was sent."""
    return function_id[:48]


def hash_of_code(fn: Callable[..., Any]) -> str:
    """Return a hash of a function's own code and plain defaults, which tells an edit of it.

    Not of what it calls, and not of comments. Empty for what has no code of its own.
    """
    fn = innermost(fn)
    code = getattr(fn, "__code__", None)
    if not isinstance(code, CodeType):
        return ""
    defaults = [*(fn.__defaults__ or ()), *(fn.__kwdefaults__ or {}).values()]
    plain = [value for value in defaults if type(value) in _PLAIN]
    return sha256(f"{_text_of(code)}{plain!r}".encode()).hexdigest()[:16]


def hash_of_all(fn: Callable[..., Any]) -> str:
    """Return a hash of a function with all that its pickle carries, wherever its code was typed.

    That of a notebook's function is the same in the next kernel.
    """
    buffer = io.BytesIO()
    _PlacelessPickler(buffer, protocol=pickle.HIGHEST_PROTOCOL).dump(
        getattr(fn, "__job_body__", fn)
    )
    return sha256(buffer.getvalue()).hexdigest()


@lru_cache(maxsize=1024)
def _text_of(code: CodeType) -> str:
    """Return what code does as text, equal in every process of one version of Python."""
    constants = [
        _text_of(one)
        if isinstance(one, CodeType)
        else repr(sorted(map(repr, one)) if isinstance(one, frozenset) else one)
        for one in code.co_consts
    ]
    names = (code.co_names, code.co_varnames, code.co_freevars, code.co_flags)
    return repr((code.co_code.hex(), constants, names))


class _PlacelessPickler(cloudpickle.Pickler):  # type: ignore[misc]
    """Leaves out the files and lines of code; what it writes is never read."""

    dispatch_table: ClassVar = ChainMap(
        {CodeType: lambda code: (str, (_text_of(code),))}, cloudpickle.Pickler.dispatch_table
    )


def innermost(fn: Any) -> Any:
    """Return what a method, a partial or a decorated function calls in the end."""
    while (inner := _wrapped(fn)) is not None:
        fn = inner
    return fn


def _wrapped(fn: Any) -> Any:
    """Return the function inside a method, a partial or a decorated one, None where none is."""
    if isinstance(fn, MethodType):
        return fn.__func__
    return fn.func if isinstance(fn, partial) else getattr(fn, "__wrapped__", None)


def load_function(data: bytes) -> Callable[..., Any]:
    """Return the function; its own folders are added to the end of `sys.path`."""
    paths, code = pickle.loads(data)
    sys.path.extend(path for path in paths if path not in sys.path and Path(path).is_dir())
    fn: Callable[..., Any] = pickle.loads(code)
    return fn


@lru_cache(maxsize=4)
def _import_paths(search_path: tuple[str, ...]) -> tuple[str, ...]:
    """Folders that this process imports from, beyond its environment's own."""
    known = tuple({sysconfig.get_path(name) for name in ("stdlib", "platlib", "purelib")})
    return tuple(
        str(Path(path).resolve())
        for path in search_path
        if not path.startswith(known) and not path.endswith(".zip") and path not in _ignored
    )


_ignored: set[str] = set()


def ignore_path(path: str) -> None:
    """Send this folder with no function: it is this process's own."""
    _ignored.add(path)
    _import_paths.cache_clear()


def preview(value: Any) -> str:
    """Return a short text for people; never raises, whatever the value's repr does."""
    try:
        return _REPR.repr(value)[:200]
    except Exception as exc:  # noqa: BLE001 - whatever its class's own code does
        return f"<{type(value).__qualname__}, whose repr raised {type(exc).__qualname__}>"


def summary(call: Call) -> str:
    """Return a short text of the arguments."""
    args, kwargs = call
    parts = [preview(arg) for arg in args]
    parts += [f"{name}={preview(value)}" for name, value in kwargs.items()]
    return ", ".join(parts)[:200]
