"""The engine decides what becomes of each job: when it starts and where, and how it ends.

It runs on the loop of the scheduler's process; `service.plugin`, `service.rpc` and the custody of
trees call it, and it reaches workers through `placement` only.
"""
