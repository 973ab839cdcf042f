"""Loading finds files and reads their text.

It runs on io workers, and in the client for the list of files; the pipeline's stages call it.
"""
