"""The runner: a Dask worker plugin that runs the functions of jobs.

It runs in the workers' processes; the service sends it there, and calls it by `RunnerApi`.
"""
