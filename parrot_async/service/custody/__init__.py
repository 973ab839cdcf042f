"""Custody: which service runs a tree (leases, takeover after a crash), and how long it is kept.

It runs on the loop of the scheduler's process; `service.plugin` and `service.rpc` call it.
"""
