"""Unit tests of `parrot_async/settings`."""
