"""Real processes: a Dask cluster, a Postgres, HTTP servers."""
