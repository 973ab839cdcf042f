"""Unit tests of `parrot_async/testing`."""
