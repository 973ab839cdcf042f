-- For this transaction: more candidates, and more of them until the limit is filled, whatever a filter throws away.
select
    set_config('hnsw.ef_search', %(candidates)s, true),
    set_config('hnsw.iterative_scan', 'relaxed_order', true);
