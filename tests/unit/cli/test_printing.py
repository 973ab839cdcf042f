"""What commands print for programs is JSON, whatever jobs return."""

import json
import math
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from parrot_async.cli.printing import document, jsonable


@dataclass
class Point:
    x: int


class Odd:
    def __repr__(self) -> str:
        return "<odd>"


def looped() -> list[Any]:
    loop: list[Any] = []
    loop.append(loop)
    return loop


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (None, None),
        ({"a": [1, 2.5, True]}, {"a": [1, 2.5, True]}),
        ((1, {2}), [1, [2]]),
        ({1: "one"}, {"1": "one"}),
        ([math.nan, math.inf], ["NaN", "Infinity"]),
        (b"\xff", "_w=="),
        (Decimal("0.10"), "0.10"),
        (datetime(2026, 1, 2, tzinfo=UTC), "2026-01-02T00:00:00Z"),
        (Point(3), {"x": 3}),
        ([Odd()], ["<odd>"]),
        (looped(), "[[[[[[[...]]]]]]]"),
    ],
)
def test_any_result_has_a_form_in_json(
    value: Any, wanted: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    document({"result": jsonable(value)})

    assert json.loads(capsys.readouterr().out) == {"result": wanted}
