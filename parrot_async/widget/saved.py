"""The inert twin of a live view: static HTML in an output of its own, which outlives the kernel."""

from parrot_async import report
from parrot_async.models import TERMINAL, JobId
from parrot_async.report.wording import html_text
from parrot_async.tree import JobTree

ROWS = 200
"""Lines of the twin: a page has to read it again and again while nobody sees it."""


class Twin:
    """What a saved notebook shows of a job where its live view cannot live."""

    def __init__(self, name: str) -> None:
        """Take a name that is unlike any other's."""
        self._name = name
        self._is_shown = False

    def show(self, tree: JobTree | None, job_id: JobId) -> None:
        """Put it into the output of the cell that runs now."""
        from IPython.display import display

        self._is_shown = True
        display(bundle(tree, job_id), raw=True, display_id=self._name)

    def update(self, tree: JobTree | None, job_id: JobId) -> None:
        """Bring it up to date, wherever it is; the stylesheet hides it where the view lives."""
        from IPython.display import update_display

        if self._is_shown:
            update_display(bundle(tree, job_id), raw=True, display_id=self._name)


def bundle(tree: JobTree | None, job_id: JobId) -> dict[str, str]:
    """The job as it is now, in each form that a page without a kernel may show."""
    if tree is None:
        return {"text/plain": ""}
    page = report.html(tree, job_id, most=ROWS)
    return {
        "text/html": f'<div class="parrot-static">{page}{_hint(tree, job_id)}</div>',
        "text/plain": report.text(tree, job_id),
    }


def _hint(tree: JobTree, job_id: JobId) -> str:
    if tree[job_id].status in TERMINAL:
        return ""
    return (
        "<p>As it was when it was last saved: <code>await client.attach("
        f"{html_text(repr(job_id))})</code> shows it live.</p>"
    )
