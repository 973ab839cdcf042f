-- Writes the hash last: from here on the document is stored, and an unchanged file is not embedded again.
update parrot_ingest.documents
set sha256 = %(sha256)s,
    fingerprint = %(fingerprint)s,
    chunks = %(chunks)s,
    status = 'stored',
    stage = null,
    error = null,
    updated_at = now()
where id = %(id)s;
