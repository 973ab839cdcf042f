"""Cancel, timeout, pause and resume, on real clusters."""
