"""Promises proved by killing things; docs/reference/nemesis.md says what and how."""
