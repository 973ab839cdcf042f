"""Custody is which service runs a tree: leases, takeover after a crash, and what is deleted.

It runs on the loop of the scheduler's process; `service.plugin` and `service.rpc` call it.
"""
