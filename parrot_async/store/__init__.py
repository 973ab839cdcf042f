"""The job store: where jobs, their events and small results are durable, in SQLite or PostgreSQL.

It runs in the scheduler's process, which writes, and in any process that reads a store from
outside; the service and `history` call it. Big results lie in a folder: `transport.results`.
"""

from parrot_async.store.opening import check_url, is_own, open_store, shown
from parrot_async.store.port import Commit, Dropped, JobStore, StoredCheckpoint, StoredResult

__all__ = [
    "Commit",
    "Dropped",
    "JobStore",
    "StoredCheckpoint",
    "StoredResult",
    "check_url",
    "is_own",
    "open_store",
    "shown",
]
