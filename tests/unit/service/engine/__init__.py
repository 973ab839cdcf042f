"""Unit tests of `parrot_async/service/engine`."""
