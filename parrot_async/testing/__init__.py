"""For the tests of your own jobs: a client without a cluster, a body alone, faults on purpose.

It runs in one process, your test's; users import its names from here.
"""

from parrot_async.jobs.slot import JobStopped
from parrot_async.settings.failpoints import POINTS, faults
from parrot_async.testing.client import EagerClient
from parrot_async.testing.recording import ChildCall, Recording, recording_job

__all__ = [
    "POINTS",
    "ChildCall",
    "EagerClient",
    "JobStopped",
    "Recording",
    "faults",
    "recording_job",
]
