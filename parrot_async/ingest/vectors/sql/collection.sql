-- The chunks of one collection: btree indexes for filters, replacement and reuse; the vector index comes after the first load.
create table if not exists {chunks} (
    document bigint not null references parrot_ingest.documents on delete cascade,
    ordinal integer not null,
    hash bytea not null,
    page integer,
    start_at integer not null,
    end_at integer not null,
    text text not null,
    metadata jsonb not null default '{{}}',
    embedding vector({dimension}) not null,
    primary key (document, ordinal)
);

create index if not exists {hash_index} on {chunks} (hash);
