-- The vectors of chunks that this collection holds already, so that equal text is embedded once.
select distinct on (hash) hash, embedding
from {chunks}
where hash = any (%(hashes)s);
