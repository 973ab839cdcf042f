"""Loading finds files and reads their text.

It runs on cpu workers, and for the list of files on an io worker; the pipeline calls it.
"""
