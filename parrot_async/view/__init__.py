"""A tree as rows that change, for any live view: the protocol, rows, details and the script.

It runs in your process, on any thread, without a notebook; `widget` shows it in one, and a web page
can.
"""
