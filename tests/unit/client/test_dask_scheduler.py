"""Where the scheduler is of a cluster or a client of Dask's, by what these objects say."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from distributed import Status
from distributed.security import Security

from parrot_async.client.dask_scheduler import check_named, find_scheduler
from parrot_async.errors import ClusterError

ADDRESS = "tls://10.0.0.1:8786"


class Cluster:
    """Says of itself what dask-jobqueue's and dask-kubernetes' do."""

    def __init__(self, address: str | None = ADDRESS, status: object = Status.running) -> None:
        self.scheduler_address = address
        self.status = status
        self.security = Security(require_encryption=True)
        self.scheduler_info: dict[str, object] = {"workers": {}}


class Unreachable:
    """Cannot say where its scheduler is."""

    status = Status.running
    security = None

    @property
    def scheduler_address(self) -> str:
        raise RuntimeError("the pod is gone")


def of(**said: object) -> Any:
    return SimpleNamespace(**said)


def test_an_address_is_where_it_says() -> None:
    security = Security()

    assert find_scheduler("tcp://127.0.0.1:1", security) == ("tcp://127.0.0.1:1", security)
    assert find_scheduler("tcp://127.0.0.1:1", None) == ("tcp://127.0.0.1:1", None)


def test_a_cluster_lets_its_own_in() -> None:
    cluster: Any = Cluster()

    assert find_scheduler(cluster, None) == (ADDRESS, cluster.security)


def test_the_security_that_is_given_wins() -> None:
    given, cluster = Security(), Cluster()

    assert find_scheduler(cluster, given).security is given  # type: ignore[arg-type]


@pytest.mark.parametrize("security", [None, True, False])
def test_a_cluster_without_security_leaves_it_to_dasks_configuration(security: object) -> None:
    assert find_scheduler(of(scheduler_address=ADDRESS, security=security), None).security is None


def test_security_may_be_a_dictionary() -> None:
    named = of(scheduler_address=ADDRESS, security={"require_encryption": True})

    found = find_scheduler(named, None).security

    assert found is not None
    assert found.require_encryption


@pytest.mark.parametrize(
    "named",
    [
        of(scheduler_address=ADDRESS),
        of(scheduler=of(address=ADDRESS), status="running"),
        of(scheduler_address=None, scheduler=of(address=ADDRESS)),
        of(scheduler_address="<Not Connected>", scheduler_info={"address": ADDRESS}),
        of(scheduler_info={"address": ADDRESS}),
        of(scheduler_info=lambda: None, scheduler=of(address=ADDRESS), status="connecting"),
    ],
    ids=["cluster", "client", "no address yet", "not connected", "info", "client that reconnects"],
)
def test_a_scheduler_is_found_by_any_of_its_names(named: Any) -> None:
    check_named(named)

    assert find_scheduler(named, None) == (ADDRESS, None)


@pytest.mark.parametrize("state", [Status.closed, Status.closing, Status.failed, "closed"])
def test_what_is_closed_is_refused_by_its_state(state: object) -> None:
    word = str(getattr(state, "name", state))

    with pytest.raises(ClusterError, match=f"the Cluster is {word}: start another, or give"):
        find_scheduler(Cluster(status=state), None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "named",
    [
        Cluster(None, Status.created),
        Cluster("<Not Connected>", Status.created),
        Cluster("", Status.starting),
        of(scheduler=None, scheduler_info=lambda: None, status="newly-created"),
    ],
    ids=["no address", "not connected", "empty", "client"],
)
def test_what_is_not_started_says_how_to_start_it(named: Any) -> None:
    with pytest.raises(ClusterError, match="is not started: `await` it, or enter it"):
        find_scheduler(named, None)


def test_what_a_cluster_raises_is_told() -> None:
    with pytest.raises(ClusterError, match="where its scheduler is: the pod is gone") as caught:
        find_scheduler(Unreachable(), None)

    assert isinstance(caught.value.__cause__, RuntimeError)


@pytest.mark.parametrize("named", [42, object(), ["tcp://127.0.0.1:1"], Callable])
def test_what_is_no_cluster_is_refused_by_its_type(named: object) -> None:
    with pytest.raises(ClusterError, match=r"is no cluster: give an address such as tcp://host"):
        check_named(named)


@pytest.mark.parametrize("named", ["tcp://127.0.0.1:1", Cluster(), Unreachable()])
def test_what_may_have_a_scheduler_is_not_asked_for_it_yet(named: object) -> None:
    check_named(named)
