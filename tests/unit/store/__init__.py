"""Unit tests of `parrot_async/store`."""
