"""The job store: where every job, its events and its results are durable.

It runs in the scheduler's process, which writes, and in any process that reads a store from
outside (`parrot_async.history`). The service, history and the command line call it.
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
