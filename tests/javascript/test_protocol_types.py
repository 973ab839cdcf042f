"""The types of what is said between kernel and browser, as TypeScript has them."""

import pytest

from tests.javascript import protocol_types
from tests.javascript.protocol_types import TYPES, declarations


def test_the_types_are_those_of_the_protocol() -> None:
    assert TYPES.read_text("utf-8") == declarations(), (
        "run `python -m tests.javascript.protocol_types`"
    )


def test_a_field_that_may_be_left_out_is_optional_and_has_its_text() -> None:
    assert "  /** Percent, one decimal. */\n  progress?: number;\n" in declarations()


def test_a_type_that_nobody_has_thought_of_is_refused() -> None:
    with pytest.raises(TypeError, match=r"say in protocol_types\.py what .*set"):
        protocol_types._type(set[str])
