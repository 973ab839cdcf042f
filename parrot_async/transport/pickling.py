"""How users' functions, calls and values travel: pickled, and not unpickled on the way."""

import copyreg
import io
import pickle
import sys
from asyncio import CancelledError
from collections import ChainMap
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from hashlib import sha256
from types import CodeType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

import cloudpickle

from parrot_async.errors import ParrotError, ResultExpiredError, SerializationError
from parrot_async.model.models import JobId
from parrot_async.transport.buffer import MOST_BYTES, Buffer, TooBigError
from parrot_async.transport.code import code_text, innermost, variables_of
from parrot_async.transport.dask_objects import refuse_dask
from parrot_async.transport.exceptions import MOST_LINKED, ExceptionState, reduced, state_of
from parrot_async.transport.import_paths import current_folder, import_from, import_paths
from parrot_async.transport.own_modules import ModuleFile, folder_of, imports_of, own_modules
from parrot_async.transport.pickled_secrets import marked, unmarked
from parrot_async.transport.sources import Source, excerpt, learn, source_of
from parrot_async.transport.tensors import dispatch_table
from parrot_async.transport.wrappers import has_name, reduced_wrapper

if TYPE_CHECKING:
    from pickle import Pickler as CloudPickler  # cloudpickle ships no types; its own is a subclass
    from pickle import Pickler as PicklerPart
else:
    from cloudpickle import Pickler as CloudPickler

    PicklerPart = object

Reduction = Any
"""What a pickler writes instead of a value; pickle types it as a union of tuples."""
Call = tuple[tuple[Any, ...], dict[str, Any]]
Cut = Callable[[BaseException, ExceptionState], ExceptionState]
"""Leaves out what is not to travel of an exception's state."""


class _Exceptions(PicklerPart):
    """Has a pickler write exceptions so that they can be made again, whatever their `__init__`."""

    cut: Cut | None = None
    traced = True
    """Whether they bring the frames in which they were raised."""
    _count = 0

    def __init__(self, file: Buffer | io.BytesIO, protocol: int) -> None:
        known = getattr(type(self), "dispatch_table", copyreg.dispatch_table)
        if (table := dispatch_table(known)) is not None:
            self.dispatch_table = table  # of tensors; read by what follows, and not later
        super().__init__(file, protocol=protocol)

    def reducer_override(self, value: Any) -> Reduction:
        if isinstance(value, BaseException):
            self._count += 1
            linked = self._count <= MOST_LINKED
            state = state_of(value, linked=linked, traced=self.traced)
            return reduced(value, state if self.cut is None else self.cut(value, state))
        refuse_dask(value)
        return super().reducer_override(value)


class _CallPickler(_Exceptions, CloudPickler):
    """Writes a reference where an argument is a handle, a child or a step, and notes its job."""

    traced = False  # equal calls have equal arguments, wherever an error was raised

    def __init__(self, file: Buffer) -> None:
        super().__init__(file, protocol=pickle.HIGHEST_PROTOCOL)
        self.needed: list[JobId] = []

    def reducer_override(self, value: Any) -> Reduction:
        # Not `persistent_id`, which pickle would call for every number in a list.
        job_id = getattr(type(value), "__job_reference__", None)
        if job_id is None:
            return super().reducer_override(value)
        self.needed.append(job_id(value))
        return result_of_job, (self.needed[-1],)


def result_of_job(job_id: JobId) -> object:
    """Stand for a job's result in pickled arguments; `load_call` puts that in its place."""
    raise ResultExpiredError(f"the result of job {job_id}, an argument, did not come with it")


class _CallUnpickler(pickle.Unpickler):
    """Replaces each reference by the job's result."""

    def __init__(self, data: bytes, values: Mapping[JobId, Any]) -> None:
        super().__init__(io.BytesIO(data))
        self._values = values

    def find_class(self, module: str, name: str) -> object:
        if (module, name) == (__name__, result_of_job.__name__):
            return self._values.__getitem__
        return super().find_class(module, name)

    def persistent_load(self, pid: JobId) -> object:
        """Return the result that arguments name which an older version pickled."""
        return self._values[pid]


_NUMBERS = frozenset({int, float, bool, type(None)})
"""Types whose values hold no secret."""
_PLAIN = _NUMBERS | {str, bytes}
"""Types whose values contain no handle and always can be pickled, by the quick pickler."""
_INLINE = 64 * 1024
"""Bytes up to which a text is pickled at once; a bigger one is measured against the limit."""


def dump_call(call: Call, limit: float = MOST_BYTES) -> tuple[bytes, tuple[JobId, ...]]:
    """Pickle arguments; a handle, a child or a step among them becomes a reference to its result.

    Returns the bytes and the ids of the jobs referred to, each once, in order. Raises
    SerializationError where an argument cannot be pickled, or has more bytes than the limit.
    """
    args, kwargs = call
    if not kwargs and all(
        type(arg) in _NUMBERS or (type(arg) in _PLAIN and len(arg) <= _INLINE) for arg in args
    ):
        data = pickle.dumps(call, pickle.HIGHEST_PROTOCOL)
        return (data if _NUMBERS.issuperset(map(type, args)) else marked(data)), ()
    buffer = Buffer(limit)
    pickler = _CallPickler(buffer)
    try:
        pickler.dump(call)
    except ParrotError:
        raise
    except TooBigError:
        raise SerializationError(_too_big(f"{_unpicklable(call, limit)} has", limit)) from None
    except Exception as exc:
        raise SerializationError(f"{_unpicklable(call, limit)} cannot be pickled: {exc}") from exc
    return marked(buffer.getvalue()), tuple(dict.fromkeys(pickler.needed))


def _too_big(what: str, limit: float) -> str:
    return (
        f"{what} more than {limit / 2**20:,.0f} MiB: write it to a file, or to an object store, "
        "and pass its path; `JobClient(argument_limit=...)` allows more bytes"
    )


def _unpicklable(call: Call, limit: float) -> str:
    """Return which argument, and of which type, is the first that cannot be pickled."""
    args, kwargs = call
    for name, value in [*enumerate(args, 1), *kwargs.items()]:
        try:
            _CallPickler(Buffer(limit)).dump(value)
        except Exception:  # noqa: BLE001 - whatever its own code does
            return f"argument {name}, of type {type(value).__qualname__},"
    return "all arguments together"


def load_call(data: bytes, values: Mapping[JobId, Any]) -> Call:
    """Unpickle arguments; each reference is replaced by that job's result, from `values`."""
    data = unmarked(data)
    call: Call = _CallUnpickler(data, values).load() if values else pickle.loads(data)
    return call


class _QuickPickler(pickle.Pickler):
    def reducer_override(self, value: Any) -> Reduction:  # noqa: ARG002 - as pickle calls it
        return NotImplemented


class _ValuePickler(_Exceptions, _QuickPickler):
    """Pickles by name what has one."""


class _CloudValuePickler(_Exceptions, CloudPickler):
    """Pickles by value what has no name that another process knows."""


def dump_value(value: Any, cut: Cut | None = None) -> bytes:
    """Pickle a result or an exception; raises SerializationError where it cannot be.

    Functions and classes of `__main__` are pickled by value, since only this process has them.
    `cut` leaves out parts of the exceptions in it.
    """
    if _is_plain(value):
        return pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    try:
        data = _dump(_ValuePickler, value, cut)
        if b"__main__" not in data:
            return data
    except Exception:  # noqa: BLE001, S110 - cloudpickle takes more, and tells what it cannot
        pass
    try:
        return _dump(_CloudValuePickler, value, cut)
    except Exception as exc:
        kind = type(value).__qualname__
        raise SerializationError(f"a value of type {kind} cannot be pickled: {exc}") from exc


def _is_plain(value: Any) -> bool:
    """Return whether there is surely no exception in a value."""
    kind = type(value)
    if kind is dict:
        return len(value) <= _FEW and all(type(one) in _PLAIN for one in (*value, *value.values()))
    few = kind in (list, tuple) and len(value) <= _FEW
    return kind in _PLAIN or (few and all(type(one) in _PLAIN for one in value))


_FEW = 20
"""Parts of a value that are worth a look before it is pickled."""


def _dump(kind: type["_ValuePickler | _CloudValuePickler"], value: Any, cut: Cut | None) -> bytes:
    buffer = io.BytesIO()
    pickler = kind(buffer, protocol=pickle.HIGHEST_PROTOCOL)
    if cut is not None:
        pickler.cut = cut
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


class _FunctionPickler(CloudPickler):
    """Pickles a function, with wrappers around it that have no name.

    It notes what the function imports, and where in which source code is that is in no file.
    """

    def __init__(self, file: Buffer) -> None:
        super().__init__(file, protocol=pickle.HIGHEST_PROTOCOL)
        self.modules: set[str] = set()
        self.functions: dict[Source, set[int]] = {}

    def reducer_override(self, value: Any) -> Reduction:
        if isinstance(value, FunctionType | type):
            if has_name(value):
                self.modules.add(value.__module__)
            elif isinstance(value, FunctionType):
                self.modules.update(imports_of(value.__code__))
        elif isinstance(value, ModuleType):
            self.modules.add(value.__name__)
        elif isinstance(value, CodeType) and (source := source_of(value)) is not None:
            self.functions.setdefault(source, set()).add(value.co_firstlineno)
            if source.name != value.co_filename:
                return _reduced_code(value.replace(co_filename=source.name))
        refuse_dask(value)
        return reduced_wrapper(value) or super().reducer_override(value)

    def sources(self) -> Iterator[Source]:
        """Yield what travels of the sources."""
        excerpts = (excerpt(of, frozenset(firsts)) for of, firsts in self.functions.items())
        return filter(None, excerpts)


_reduced_code: Callable[[CodeType], Reduction] = cloudpickle.Pickler.dispatch_table[CodeType]


class PackedFunction(NamedTuple):
    """A function as it travels."""

    paths: tuple[str, ...]
    """Folders that its sender imports from."""
    code: bytes
    modules: tuple[ModuleFile, ...] = ()
    """The user's own modules that it needs, as the sender has them."""
    retry_on: bytes = b""
    """The pickled types of the errors after which it runs again."""
    sources: tuple[Source, ...] = ()
    """Of code that is in no file, for tracebacks."""


def dump_function(
    fn: Callable[..., Any],
    retry_on: tuple[type[BaseException], ...] = (),
    limit: float = MOST_BYTES,
) -> tuple[str, bytes]:
    """Pickle a function with the folders that its modules are imported from.

    Returns its id (SHA-256 of the pickle, and of all else, in hex) and the bytes. Raises
    SerializationError where something that it refers to cannot be pickled, and
    FunctionChangedError where a module was edited after its import.
    """
    buffer = Buffer(limit)
    pickler = _FunctionPickler(buffer)
    body = getattr(fn, "__job_body__", fn)
    try:
        pickler.dump(body)
    except Exception as exc:
        raise SerializationError(_refusal(fn, exc, limit)) from exc
    modules = own_modules(pickler.modules)
    paths = import_paths(tuple(sys.path), current_folder())
    packed = PackedFunction(
        tuple(dict.fromkeys((*paths, *map(folder_of, modules)))),
        buffer.getvalue(),
        modules,
        cloudpickle.dumps(retry_on) if retry_on else b"",
        tuple(pickler.sources()),
    )
    code, *others = packed.code, packed.paths, packed.modules, packed.retry_on
    function_id = sha256(code).hexdigest()[:48] + sha256(repr(others).encode()).hexdigest()[:16]
    # Sources as plain tuples, which are pickled in a fifth of the time.
    parts = (*packed[:-1], tuple(map(tuple, packed.sources)))
    return function_id, marked(pickle.dumps(parts), code)


def sender_state(data: bytes) -> tuple[object, ...]:
    """Return what of this process a function's pickle depends on, beside the function itself."""
    specs = [getattr(sys.modules.get(name), "__spec__", None) for name in _module_names(data)]
    return (*sys.path, current_folder(), *specs)


@lru_cache(maxsize=1024)
def _module_names(data: bytes) -> tuple[str, ...]:
    return tuple(module.name for module in unpack_function(data).modules)


def unpack_function(data: bytes) -> PackedFunction:
    """Return what `dump_function` packed; older ones have fewer parts."""
    paths, code, *others = pickle.loads(unmarked(data))
    modules = tuple(ModuleFile(*module) for module in others[0]) if others else ()
    sources = tuple(Source(*source) for source in others[2]) if len(others) > 2 else ()
    return PackedFunction(paths, code, modules, others[1] if len(others) > 1 else b"", sources)


def _refusal(fn: Callable[..., Any], exc: Exception, limit: float) -> str:
    """Return why a function cannot be pickled, with the variable that is to blame."""
    name = getattr(fn, "__qualname__", type(fn).__qualname__)
    for user, variable, value in variables_of(fn):
        try:
            _FunctionPickler(Buffer(limit)).dump(value)
        except TooBigError:
            return _too_big(f"{user} uses the variable {variable!r}, which has", limit)
        except Exception as blamed:  # noqa: BLE001 - whatever its own code does
            kind = type(value).__qualname__
            return (
                f"{name} cannot be pickled: {user} uses the variable {variable!r}, of type {kind}: "
                f"{blamed}. Pass what it needs as arguments, or open it inside."
            )
    if isinstance(exc, TooBigError):
        return _too_big(f"{name} has, with all that it refers to,", limit)
    return f"{name} cannot be pickled: {exc}. Pass what it needs as arguments, or open it inside."


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
    return sha256(f"{code_text(code)}{plain!r}".encode()).hexdigest()[:16]


def hash_of_all(fn: Callable[..., Any]) -> str:
    """Return a hash of a function and all that its pickle carries, but not of files and lines.

    A notebook's function has the same hash in the next kernel.
    """
    buffer = io.BytesIO()
    _HashPickler(buffer, protocol=pickle.HIGHEST_PROTOCOL).dump(getattr(fn, "__job_body__", fn))
    return sha256(buffer.getvalue()).hexdigest()


class _HashPickler(CloudPickler):
    """Leaves out the files and lines of code; what it writes is hashed and never read."""

    dispatch_table: Mapping[type, Callable[..., Any]] = ChainMap(
        {CodeType: lambda code: (str, (code_text(code),))}, cloudpickle.Pickler.dispatch_table
    )


def load_function(data: bytes) -> Callable[..., Any]:
    """Unpickle a function; its folders that exist here are put before others in `sys.path`."""
    packed = unpack_function(data)
    import_from(packed.paths)
    learn(packed.sources)
    fn: Callable[..., Any] = pickle.loads(packed.code)
    return fn
