"""A client before it is open, and which names it has."""

import pytest

from parrot_async.client.client import JobClient
from parrot_async.errors import ClusterError, OptionsError

CLIENT = {
    "aclose", "address", "as_completed", "attach", "cancel", "gather", "gc", "jobs", "map", "open",
    "panel", "pause", "recover", "resume", "run", "set_queue", "submit",
}  # fmt: skip


class Cluster:
    scheduler_address = "tcp://127.0.0.1:9"
    security = None


def test_a_client_shows_only_what_users_call() -> None:
    assert {name for name in dir(JobClient()) if not name.startswith("_")} == CLIENT


def test_a_client_that_is_not_open_says_so() -> None:
    assert repr(JobClient()) == "<JobClient not open>"


def test_an_address_and_a_cluster_are_too_much() -> None:
    with pytest.raises(ClusterError, match="not both"):
        JobClient("tcp://127.0.0.1:9", cluster=Cluster())


def test_what_is_no_cluster_is_refused_at_once() -> None:
    with pytest.raises(ClusterError, match="of type int is no cluster"):
        JobClient(42)  # type: ignore[arg-type]


def test_a_cluster_may_stand_in_the_place_of_an_address() -> None:
    assert repr(JobClient(Cluster())) == "<JobClient not open>"


def test_a_store_is_that_of_a_local_cluster() -> None:
    with pytest.raises(ClusterError, match=r"the service of another one has \$PARROT_STORE"):
        JobClient("tcp://127.0.0.1:9", store="sqlite:///jobs.db")


def test_a_store_that_is_no_url_is_refused_at_once() -> None:
    with pytest.raises(OptionsError, match="no kind of job store"):
        JobClient(store="jobs.db")
