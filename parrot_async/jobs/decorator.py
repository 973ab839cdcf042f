"""`@job`: makes a function a job."""

from collections.abc import Callable
from functools import update_wrapper
from importlib import import_module
from types import MethodType
from typing import Any, Generic, ParamSpec, TypeVar, Unpack, overload

from parrot_async.jobs.options import Options, WithOptions, changed, check_known
from parrot_async.jobs.plan import Step
from parrot_async.jobs.spec import name_of, spec_of

P = ParamSpec("P")
C_co = TypeVar("C_co", covariant=True)
"""What a plain call returns: the value, or the coroutine of an async function."""


class Job(WithOptions, Generic[P, C_co]):
    """A function with the options under which it runs as a job; a plain call runs it here."""

    __name__: str
    fn: Callable[P, C_co]

    def __init__(self, fn: Callable[P, C_co], options: Options) -> None:
        """Wrap `fn`; OptionsError where an option makes no sense."""
        check_known(options)
        self.fn = fn
        self.given = options
        update_wrapper(self, fn)
        # Also checks the options' values, so that a wrong one fails where it is written.
        spec_of(self)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> C_co:
        """Run the function here and now, with no magic."""
        return self.fn(*args, **kwargs)

    def options(self, **options: Unpack[Options]) -> "Job[P, C_co]":
        """Return the same function with these options changed; one pool replaces another."""
        return Job(self.fn, changed(self.given, options))

    def bind(self, *args: P.args, **kwargs: P.kwargs) -> Step:
        """Return the call as a step of a `Plan`, to be run when the plan is submitted."""
        return Step(self, args, dict(kwargs))

    def __get__(self, instance: object, owner: type | None = None) -> "Job[..., C_co]":
        """Bind to an object, as a method does."""
        if instance is None:
            return self
        return Job(MethodType(self.fn, instance), self.given)

    def __repr__(self) -> str:
        """Show the function's name and the options that were given."""
        given = ", ".join(f"{name}={value!r}" for name, value in self.given.items())
        return f"<job {name_of(self.fn)}({given})>"

    @property
    def __job_body__(self) -> "Job[P, C_co]":
        """What workers run: the same whatever the options, which travel with the job's spec."""
        found = _find(self.fn.__module__, getattr(self.fn, "__qualname__", ""))
        if isinstance(found, Job) and found.fn is self.fn:
            return found
        return Job(self.fn, {}) if self.given else self

    def __reduce__(self) -> tuple[object, ...]:
        """Travel by name where the name leads back here, else by value."""
        module, qualname = self.fn.__module__, getattr(self.fn, "__qualname__", "")
        if module != "__main__" and _find(module, qualname) is self:
            return _find, (module, qualname)
        return Job.__new__, (Job,), {"fn": self.fn, "given": self.given}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take the function after the object exists, since it may refer to itself."""
        self.__dict__.update(state)
        update_wrapper(self, self.fn)


def _find(module: str, qualname: str) -> Any:
    """Return what a name in a module stands for; None where it stands for nothing."""
    found: Any = import_module(module)
    for name in qualname.split("."):
        found = found.__dict__.get(name) if isinstance(found, type) else getattr(found, name, None)
    return found


@overload
def job(fn: Callable[P, C_co], /) -> Job[P, C_co]: ...
@overload
def job(**options: Unpack[Options]) -> Callable[[Callable[P, C_co]], Job[P, C_co]]: ...
def job(fn: Callable[..., Any] | None = None, /, **options: Unpack[Options]) -> Any:
    """Make a function a job; see `Options` for what can be said about it."""
    if fn is not None:
        return Job(fn, options)
    return lambda function: Job(function, options)
