"""The saved output of a live view: static HTML in an output of its own, which outlives the kernel.

The stylesheet hides it while a view is alive in the same cell:
`:is(.jp-OutputArea, .output):has(.parrot-jobs) .parrot-static { display: none }`, where
`parrot-jobs` is the class of the view's outermost element, and `parrot-static` that of this output.
"""

from collections.abc import Sequence

from IPython.display import display, update_display

from parrot_async import report
from parrot_async.model.models import TERMINAL, JobId, utc
from parrot_async.model.tree import JobTree
from parrot_async.report.wording import html_text
from parrot_async.view.protocol import Row

Bundle = dict[str, str]
"""The forms of one output by media type; Jupyter calls it a MIME bundle."""
COLUMNS = {
    "title": "Job",
    "status": "Status",
    "created": "Submitted (UTC)",
    "cost": "Cost",
    "error": "Error",
    "id": "Id",
}
ROWS = 200
"""Most lines of a saved output: a browser parses all of it at each update, though it is hidden."""


class SavedOutput:
    """What a saved notebook shows when no kernel runs."""

    def __init__(self, name: str) -> None:
        """Take a name that no other output of the notebook has."""
        self._name = name
        self._is_shown = False

    def show(self, bundle: Bundle) -> None:
        """Put it into the output of the cell that runs now."""
        self._is_shown = True
        display(bundle, raw=True, display_id=self._name)

    def update(self, bundle: Bundle) -> None:
        """Replace it in all cells that show it; without any, do nothing."""
        if self._is_shown:
            update_display(bundle, raw=True, display_id=self._name)


def tree_bundle(tree: JobTree | None, job_id: JobId) -> Bundle:
    """Return a job and all below it as they are now."""
    if tree is None:
        return {"text/plain": f"<job {job_id}>"}
    page = report.html(tree, job_id, most=ROWS)
    if tree[job_id].status not in TERMINAL:
        page += _hint(f"await client.attach({job_id!r})")
    return _bundle(page, report.text(tree, job_id))


def panel_bundle(rows: Sequence[Row]) -> Bundle:
    """Return the newest jobs as they are now."""
    cells = [[_cell(row, name) for name in COLUMNS] for row in rows[:ROWS]]
    table = "".join(_line("td", line) for line in cells)
    page = (
        f"<table><thead>{_line('th', list(COLUMNS.values()))}</thead><tbody>{table}</tbody></table>"
    )
    return _bundle(page + _hint("client.panel()"), "\n".join("  ".join(line) for line in cells))


def _bundle(page: str, text: str) -> Bundle:
    return {"text/html": f'<div class="parrot-static">{page}</div>', "text/plain": text}


def _hint(code: str) -> str:
    return f"<p>As it was when it was last saved: <code>{html_text(code)}</code> shows it live.</p>"


def _cell(row: Row, name: str) -> str:
    value = row.get(name, "")
    if name == "created" and isinstance(value, float):
        return utc(value).isoformat(" ", "seconds")
    if name == "cost" and value:
        least = "at least " if str(value).endswith("+") else ""
        return f"{least}${str(value).rstrip('+')}"
    return str(value).replace("_", " ")


def _line(tag: str, words: Sequence[str]) -> str:
    return f"<tr>{''.join(f'<{tag}>{html_text(word)}</{tag}>' for word in words)}</tr>"
