"""A tree as rows that change, for any live view: protocol, rows, details, feeds, conversations.

It runs in your process, on any thread, without a notebook: `widget` shows it in a notebook, and a
web page can. `widget`, `client` and, later, `web` call it; users do not.
"""
