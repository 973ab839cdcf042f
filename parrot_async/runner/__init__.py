"""The runner: a Dask worker plugin, and the only code that runs a user's function.

It runs in the workers' processes; the service reaches it through `transport.api`.
"""
