"""The process's own secrets are found in the environment and in text; usual words are not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parrot_async.transport.secret_shapes import MASK
from parrot_async.transport.secrets import KnownSecrets, redact, secrets_of_environment


@pytest.mark.parametrize(
    ("name", "value", "secret"),
    [
        ("OPENAI_API_KEY", "sk-proj-1a2b3c", "sk-proj-1a2b3c"),
        ("AWS_SECRET_ACCESS_KEY", "/wJalr+XUtnFEMI/K7MDENG", "/wJalr+XUtnFEMI/K7MDENG"),
        ("PGPASSWORD", "hunter2", "hunter2"),
        ("GITHUB_TOKEN", "ghp_abcdef123456", "ghp_abcdef123456"),
        ("PARROT_STORE", "postgresql://me:s3cr3t%21@host/jobs", "s3cr3t!"),
        ("ANYTHING", "https://me:hunter22@host/", "hunter22"),
        ("WAREHOUSE_DSN", "host=db user=me password=hunter22", "hunter22"),
        ("API_KEYS", "key-number-1,key-number-2", "key-number-2"),
        ("GOOGLE_CREDENTIALS", '{"private_key": "abc-def-123"}', "abc-def-123"),
        ("SLACK_WEBHOOK", "https://hooks.slack.com/T0/B0/x1", "https://hooks.slack.com/T0/B0/x1"),
    ],
)
def test_a_secret_of_the_environment_is_known(name: str, value: str, secret: str) -> None:
    found = set(secrets_of_environment({name: value}))

    assert secret in found


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HOME", "/root"),
        ("PWD", "/work/somewhere"),
        ("TOKENIZERS_PARALLELISM", "false-or-true"),
        ("SSH_AUTH_SOCK", "/tmp"),  # noqa: S108 - a folder that is there
        ("API_KEY", "disabled"),
        ("MAX_TOKENS", "1000000"),
        ("PIN_PASSWORD", "12345"),
        ("PGPASSWORD", "postgres"),
        ("STORE_DSN", "postgresql://host/jobs"),
    ],
)
def test_a_usual_value_of_the_environment_is_no_secret(name: str, value: str) -> None:
    found = set(secrets_of_environment({name: value}))

    assert found == set()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("at https://me:pw@host/x", "at https://me:***@host/x"),
        ("Bearer abc123def456", "Bearer ***"),
        ("connect(password='hunter2')", "connect(password='***')"),
        ("{'api_key': 'abcdef'}", "{'api_key': '***'}"),
        ("[(b'x-api-key', b'abcdef')]", "[(b'x-api-key', b'***')]"),
        ("x-goog-api-key: abc123", "x-goog-api-key: ***"),
        ("host=db password=hunter2 user=me", "host=db password=*** user=me"),
    ],
)
def test_what_has_the_shape_of_a_secret_is_hidden(text: str, shown: str) -> None:
    assert redact(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "connect(password=settings.password)",
        "basic authentication failed",
        "{'bos_token': '<s>', 'token': 'parrot'}",
        "tokens: 1234, keys: 5",
        "https://host:8080/path?a=b@c",
        "raise KeyError(key)",
    ],
)
def test_usual_text_stays_as_it_is(text: str) -> None:
    assert redact(text) == text


def test_a_secret_is_hidden_in_each_spelling() -> None:
    known = KnownSecrets()
    known.remember(["it's/a+key"])

    shown = [known.redact(text) for text in ("it's/a+key", "it%27s%2Fa%2Bkey", '"it\'s/a+key"')]

    assert shown == [MASK, MASK, f'"{MASK}"']


def test_a_secret_that_a_job_sets_is_known_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    known = KnownSecrets()
    known.look()
    monkeypatch.setenv("LATE_API_KEY", "set-later-1")
    known.look()
    monkeypatch.delenv("LATE_API_KEY")

    assert known.redact("with set-later-1") == f"with {MASK}"


@given(st.text(), st.text(), st.text(min_size=4, alphabet=st.characters(codec="utf-8")))
def test_no_known_secret_is_left_in_any_text(before: str, after: str, secret: str) -> None:
    known = KnownSecrets()
    known.remember([secret])

    shown = known.redact(f"{before}{secret}{after}").replace(MASK, "")

    assert secret not in shown or secret in f"{before}{after}"


@given(st.binary(), st.text(min_size=4, alphabet=st.characters(codec="utf-8")))
def test_masked_bytes_keep_their_length(data: bytes, secret: str) -> None:
    known = KnownSecrets()
    known.remember([secret])
    whole = data + secret.encode() + data

    masked = known.mask(whole)

    assert len(masked) == len(whole)
