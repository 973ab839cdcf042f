"""What tests of ingestion share: a corpus that takes seconds, and what the server holds."""

from pathlib import Path

import psycopg
from psycopg import sql

from parrot_async.ingest.vectors.server import ensure_server

WORDS = "swift robin heron falcon river mountain harbour lantern copper velvet winter thunder"

CHUNKS = sql.SQL(
    "select path, ordinal, text from parrot_ingest.documents as d"
    " join {} as c on c.document = d.id order by path, ordinal"
)


def write_corpus(folder: Path, documents: int, paragraphs: int) -> None:
    """Texts that have nothing in common; a paragraph is about a chunk."""
    folder.mkdir(parents=True, exist_ok=True)
    words = WORDS.split()
    for number in range(documents):
        text = "\n\n".join(
            " ".join(
                f"{words[(place * step) % len(words)]} {number}{step}{place}" for place in range(60)
            )
            for step in range(paragraphs)
        )
        (folder / f"{number:03}.txt").write_text(text)


def stored(collection: str) -> dict[str, list[str]]:
    """The texts of the chunks of each document, in order, by the document's file name."""
    found: dict[str, list[str]] = {}
    with psycopg.connect(ensure_server()) as server:
        for number, name in server.execute("select id, name from parrot_ingest.collections"):
            if name != collection:
                continue
            chunks = sql.Identifier("parrot_ingest", f"chunks_{number}")
            for path, ordinal, text in server.execute(CHUNKS.format(chunks)):
                texts = found.setdefault(Path(path).name, [])
                assert ordinal == len(texts), f"{path} has chunk {ordinal} twice, or not all"
                texts.append(text)
    return found
