"""Unit tests of `parrot_async/view`."""
