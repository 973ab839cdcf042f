"""The GPU of a worker: whether it can run the next attempt after one that went wrong."""

import gc
import sys
import threading
from collections.abc import Callable
from typing import Protocol

POOL = "gpu"
"""Label of the workers that have a device."""

Probe = Callable[[], None]


class _Cuda(Protocol):
    """What is used of `torch.cuda`."""

    def is_initialized(self) -> bool: ...
    def current_device(self) -> int: ...
    def device_count(self) -> int: ...
    def memory_reserved(self, device: int) -> int: ...
    def synchronize(self, device: int) -> None: ...
    def empty_cache(self) -> None: ...


def probe_torch() -> None:
    """Wait for all kernels that run, and free the device memory that nothing uses.

    Raises what CUDA says where its context is broken. Does nothing where no job of this process has
    used CUDA by torch: it is not imported for this.
    """
    cuda: _Cuda | None = getattr(sys.modules.get("torch"), "cuda", None)
    if cuda is None or not cuda.is_initialized():
        return
    current = cuda.current_device()
    for device in range(cuda.device_count()):
        if device == current or cuda.memory_reserved(device):  # others would get a context by it
            cuda.synchronize(device)
    gc.collect()
    cuda.empty_cache()


class Device:
    """The device that the jobs of a worker use.

    Runs on: the threads of jobs.
    """

    def __init__(self, probe: Probe = probe_torch) -> None:
        """`probe` returns when the device has nothing left to do, and raises when it is broken."""
        self._probe = probe

    def fault(self, seconds: float, *, is_shared: bool = False) -> str | None:
        """Return what is wrong with the device, None where it is ready; blocks at most `seconds`.

        That it has still much to do is no fault while other attempts use it too.
        """
        raised: list[BaseException] = []
        thread = threading.Thread(
            target=self._run, args=[raised], name="parrot-device-probe", daemon=True
        )
        thread.start()
        thread.join(seconds)
        if raised:
            return f"its device is broken: {type(raised[0]).__name__}: {raised[0]}"
        if thread.is_alive() and not is_shared:
            return f"its device is still busy {seconds:g} s after the attempt that used it"
        return None

    def _run(self, raised: list[BaseException]) -> None:
        try:
            self._probe()
        except BaseException as exc:  # noqa: BLE001 - whatever a library of a device raises
            raised.append(exc)
