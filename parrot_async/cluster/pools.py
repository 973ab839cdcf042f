"""The pools of workers: how many processes and slots each has, and which GPU a worker gets."""

import os
import subprocess
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, NonNegativeInt

CAPACITY = 1_000_000
"""Of a pool's Dask resource, which is a mere label: it never runs out, the service counts slots."""

HIDDEN = {"CUDA_VISIBLE_DEVICES": ""}
"""What hides all devices from a process."""


class Pools(BaseModel):
    """How many slots there are: a process for each `cpu` and `gpu` slot, one for all `io` slots."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cpu: NonNegativeInt
    gpu: NonNegativeInt = 0
    io: NonNegativeInt = 512

    @classmethod
    def found(cls) -> "Pools":
        """Return the pools that fit this machine; `PARROT_GPUS=2` pretends two devices."""
        from dask.system import CPU_COUNT  # respects affinity and cgroup quotas

        pretended = os.environ.get("PARROT_GPUS")
        gpus = len(devices()) if pretended is None else int(pretended)
        return cls(cpu=int(CPU_COUNT), gpu=gpus)


class WorkerSpec(NamedTuple):
    """One worker process that is to be started."""

    name: str
    pool: str
    slots: int
    env: dict[str, str]

    @property
    def resources(self) -> dict[str, float]:
        """The Dask worker's resources: one kind, or the head of Dask's queue blocks the rest."""
        return {self.pool: CAPACITY}


def workers(pools: Pools) -> list[WorkerSpec]:
    """Return the processes of the pools; io first, as it has slots for everybody."""
    io = [WorkerSpec("io-0", "io", pools.io, {})] if pools.io else []
    cpu = [WorkerSpec(f"cpu-{i}", "cpu", 1, {}) for i in range(pools.cpu)]
    gpu = [
        WorkerSpec(f"gpu-{i}", "gpu", 1, {"CUDA_VISIBLE_DEVICES": device})
        for i, device in enumerate(pinned(pools.gpu))
    ]
    # What wants a device says gpu=1, also where there is no gpu worker: otherwise each process
    # would take its share of a device that others count on.
    return [spec._replace(env=HIDDEN) for spec in io + cpu] + gpu


def pinned(count: int) -> list[str]:
    """Return a device for each of `count` GPU workers; numbers where fewer devices are found."""
    found = devices()
    return found[:count] if len(found) >= count else [str(i) for i in range(count)]


def devices() -> list[str]:
    """Return the NVIDIA devices that this process may use, as CUDA_VISIBLE_DEVICES names them."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return [str(i) for i in range(_count())]
    names = [name.strip() for name in visible.split(",")]
    # CUDA itself stops at the first name that is none.
    return names[: next((i for i, name in enumerate(names) if name in {"", "-1"}), len(names))]


def _count() -> int:
    """Return how many devices the driver lists, or `nvidia-smi` where /proc has no list (WSL)."""
    listing = Path("/proc/driver/nvidia/gpus")
    if listing.is_dir():
        return len(list(listing.iterdir()))
    try:
        done = subprocess.run(
            ["nvidia-smi", "-L"],  # noqa: S607 - it lies where the driver was installed
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return 0
    return sum(line.startswith("GPU ") for line in done.stdout.splitlines())
