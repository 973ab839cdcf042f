"""How many job-events a second the pure fold takes in, one by one and in columns.

25,000 jobs below 25 plans below one root; each is submitted, started, halfway and completed:
100,000 job-events, whose models are built before the clock starts. Processor time of one core,
so that neighbours do not count; best of several runs.
"""

import argparse
import gc
import time
from collections.abc import Iterator

from parrot_async.model.events import Completed, Event, Progressed, Started, Submitted, Waiting
from parrot_async.model.models import JobResult, JobSpec, JobStatus, JobType
from parrot_async.model.tree import JobTree
from tests.benchmarks.harness import report

PLANS = 25
COLUMN = 256
PLAN = JobSpec(title="plan", job_type=JobType.PLAN)
TASK = JobSpec(title="task", function="example:task")
RESULT = JobResult(28, "4")


def plans() -> list[Event]:
    """A root with its plans, all waiting for children."""
    ids = tuple(f"root.{number}" for number in range(PLANS))
    return [
        Submitted(at=0, spec=PLAN, ids=("root",)),
        Submitted(at=0, spec=PLAN, ids=ids, parent_id="root"),
        Waiting(ids=("root", *ids), attempts=(0,) * (PLANS + 1), at=0),
    ]


def life(ids: tuple[str, ...]) -> Iterator[Event]:
    """What happens to these jobs of one plan."""
    n = len(ids)
    ones, parent = (1,) * n, ids[0].rpartition(".")[0]
    yield Submitted(at=1, spec=TASK, ids=ids, parent_id=parent)
    yield Started(ids=ids, attempts=ones, at=(2.0,) * n, worker="tls://127.0.0.1:40001")
    yield Progressed(
        ids=ids,
        attempts=ones,
        percents=(50.0,) * n,
        steps=("embedding",) * n,
        done=(32,) * n,
        totals=(64,) * n,
    )
    yield Completed(ids=ids, attempts=ones, at=(3.0,) * n, results=(RESULT,) * n)


def lives(jobs: int, column: int) -> list[Event]:
    """The whole run, in which the four happenings of neighbouring columns are mixed."""
    events: list[Event] = []
    for plan in range(PLANS):
        names = [f"root.{plan}.{number}" for number in range(jobs // PLANS)]
        chunks = [tuple(names[at : at + column]) for at in range(0, len(names), column)]
        lanes = [list(life(chunk)) for chunk in chunks]
        # One step behind its neighbour each, so that kinds follow each other as in a real run.
        for step in range(len(lanes) + 3):
            events += [
                lanes[step - kind][kind] for kind in range(4) if 0 <= step - kind < len(lanes)
            ]
    return events


def rate(jobs: int, column: int, repeats: int) -> float:
    """Job-events folded in a second, the best of several runs."""
    prelude, events = plans(), lives(jobs, column)
    gc.freeze()  # the events are not the fold's: its collections shall not walk them
    best = float("inf")
    for _ in range(repeats):
        tree = JobTree()
        for event in prelude:
            tree.apply(event)
        gc.collect()
        start = time.process_time()
        for event in events:
            tree.apply(event)
        best = min(best, time.process_time() - start)
        counts = [node.child_counts for node in tree.children("root")]
        done = sum((count or {}).get(JobStatus.COMPLETED, 0) for count in counts)
        if done != jobs or round(tree.root.progress_percentage, 6) != 100:
            raise SystemExit(f"the fold is wrong: {done} of {jobs} jobs completed")
    return jobs * 4 / best


def main() -> None:
    """Print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=25_000)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    report(
        "fold",
        rate(options.jobs, COLUMN, options.repeats),
        None,
        "job-events/s",
        required="ours >= 200000",
        goal="ours >= 200000",
        one_by_one=rate(options.jobs, 1, options.repeats),
    )


if __name__ == "__main__":
    main()
