-- The nearest chunks, best first; the inner query stops early on the index, whose order is relaxed, so the outer one sorts.
with nearest as materialized (
    select
        d.path, d.title, d.kind, d.source, c.page, c.ordinal, c.text, d.metadata || c.metadata as metadata,
        1 - (c.embedding <=> %(vector)s) as score
    from {chunks} as c
    join parrot_ingest.documents as d on d.id = c.document
    where {filters}
    order by c.embedding <=> %(vector)s
    limit %(limit)s
)
select path, title, kind, source, page, ordinal, text, metadata, score
from nearest
order by score desc, path, ordinal;
