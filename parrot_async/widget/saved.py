"""The inert twin of a live view: static HTML in an output of its own, which outlives the kernel."""

from collections.abc import Sequence

from IPython.display import display, update_display

from parrot_async import report
from parrot_async.model.models import TERMINAL, JobId, utc
from parrot_async.model.tree import JobTree
from parrot_async.report.wording import html_text
from parrot_async.view.protocol import Row

Bundle = dict[str, str]
"""The forms of one output by their media type."""
COLUMNS = {
    "title": "Job",
    "status": "Status",
    "created": "Submitted (UTC)",
    "cost": "Cost",
    "error": "Error",
    "id": "Id",
}

ROWS = 200
"""Lines of the twin: a page has to read it again and again while nobody sees it."""


class Twin:
    """What a saved notebook shows where a live view cannot live."""

    def __init__(self, name: str) -> None:
        """Take a name that is unlike any other's."""
        self._name = name
        self._is_shown = False

    def show(self, bundle: Bundle) -> None:
        """Put it into the output of the cell that runs now."""
        self._is_shown = True
        display(bundle, raw=True, display_id=self._name)

    def update(self, bundle: Bundle) -> None:
        """Bring it up to date, wherever it is; the stylesheet hides it where the view lives."""
        if self._is_shown:
            update_display(bundle, raw=True, display_id=self._name)


def tree_bundle(tree: JobTree | None, job_id: JobId) -> Bundle:
    """A job and all below it as they are now."""
    if tree is None:
        return {"text/plain": f"<job {job_id}>"}
    page = report.html(tree, job_id, most=ROWS)
    if tree[job_id].status not in TERMINAL:
        page += _hint(f"await client.attach({job_id!r})")
    return _bundle(page, report.text(tree, job_id))


def panel_bundle(rows: Sequence[Row]) -> Bundle:
    """The newest jobs as they are now."""
    cells = [[_words(row, name) for name in COLUMNS] for row in rows[:ROWS]]
    table = "".join(_line("td", line) for line in cells)
    page = (
        f"<table><thead>{_line('th', list(COLUMNS.values()))}</thead><tbody>{table}</tbody></table>"
    )
    return _bundle(page + _hint("client.panel()"), "\n".join("  ".join(line) for line in cells))


def _bundle(page: str, text: str) -> Bundle:
    return {"text/html": f'<div class="parrot-static">{page}</div>', "text/plain": text}


def _hint(code: str) -> str:
    return f"<p>As it was when it was last saved: <code>{html_text(code)}</code> shows it live.</p>"


def _words(row: Row, name: str) -> str:
    value = row.get(name, "")
    if name == "created" and isinstance(value, float):
        return utc(value).isoformat(" ", "seconds")
    return f"${value}" if name == "cost" and value else str(value).replace("_", " ")


def _line(tag: str, words: Sequence[str]) -> str:
    return f"<tr>{''.join(f'<{tag}>{html_text(word)}</{tag}>' for word in words)}</tr>"
