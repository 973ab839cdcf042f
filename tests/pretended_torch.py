"""A torch whose one device is pretended: jobs break it, and keep it busy."""

import sys
import time
from types import SimpleNamespace
from typing import Any


class PretendedCuda:
    """What the runner asks of `torch.cuda`."""

    def __init__(self) -> None:
        self.fault: Exception | None = None
        self.busy_until = 0.0
        self.freed = 0

    def is_initialized(self) -> bool:
        return True

    def current_device(self) -> int:
        return 0

    def device_count(self) -> int:
        return 1

    def memory_reserved(self, device: int) -> int:  # noqa: ARG002 - as torch
        return 0

    def synchronize(self, device: int) -> None:  # noqa: ARG002 - as torch
        if self.fault is not None:
            raise self.fault
        while time.monotonic() < self.busy_until:
            time.sleep(0.01)

    def empty_cache(self) -> None:
        self.freed += 1


class PretendedTensor:
    """A tensor on a device that no other process has."""

    def __init__(self, device: str, requires_grad: bool = False) -> None:
        self.device = _Device(device)
        self.requires_grad = requires_grad

    def detach(self) -> "PretendedTensor":
        return PretendedTensor(self.device.name)

    def cpu(self) -> "PretendedTensor":
        return PretendedTensor("cpu")

    def requires_grad_(self, requires_grad: bool) -> "PretendedTensor":
        self.requires_grad = requires_grad
        return self


class _Device:
    def __init__(self, name: str) -> None:
        self.name = name
        self.type = name.partition(":")[0]

    def __str__(self) -> str:
        return self.name


def pretend() -> PretendedCuda:
    """Have this process look as if a job had imported torch and used its device."""
    torch: Any = sys.modules.get("torch")
    if torch is None or not isinstance(torch.cuda, PretendedCuda):
        torch = SimpleNamespace(cuda=PretendedCuda(), Tensor=PretendedTensor)
        sys.modules["torch"] = torch
    found: PretendedCuda = torch.cuda
    return found
