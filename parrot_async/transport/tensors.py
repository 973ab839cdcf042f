"""How a tensor of a device travels: as one of the CPU that says where it came from."""

import copyreg
import sys
from collections import ChainMap
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol, cast

NOTE: Final = "came_from"
"""The attribute of a tensor that has travelled: the device that it had, such as "cuda:0"."""

_HERE: Final = ("cpu", "meta")
"""Devices that every process has."""

Table = Mapping[type, Callable[..., Any]]


class _Tensor(Protocol):
    """What is used of a tensor of torch."""

    requires_grad: bool
    device: "_Device"

    def detach(self) -> "_Tensor": ...
    def cpu(self) -> "_Tensor": ...
    def requires_grad_(self, requires_grad: bool) -> "_Tensor": ...


class _Device(Protocol):
    """What is used of a tensor's device."""

    type: str


def dispatch_table(other: Table = copyreg.dispatch_table) -> Table | None:
    """Return a pickler's table that has tensors travel, beside another one.

    Returns None where this process has not imported torch, and so has no tensor.
    """
    tensor = getattr(sys.modules.get("torch"), "Tensor", None)
    if not isinstance(tensor, type):
        return None
    # A parameter's own pickle has a tensor in it, and a module's has parameters.
    ours: dict[type, Callable[..., Any]] = {tensor: _reduced}
    return ChainMap(ours, cast("dict[type, Callable[..., Any]]", other))


def _reduced(tensor: _Tensor) -> str | tuple[object, ...]:
    """Return how a tensor is pickled: its own way, or on the CPU with a note."""
    if tensor.device.type in _HERE:
        return tensor.__reduce_ex__(4)
    on_cpu = tensor.detach().cpu().requires_grad_(tensor.requires_grad)
    return _noted, (on_cpu, str(tensor.device))


def _noted(tensor: _Tensor, device: str) -> _Tensor:
    """Return a tensor that says where it came from."""
    setattr(tensor, NOTE, device)
    return tensor
