"""What a user's type checker sees: mypy checks these, pytest runs them."""
