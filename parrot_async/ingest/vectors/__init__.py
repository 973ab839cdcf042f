"""Vectors are kept in PostgreSQL with pgvector, in the user's own server or in one of ours.

It runs on io workers and in the client; the stages and `search` call it.
"""
