"""Whether a job runs again after a failed attempt, and when."""

import random

from parrot_async.errors import ErrorInfo, JobTimeoutError, error_name
from parrot_async.model.models import RetryPolicy
from parrot_async.service.engine.state import Run

MOST_UNSTARTED = 10
"""How often a job may be lost with a worker that had not said that it began with it."""

TIMEOUT_NAMES = tuple(error_name(base) for base in JobTimeoutError.__mro__)


def may_retry(run: Run, error: ErrorInfo) -> bool:
    """Say whether the job's policy gives it another attempt after this error."""
    policy = run.node.spec.retry
    if error.kind == "lost":
        return run.lost <= policy.lost and run.unstarted <= MOST_UNSTARTED
    names = TIMEOUT_NAMES if error.kind == "timeout" else error.bases
    wanted = not policy.on or bool(set(policy.on) & set(names))
    return error.kind in ("exception", "timeout") and wanted and run.failed < policy.retries


def backoff(policy: RetryPolicy, failed: int) -> float:
    """Seconds until the next attempt: exponential with equal jitter, see `RetryPolicy`."""
    delay = min(policy.longest, policy.first * 2.0 ** min(failed, 64))
    return delay / 2 + random.uniform(0, delay / 2)  # noqa: S311 - no secret
