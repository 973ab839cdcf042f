"""Rows of roots travel as plain data, and come back with every digit of their cost."""

import json
from decimal import Decimal

from parrot_async.model.models import JobStatus
from parrot_async.model.rows import RootRow

ROW = RootRow(
    "r", "Read", "docs:read", "ingest", JobStatus.FAILED, 1.25, 2.5, Decimal("0.10"), "broken", "me"
)


def test_a_row_comes_back_from_json() -> None:
    text = json.dumps(ROW.plain())

    assert RootRow.from_plain(json.loads(text)) == ROW


def test_a_plain_row_has_words_and_numbers_only() -> None:
    plain = ROW.plain()

    assert (plain["status"], plain["cost"]) == ("failed", "0.10")
    assert {type(value) for value in plain.values()} <= {str, float}
