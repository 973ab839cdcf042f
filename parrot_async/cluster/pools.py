"""The pools of workers: how many processes and slots each has, which device a GPU worker gets."""

import os
import subprocess
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, NonNegativeInt

CAPACITY = 1_000_000
"""A pool is a label: its resource never runs out, threads are the slots, the service counts."""


class Pools(BaseModel):
    """How many workers run: `cpu` and `gpu` processes of one slot, an `io` process of many."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cpu: NonNegativeInt
    gpu: NonNegativeInt = 0
    io: NonNegativeInt = 512

    @classmethod
    def found(cls) -> "Pools":
        """What this machine has; `PARROT_GPUS=2` pretends two devices."""
        from dask.system import CPU_COUNT  # respects affinity and cgroup quotas

        pretended = os.environ.get("PARROT_GPUS")
        gpus = len(devices()) if pretended is None else int(pretended)
        return cls(cpu=int(CPU_COUNT), gpu=gpus)


class WorkerSpec(NamedTuple):
    """One worker process to be."""

    name: str
    pool: str
    slots: int
    env: dict[str, str]

    @property
    def resources(self) -> dict[str, float]:
        """What its Dask worker announces; one kind each, or Dask's queue blocks at the head."""
        return {self.pool: CAPACITY}


def workers(pools: Pools) -> list[WorkerSpec]:
    """The processes of the pools; io first, as it has slots for everybody."""
    io = [WorkerSpec("io-0", "io", pools.io, {})] if pools.io else []
    cpu = [WorkerSpec(f"cpu-{i}", "cpu", 1, {}) for i in range(pools.cpu)]
    gpu = [
        WorkerSpec(f"gpu-{i}", "gpu", 1, {"CUDA_VISIBLE_DEVICES": device})
        for i, device in enumerate(pinned(pools.gpu))
    ]
    # The others must not take a share of a device that a gpu worker counts on.
    hidden = {"CUDA_VISIBLE_DEVICES": ""} if pools.gpu else {}
    return [spec._replace(env=hidden) for spec in io + cpu] + gpu


def pinned(count: int) -> list[str]:
    """One device for each of `count` GPU workers; numbers where more are declared than found."""
    found = devices()
    return found[:count] if len(found) >= count else [str(i) for i in range(count)]


def devices() -> list[str]:
    """The NVIDIA devices this process may use, in the words of CUDA_VISIBLE_DEVICES."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return [str(i) for i in range(_count())]
    names = [name.strip() for name in visible.split(",")]
    # CUDA itself stops at the first name that is none.
    return names[: next((i for i, name in enumerate(names) if name in {"", "-1"}), len(names))]


def _count() -> int:
    """The driver's own list costs nothing; `nvidia-smi` is for where /proc lacks it (WSL)."""
    listing = Path("/proc/driver/nvidia/gpus")
    if listing.is_dir():
        return len(list(listing.iterdir()))
    try:
        command = ["nvidia-smi", "-L"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return 0
    return sum(line.startswith("GPU ") for line in done.stdout.splitlines())
