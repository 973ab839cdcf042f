"""A tensor of a device travels as one of the CPU; without torch nothing changes."""

import sys
from types import SimpleNamespace

import pytest

from parrot_async.transport.pickling import dump_call, dump_value, load_call, load_value
from parrot_async.transport.tensors import NOTE, dispatch_table
from tests.pretended_torch import PretendedCuda, PretendedTensor


@pytest.fixture
def torch(monkeypatch: pytest.MonkeyPatch) -> None:
    pretended = SimpleNamespace(cuda=PretendedCuda(), Tensor=PretendedTensor)
    monkeypatch.setitem(sys.modules, "torch", pretended)


@pytest.mark.usefixtures("torch")
def test_a_result_comes_on_the_cpu_and_says_where_it_came_from() -> None:
    sent = {"weights": [PretendedTensor("cuda:1", requires_grad=True)], "name": "x"}

    (found,) = load_value(dump_value(sent))["weights"]

    assert found.device.type == "cpu"
    assert found.requires_grad
    assert getattr(found, NOTE) == "cuda:1"


@pytest.mark.usefixtures("torch")
def test_so_does_an_argument() -> None:
    data, _ = dump_call(((PretendedTensor("cuda:0"),), {}))

    (found,), _ = load_call(data, {})

    assert found.device.type == "cpu"


@pytest.mark.usefixtures("torch")
def test_a_value_that_only_cloudpickle_takes_may_have_tensors() -> None:
    tensor = PretendedTensor("cuda:0")

    found = load_value(dump_value(lambda: tensor))()

    assert found.device.type == "cpu"


@pytest.mark.usefixtures("torch")
def test_a_tensor_of_the_cpu_travels_as_ever() -> None:
    found = load_value(dump_value(PretendedTensor("cpu")))

    assert not hasattr(found, NOTE)


def test_without_torch_there_is_no_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "torch", raising=False)

    assert dispatch_table() is None
