-- Claims the row of a document; without its hash it counts as unfinished until the same transaction ends.
insert into parrot_ingest.documents (collection, source, path, kind, title, metadata, status)
values (%(collection)s, %(source)s, %(path)s, %(kind)s, %(title)s, %(metadata)s, 'loading')
on conflict (collection, path) do update
set source = excluded.source,
    kind = excluded.kind,
    title = excluded.title,
    metadata = excluded.metadata,
    sha256 = null
returning id;
