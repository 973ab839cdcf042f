"""How users' functions, calls and values travel: pickled, and not unpickled on the way."""

import io
import pickle
import reprlib
import sys
import sysconfig
from asyncio import CancelledError
from collections import ChainMap, deque
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from hashlib import sha256
from pathlib import Path
from types import CodeType, MethodType
from typing import TYPE_CHECKING, Any

import cloudpickle

from parrot_async.errors import ParrotError, SerializationError
from parrot_async.model.models import JobId
from parrot_async.transport.pickled_secrets import marked, unmarked
from parrot_async.transport.secrets import redact
from parrot_async.transport.tensors import dispatch_table
from parrot_async.transport.text import guarded, sendable

if TYPE_CHECKING:
    from pickle import Pickler as CloudPickler  # cloudpickle ships no types; its own is a subclass
else:
    from cloudpickle import Pickler as CloudPickler

Call = tuple[tuple[Any, ...], dict[str, Any]]

LONGEST_SHOWN = 10_000
"""Characters of a text in which secrets are looked for before it is cut to its preview."""


class _Repr(reprlib.Repr):
    """Cuts texts when their secrets are hidden, since half of a secret is not found any more."""

    def repr_str(self, x: str, level: int) -> str:
        return super().repr_str(redact(_ends(x)), level)

    def repr_instance(self, x: object, level: int) -> str:
        try:
            text = repr(x)
        except Exception:  # noqa: BLE001 - whatever its class's own code does
            return super().repr_instance(x, level)
        return super().repr_instance(_Shown(redact(_ends(text))), level)


def _ends(text: str) -> str:
    """Return the beginning and the end of a long text."""
    if len(text) <= LONGEST_SHOWN:
        return text
    return text[: LONGEST_SHOWN // 2] + text[-LONGEST_SHOWN // 2 :]


class _Shown:
    """Has a given text as its repr."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


_REPR = _Repr()
_REPR.maxstring = _REPR.maxother = 80
_REPR.maxlist = _REPR.maxtuple = _REPR.maxdict = 4


class _ValuePickler(CloudPickler):
    """Writes all that cloudpickle does, and tensors of a device as tensors of the CPU."""

    def __init__(self, file: io.BytesIO) -> None:
        if (table := dispatch_table(type(self).dispatch_table)) is not None:
            self.dispatch_table = table  # read by what follows, and not later
        super().__init__(file, protocol=pickle.HIGHEST_PROTOCOL)


class _CallPickler(_ValuePickler):
    """Writes a reference where an argument is a handle, a child or a step, and notes its job."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file)
        self.needed: list[JobId] = []

    def persistent_id(self, value: Any) -> JobId | None:
        job_id = getattr(type(value), "__job_reference__", None)
        if job_id is None:
            return None
        self.needed.append(job_id(value))
        return self.needed[-1]


class _CallUnpickler(pickle.Unpickler):
    """Replaces each reference by the job's result."""

    def __init__(self, data: bytes, values: Mapping[JobId, Any]) -> None:
        super().__init__(io.BytesIO(data))
        self._values = values

    def persistent_load(self, pid: JobId) -> Any:
        return self._values[pid]


_NUMBERS = frozenset({int, float, bool, type(None)})
"""Types whose values hold no secret."""
_PLAIN = _NUMBERS | {str, bytes}
"""Types whose values contain no handle and always can be pickled, by the quick pickler."""
_CONTAINERS = (dict, list, tuple, set, frozenset, deque)


def dump_call(call: Call) -> tuple[bytes, tuple[JobId, ...]]:
    """Pickle arguments; a handle, a child or a step among them becomes a reference to its result.

    Returns the bytes and the ids of the jobs referred to, each once, in order. Raises
    SerializationError where an argument cannot be pickled.
    """
    args, kwargs = call
    if not kwargs and (kinds := set(map(type, args))) <= _PLAIN:
        data = pickle.dumps(call, pickle.HIGHEST_PROTOCOL)
        return (data if kinds <= _NUMBERS else marked(data)), ()
    buffer = io.BytesIO()
    pickler = _CallPickler(buffer)
    try:
        pickler.dump(call)
    except ParrotError:
        raise
    except Exception as exc:
        raise SerializationError(f"{_unpicklable(call)} cannot be pickled: {exc}") from exc
    return marked(buffer.getvalue()), tuple(dict.fromkeys(pickler.needed))


def _unpicklable(call: Call) -> str:
    """Return which argument, and of which type, is the first that cannot be pickled."""
    args, kwargs = call
    for name, value in [*enumerate(args, 1), *kwargs.items()]:
        try:
            _CallPickler(io.BytesIO()).dump(value)
        except Exception:  # noqa: BLE001 - whatever its own code does
            return f"argument {name}, of type {type(value).__qualname__},"
    return "an argument"


def load_call(data: bytes, values: Mapping[JobId, Any]) -> Call:
    """Unpickle arguments; each reference is replaced by that job's result, from `values`."""
    data = unmarked(data)
    call: Call = _CallUnpickler(data, values).load() if values else pickle.loads(data)
    return call


def dump_value(value: Any) -> bytes:
    """Pickle a result or an exception; raises SerializationError where it cannot be.

    Functions and classes of `__main__` are pickled by value, since only this process has them.
    """
    try:
        data = _dump_plainly(value)
        if b"__main__" not in data:
            return data
    except Exception:  # noqa: BLE001, S110 - cloudpickle takes more, and tells what it cannot
        pass
    try:
        buffer = io.BytesIO()
        _ValuePickler(buffer).dump(value)
        return buffer.getvalue()
    except Exception as exc:
        kind = type(value).__qualname__
        raise SerializationError(f"a value of type {kind} cannot be pickled: {exc}") from exc


def _dump_plainly(value: Any) -> bytes:
    """Pickle a value without cloudpickle, which is slower."""
    table = None if type(value) in _PLAIN else dispatch_table()
    if table is None:
        return pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    buffer = io.BytesIO()
    pickler = pickle.Pickler(buffer, protocol=pickle.HIGHEST_PROTOCOL)
    pickler.dispatch_table = table
    pickler.dump(value)
    return buffer.getvalue()


def load_value(data: bytes) -> Any:
    """Return the value that `dump_value` pickled.

    Raises SerializationError where its own code would end this process.
    """
    try:
        return pickle.loads(data)
    except (SystemExit, KeyboardInterrupt, GeneratorExit, CancelledError) as exc:
        raise SerializationError(f"a value cannot be unpickled here: it raised {exc!r}") from exc


def dump_function(fn: Callable[..., Any]) -> tuple[str, bytes]:
    """Pickle a function with the folders that its modules are imported from.

    Returns its id (SHA-256 of the pickle, and of the folders, in hex) and the bytes. Raises
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
    return function_id, marked(pickle.dumps((paths, code)), code)


def code_of(function_id: str) -> str:
    """Return the part of a function's id that does not depend on the sender's folders."""
    return function_id[:48]


def hash_of_code(fn: Callable[..., Any]) -> str:
    """Return a hash of a function's own code and plain defaults, which an edit changes.

    Comments, and the functions that it calls, do not count. Returns "" for what has no Python code.
    """
    fn = innermost(fn)
    code = getattr(fn, "__code__", None)
    if not isinstance(code, CodeType):
        return ""
    defaults = [*(fn.__defaults__ or ()), *(fn.__kwdefaults__ or {}).values()]
    plain = [value for value in defaults if type(value) in _PLAIN]
    return sha256(f"{_code_text(code)}{plain!r}".encode()).hexdigest()[:16]


def hash_of_all(fn: Callable[..., Any]) -> str:
    """Return a hash of a function and all that its pickle carries, but not of files and lines.

    A notebook's function has the same hash in the next kernel.
    """
    buffer = io.BytesIO()
    _HashPickler(buffer, protocol=pickle.HIGHEST_PROTOCOL).dump(getattr(fn, "__job_body__", fn))
    return sha256(buffer.getvalue()).hexdigest()


@lru_cache(maxsize=1024)
def _code_text(code: CodeType) -> str:
    """Return what code does as text, equal in every process of one version of Python."""
    # A frozenset's order depends on the process's hash seed, so it is sorted.
    constants = [
        _code_text(one)
        if isinstance(one, CodeType)
        else repr(sorted(map(repr, one)) if isinstance(one, frozenset) else one)
        for one in code.co_consts
    ]
    names = (code.co_names, code.co_varnames, code.co_freevars, code.co_flags)
    return repr((code.co_code.hex(), constants, names))


class _HashPickler(CloudPickler):
    """Leaves out the files and lines of code; what it writes is hashed and never read."""

    dispatch_table: Mapping[type, Callable[[Any], Any]] = ChainMap(
        {CodeType: lambda code: (str, (_code_text(code),))}, cloudpickle.Pickler.dispatch_table
    )


def innermost(fn: Any) -> Any:
    """Return the function that a method, a partial or a decorated function calls in the end."""
    while (inner := _wrapped(fn)) is not None:
        fn = inner
    return fn


def _wrapped(fn: Any) -> Any:
    """Return the function directly inside a method, a partial or a decorated one, or None."""
    if isinstance(fn, MethodType):
        return fn.__func__
    return fn.func if isinstance(fn, partial) else getattr(fn, "__wrapped__", None)


def load_function(data: bytes) -> Callable[..., Any]:
    """Unpickle a function; its folders that exist here are added to the end of `sys.path`."""
    paths, code = pickle.loads(unmarked(data))
    sys.path.extend(path for path in paths if path not in sys.path and Path(path).is_dir())
    fn: Callable[..., Any] = pickle.loads(code)
    return fn


@lru_cache(maxsize=4)
def _import_paths(search_path: tuple[str, ...]) -> tuple[str, ...]:
    """Return the folders that this process imports from, without its environment's own."""
    known = tuple({sysconfig.get_path(name) for name in ("stdlib", "platlib", "purelib")})
    return tuple(
        str(Path(path).resolve())
        for path in search_path
        if not path.startswith(known) and not path.endswith(".zip") and path not in _ignored
    )


_ignored: set[str] = set()


def ignore_path(path: str) -> None:
    """Send this folder with no function from now on, since it exists for this process only."""
    _ignored.add(path)
    _import_paths.cache_clear()


def preview(value: Any) -> str:
    """Return a value's repr in at most 200 characters; it never raises, whatever the repr does."""
    text = guarded(_REPR.repr, value, LONGEST_SHOWN)
    # Other types have none left; in these, a secret may stand beside its name.
    return redact(text)[:200] if type(value) in _CONTAINERS else text[:200]


def summary(call: Call) -> str:
    """Return the arguments as they are written in a call, in at most 200 characters."""
    args, kwargs = call
    parts = [preview(arg) for arg in args]
    parts += [f"{name}={preview(value)}" for name, value in kwargs.items()]
    text = sendable(", ".join(parts))
    return redact(text)[:200] if kwargs else text[:200]  # password='...' is one by its name
