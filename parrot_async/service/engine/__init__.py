"""The engine decides what becomes of each job: when it starts and where, and how it ends.

It runs on the loop of the scheduler's process; only `service.plugin` and `service.rpc` call it.
"""
