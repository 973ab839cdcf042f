"""Unit tests of `parrot_async/transport`."""
