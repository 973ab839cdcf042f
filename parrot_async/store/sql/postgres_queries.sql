-- version: Reads the version of the schema.
SELECT number FROM parrot_async.version;

-- put_version: Keeps the version of the schema.
UPDATE parrot_async.version SET number = %s;

-- check_owner: Refuses a writer trees that it has lost.
SELECT parrot_async.check_owner(%s, %b::text[]);

-- append_events: Appends events to the log and gives the number of the first.
WITH reserved AS MATERIALIZED (
    SELECT parrot_async.reserve(%s) AS first
), appended AS (
    INSERT INTO parrot_async.events (seq, root_id, body)
    SELECT first + place - 1, root_id, body
    FROM reserved CROSS JOIN unnest(%b::text[], %b::bytea[])
    WITH ORDINALITY AS new (root_id, body, place)
)
SELECT first FROM reserved;

-- written_event: Reads the number of an event of a commit whose end was not heard of.
SELECT max(seq) FROM parrot_async.events WHERE root_id = %s AND seq > %s AND body = %s;

-- put_arguments: Keeps what jobs were called with.
INSERT INTO parrot_async.arguments (job_id, value)
SELECT * FROM unnest(%b::text[], %b::bytea[])
ON CONFLICT (job_id) DO UPDATE SET value = excluded.value;

-- put_result: Keeps what jobs ended with, in place of an earlier attempt's exception.
INSERT INTO parrot_async.results (job_id, value, expires_at, url)
SELECT * FROM unnest(%b::text[], %b::bytea[], %b::float8[], %b::text[])
ON CONFLICT (job_id) DO UPDATE SET
    value = excluded.value,
    expires_at = excluded.expires_at,
    url = excluded.url,
    expired = false;

-- put_function: Keeps functions; the same hash is the same function.
INSERT INTO parrot_async.functions (id, value)
SELECT * FROM unnest(%b::text[], %b::bytea[])
ON CONFLICT DO NOTHING;

-- put_root: Keeps roots' rows as they are now, except their owners.
INSERT INTO parrot_async.roots
(id, title, function, queue, status, created_at, completed_at, cost, error, owner)
SELECT * FROM unnest(
    %b::text[], %b::text[], %b::text[], %b::text[], %b::text[],
    %b::float8[], %b::float8[], %b::text[], %b::text[], %b::text[]
)
ON CONFLICT (id) DO UPDATE SET
    title = excluded.title,
    function = excluded.function,
    queue = excluded.queue,
    status = excluded.status,
    created_at = excluded.created_at,
    completed_at = excluded.completed_at,
    cost = excluded.cost,
    error = excluded.error;

-- put_key: Gives keys to jobs, unless others have them.
INSERT INTO parrot_async.keys (key, job_id)
SELECT * FROM unnest(%b::text[], %b::text[])
ON CONFLICT DO NOTHING;

-- check_keys: Refuses jobs keys that others have.
SELECT parrot_async.check_keys(%b::text[], %b::text[]);

-- move_key: Gives keys to other jobs.
INSERT INTO parrot_async.keys (key, job_id)
SELECT * FROM unnest(%b::text[], %b::text[])
ON CONFLICT (key) DO UPDATE SET job_id = excluded.job_id;

-- put_checkpoint: Keeps what jobs saved, unless a later attempt has saved something.
INSERT INTO parrot_async.checkpoints AS kept (job_id, attempt, value, url)
SELECT * FROM unnest(%b::text[], %b::int[], %b::bytea[], %b::text[])
ON CONFLICT (job_id) DO UPDATE SET
    attempt = excluded.attempt,
    value = excluded.value,
    url = excluded.url
WHERE excluded.attempt >= kept.attempt;

-- put_cached: Lets content keys stand for the latest of their jobs.
INSERT INTO parrot_async.cached (key, job_id)
SELECT * FROM unnest(%b::text[], %b::text[])
ON CONFLICT (key) DO UPDATE SET job_id = excluded.job_id;

-- put_queue: Keeps a queue in place of the one of the same name.
INSERT INTO parrot_async.queues (name, body) VALUES (%s, %s)
ON CONFLICT (name) DO UPDATE SET body = excluded.body;

-- events: Reads a portion of a tree's events after a number.
SELECT seq, body FROM parrot_async.events WHERE root_id = %s AND seq > %s ORDER BY seq LIMIT %s;

-- arguments: Reads the arguments of jobs.
SELECT job_id, value FROM parrot_async.arguments WHERE job_id = ANY (%b::text[]);

-- results: Reads the results of jobs.
SELECT job_id, value, url, expires_at, expired FROM parrot_async.results WHERE job_id = ANY (%b::text[]);

-- checkpoints: Reads the checkpoints of jobs.
SELECT job_id, attempt, value, url FROM parrot_async.checkpoints WHERE job_id = ANY (%b::text[]);

-- cached: Reads the jobs of content keys whose result is there after a time.
SELECT key, job_id
FROM parrot_async.cached JOIN parrot_async.results USING (job_id)
WHERE key = ANY (%b::text[])
    AND NOT expired
    AND (value IS NOT NULL OR url IS NOT NULL)
    AND (expires_at IS NULL OR expires_at > %s);

-- named: Reads those of a list of URLs that rows still name.
SELECT url FROM parrot_async.results WHERE url = ANY (%s)
UNION
SELECT url FROM parrot_async.checkpoints WHERE url = ANY (%s);

-- function: Reads a function.
SELECT value FROM parrot_async.functions WHERE id = %s;

-- roots: Reads the newest roots that fit the filters; NULL fits all.
SELECT id, title, function, queue, status, created_at, completed_at, cost, error, owner
FROM parrot_async.roots
WHERE created_at >= coalesce(%(since)s::float8, '-infinity')
    AND (%(status)s::text IS NULL OR status = %(status)s)
    AND (%(queue)s::text IS NULL OR queue = %(queue)s)
    AND (%(function)s::text IS NULL OR function = %(function)s)
ORDER BY created_at DESC, id DESC
LIMIT %(limit)s;

-- root: Reads one root's row.
SELECT id, title, function, queue, status, created_at, completed_at, cost, error, owner
FROM parrot_async.roots WHERE id = %s;

-- job_of_key: Reads the job of a key.
SELECT job_id FROM parrot_async.keys WHERE key = %s;

-- finished_before: Reads the roots that ended before a time, the oldest end first.
SELECT id FROM parrot_async.roots
WHERE completed_at < %s AND status IN ('completed', 'failed', 'cancelled')
ORDER BY completed_at, id
LIMIT %s;

-- put_lease: Keeps until when an owner lives.
INSERT INTO parrot_async.leases (owner, until) VALUES (%s, %s)
ON CONFLICT (owner) DO UPDATE SET until = excluded.until;

-- drop_lease: Forgets that an owner lives.
DELETE FROM parrot_async.leases WHERE owner = %s;

-- interrupted: Reads the unfinished roots whose owner has no lease after a time, the oldest first.
SELECT id, title, function, queue, status, created_at, completed_at, cost, error, owner
FROM parrot_async.interrupted(%s::float8);

-- claim: Gives interrupted trees to a new owner.
SELECT * FROM parrot_async.claim(%b::text[], %s, %s);

-- owned: Reads which trees an owner has.
SELECT id FROM parrot_async.roots WHERE id = ANY (%b::text[]) AND owner = %s;

-- queues: Reads the saved queues.
SELECT body FROM parrot_async.queues ORDER BY name;

-- expire: Drops the values whose time is over, remembers that there were some, gives their URLs.
WITH expiring AS (
    SELECT job_id, url FROM parrot_async.results WHERE expires_at <= %s FOR UPDATE
), dropped AS (
    UPDATE parrot_async.results AS old
    SET value = NULL, url = NULL, expires_at = NULL, expired = true
    FROM expiring WHERE old.job_id = expiring.job_id
)
SELECT url FROM expiring;

-- drop_checkpoints: Forgets the checkpoints of trees that have ended, and gives their URLs.
DELETE FROM parrot_async.checkpoints USING parrot_async.roots
WHERE id = split_part(job_id, '.', 1) AND status IN ('completed', 'failed', 'cancelled')
RETURNING url;

-- drop_leases: Forgets the leases that are over.
DELETE FROM parrot_async.leases WHERE until <= %s;

-- delete_results: Forgets a tree's results; ids below `root` lie between "root." and "root/".
DELETE FROM parrot_async.results
WHERE job_id = %(root)s OR job_id BETWEEN %(root)s || '.' AND %(root)s || '/'
RETURNING url;

-- delete_checkpoints: Forgets a tree's checkpoints.
DELETE FROM parrot_async.checkpoints
WHERE job_id = %(root)s OR job_id BETWEEN %(root)s || '.' AND %(root)s || '/'
RETURNING url;

-- delete_arguments: Forgets a tree's arguments.
DELETE FROM parrot_async.arguments
WHERE job_id = %(root)s OR job_id BETWEEN %(root)s || '.' AND %(root)s || '/';

-- delete_keys: Forgets the keys of a tree's jobs.
DELETE FROM parrot_async.keys
WHERE job_id = %(root)s OR job_id BETWEEN %(root)s || '.' AND %(root)s || '/';

-- delete_cached: Forgets the content keys of a tree's jobs.
DELETE FROM parrot_async.cached
WHERE job_id = %(root)s OR job_id BETWEEN %(root)s || '.' AND %(root)s || '/';

-- delete_lost: Forgets from whom a tree was claimed.
DELETE FROM parrot_async.lost WHERE root_id = %(root)s;

-- delete_events: Forgets a tree's events.
DELETE FROM parrot_async.events WHERE root_id = %(root)s;

-- delete_root: Forgets a root's row.
DELETE FROM parrot_async.roots WHERE id = %(root)s;

-- size: Counts the bytes of what is kept; a server gives no space back, it uses it again.
SELECT
    (SELECT coalesce(sum(octet_length(body) + 50), 0) FROM parrot_async.events)
    + (SELECT coalesce(sum(octet_length(value) + 50), 0) FROM parrot_async.arguments)
    + (SELECT coalesce(sum(coalesce(octet_length(value), 0) + 50), 0) FROM parrot_async.results)
    + (SELECT coalesce(sum(octet_length(value)), 0) FROM parrot_async.functions)
    + (SELECT coalesce(sum(octet_length(value)), 0) FROM parrot_async.checkpoints);
