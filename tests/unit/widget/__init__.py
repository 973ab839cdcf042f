"""Unit tests of `parrot_async/widget`."""
