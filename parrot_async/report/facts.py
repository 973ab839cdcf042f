"""What every report says about a job, in plain words, which the caller escapes."""

from datetime import datetime
from itertools import islice

from parrot_async.errors import ErrorInfo, ErrorKind
from parrot_async.model.models import Attempt, JobNode, JobStatus
from parrot_async.model.progress import elapsed, remaining
from parrot_async.report.outline import Outline, Rest
from parrot_async.report.wording import (
    ENDS,
    counts_words,
    duration,
    line,
    percent,
    price,
    spent,
    state_words,
    status_word,
)

INHERITED: frozenset[ErrorKind] = frozenset({"cancelled_by_parent", "children", "dependency"})
"""Kinds of error whose cause is shown at another job."""

Facts = list[tuple[str, str]]
"""Pairs of a name and its words; the words are never empty."""


def title(node: JobNode) -> str:
    """Return the job's title on one line, or the name of its function if it has none."""
    return line(node.title) or line(node.spec.function) or "(no title)"


def overview(node: JobNode, now: datetime) -> Facts:
    """Return the state of a job and all below it."""
    return _present(
        ("Status", f"{state_words(node)}, {percent(node)}"),
        ("Duration", duration(elapsed(node, now)) or "not started"),
        ("Remaining", about(remaining(node, now))),
        ("Cost", cost(node)),
        ("Children", counts_words(node.child_counts or {})),
        ("Job", line(node.id)),
    )


def summary(node: JobNode, now: datetime) -> str:
    """Return state, percent while it runs, duration, usage and children of a job, on one line."""
    parts = [state_words(node)]
    if not node.status.terminal:
        parts.append(percent(node))
    parts += [duration(elapsed(node, now)), spent(node.usage)]
    if node.children:
        parts.append(f"children: {counts_words(node.child_counts or {})}")
    return ", ".join(part for part in parts if part)


def details(node: JobNode) -> Facts:
    """Return the inputs, the outcome and the attempts of one job, a line each."""
    prompt = node.spec.prompt if node.spec.prompt != node.spec.description else ""
    own = node.own_usage
    return _present(
        ("Prompt", line(prompt)),
        ("Arguments", line(node.arguments)),
        ("Step", step(node)),
        ("Result", line(node.result.preview) if node.result else ""),
        ("Result at", line(node.result.url or "") if node.result else ""),
        ("Result of job", line(node.result.source) if node.result else ""),
        ("Runs again", line(node.origin or "")),
        ("API", line(f"{own.api} ({spent(own) or 'no tokens'})") if own and own.api else ""),
        ("Error", error(node.error) if node.error else ""),
        *attempts(node),
    )


def step(node: JobNode) -> str:
    """Return the step of a job that has not ended: "embedding (32 of 64)"; else empty."""
    if node.status.terminal:
        return ""
    words = line(node.current_step)
    if not node.total_steps:
        return words
    number = f"{node.steps_completed:,} of {node.total_steps:,}"
    return f"{words} ({number})" if words else number


def error(info: ErrorInfo) -> str:
    """Return why a job ended, on one line: "timed out: JobTimeoutError: ran past 30s"."""
    parts = (ENDS[info.kind], line(info.type_name), line(info.message))
    return ": ".join(part for part in parts if part) or info.kind


def attempts(node: JobNode) -> Facts:
    """Return all attempts if there was more than one, or if one was lost."""
    made = node.attempts
    if len(made) <= 1 and not any(one.error and one.error.kind == "lost" for one in made):
        return []
    return [(f"Attempt {one.number}", _attempt(one)) for one in made]


def rest(others: Rest) -> str:
    """Count the children that are not shown: "… and 9,950 more: 9,950 completed"."""
    number = f"{others.count:,} jobs" if others.alone else f"and {others.count:,} more"
    return f"… {number}: {counts_words(others.counts)}"


def cost(node: JobNode) -> str:
    """Return money and tokens: "$0.24 (1,847 tokens)"; empty if the job used nothing."""
    usage = node.usage
    if usage is None:
        return ""
    words = price(usage) or "not known"
    return f"{words} ({usage.tokens:,} tokens)" if usage.tokens else words


def about(seconds: float | None) -> str:
    """Return an estimated duration: "about 2m 10s"; empty if it is not known."""
    return "" if seconds is None else f"about {duration(seconds)}"


def _attempt(attempt: Attempt) -> str:
    where = f"on {line(attempt.worker)}" if attempt.worker else ""
    if attempt.ended_at is None:
        return f"{where} runs".strip()
    took = duration(max((attempt.ended_at - attempt.started_at).total_seconds(), 0.0))
    end = "completed" if attempt.error is None else error(attempt.error)
    return f"{where} for {took}: {end}".strip()


def _present(*facts: tuple[str, str]) -> Facts:
    return [(name, words) for name, words in facts if words]


def end(node: JobNode) -> str:
    """Return how and why a job ended: "failed: ValueError: broken"."""
    why = [error(node.error)] if node.error else []
    return ": ".join([status_word(node.status), *why])


def is_failure(node: JobNode) -> bool:
    """Whether a job failed for a reason of its own, not because of its parent or children."""
    return node.error is not None and (
        node.status is JobStatus.FAILED and node.error.kind not in INHERITED
    )


def failures(top: Outline, limit: int) -> list[JobNode]:
    """Return the first jobs of an outline that failed for a reason of their own."""
    shown = (here.node for here, _ in top.walk() if isinstance(here, Outline))
    return list(islice(filter(is_failure, shown), limit))
