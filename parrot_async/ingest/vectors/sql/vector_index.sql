-- The HNSW index, built once over what is loaded: row by row it would take a hundred times as long.
create index if not exists {index} on {chunks} using hnsw (embedding {operators});
