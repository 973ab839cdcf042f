"""Where a scheduler is that somebody names: by its address, a cluster of Dask's, or a client."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple, Protocol, cast

from distributed import Client
from distributed.security import Security

from parrot_async.errors import ClusterError

CLOSED = frozenset({"closing", "closing_gracefully", "closed", "failed"})
"""States in which no scheduler can be had of a cluster or a client."""
SPEAKS_OF_SCHEDULER = ("scheduler_address", "scheduler", "scheduler_info")
"""What one attribute at least of Dask's clusters and clients is called."""


class DaskCluster(Protocol):
    """Any of Dask's cluster objects; its `security`, where it has one, is taken over."""

    @property
    def scheduler_address(self) -> str:
        """Where its scheduler is."""


Named = str | DaskCluster | Client
"""How a scheduler may be named."""


class SchedulerPlace(NamedTuple):
    """A scheduler's address, and what it takes to be let in."""

    address: str
    security: Security | None


def check_named(named: object) -> None:
    """Raise ClusterError for what neither is an address nor can have one."""
    if isinstance(named, str) or any(hasattr(type(named), one) for one in SPEAKS_OF_SCHEDULER):
        return
    if not any(hasattr(named, one) for one in SPEAKS_OF_SCHEDULER):
        raise ClusterError(
            f"a value of type {type(named).__qualname__} is no cluster: give an address such as "
            "tcp://host:8786, one of Dask's cluster objects, or a distributed.Client"
        )


def find_scheduler(named: Named, security: Security | None) -> SchedulerPlace:
    """Return where a scheduler is now, with the object's own security where no other is given.

    Raises ClusterError for an object that is closed, or is not started yet.
    """
    if isinstance(named, str):
        return SchedulerPlace(named, security)
    kind, state = type(named).__qualname__, _state_of(named)
    if state in CLOSED:
        raise ClusterError(
            f"the {kind} is {state}: start another, or give the address of a scheduler that runs"
        )
    try:
        address = next(filter(_is_address, _addresses(named)), None)
    except Exception as exc:  # whatever a cluster's own code raises
        raise ClusterError(f"the {kind} does not say where its scheduler is: {exc}") from exc
    if address is None:
        raise ClusterError(
            f"the {kind} is not started: `await` it, or enter it by `async with`, before the client"
        )
    return SchedulerPlace(cast("str", address), security or _security_of(named))


def _state_of(named: object) -> str:
    """Return a cluster's state, or a client's, by its name."""
    state = getattr(named, "status", "")
    return str(getattr(state, "name", state))


def _addresses(named: object) -> Iterator[object]:
    """Yield what an object says of its scheduler's address, the surest first."""
    yield getattr(named, "scheduler_address", None)
    yield getattr(getattr(named, "scheduler", None), "address", None)
    info = getattr(named, "scheduler_info", None)
    if isinstance(info, Mapping):
        yield info.get("address")


def _is_address(said: object) -> bool:
    """Whether this is an address, and not what stands for one, such as `<Not Connected>`."""
    return isinstance(said, str) and ":" in said and not said.startswith("<")


def _security_of(named: object) -> Security | None:
    """Return what an object uses to be let in; None where that is Dask's configuration."""
    found = getattr(named, "security", None)
    if isinstance(found, dict):
        return Security(**found)
    return cast("Security", found) if hasattr(found, "get_connection_args") else None
