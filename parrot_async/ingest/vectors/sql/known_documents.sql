-- What is known of some documents, or of all when no paths are given.
select path, sha256, fingerprint, status, chunks
from parrot_ingest.documents
where collection = %(collection)s
and (%(paths)s::text[] is null or path = any (%(paths)s));
