"""The agenda: what follows from a change to one job for others, one step after the other."""

from collections.abc import Callable
from functools import partial
from typing import ParamSpec

P = ParamSpec("P")


class Agenda:
    """Steps that cause further steps, run without recursion: a tree may be any number deep.

    The order is that of plain calls: what a step adds comes before what was there already. A step
    that raises stops no other; the first error is raised after the last step.

    Runs on: the scheduler's loop.
    """

    def __init__(self) -> None:
        """Begin empty."""
        self._steps: list[Callable[[], None]] = []
        self._added: list[Callable[[], None]] = []
        self._running = False

    def add(self, step: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> None:
        """Run a step now; where one runs already, right after that one."""
        self._added.append(partial(step, *args, **kwargs))
        if not self._running:
            self._run()

    def _run(self) -> None:
        self._running = True
        errors: list[Exception] = []
        while self._added or self._steps:
            self._steps += reversed(self._added)
            self._added.clear()
            try:
                self._steps.pop()()
            except Exception as exc:  # noqa: BLE001 - raised below, when all others have had their turn
                errors.append(exc)
        self._running = False
        if errors:
            raise errors[0]
