"""Unit tests of `parrot_async/report`."""
