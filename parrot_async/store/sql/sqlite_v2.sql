-- owner: Which service runs a tree; those of before had none.
ALTER TABLE roots ADD COLUMN owner TEXT NOT NULL DEFAULT '';

-- roots_by_end: Finds what ended long ago.
CREATE INDEX roots_by_end ON roots (completed_at) WHERE completed_at IS NOT NULL;

-- leases: Until when a service says that it lives.
CREATE TABLE leases (
    owner TEXT PRIMARY KEY,
    until REAL NOT NULL
) WITHOUT ROWID;

-- lost: The trees that others have claimed from an owner, which is refused there.
CREATE TABLE lost (
    owner TEXT NOT NULL,
    root_id TEXT NOT NULL,
    PRIMARY KEY (owner, root_id)
) WITHOUT ROWID;

-- checkpoints: What running jobs saved for later attempts, or the URL where it lies.
CREATE TABLE checkpoints (
    job_id TEXT PRIMARY KEY,
    attempt INTEGER NOT NULL,
    value BLOB,
    url TEXT
) WITHOUT ROWID;

-- cached: The completed job of each content key.
CREATE TABLE cached (
    key TEXT PRIMARY KEY,
    job_id TEXT NOT NULL
) WITHOUT ROWID;

-- cached_of_job: Finds the content keys of a tree that is deleted.
CREATE INDEX cached_of_job ON cached (job_id);

-- results_by_url: Tells whether a file is still a result, also one that several jobs share.
CREATE INDEX results_by_url ON results (url) WHERE url IS NOT NULL;
