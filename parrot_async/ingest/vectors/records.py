"""The rows that the vector store takes and gives: documents, failures, filters and hits."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class DocumentRecord:
    """What is stored of a document beside its chunks.

    `sha256` of its bytes, in hex, and `fingerprint` of loader, chunker and model say when it must
    be stored again.
    """

    path: str
    source: str
    kind: str
    title: str
    sha256: str
    fingerprint: str
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class KnownDocument:
    """What is stored of a path; `sha256` is None unless the version last seen is stored whole."""

    sha256: str | None
    fingerprint: str | None
    status: str
    chunks: int


@dataclass(frozen=True, slots=True)
class Failure:
    """A document that failed when last tried: in which stage (load, embed, store), and why."""

    path: str
    stage: str
    error: str


@dataclass(frozen=True, slots=True)
class Filter:
    """Which chunks a search may return; an empty field allows all.

    `paths` and `kinds` name those allowed, a path must start with `under`, and the document's
    metadata must contain `metadata`.
    """

    kinds: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    under: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)


EVERYTHING = Filter()


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk that answers: `score` is the cosine, at most 1; `page` counts from 1."""

    score: float
    text: str
    path: str
    title: str
    kind: str
    source: str
    page: int | None
    ordinal: int
    metadata: Mapping[str, Any]
