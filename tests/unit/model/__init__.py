"""Unit tests of `parrot_async/model`."""
