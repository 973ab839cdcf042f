"""The report as static HTML: a tree that opens and closes without a script, in any theme."""

from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.resources import files

from parrot_async.model.models import JobId, JobNode, JobStatus
from parrot_async.model.tree import JobTree
from parrot_async.report import facts
from parrot_async.report.outline import TOTAL, Outline, Rest, outline
from parrot_async.report.wording import ICONS, both_ends, html_text, percent

OPEN_LEVELS = 2
"""Levels whose children are shown at first."""
FEW = 10
"""Children up to which a completed job is open at first."""
LOG_LINES_SHOWN = 20
CALL = 44
"""Characters of the arguments, and of the result, on a job's row; the details have the rest."""

STYLE = files("parrot_async.report").joinpath("html.css").read_text("utf-8")


def html(
    tree: JobTree,
    job_id: JobId | None = None,
    *,
    now: datetime | None = None,
    most: int = TOTAL,
) -> str:
    """Return the tree of a job, or of the root, as one `<div>` with its own style.

    It has at most `most` lines. Titles, steps, logs, results and errors are escaped, so that they
    stay text.
    """
    top = outline(tree, job_id, total=most)
    now = now or datetime.now(UTC)
    label = html_text(f"Job {facts.title(top.node)}")
    body = "".join(_items(top, now))
    return (
        f'<div class="parrot-report" role="region" aria-label="{label}">'
        f"<style>{STYLE}</style><ul>{body}</ul></div>"
    )


def _items(top: Outline, now: datetime) -> Iterator[str]:
    """Yield nested list items without recursion: trees may be thousands of levels deep."""
    ends: list[str] = []  # the closing tags of the open items, by level
    for here, level in top.walk():
        while len(ends) > level:
            yield ends.pop()
        if isinstance(here, Rest):
            yield f'<li class="parrot-rest">{html_text(facts.rest(here))}'
            ends.append("</li>")
        else:
            inner = _details(here.node)
            folds = bool(inner or here.children or here.rest)
            yield _start(here, level, now, folds=folds) + inner
            yield "<ul>" if here.node.children else ""
            ends.append(("</ul>" if here.node.children else "") + _end(folds=folds))
    yield from reversed(ends)


def _start(here: Outline, level: int, now: datetime, *, folds: bool) -> str:
    row = _row(here.node, now)
    if not folds:
        return f'<li><div class="parrot-row">{row}</div>'
    is_open = " open" if _is_open(here, level) else ""
    return f'<li><details{is_open}><summary class="parrot-row">{row}</summary>'


def _is_open(here: Outline, level: int) -> bool:
    """Whether the item is open at first: upper levels are, and a single job that failed."""
    if not here.children:
        return level == 0 and facts.is_failure(here.node)
    return level < OPEN_LEVELS and len(here.children) <= _open_limit(here.node)


def _open_limit(node: JobNode) -> int:
    """Return up to how many shown children a job is open at first."""
    return FEW if node.status is JobStatus.COMPLETED else TOTAL


def _end(*, folds: bool) -> str:
    return "</details></li>" if folds else "</li>"


def _row(node: JobNode, now: datetime) -> str:
    """Return the line of a job: icon, title, call, bar, state in words, and step or error."""
    icon = (
        f'<span class="parrot-icon parrot-{node.status.value}" aria-hidden="true">'
        f"{ICONS[node.status]}</span>"
    )
    words = f'<span class="parrot-facts">{html_text(facts.summary(node, now))}</span>'
    said = facts.error(node.error) if node.error else facts.step(node)
    note = f'<span class="parrot-note">{html_text(said)}</span>' if said else ""
    name = f'<span class="parrot-title">{html_text(facts.title(node))}</span>'
    return f"{icon}{name}{_call(node)}{_bar(node)}{words}{note}"


def _call(node: JobNode) -> str:
    """Return arguments and result if the title does not tell the job from its siblings."""
    if (node.children and not node.depth) or _is_plan(node) or node.title != _function(node):
        return ""
    came_out = f"→ {both_ends(node.result.preview, CALL)}" if node.result is not None else ""
    said = f"{both_ends(node.arguments, CALL)} {came_out}".strip()
    return f'<span class="parrot-call">{html_text(said)}</span>' if said else ""


def _function(node: JobNode) -> str:
    """Return the bare name of the function, which is the title of a job that was given none."""
    return node.spec.function.rpartition(":")[2].rpartition(".")[2]


def _is_plan(node: JobNode) -> bool:
    """Whether the job has no body, so that its result only counts its children."""
    return node.spec.function_id is None


def _bar(node: JobNode) -> str:
    if node.status.terminal or node.status in (JobStatus.QUEUED, JobStatus.PLANNING):
        return ""
    value = f"{node.progress_percentage:.1f}"
    return f'<progress max="100" value="{value}" aria-label="progress">{percent(node)}</progress>'


def _details(node: JobNode) -> str:
    """Return the details of one job, folded once more if children come after them."""
    inner = _inner(node)
    if not inner or not node.children:
        return inner
    return f'<details class="parrot-more"><summary>details</summary>{inner}</details>'


def _inner(node: JobNode) -> str:
    """Return the details of one job as they stand below its row."""
    rows = "".join(
        f"<dt>{html_text(name)}</dt><dd>{html_text(said)}</dd>"
        for name, said in facts.details(node)
        if name not in ("Step", "Error") and not (name == "Result" and _is_plan(node))
    )
    parts = [f"<dl>{rows}</dl>" if rows else ""]
    if node.depth == 0 and node.spec.description:
        parts.append(_block("Original request", node.spec.description))
    if node.error and node.error.traceback:
        parts.append(_block("Traceback", node.error.traceback))
    if node.logs:
        lines = [f"{line.level}: {line.text}" for line in list(node.logs)[-LOG_LINES_SHOWN:]]
        parts.append(_block("Log", "\n".join(lines)))
    return "".join(parts)


def _block(name: str, content: str) -> str:
    return f"<p>{name}</p><pre>{html_text(content)}</pre>"
