"""Values as people see them, whatever they are: in few words and a short time."""

import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from parrot_async.transport.previews import MOST, preview, summary


class Lazy:
    """Its repr takes its time."""

    def __repr__(self) -> str:
        time.sleep(1)
        return "Lazy()"


class Exits:
    """Its repr would end the process."""

    def __repr__(self) -> str:
        raise SystemExit(3)


@dataclass
class Pages:
    """A dataclass, whose own repr shows all of it."""

    title: str
    texts: list[str] = field(default_factory=list)


def seconds_of(value: Any) -> float:
    began = time.perf_counter()
    assert len(preview(value)) <= MOST
    return time.perf_counter() - began


def test_a_slow_repr_is_not_waited_for_and_not_asked_again() -> None:
    first, second = seconds_of(Lazy()), seconds_of(Lazy())

    assert preview(Lazy()) == "<Lazy>"
    assert first < 0.7
    assert second < 0.05


def test_big_values_are_shown_by_their_first_parts() -> None:
    big: list[Any] = [
        list(range(3_000_000)),
        set(range(1_000_000)),
        bytes(50_000_000),
        "x" * 50_000_000,
    ]
    big += [{n: n for n in range(1_000_000)}, Pages("t", ["x"] * 1_000_000), 10**100_000]

    assert max(map(seconds_of, big)) < 0.3


def test_an_array_is_shown_by_its_shape_when_it_is_big() -> None:
    assert preview(np.zeros((2000, 3))) == "<ndarray 2000 x 3>"
    assert preview(np.zeros(2)) == "array([0., 0.])"


def test_a_dataclass_is_shown_by_its_fields() -> None:
    assert preview(Pages("t", ["a", "b"])) == "Pages(title='t', texts=['a', 'b'])"


def test_a_repr_that_would_end_the_process_does_not() -> None:
    assert preview(Exits()) == "<Exits, whose repr raised SystemExit>"
    assert summary(((1, "a"), {"b": [1]})) == "1, 'a', b=[1]"
