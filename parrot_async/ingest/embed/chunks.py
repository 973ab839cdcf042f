"""The chunker cuts documents into chunks that the model reads whole."""

import hashlib
import os
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from parrot_async.ingest.load.loaders import Document

if TYPE_CHECKING:
    from semantic_text_splitter import MarkdownSplitter, TextSplitter
    from tokenizers import Tokenizer

CHUNKS_VERSION = "1"
"""Part of each document's fingerprint; raise it when the same text gives other chunks."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a document: `text` is `document.text[start:end]`.

    `hash` is the SHA-256 of the text (32 bytes), `page` counts from 1.
    """

    ordinal: int
    text: str
    hash: bytes
    start: int
    end: int
    page: int | None = None


@dataclass(frozen=True, slots=True)
class Chunker:
    """Cuts documents into chunks of at most `size` characters and `max_tokens` tokens.

    The model's start and end marks count as tokens. A chunker holds plain settings, so that it
    travels to workers; tokenizer and splitters are made once in each process. At 800 characters
    83-98 % of real chunks are within MiniLM's 256 tokens; the others are cut again by tokens, since
    a model silently drops what is past its limit.
    """

    tokenizer_file: str
    max_tokens: int = 256
    size: int = 800

    @property
    def fingerprint(self) -> str:
        """The settings that change the chunks of a text, apart from the model."""
        return f"chunks-{CHUNKS_VERSION}-{self.size}-{self.max_tokens}"

    def chunk(self, document: Document) -> list[Chunk]:
        """Return the chunks of `document` in order; offsets count characters of its text."""
        spans = self._fitting(self._cut(document))
        return [
            _chunk(document, ordinal, start, text) for ordinal, (start, text) in enumerate(spans)
        ]

    def _cut(self, document: Document) -> list[tuple[int, str]]:
        splitter = _splitter(self.size, document.kind in ("html", "markdown", "docx"))
        return [
            (start, text) for start, text in splitter.chunk_indices(document.text) if text.strip()
        ]

    def _fitting(self, spans: list[tuple[int, str]]) -> Iterator[tuple[int, str]]:
        """Yield the spans, those that have too many tokens in pieces."""
        lengths = count_tokens(self.tokenizer_file, [text for _, text in spans], self.max_tokens)
        for (start, text), length in zip(spans, lengths, strict=True):
            if length <= self.max_tokens:
                yield start, text
            else:
                yield from self._smaller(start, text, length)

    def _smaller(self, start: int, text: str, length: int) -> Iterator[tuple[int, str]]:
        # Two tokens of a character each fit any model, so the recursion ends.
        size = max(1, min(len(text) // 2 + 1, len(text) * self.max_tokens // length - 1))
        pieces = _splitter(size, False).chunk_indices(text)
        yield from self._fitting(
            [(start + offset, piece) for offset, piece in pieces if piece.strip()]
        )


def count_tokens(tokenizer_file: str, texts: list[str], enough: int = 0) -> list[int]:
    """Return the number of tokens of each of `texts`, its start and end marks included.

    No token is shorter than a byte, so a text with at most `enough` bytes and marks is not
    tokenized: that number is returned as its length.
    """
    tokenizer = load_tokenizer(tokenizer_file)
    marks = tokenizer.num_special_tokens_to_add(False)
    lengths = [len(text.encode()) + marks for text in texts]
    unsure = [index for index, length in enumerate(lengths) if length > enough]
    encodings = tokenizer.encode_batch_fast([texts[index] for index in unsure])
    for index, encoding in zip(unsure, encodings, strict=True):
        lengths[index] = len(encoding.ids)
    return lengths


@lru_cache(maxsize=8)
def load_tokenizer(tokenizer_file: str) -> "Tokenizer":
    """Return the tokenizer in a `tokenizer.json`, which neither truncates nor pads.

    It is shared in this process: do not change it.
    """
    # A worker has one thread: the tokenizer's own pool would use the core of another worker, and it
    # warns after a fork.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(tokenizer_file)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


@lru_cache(maxsize=256)
def _splitter(size: int, structured: bool) -> "TextSplitter | MarkdownSplitter":
    from semantic_text_splitter import MarkdownSplitter, TextSplitter

    return MarkdownSplitter(size) if structured else TextSplitter(size)


def _chunk(document: Document, ordinal: int, start: int, text: str) -> Chunk:
    page = bisect_right(document.pages, start) if document.pages else None
    digest = hashlib.sha256(text.encode()).digest()
    return Chunk(ordinal, text, digest, start, start + len(text), page)
