-- Records why a document failed; chunks of its last good version stay and answer, but it counts as changed until it loads.
insert into parrot_ingest.documents (collection, source, path, sha256, status, stage, error)
values (%(collection)s, %(source)s, %(path)s, null, 'failed', %(stage)s, %(error)s)
on conflict (collection, path) do update
set source = excluded.source,
    sha256 = null,
    status = 'failed',
    stage = excluded.stage,
    error = excluded.error,
    updated_at = now();
