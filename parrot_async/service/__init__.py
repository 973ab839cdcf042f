"""The job service: a plugin beside the Dask scheduler that owns the tree of every job.

It runs in the scheduler's process; clients and runners call it by `ServiceApi`.
"""
