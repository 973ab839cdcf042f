"""Secrets in pickles are replaced, or marked, and the pickles stay what they were."""

import pickle

import pytest
from pydantic import SecretBytes, SecretStr

from parrot_async.errors import SerializationError
from parrot_async.transport.pickled_secrets import (
    MARKED,
    SEALED,
    as_called,
    unmarked,
    without_secrets,
)
from parrot_async.transport.pickling import dump_call, dump_function, load_call, load_function
from parrot_async.transport.secrets import redact


class SdkError(Exception):
    """Holds its request, as the SDKs' errors do."""


@pytest.mark.parametrize(
    "held",
    [
        {"api_key": "planted-1"},
        {"headers": [(b"X-Api-Key", b"x-api-key", b"planted-1")]},
        {"headers": [("authorization", "Bearer planted-1")]},
        {"url": "https://me:planted-1@host/"},
        {"url": ("https", "me:planted-1", "host", None, "/")},
        {"basic": "Basic bWU6cGxhbnRlZC0x", "again": "planted-1"},
        {"secret": SecretStr("planted-1")},
        {"note": "x-api-key: planted-1"},
    ],
)
@pytest.mark.parametrize("protocol", [4, 5])
def test_an_errors_pickle_has_stars_instead_of_secrets(
    held: dict[str, object], protocol: int
) -> None:
    error = SdkError("wrong key")
    error.__dict__.update(held, status=401)

    data = without_secrets(pickle.dumps(error, protocol))

    assert b"planted-1" not in data
    again = pickle.loads(data)  # noqa: S301 - made here
    assert (str(again), again.status) == ("wrong key", 401)


def test_an_error_without_secrets_is_left_as_it_is() -> None:
    data = pickle.dumps(ValueError("token 5 of the key is no secret: ://"))

    assert without_secrets(data) == data


def test_what_is_no_pickle_is_left_as_it_is() -> None:
    assert without_secrets(b"key \x80\x05 no pickle") == b"key \x80\x05 no pickle"


def test_arguments_with_a_secret_are_marked_and_arrive() -> None:
    data, _ = dump_call(((SecretStr("marked-one"), SecretBytes(b"marked-two")), {}))

    (first, second), _ = load_call(data, {})

    assert data.startswith(MARKED)
    assert (first.get_secret_value(), second.get_secret_value()) == ("marked-one", b"marked-two")
    assert redact("marked-one marked-two") == "*** ***"


def test_an_argument_that_the_environment_has_as_a_secret_is_marked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SOME_API_KEY", "plain-argument-1")
    dump_function(print)

    marked, _ = dump_call((("plain-argument-1",), {}))
    other, _ = dump_call((("other",), {}))

    assert marked.startswith(MARKED)
    assert not other.startswith(MARKED)
    assert as_called(marked) == pickle.dumps((("plain-argument-1",), {}), 5)


def test_a_function_that_holds_a_secret_is_marked_and_works() -> None:
    secret = SecretStr("in-a-closure-1")

    _, data = dump_function(lambda: f"{secret.get_secret_value()}")

    assert data.startswith(MARKED)
    assert load_function(data)() == "in-a-closure-1"


def test_what_another_key_sealed_says_what_to_do() -> None:
    with pytest.raises(SerializationError, match=r"secrets\.key"):
        unmarked(SEALED + b"...")
