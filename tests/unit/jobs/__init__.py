"""Unit tests of `parrot_async/jobs`."""
