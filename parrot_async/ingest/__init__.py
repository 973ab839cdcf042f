"""Documents become chunks, vectors, and rows of pgvector that answer questions.

It runs in your process as a client, and on workers as jobs; users import its names from here.
"""

from parrot_async.ingest.errors import IncompleteError, IngestError
from parrot_async.ingest.options import IngestOptions
from parrot_async.ingest.pipeline import ingest, ingest_documents
from parrot_async.ingest.report import FailedDocument, IngestReport
from parrot_async.ingest.search import search
from parrot_async.ingest.vectors.records import Filter, Hit

__all__ = [
    "FailedDocument",
    "Filter",
    "Hit",
    "IncompleteError",
    "IngestError",
    "IngestOptions",
    "IngestReport",
    "ingest",
    "ingest_documents",
    "search",
]
