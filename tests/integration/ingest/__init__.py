"""Ingestion on a real cluster and a real PostgreSQL."""
