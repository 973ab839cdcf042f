"""`@job` and its options: what a function needs to run as a job."""

import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping
from difflib import get_close_matches
from functools import update_wrapper
from importlib import import_module
from types import FunctionType, MethodType
from typing import Any, Generic, ParamSpec, TypedDict, TypeVar, Unpack, overload

from parrot_async.errors import OptionsError, error_name
from parrot_async.model.durations import Duration, seconds
from parrot_async.model.models import FailurePolicy, JobId, JobSpec, JobType, RetryPolicy
from parrot_async.report import steps
from parrot_async.transport.pickling import Call, preview, summary

P = ParamSpec("P")
R = TypeVar("R")
C_co = TypeVar("C_co", covariant=True)
"""What a plain call gives: the value, or the coroutine of an async function."""


class Options(TypedDict, total=False):
    """All options of a job; what is left out comes from its queue."""

    queue: str
    cpu: int
    gpu: int
    io: int
    resources: Mapping[str, int]
    priority: int
    timeout: Duration | None
    grace: Duration
    retries: int
    retry_on: type[BaseException] | Iterable[type[BaseException]]
    retry_delay: Duration
    retry_longest: Duration
    weight: float
    key: str
    result_ttl: Duration | None
    cache: bool
    title: str
    description: str
    prompt: str
    depends_on: Iterable[Any]
    on_failure: FailurePolicy | str
    job_type: JobType | str
    wait_for_workers: bool


POOL_OPTIONS = frozenset({"cpu", "gpu", "io", "resources"})


class Job(Generic[P, C_co]):
    """A function with the options under which it runs as a job; a plain call runs it here."""

    __name__: str

    def __init__(self, fn: Callable[P, C_co], options: Options) -> None:
        """Wrap `fn`; OptionsError where an option makes no sense."""
        _check_known(options)
        self.fn = fn
        self.given = options
        update_wrapper(self, fn)
        spec_of(self)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> C_co:
        """Run the function here and now, with no magic."""
        return self.fn(*args, **kwargs)

    def options(self, **options: Unpack[Options]) -> "Job[P, C_co]":
        """Return the same function with these options changed; one pool replaces another."""
        given = self.given
        if not POOL_OPTIONS.isdisjoint(options):
            given = {k: v for k, v in given.items() if k not in POOL_OPTIONS}  # type: ignore[assignment]
        return Job(self.fn, {**given, **options})

    def bind(self, *args: P.args, **kwargs: P.kwargs) -> "Step":
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

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel by name where the name leads back here, else by value."""
        module, qualname = self.fn.__module__, getattr(self.fn, "__qualname__", "")
        if module != "__main__" and _find(module, qualname) is self:
            return _find, (module, qualname)
        return Job.__new__, (Job,), {"fn": self.fn, "given": self.given}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take the function after the object exists, since it may refer to itself."""
        self.__dict__.update(state)
        update_wrapper(self, self.fn)


class Step:
    """A call that a plan will make: a function and its arguments; other steps may be among them."""

    def __init__(
        self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        """Keep the call; TypeError where the arguments do not fit the function."""
        check_call(fn, (args, kwargs))
        self.fn = fn
        self.args = args
        self.kwargs = kwargs
        self.id: JobId | None = None

    def __repr__(self) -> str:
        """Show the call."""
        return f"<step {name_of(self.fn)}({summary((self.args, self.kwargs))})>"

    def __job_reference__(self) -> JobId:
        """As an argument of another step, a step arrives as its result."""
        if self.id is None:
            raise OptionsError(f"the step {self.fn!r} is an argument, but not in the same plan")
        return self.id


class Plan:
    """A tree of steps and plans: run together, or one after the other when `sequential`."""

    def __init__(
        self,
        title: str,
        steps: "Iterable[Step | Plan]",
        *,
        sequential: bool = False,
        on_failure: FailurePolicy | str = FailurePolicy.FAIL,
        description: str = "",
        weight: float = 1.0,
    ) -> None:
        """Keep the steps; OptionsError where there are none."""
        self.title = title
        self.steps = list(steps)
        self.sequential = sequential
        self.on_failure = FailurePolicy(on_failure)
        self.description = description
        self.weight = weight
        self.id: JobId | None = None
        if not self.steps:
            raise OptionsError(f"the plan {title!r} has no steps")

    def __repr__(self) -> str:
        """Show the title and how many steps there are."""
        order = "in order" if self.sequential else "together"
        return f"<plan {self.title!r}: {len(self.steps)} steps {order}>"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        """The steps, in a notebook."""
        return {
            "text/plain": steps.text(self, _described),
            "text/html": steps.html(self, _described),
        }

    def spec(self, depth: int) -> JobSpec:
        """Return the plan's own node: root job, plan or subplan by its depth."""
        kinds = (JobType.ROOT_JOB, JobType.PLAN, JobType.SUBPLAN)
        return JobSpec(
            title=self.title,
            description=self.description,
            job_type=kinds[min(depth, 2)],
            on_failure=self.on_failure,
            sequential=self.sequential,
            expected=len(self.steps),
            weight=self.weight,
        )


def _described(node: Step | Plan) -> steps.Shown:
    if isinstance(node, Step):
        return steps.Shown(spec_of(node.fn).title, summary((node.args, node.kwargs)))
    order = "in order" if node.sequential else "together"
    return steps.Shown(node.title, f"{len(node.steps):,} steps {order}", node.steps)


@overload
def job(fn: Callable[P, C_co], /) -> Job[P, C_co]: ...
@overload
def job(**options: Unpack[Options]) -> Callable[[Callable[P, C_co]], Job[P, C_co]]: ...
def job(fn: Callable[..., Any] | None = None, /, **options: Unpack[Options]) -> Any:
    """Make a function a job; see `Options` for what can be said about it."""
    if fn is not None:
        return Job(fn, options)
    return lambda function: Job(function, options)


@overload
def result_of(of: Awaitable[R], /) -> R: ...
@overload
def result_of(of: Step, /) -> Any: ...
def result_of(of: Any, /) -> Any:
    """Tell a type checker that a handle, a child or a step among arguments arrives as its result.

    It changes nothing: `submit(add, handle, 1)` and `submit(add, result_of(handle), 1)` are the
    same call.
    """
    return of


def name_of(fn: Callable[..., Any]) -> str:
    """`module:qualname` of a function, for people."""
    target = getattr(fn, "__wrapped__", fn)
    kind = type(target)
    module = getattr(target, "__module__", None) or kind.__module__
    return f"{module}:{getattr(target, '__qualname__', kind.__qualname__)}"


def is_async(fn: Callable[..., Any]) -> bool:
    """True for a function, method or callable object that returns a coroutine."""
    target = fn.fn if isinstance(fn, Job) else fn
    return any(map(inspect.iscoroutinefunction, (target, type(target).__call__)))


def spec_of(fn: Callable[..., Any]) -> JobSpec:
    """What a job's options say, without what the queue and the pickled function add."""
    options: Options = fn.given if isinstance(fn, Job) else {}
    name = name_of(fn)
    pool, slots = _resources(options, fn)
    return JobSpec(
        title=options.get("title") or name.rpartition(":")[2].rpartition(".")[2],
        function=name,
        is_async=is_async(fn),
        job_type=JobType(options.get("job_type", JobType.TASK)),
        description=options.get("description", ""),
        prompt=options.get("prompt", ""),
        queue=options.get("queue", "default"),
        pool=pool,
        slots=slots,
        priority=options.get("priority"),
        timeout=_timeout(options),
        grace=seconds(options.get("grace", 5.0)),
        retry=_retry(options),
        weight=options.get("weight", 1.0),
        on_failure=FailurePolicy(options.get("on_failure", FailurePolicy.IGNORE)),
        key=options.get("key"),
        result_ttl=_optional(options.get("result_ttl")),
        wait_for_workers=options.get("wait_for_workers", False),
    )


def check_call(fn: Any, call: Call) -> None:
    """Raise at once what the worker would: no function at all, or arguments that do not fit it."""
    if not callable(fn):
        if inspect.iscoroutine(fn):
            fn.close()
        raise OptionsError(
            f"{preview(fn)} is no function: pass the function, then its arguments, as in "
            "submit(add, 1, 2)"
        )
    body = fn.fn if isinstance(fn, Job) else fn
    if _surely_fits(body, call):
        return
    try:
        signature = inspect.signature(body)
    except (TypeError, ValueError):  # some builtins have none
        return
    args, kwargs = call
    try:
        signature.bind(*args, **kwargs)
    except TypeError as exc:
        raise TypeError(f"{name_of(fn)}{signature}: {exc}{_meant(signature, kwargs)}") from None


def _surely_fits(fn: Any, call: Call) -> bool:
    """Whether plain arguments fit a plain function, by their number: a look that costs nothing."""
    args, kwargs = call
    if kwargs or not isinstance(fn, FunctionType) or fn.__dict__ or fn.__code__.co_kwonlyargcount:
        return False
    most = fn.__code__.co_argcount
    return most - len(fn.__defaults__ or ()) <= len(args) <= most


def _meant(signature: inspect.Signature, kwargs: dict[str, Any]) -> str:
    """Say where options go, if one of them stands among the arguments."""
    for name in kwargs.keys() & Options.__annotations__.keys() - signature.parameters.keys():
        return f". Options go to the job itself: .options({name}={kwargs[name]!r})"
    return ""


def depends_on(fn: Callable[..., Any]) -> tuple[JobId, ...]:
    """Ids of the jobs named by the option `depends_on`, given as handles, steps or ids."""
    if not isinstance(fn, Job):
        return ()
    return tuple(_id_of(needed) for needed in fn.given.get("depends_on", ()))


def _check_known(options: Options) -> None:
    for name in options.keys() - Options.__annotations__.keys():
        near = get_close_matches(name, Options.__annotations__, 2)
        hint = f"did you mean {' or '.join(map(repr, near))}?"
        known = f"they are {', '.join(Options.__annotations__)}"
        raise OptionsError(f"there is no option {name!r}: {hint if near else known}")


def _id_of(needed: Any) -> JobId:
    job_id = needed if isinstance(needed, str) else getattr(needed, "id", None)
    if not isinstance(job_id, str):
        raise OptionsError(f"depends_on takes handles or job ids, not {needed!r}")
    return job_id


def _resources(options: Options, fn: Callable[..., Any]) -> tuple[str, int]:
    wanted: dict[str, int] = {k.lower(): v for k, v in options.get("resources", {}).items()}
    for label in ("cpu", "gpu", "io"):
        if label in options:
            wanted[label] = options[label]
    if len(wanted) > 1:
        raise OptionsError(f"{name_of(fn)} asks for {sorted(wanted)}: a job runs in one pool")
    for pool, slots in wanted.items():
        if slots < 1:
            raise OptionsError(f"{name_of(fn)} asks for {pool}={slots}: at least 1 is needed")
        return pool, int(slots)
    return "", 1


def _timeout(options: Options) -> float | None:
    if "timeout" not in options:
        return None
    timeout = options["timeout"]
    return 0.0 if timeout is None else seconds(timeout)


def _optional(value: Duration | None) -> float | None:
    return None if value is None else seconds(value)


def _retry(options: Options) -> RetryPolicy:
    errors = options.get("retry_on", ())
    kinds = (errors,) if isinstance(errors, type) else tuple(errors)
    return RetryPolicy(
        retries=options.get("retries", 0),
        first=seconds(options.get("retry_delay", 1.0)),
        longest=seconds(options.get("retry_longest", 60.0)),
        on=tuple(error_name(kind) for kind in kinds),
    )


def _find(module: str, qualname: str) -> Any:
    found: Any = import_module(module)
    for name in qualname.split("."):
        found = found.__dict__.get(name) if isinstance(found, type) else getattr(found, name, None)
    return found
