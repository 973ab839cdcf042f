"""One job as a progress bar, drawn by tqdm if that is installed, else by rich."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib.util import find_spec

from parrot_async.model.models import JobNode
from parrot_async.report import facts
from parrot_async.report.wording import line, state_words

REFRESH = 0.1
"""Seconds between two updates of the bar."""
FORMAT = "{desc}: {percentage:3.0f}%|{bar}| {elapsed}<{remaining}{postfix}"

Draw = Callable[[JobNode], None]
"""Draws a job as it is now."""


def bar(title: str) -> AbstractContextManager[Draw]:
    """Show a bar until the context ends; the context gives the function that updates it."""
    return _by_tqdm(line(title)) if find_spec("tqdm") else _by_rich(line(title))


def _words(node: JobNode) -> str:
    """Return the step, or the state of a job that has none."""
    return facts.step(node) or state_words(node)


@contextmanager
def _by_tqdm(title: str) -> Iterator[Draw]:
    """Draw the notebook's own bar in a notebook, a line of text elsewhere."""
    from tqdm.auto import tqdm

    with tqdm(desc=title, total=100, bar_format=FORMAT) as shown:

        def draw(node: JobNode) -> None:
            shown.n = round(node.progress_percentage, 1)
            shown.set_postfix_str(_words(node))

        yield draw


@contextmanager
def _by_rich(title: str) -> Iterator[Draw]:
    from rich import progress as rich

    columns = (
        rich.TextColumn("{task.description}", markup=False),
        rich.BarColumn(),
        rich.TaskProgressColumn(),
        rich.TimeElapsedColumn(),
        rich.TextColumn("{task.fields[words]}", markup=False),
    )
    with rich.Progress(*columns, auto_refresh=False) as shown:
        task = shown.add_task(title, total=100, words="")

        def draw(node: JobNode) -> None:
            percent, words = node.progress_percentage, _words(node)
            shown.update(task, completed=percent, words=words, refresh=True)

        yield draw
