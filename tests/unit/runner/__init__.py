"""Unit tests of `parrot_async/runner`."""
