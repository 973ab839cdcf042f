"""What can be said about a job, and what the service reads out of it."""

from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from typing import Any, TypedDict, cast

from parrot_async.errors import OptionsError, error_name
from parrot_async.model.durations import Duration, seconds
from parrot_async.model.models import FailurePolicy, JobId, JobType, RetryPolicy


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
    max_depth: int
    max_jobs: int


POOL_OPTIONS = frozenset({"cpu", "gpu", "io", "resources"})


class WithOptions:
    """A function and its options, for all that reads them; `Job` is the only kind.

    `Job` makes steps, steps are checked, and checks read options: so they cannot import `Job`.
    """

    fn: Callable[..., Any]
    given: Options


def options_of(fn: object) -> Options:
    """Return the options given to a function; a plain one has none."""
    return fn.given if isinstance(fn, WithOptions) else {}


def body_of(fn: Any) -> Any:
    """Return the function itself, without its options."""
    return fn.fn if isinstance(fn, WithOptions) else fn


def depends_on(fn: Callable[..., Any]) -> tuple[JobId, ...]:
    """Return the ids of the jobs in the option `depends_on`, given as handles, steps or ids."""
    return tuple(_id_of(needed) for needed in options_of(fn).get("depends_on", ()))


def _id_of(needed: Any) -> JobId:
    job_id = needed if isinstance(needed, str) else getattr(needed, "id", None)
    if not isinstance(job_id, str):
        raise OptionsError(f"depends_on takes handles or job ids, not {needed!r}")
    return job_id


def check_known(options: Options) -> None:
    """Raise OptionsError for a name that is no option, with those that look like it."""
    for name in options.keys() - Options.__annotations__.keys():
        near = get_close_matches(name, Options.__annotations__, 2)
        hint = f"did you mean {' or '.join(map(repr, near))}?"
        known = f"they are {', '.join(Options.__annotations__)}"
        raise OptionsError(f"there is no option {name!r}: {hint if near else known}")


def changed(given: Options, new: Options) -> Options:
    """Return the options with the new ones in their place; one pool replaces another."""
    kept: Mapping[str, Any] = given
    if not POOL_OPTIONS.isdisjoint(new):
        kept = {name: value for name, value in given.items() if name not in POOL_OPTIONS}
    return cast("Options", {**kept, **new})


def pool_and_slots(options: Options, name: str) -> tuple[str, int]:
    """Return the pool and the slots that the function of this name asks for; "" is no pool."""
    wanted: dict[str, int] = {k.lower(): v for k, v in options.get("resources", {}).items()}
    for label in ("cpu", "gpu", "io"):
        if label in options:
            wanted[label] = options[label]
    if len(wanted) > 1:
        raise OptionsError(f"{name} asks for {sorted(wanted)}: a job runs in one pool")
    for pool, slots in wanted.items():
        if not isinstance(slots, int):
            raise OptionsError(f"{name} asks for {pool}={slots!r}: a whole number is needed")
        if slots < 1:
            raise OptionsError(f"{name} asks for {pool}={slots}: at least 1 is needed")
        return pool, int(slots)
    return "", 1


def timeout(options: Options) -> float | None:
    """Return the timeout in seconds: None where the queue decides, 0 for none at all."""
    if "timeout" not in options:
        return None
    given = options["timeout"]
    return 0.0 if given is None else seconds(given)


def result_ttl(options: Options) -> float | None:
    """Return the seconds that the result is kept after the end; None for ever."""
    given = options.get("result_ttl")
    return None if given is None else seconds(given)


def retry_on(options: Options) -> tuple[type[BaseException], ...]:
    """Return the errors after which the job runs again; none at all stand for every error."""
    errors = options.get("retry_on", ())
    kinds = (errors,) if isinstance(errors, type) else tuple(errors)
    for kind in kinds:
        if not _is_error_type(kind):
            raise OptionsError(f"retry_on takes types of errors, not {kind!r}")
    return kinds


def _is_error_type(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseException)


def retry_policy(options: Options) -> RetryPolicy:
    """Return how often and when the job runs again after an error, and after which errors."""
    return RetryPolicy(
        retries=options.get("retries", 0),
        first=seconds(options.get("retry_delay", 1.0)),
        longest=seconds(options.get("retry_longest", 60.0)),
        on=tuple(error_name(kind) for kind in retry_on(options)),
    )
