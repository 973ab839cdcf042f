-- Deletes the documents of a source that were not seen in it: those under its folder, and those that its glob once named.
delete from parrot_ingest.documents
where collection = %(collection)s
and (source = %(source)s or path = %(source)s or starts_with(path, rtrim(%(source)s, '/') || '/'))
and path <> all (%(seen)s);
