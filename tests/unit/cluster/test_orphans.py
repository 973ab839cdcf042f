"""Orphans are adopted, and forgotten by the kernel when they have ended."""

import subprocess
import sys

import pytest

SCRIPT = """
import subprocess, time
from parrot_async.cluster import parent_watch
from parrot_async.cluster.orphans import reap_once

parent_watch.adopt_orphans()
subprocess.run(["sh", "-c", "sleep 0.1 & exit 0"], check=True)
count, until = 0, time.monotonic() + 10
while not count and time.monotonic() < until:
    count = reap_once()
print(count, reap_once())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only there are orphans adopted")
def test_an_orphan_is_adopted_and_reaped_once() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True
    )

    assert done.stdout == "1 0\n"
