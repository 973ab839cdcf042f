"""The job service: a plugin beside the Dask scheduler that owns the tree."""
