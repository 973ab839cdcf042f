"""A tree as rows that change, for any live view: protocol, rows, details, feeds, conversations.

It runs in your process, on any thread, and knows no notebook. `widget` puts it into one, a web page
can use it as well; users do not call it.
"""
