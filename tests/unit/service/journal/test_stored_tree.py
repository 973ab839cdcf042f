"""A tree as the store has it: its nodes, and what only their first events say."""

from parrot_async.model import events
from parrot_async.model.events import Submitted
from parrot_async.model.models import JobStatus
from parrot_async.service.journal.stored_tree import StoredTree
from tests.unit.stories import TASK, completed, started, submitted

CHILDREN = Submitted(
    at=1,
    spec=TASK,
    ids=("r.0", "r.1", "r.2"),
    parent_id="r",
    fingerprints=("a", "b", "a"),
    reuse=True,
)


def read(stored: StoredTree, first: int, *story: events.Event) -> StoredTree:
    return stored.read((first + n, events.dump(event)) for n, event in enumerate(story))


def test_a_tree_is_read_with_the_number_of_its_last_event() -> None:
    stored = read(StoredTree(), 5, submitted("r"), started("r"), CHILDREN)

    assert stored.last == 7
    assert stored.tree.root.status is JobStatus.RUNNING
    assert stored.reuse == {"r.0", "r.1", "r.2"}


def test_a_tree_is_read_on_from_where_it_was() -> None:
    stored = read(StoredTree(), 1, submitted("r"), CHILDREN)

    again = read(stored, 3, completed("r.0", attempt=0))

    assert again is stored
    assert (again.last, again.tree["r.0"].status) == (3, JobStatus.COMPLETED)


def test_children_are_found_by_what_they_were_called_with() -> None:
    stored = read(StoredTree(), 1, submitted("r"), CHILDREN)

    assert stored.children_by_print("r") == {"a": ["r.0", "r.2"], "b": ["r.1"]}
    assert stored.children_by_print("r.0") == stored.children_by_print("unknown") == {}


def test_nothing_is_nothing() -> None:
    stored = StoredTree().read([])

    assert (stored.tree.root_id, stored.last) == (None, 0)
