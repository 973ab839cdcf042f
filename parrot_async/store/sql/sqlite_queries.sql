-- append_event: Appends an event to the log.
INSERT INTO events (root_id, body) VALUES (?, ?);

-- put_arguments: Keeps what a job was called with.
INSERT OR REPLACE INTO arguments (job_id, value) VALUES (?, ?);

-- put_result: Keeps what a job ended with, in place of an earlier attempt's exception.
INSERT OR REPLACE INTO results (job_id, value, expires_at, url) VALUES (?, ?, ?, ?);

-- put_function: Keeps a function; the same hash is the same function.
INSERT OR IGNORE INTO functions (id, value) VALUES (?, ?);

-- put_root: Keeps a root's row as it is now, except its owner; touches only indexes that changed.
INSERT INTO roots
(id, title, function, queue, status, created_at, completed_at, cost, error, owner)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET
    title = excluded.title,
    function = excluded.function,
    queue = excluded.queue,
    status = excluded.status,
    created_at = excluded.created_at,
    completed_at = excluded.completed_at,
    cost = excluded.cost,
    error = excluded.error;

-- lost: Reads the trees that were claimed from an owner.
SELECT root_id FROM lost WHERE owner = ?;

-- put_key: Gives a key to a job, unless another one has it.
INSERT OR IGNORE INTO keys (key, job_id) VALUES (?, ?);

-- taken_key: Reads the first of a JSON list of keys and jobs that another job has.
SELECT keys.key, job_id
FROM json_each(?) AS wanted CROSS JOIN keys ON keys.key = wanted.value ->> 0
WHERE job_id <> wanted.value ->> 1
LIMIT 1;

-- move_key: Gives a key to another job.
INSERT OR REPLACE INTO keys (key, job_id) VALUES (?, ?);

-- put_checkpoint: Keeps what a job saved, unless a later attempt has saved something.
INSERT INTO checkpoints (job_id, attempt, value, url) VALUES (?, ?, ?, ?)
ON CONFLICT (job_id) DO UPDATE SET
    attempt = excluded.attempt,
    value = excluded.value,
    url = excluded.url
WHERE excluded.attempt >= attempt;

-- put_cached: Lets a content key stand for the latest of its jobs.
INSERT OR REPLACE INTO cached (key, job_id) VALUES (?, ?);

-- put_queue: Keeps a queue in place of the one of the same name.
INSERT OR REPLACE INTO queues (name, body) VALUES (?, ?);

-- events: Reads a portion of a tree's events after a number, as one JSON list with bodies in hex.
SELECT json_group_array(json_array(seq, hex(body)))
FROM (SELECT seq, body FROM events WHERE root_id = ? AND seq > ? ORDER BY seq LIMIT ?);

-- arguments: Reads the arguments of a JSON list of jobs; CROSS JOIN keeps the list outside.
SELECT json_group_array(json_array(job_id, hex(arguments.value)))
FROM json_each(?) AS wanted CROSS JOIN arguments ON job_id = wanted.value;

-- results: Reads the results of a JSON list of jobs; quote gives a number with all its digits.
SELECT json_group_array(json_array(
    job_id,
    iif(results.value IS NULL, NULL, hex(results.value)),
    url,
    iif(expires_at IS NULL, NULL, quote(expires_at)),
    expired
))
FROM json_each(?) AS wanted CROSS JOIN results ON job_id = wanted.value;

-- checkpoints: Reads the checkpoints of a JSON list of jobs.
SELECT json_group_array(json_array(
    job_id,
    attempt,
    iif(checkpoints.value IS NULL, NULL, hex(checkpoints.value)),
    url
))
FROM json_each(?) AS wanted CROSS JOIN checkpoints ON job_id = wanted.value;

-- cached: Reads the jobs of a JSON list of content keys whose result is there after a time.
SELECT cached.key, job_id
FROM json_each(?) AS wanted
CROSS JOIN cached ON cached.key = wanted.value
JOIN results USING (job_id)
WHERE NOT expired
    AND (results.value IS NOT NULL OR url IS NOT NULL)
    AND (expires_at IS NULL OR expires_at > ?);

-- function: Reads a function.
SELECT value FROM functions WHERE id = ?;

-- roots: Reads the newest roots that fit the filters; NULL fits all.
SELECT id, title, function, queue, status, created_at, completed_at, cost, error, owner
FROM roots
WHERE created_at >= coalesce(:since, -9e999)
    AND (:status IS NULL OR status = :status)
    AND (:queue IS NULL OR queue = :queue)
    AND (:function IS NULL OR function = :function)
ORDER BY created_at DESC, id DESC
LIMIT :limit;

-- root: Reads one root's row.
SELECT id, title, function, queue, status, created_at, completed_at, cost, error, owner
FROM roots WHERE id = ?;

-- job_of_key: Reads the job of a key.
SELECT job_id FROM keys WHERE key = ?;

-- finished_before: Reads the roots that ended before a time, the oldest end first.
SELECT id FROM roots
WHERE completed_at < ? AND status IN ('completed', 'failed', 'cancelled')
ORDER BY completed_at, id
LIMIT ?;

-- put_lease: Keeps until when an owner lives.
INSERT OR REPLACE INTO leases (owner, until) VALUES (?, ?);

-- drop_lease: Forgets that an owner lives.
DELETE FROM leases WHERE owner = ?;

-- interrupted: Reads the unfinished roots whose owner has no lease after a time, the oldest first.
SELECT id, title, function, queue, status, created_at, completed_at, cost, error, owner
FROM roots
WHERE status NOT IN ('completed', 'failed', 'cancelled')
    AND NOT EXISTS (SELECT 1 FROM leases WHERE leases.owner = roots.owner AND until > ?)
ORDER BY created_at, id;

-- remember_loss: Closes a JSON list of trees to their former owners.
INSERT OR IGNORE INTO lost (owner, root_id)
SELECT owner, roots.id FROM json_each(:ids) AS claimed CROSS JOIN roots ON roots.id = claimed.value;

-- forget_loss: Opens a JSON list of trees to their new owner.
DELETE FROM lost
WHERE owner = :owner AND root_id IN (SELECT value FROM json_each(:ids));

-- put_owner: Keeps who owns a JSON list of trees.
UPDATE roots SET owner = :owner WHERE id IN (SELECT value FROM json_each(:ids));

-- queues: Reads the saved queues.
SELECT body FROM queues ORDER BY name;

-- named: Reads those of a JSON list of URLs that rows still name.
SELECT url FROM json_each(:urls) AS wanted CROSS JOIN results ON url = wanted.value
UNION
SELECT url FROM json_each(:urls) AS wanted CROSS JOIN checkpoints ON url = wanted.value;

-- expiring_urls: Reads the URLs of results whose time is over.
SELECT url FROM results WHERE expires_at <= ? AND url IS NOT NULL;

-- checkpoint_urls: Reads the URLs of checkpoints of trees that have ended.
SELECT url FROM checkpoints
WHERE url IS NOT NULL
    AND (SELECT status FROM roots WHERE id = substr(job_id, 1, instr(job_id || '.', '.') - 1))
    IN ('completed', 'failed', 'cancelled');

-- drop_checkpoints: Forgets the checkpoints of trees that have ended.
DELETE FROM checkpoints
WHERE (SELECT status FROM roots WHERE id = substr(job_id, 1, instr(job_id || '.', '.') - 1))
    IN ('completed', 'failed', 'cancelled');

-- expire: Drops the values whose time is over and remembers that there were some.
UPDATE results SET value = NULL, url = NULL, expires_at = NULL, expired = 1 WHERE expires_at <= ?;

-- drop_leases: Forgets the leases that are over.
DELETE FROM leases WHERE until <= ?;

-- urls_of_root: Reads the URLs of a tree's values; ids below `root` lie between "root." and "root/".
SELECT url FROM results
WHERE url IS NOT NULL AND (job_id = :root OR job_id BETWEEN :root || '.' AND :root || '/')
UNION
SELECT url FROM checkpoints
WHERE url IS NOT NULL AND (job_id = :root OR job_id BETWEEN :root || '.' AND :root || '/');

-- delete_results: Forgets a tree's results.
DELETE FROM results WHERE job_id = :root OR job_id BETWEEN :root || '.' AND :root || '/';

-- delete_arguments: Forgets a tree's arguments.
DELETE FROM arguments WHERE job_id = :root OR job_id BETWEEN :root || '.' AND :root || '/';

-- delete_keys: Forgets the keys of a tree's jobs.
DELETE FROM keys WHERE job_id = :root OR job_id BETWEEN :root || '.' AND :root || '/';

-- delete_checkpoints: Forgets a tree's checkpoints.
DELETE FROM checkpoints WHERE job_id = :root OR job_id BETWEEN :root || '.' AND :root || '/';

-- delete_cached: Forgets the content keys of a tree's jobs.
DELETE FROM cached WHERE job_id = :root OR job_id BETWEEN :root || '.' AND :root || '/';

-- delete_lost: Forgets from whom a tree was claimed.
DELETE FROM lost WHERE root_id = :root;

-- delete_events: Forgets a tree's events.
DELETE FROM events WHERE root_id = :root;

-- delete_root: Forgets a root's row.
DELETE FROM roots WHERE id = :root;

-- give_back: Gives freed pages back to the disk.
PRAGMA incremental_vacuum;

-- size: Counts the bytes of the pages in use.
SELECT (page_count - freelist_count) * page_size
FROM pragma_page_count, pragma_freelist_count, pragma_page_size;
