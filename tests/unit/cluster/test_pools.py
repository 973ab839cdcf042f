"""The pools: which worker processes they make, and which GPU each of them sees."""

import pytest
from pydantic import ValidationError

from parrot_async.cluster.pools import Pools, devices, pinned, workers


@pytest.fixture(autouse=True)
def _no_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")


def test_each_cpu_slot_is_a_process_and_all_io_slots_are_one() -> None:
    specs = workers(Pools(cpu=2, io=8))

    assert [(spec.name, spec.slots) for spec in specs] == [("io-0", 8), ("cpu-0", 1), ("cpu-1", 1)]
    assert [list(spec.resources) for spec in specs] == [["io"], ["cpu"], ["cpu"]]


def test_a_pool_may_be_empty() -> None:
    assert [spec.name for spec in workers(Pools(cpu=1, io=0))] == ["cpu-0"]
    assert workers(Pools(cpu=0, io=0)) == []


def test_each_gpu_worker_sees_one_device_and_the_others_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-a, GPU-b")

    seen = {
        spec.name: spec.env["CUDA_VISIBLE_DEVICES"] for spec in workers(Pools(cpu=1, gpu=2, io=4))
    }

    assert seen == {"io-0": "", "cpu-0": "", "gpu-0": "GPU-a", "gpu-1": "GPU-b"}


def test_without_gpu_workers_the_devices_are_nobodys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")

    seen = [spec.env["CUDA_VISIBLE_DEVICES"] for spec in workers(Pools(cpu=2, gpu=0, io=4))]

    assert seen == ["", "", ""]


@pytest.mark.parametrize(
    ("visible", "found"),
    [
        ("0,1", ["0", "1"]),
        (" 2 , 3 ", ["2", "3"]),
        ("1,-1,0", ["1"]),
        ("0,,1", ["0"]),
        ("", []),
        ("-1", []),
        ("MIG-1", ["MIG-1"]),
    ],
)
def test_devices_are_those_that_cuda_would_see(
    monkeypatch: pytest.MonkeyPatch, visible: str, found: list[str]
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)

    assert devices() == found


def test_gpus_that_are_only_pretended_get_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-a")

    assert pinned(1) == ["GPU-a"]
    assert pinned(2) == ["0", "1"]


def test_the_found_pools_fit_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    monkeypatch.delenv("PARROT_GPUS", raising=False)
    real = Pools.found()
    monkeypatch.setenv("PARROT_GPUS", "3")

    assert real.cpu >= 1
    assert (real.gpu, Pools.found().gpu) == (2, 3)


@pytest.mark.parametrize("wrong", [{"cpu": -1}, {"cpu": 1, "tpu": 1}, {}])
def test_pools_that_make_no_sense_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        Pools(**wrong)
