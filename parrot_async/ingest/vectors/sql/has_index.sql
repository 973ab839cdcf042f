-- Whether the collection has its vector index.
select to_regclass(%(index)s) is not null as there;
