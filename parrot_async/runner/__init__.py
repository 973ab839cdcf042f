"""On the worker: the only code that runs a user's function."""
