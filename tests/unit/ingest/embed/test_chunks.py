"""Chunking: nothing is lost, nothing is too long for the model, and each piece knows its place."""

import hashlib
import pickle
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parrot_async.ingest.embed.chunks import Chunker, count_tokens
from parrot_async.ingest.embed.model_files import find_model
from parrot_async.ingest.load.loaders import Document, load_bytes
from tests.ingest_files import pdf_of

WORDS = "The quick brown fox jumps over the lazy dog near the river bank. "


@pytest.fixture(scope="module")
def chunker() -> Chunker:
    """The chunker of the offline model."""
    model = find_model()
    return Chunker(model.tokenizer_file, model.max_tokens)


def _document(text: str) -> Document:
    return Document("notes.txt", "text", "Notes", text, "0" * 64, len(text))


def _tokens(chunker: Chunker, texts: list[str]) -> list[int]:
    return count_tokens(chunker.tokenizer_file, texts)


def test_chunks_are_pieces_of_the_text_in_order_with_their_hashes(chunker: Chunker) -> None:
    document = _document(WORDS * 100)

    chunks = chunker.chunk(document)

    assert [chunk.ordinal for chunk in chunks] == list(range(len(chunks)))
    assert all(document.text[chunk.start : chunk.end] == chunk.text for chunk in chunks)
    assert all(chunk.hash == hashlib.sha256(chunk.text.encode()).digest() for chunk in chunks)


def test_no_word_is_lost(chunker: Chunker) -> None:
    document = _document(WORDS * 100)

    chunks = chunker.chunk(document)

    assert " ".join(chunk.text for chunk in chunks).split() == document.text.split()


@pytest.mark.parametrize(
    "text",
    ["x9 {}[]();: " * 400, "猫狗鸟鱼马" * 500, "😀" * 3000, "a-b_c/d\\e|f" * 500, WORDS * 50],
)
def test_no_chunk_is_truncated_by_the_model_whatever_the_text(chunker: Chunker, text: str) -> None:
    chunks = chunker.chunk(_document(text))

    assert max(_tokens(chunker, [chunk.text for chunk in chunks])) <= chunker.max_tokens
    kept = "".join(chunk.text for chunk in chunks)
    assert "".join(kept.split()) == "".join(text.split())


@settings(max_examples=50)
@given(text=st.text(min_size=1, max_size=3000))
def test_any_text_is_cut_to_fit_and_keeps_its_offsets(chunker: Chunker, text: str) -> None:
    narrow = replace(chunker, max_tokens=16, size=200)
    document = _document(text)

    chunks = narrow.chunk(document)

    assert all(document.text[chunk.start : chunk.end] == chunk.text for chunk in chunks)
    assert all(length <= 16 for length in _tokens(narrow, [chunk.text for chunk in chunks]))


def test_a_chunk_of_a_paged_document_knows_its_page(chunker: Chunker) -> None:
    document = load_bytes(
        pdf_of([f"Page {number} has its words." for number in (1, 2, 3)]), "a.pdf"
    )

    chunks = replace(chunker, size=30).chunk(document)

    assert [chunk.page for chunk in chunks] == [1, 2, 3]
    assert chunker.chunk(_document(WORDS))[0].page is None


def test_equal_texts_have_equal_hashes_in_any_document(chunker: Chunker) -> None:
    one = chunker.chunk(_document(WORDS))
    other = chunker.chunk(replace(_document(WORDS), path="other.txt"))

    assert one[0].hash == other[0].hash


def test_the_chunker_travels_to_workers_and_says_what_changes_its_chunks(chunker: Chunker) -> None:
    other = replace(chunker, size=400)

    assert pickle.loads(pickle.dumps(chunker)) == chunker  # noqa: S301
    assert chunker.fingerprint != other.fingerprint
