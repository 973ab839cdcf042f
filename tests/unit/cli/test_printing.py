"""What commands print for programs is JSON, whatever jobs return."""

import json
import math
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from parrot_async.cli.printing import document, jsonable, node_document
from parrot_async.model.tree import JobTree, fold
from tests.unit.stories import submitted


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


def deep_tree(levels: int) -> JobTree:
    ids = ["r"]
    while len(ids) < levels:
        ids.append(f"{ids[-1]}.0")
    return fold([submitted(job_id) for job_id in ids])


@pytest.mark.parametrize("levels", [100, 101, 1_200, 5_000])
def test_a_tree_of_any_depth_is_a_document_that_every_parser_reads(
    capsys: pytest.CaptureFixture[str], levels: int
) -> None:
    tree = deep_tree(levels)

    document(node_document(tree, tree.root))

    printed = json.loads(capsys.readouterr().out)
    pending, seen = [printed, *printed.get("deeper", [])], []
    while pending:
        here = pending.pop(0)
        seen.append(here["id"])
        pending = here["children"] + pending
    assert seen == list(tree.nodes)
    assert ("deeper" in printed) is (levels > 100)
    assert all(each["parent"] in tree for each in printed.get("deeper", []))


def test_a_document_of_a_subtree_has_what_is_below_it_only() -> None:
    tree = deep_tree(5)

    made = node_document(tree, tree["r.0.0"])

    assert (made["id"], made["parent"]) == ("r.0.0", "r.0")
    assert made["children"][0]["children"][0]["id"] == "r.0.0.0.0"
