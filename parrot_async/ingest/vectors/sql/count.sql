-- How much the collection holds.
select
    (select count(*) from parrot_ingest.documents where collection = %(collection)s and status = 'stored') as documents,
    (select count(*) from {chunks}) as chunks;
