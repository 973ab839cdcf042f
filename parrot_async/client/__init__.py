"""The client: submits jobs to a service, and follows the trees that it watches.

It runs in your process, with its connection on a thread of its own; users import `JobClient` and
the handles from `parrot_async`.
"""
