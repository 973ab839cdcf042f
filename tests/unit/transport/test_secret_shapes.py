"""What has the shape of a secret is hidden, and what only looks a little like one is left."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parrot_async.transport.secret_shapes import (
    MASK,
    has_no_shape,
    hide_shapes,
    is_header,
    names_secret,
    secrets_in,
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://me:pw1234@host/db", f"postgresql://me:{MASK}@host/db"),
        ("https://user:p%40ss@example.org/x?y=1", f"https://user:{MASK}@example.org/x?y=1"),
        ("Authorization: Bearer abcdEFGH1234", f"Authorization: {MASK} {MASK}"),
        ("api_key='sk-123456'", f"api_key='{MASK}'"),
        ('{"password": "hunter2"}', f'{{"password": "{MASK}"}}'),
        ("(b'x-api-key', b'sk-123456')", f"(b'x-api-key', b'{MASK}')"),
        ("connect(password=hunter2)", f"connect(password={MASK})"),
    ],
)
def test_what_has_the_shape_of_a_secret_is_hidden(text: str, shown: str) -> None:
    assert hide_shapes(text) == shown
    assert not has_no_shape(text)


@pytest.mark.parametrize(
    "text",
    [
        "https://example.org:8080/path",
        "password=settings.password",
        "the key of the map is 7",
        "tokens: 120 in, 40 out",
        "",
    ],
)
def test_what_only_looks_like_one_is_left(text: str) -> None:
    assert hide_shapes(text) == text
    assert has_no_shape(text)


def test_secrets_are_found_to_be_remembered() -> None:
    found = set(secrets_in("postgresql://me:pw1234@host and Authorization: Basic bWU6c2VjcmV0"))

    assert {"pw1234", "secret"} <= found


def test_names_tell_secrets_and_headers() -> None:
    assert all(map(names_secret, ("api_key", "db_password", "access_token", "_secret_value")))
    assert not any(map(names_secret, ("monkey", "tokens", "name")))
    assert all(map(is_header, ("Authorization", "x-api-key", "Set-Cookie")))
    assert not is_header("Content-Type")


@given(st.text(max_size=200))
def test_any_text_can_be_looked_at_and_is_stable(text: str) -> None:
    once = hide_shapes(text)

    assert hide_shapes(once) == once
