"""Unit tests of `parrot_async/cli`."""
