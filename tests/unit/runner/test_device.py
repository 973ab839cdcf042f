"""A device after an attempt that went wrong: ready, broken, or still busy."""

import sys
import threading
from types import SimpleNamespace

import pytest

from parrot_async.runner.device import Device, probe_torch
from tests.pretended_torch import PretendedCuda


def fails() -> None:
    raise RuntimeError("device-side assert triggered")


def test_a_device_whose_probe_returns_is_ready() -> None:
    assert Device(lambda: None).fault(10) is None


def test_a_device_whose_probe_raises_is_broken() -> None:
    fault = Device(fails).fault(10)

    assert fault == "its device is broken: RuntimeError: device-side assert triggered"


def test_a_device_that_is_busy_for_too_long_is_at_fault_unless_others_use_it() -> None:
    done = threading.Event()
    device = Device(lambda: done.wait(10) and None)  # type: ignore[arg-type]

    alone, shared = device.fault(0.01), device.fault(0.01, is_shared=True)
    done.set()

    assert alone == "its device is still busy 0.01 s after the attempt that used it"
    assert shared is None


def test_torch_is_not_imported_for_a_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "torch", raising=False)

    probe_torch()

    assert "torch" not in sys.modules


def test_a_probe_waits_for_the_kernels_and_frees_what_nothing_uses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cuda = PretendedCuda()
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))

    probe_torch()
    cuda.fault = RuntimeError("device-side assert triggered")

    assert cuda.freed == 1
    with pytest.raises(RuntimeError, match="device-side"):
        probe_torch()
