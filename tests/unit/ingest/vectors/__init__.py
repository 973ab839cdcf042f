"""Unit tests of `parrot_async/ingest/vectors`."""
