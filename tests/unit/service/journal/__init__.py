"""Unit tests of `parrot_async/service/journal`."""
