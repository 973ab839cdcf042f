-- schema: Everything lies in a schema of its own, so that a store can share a database.
CREATE SCHEMA IF NOT EXISTS parrot_async;

-- version: One row: which of these files was run last.
CREATE TABLE parrot_async.version (
    number INTEGER NOT NULL
);

-- version_row: It is updated after each file.
INSERT INTO parrot_async.version VALUES (0);

-- event_numbers: Numbers of events, in the order in which their commits began to write them.
CREATE SEQUENCE parrot_async.event_numbers;

-- events: All that happened; ids are compared byte by byte, so that those of a tree are a range.
CREATE TABLE parrot_async.events (
    root_id TEXT COLLATE "C" NOT NULL,
    seq BIGINT NOT NULL,
    body BYTEA NOT NULL,
    PRIMARY KEY (root_id, seq)
);

-- arguments: What each job was called with, pickled by the client.
CREATE TABLE parrot_async.arguments (
    job_id TEXT COLLATE "C" PRIMARY KEY,
    value BYTEA NOT NULL
);

-- results: What each job ended with, pickled by the worker, or the URL where it lies.
CREATE TABLE parrot_async.results (
    job_id TEXT COLLATE "C" PRIMARY KEY,
    value BYTEA,
    expires_at DOUBLE PRECISION,
    url TEXT,
    expired BOOLEAN NOT NULL DEFAULT false
);

-- results_by_url: Tells whether a file is still a result, also one that several jobs share.
CREATE INDEX results_by_url ON parrot_async.results USING hash (url) WHERE url IS NOT NULL;

-- results_that_expire: Finds what is over without a look at the results that are kept for ever.
CREATE INDEX results_that_expire ON parrot_async.results (expires_at)
WHERE expires_at IS NOT NULL;

-- functions: Pickled functions by their SHA-256.
CREATE TABLE parrot_async.functions (
    id TEXT COLLATE "C" PRIMARY KEY,
    value BYTEA NOT NULL
);

-- roots: One row a tree, for lists; cost is a decimal number in text, so that no cent is rounded.
CREATE TABLE parrot_async.roots (
    id TEXT COLLATE "C" PRIMARY KEY,
    title TEXT NOT NULL,
    function TEXT NOT NULL,
    queue TEXT NOT NULL,
    status TEXT NOT NULL,
    created_at DOUBLE PRECISION NOT NULL,
    completed_at DOUBLE PRECISION,
    cost TEXT NOT NULL,
    error TEXT,
    owner TEXT NOT NULL
);

-- roots_by_age: Gives the newest first.
CREATE INDEX roots_by_age ON parrot_async.roots (created_at, id);

-- roots_by_end: Finds what ended long ago.
CREATE INDEX roots_by_end ON parrot_async.roots (completed_at) WHERE completed_at IS NOT NULL;

-- roots_unfinished: Finds what a crash may have interrupted, among any number that ended.
CREATE INDEX roots_unfinished ON parrot_async.roots (created_at)
WHERE status NOT IN ('completed', 'failed', 'cancelled');

-- leases: Until when a service says that it lives.
CREATE TABLE parrot_async.leases (
    owner TEXT COLLATE "C" PRIMARY KEY,
    until DOUBLE PRECISION NOT NULL
);

-- lost: The trees that others have claimed from an owner, which is refused there.
CREATE TABLE parrot_async.lost (
    owner TEXT COLLATE "C" NOT NULL,
    root_id TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (owner, root_id)
);

-- keys: The job of each job key.
CREATE TABLE parrot_async.keys (
    key TEXT COLLATE "C" PRIMARY KEY,
    job_id TEXT COLLATE "C" NOT NULL
);

-- keys_of_job: Finds the keys of a tree that is deleted.
CREATE INDEX keys_of_job ON parrot_async.keys (job_id);

-- checkpoints: What running jobs saved for later attempts, or the URL where it lies.
CREATE TABLE parrot_async.checkpoints (
    job_id TEXT COLLATE "C" PRIMARY KEY,
    attempt INTEGER NOT NULL,
    value BYTEA,
    url TEXT
);

-- cached: The completed job of each content key.
CREATE TABLE parrot_async.cached (
    key TEXT COLLATE "C" PRIMARY KEY,
    job_id TEXT COLLATE "C" NOT NULL
);

-- cached_of_job: Finds the content keys of a tree that is deleted.
CREATE INDEX cached_of_job ON parrot_async.cached (job_id);

-- queues: Named queues that differ from the built-in ones, as JSON.
CREATE TABLE parrot_async.queues (
    name TEXT COLLATE "C" PRIMARY KEY,
    body TEXT NOT NULL
);

-- reserve: Gives the first of so many numbers in a row; only this waits for others, no commit does.
CREATE FUNCTION parrot_async.reserve(wanted BIGINT) RETURNS BIGINT LANGUAGE plpgsql AS $$
DECLARE
    first BIGINT;
BEGIN
    PERFORM pg_advisory_lock(8102936549721931777);
    first := nextval('parrot_async.event_numbers');
    PERFORM setval('parrot_async.event_numbers', first + wanted - 1);
    PERFORM pg_advisory_unlock(8102936549721931777);
    RETURN first;
END
$$;

-- check_owner: Refuses an owner the trees that it has lost, and holds off who wants to claim more of
-- its trees until the commit is over.
CREATE FUNCTION parrot_async.check_owner(writer TEXT, written TEXT[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    refused JSON;
BEGIN
    PERFORM pg_advisory_xact_lock_shared(1886548596, hashtext(writer));
    SELECT json_agg(root_id) INTO refused
    FROM parrot_async.lost WHERE owner = writer AND root_id = ANY (written);
    IF refused IS NOT NULL THEN
        RAISE EXCEPTION 'trees were claimed' USING ERRCODE = 'PALOS', DETAIL = refused;
    END IF;
END
$$;

-- check_keys: Refuses a job a key that another one has.
CREATE FUNCTION parrot_async.check_keys(wanted TEXT[], jobs TEXT[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    taken JSON;
BEGIN
    SELECT json_build_array(keys.key, keys.job_id) INTO taken
    FROM unnest(wanted, jobs) AS new (key, job_id) JOIN parrot_async.keys USING (key)
    WHERE keys.job_id <> new.job_id
    LIMIT 1;
    IF taken IS NOT NULL THEN
        RAISE EXCEPTION 'a key is taken' USING ERRCODE = 'PAKEY', DETAIL = taken;
    END IF;
END
$$;

-- interrupted: The unfinished roots whose owner has no lease after a time.
CREATE FUNCTION parrot_async.interrupted(present DOUBLE PRECISION)
RETURNS SETOF parrot_async.roots LANGUAGE sql STABLE AS $$
    SELECT * FROM parrot_async.roots
    WHERE status NOT IN ('completed', 'failed', 'cancelled') AND NOT EXISTS (
        SELECT FROM parrot_async.leases
        WHERE leases.owner = roots.owner AND leases.until > present
    )
    ORDER BY created_at, id
$$;

-- claim: Gives interrupted trees to a new owner; one at a time may claim, and commits of former
-- owners that are under way end before.
CREATE FUNCTION parrot_async.claim(wanted TEXT[], claimer TEXT, present DOUBLE PRECISION)
RETURNS SETOF TEXT LANGUAGE plpgsql AS $$
DECLARE
    claimed TEXT[];
BEGIN
    PERFORM pg_advisory_xact_lock(8102936549721931778);
    PERFORM pg_advisory_xact_lock(1886548596, hash)
    FROM (
        SELECT DISTINCT hashtext(owner) AS hash
        FROM parrot_async.interrupted(present) WHERE id = ANY (wanted)
        ORDER BY hash
    ) AS owners;
    claimed := ARRAY(SELECT id FROM parrot_async.interrupted(present) WHERE id = ANY (wanted));
    INSERT INTO parrot_async.lost (owner, root_id)
    SELECT owner, id FROM parrot_async.roots WHERE id = ANY (claimed)
    ON CONFLICT DO NOTHING;
    DELETE FROM parrot_async.lost WHERE owner = claimer AND root_id = ANY (claimed);
    UPDATE parrot_async.roots SET owner = claimer WHERE id = ANY (claimed);
    RETURN QUERY SELECT unnest(claimed);
END
$$;
