-- events: All that happened, in the order of its commits; AUTOINCREMENT so that no number comes twice.
CREATE TABLE events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    root_id TEXT NOT NULL,
    body BLOB NOT NULL
);

-- events_of_root: Finds the events of one tree; the row number, which is seq, ends every index entry.
CREATE INDEX events_of_root ON events (root_id);

-- arguments: What each job was called with, pickled by the client.
CREATE TABLE arguments (
    job_id TEXT PRIMARY KEY,
    value BLOB NOT NULL
) WITHOUT ROWID;

-- results: What each job ended with, pickled by the worker, or the URL where it lies.
CREATE TABLE results (
    job_id TEXT PRIMARY KEY,
    value BLOB,
    expires_at REAL,
    url TEXT,
    expired INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;

-- results_that_expire: Finds what is over without a look at the results that are kept for ever.
CREATE INDEX results_that_expire ON results (expires_at) WHERE expires_at IS NOT NULL;

-- functions: Pickled functions by their SHA-256.
CREATE TABLE functions (
    id TEXT PRIMARY KEY,
    value BLOB NOT NULL
) WITHOUT ROWID;

-- roots: One row a tree, for lists; cost is a decimal number in text, so that no cent is rounded.
CREATE TABLE roots (
    id TEXT PRIMARY KEY,
    title TEXT NOT NULL,
    function TEXT NOT NULL,
    queue TEXT NOT NULL,
    status TEXT NOT NULL,
    created_at REAL NOT NULL,
    completed_at REAL,
    cost TEXT NOT NULL,
    error TEXT
) WITHOUT ROWID;

-- roots_by_age: Gives the newest first.
CREATE INDEX roots_by_age ON roots (created_at);

-- roots_unfinished: Finds what a crash may have interrupted, among any number that ended.
CREATE INDEX roots_unfinished ON roots (created_at)
WHERE status NOT IN ('completed', 'failed', 'cancelled');

-- keys: The latest job of each job key.
CREATE TABLE keys (
    key TEXT PRIMARY KEY,
    job_id TEXT NOT NULL
) WITHOUT ROWID;

-- keys_of_job: Finds the keys of a tree that is deleted.
CREATE INDEX keys_of_job ON keys (job_id);

-- queues: Named queues that differ from the built-in ones, as JSON.
CREATE TABLE queues (
    name TEXT PRIMARY KEY,
    body TEXT NOT NULL
) WITHOUT ROWID;

-- application: Marks the file as a job store: "prrt" in ASCII.
PRAGMA application_id = 0x70727274;
