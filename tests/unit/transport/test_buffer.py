"""What arguments are pickled into, and the search in what is big."""

import pickle

import pytest

from parrot_async.transport.buffer import PIECE, Buffer, TooBigError, holds


@pytest.mark.parametrize("sizes", [(3, 4), (PIECE, 1), (5, 2 * PIECE + 7, 5), (PIECE // 2,) * 5])
def test_all_that_was_written_comes_back(sizes: tuple[int, ...]) -> None:
    parts = [bytes([number]) * size for number, size in enumerate(sizes, 1)]
    buffer = Buffer(10 * PIECE)

    for part in parts:
        buffer.write(part)

    assert buffer.getvalue() == b"".join(parts)


def test_what_a_pickler_writes_out_of_its_own_frames_is_taken() -> None:
    value = [bytearray(2 * PIECE), "x" * PIECE]
    buffer = Buffer(10 * PIECE)

    pickle.Pickler(buffer, protocol=5).dump(value)

    assert pickle.loads(buffer.getvalue()) == value  # noqa: S301  our own


def test_more_than_the_limit_is_refused() -> None:
    buffer = Buffer(10)

    with pytest.raises(TooBigError):
        buffer.write(b"x" * 11)


@pytest.mark.parametrize("at", [0, PIECE - 3, PIECE, 2 * PIECE - 1, 3 * PIECE - 6])
def test_a_needle_is_found_wherever_it_lies(at: int) -> None:
    hay = bytearray(3 * PIECE)
    hay[at : at + 6] = b"needle"

    assert holds(bytes(hay), b"needle")
    assert not holds(bytes(hay), b"needles")
    assert not holds(b"", b"needle")
