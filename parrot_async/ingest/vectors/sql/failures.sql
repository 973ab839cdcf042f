-- The documents that failed when last tried.
select path, stage, error
from parrot_ingest.documents
where collection = %(collection)s
and status = 'failed'
order by path;
