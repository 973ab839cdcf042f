"""Unit tests of `parrot_async/cluster`."""
