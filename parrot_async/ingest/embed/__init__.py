"""Embedding cuts texts into chunks and makes a vector of each.

It runs on cpu and gpu workers, and in the client for a question; the stages and `search` call it.
"""
