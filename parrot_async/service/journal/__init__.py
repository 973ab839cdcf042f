"""The journal keeps every event: in the tree, in the store, and with the clients that watch.

It runs on the loop of the scheduler's process, and writes in a thread of its own; the engine and
`service.rpc` call it.
"""
