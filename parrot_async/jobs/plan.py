"""Plans: trees of calls that are written down before they run."""

from collections.abc import Awaitable, Callable, Iterable
from contextvars import ContextVar
from typing import Any, TypeVar, overload

from parrot_async.errors import OptionsError
from parrot_async.jobs.spec import check_call, name_of, spec_of
from parrot_async.model.models import FailurePolicy, JobId, JobSpec, JobType
from parrot_async.model.texts import check_texts
from parrot_async.report import steps
from parrot_async.transport.previews import summary

R = TypeVar("R")

_showing: ContextVar[bool] = ContextVar("parrot_step_shown", default=False)
"""Whether the text of a step is being made, so that those among its arguments are short."""


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
        """Show the call; a step among the arguments shows its function only.

        Steps may be chained by the thousand, and each would show all before it.
        """
        if _showing.get():
            return f"<step {name_of(self.fn)}>"
        token = _showing.set(True)
        try:
            return f"<step {name_of(self.fn)}({summary((self.args, self.kwargs))})>"
        finally:
            _showing.reset(token)

    @property
    def title(self) -> str:
        """The title of the job that the step becomes."""
        return spec_of(self.fn).title

    def __job_reference__(self) -> JobId:
        """Return the id: as an argument of another step, a step arrives as its result."""
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
        """Keep the steps; OptionsError where there are none, or an option makes no sense."""
        check_texts(title=title, description=description)
        self.title = title
        self.steps = list(steps)
        self.sequential = sequential
        self.on_failure = FailurePolicy(on_failure)
        self.description = description
        self.weight = weight
        self.id: JobId | None = None
        if not self.steps:
            raise OptionsError(f"the plan {title!r} has no steps")
        if not 0 < weight < float("inf"):
            raise OptionsError(f"the weight of a plan is finite and above 0, not {weight!r}")

    def __repr__(self) -> str:
        """Show the title and how many steps there are."""
        order = "in order" if self.sequential else "together"
        return f"<plan {self.title!r}: {len(self.steps)} steps {order}>"

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        """Return the steps as an outline, for a notebook."""
        return {"text/plain": steps.text(self, _shown), "text/html": steps.html(self, _shown)}

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


def _shown(node: Step | Plan) -> steps.Shown:
    if isinstance(node, Step):
        return steps.Shown(node.title, summary((node.args, node.kwargs)))
    order = "in order" if node.sequential else "together"
    return steps.Shown(node.title, f"{len(node.steps):,} steps {order}", node.steps)


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
