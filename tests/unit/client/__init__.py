"""Unit tests of `parrot_async/client`."""
