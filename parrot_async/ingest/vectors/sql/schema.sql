-- The tables that all collections share; the chunks of each have a table of their own, since a vector column has one dimension.
create extension if not exists vector;

create schema if not exists parrot_ingest;

create table if not exists parrot_ingest.collections (
    id integer generated always as identity primary key,
    name text not null,
    model text not null,
    dimension integer not null,
    created_at timestamptz not null default now(),
    unique (name, model)
);

create table if not exists parrot_ingest.documents (
    id bigint generated always as identity primary key,
    collection integer not null references parrot_ingest.collections on delete cascade,
    source text not null,
    path text not null,
    kind text not null default '',
    title text not null default '',
    metadata jsonb not null default '{}',
    sha256 text,
    fingerprint text,
    chunks integer not null default 0,
    status text not null check (status in ('loading', 'stored', 'failed')),
    stage text,
    error text,
    updated_at timestamptz not null default now(),
    unique (collection, path)
);
