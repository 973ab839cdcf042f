"""The user's local background cluster: started by the first who needs it, joined by the next.

It runs partly in your process, which starts and finds it, and partly as a daemon of its own; client
and command line call it.
"""

from parrot_async.cluster.local import (
    ClusterStatus,
    LocalCluster,
    down,
    down_all,
    ensure,
    running,
    status,
)
from parrot_async.cluster.pools import Pools
from parrot_async.cluster.variables import Variables, chosen_variables

__all__ = [
    "ClusterStatus",
    "LocalCluster",
    "Pools",
    "Variables",
    "chosen_variables",
    "down",
    "down_all",
    "ensure",
    "running",
    "status",
]
