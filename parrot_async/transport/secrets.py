"""The secrets that this process knows, and text without them.

Known are values of environment variables whose names look like a secret, passwords in URLs of the
environment, and what `remember` was given. Other passwords are found by the shape of the text
around them, see `secret_shapes`.
"""

import base64
import json
import os
import re
import threading
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from time import monotonic
from typing import NamedTuple
from urllib.parse import quote, unquote

from parrot_async.transport.buffer import holds
from parrot_async.transport.secret_shapes import MASK, URL, has_no_shape, hide_shapes

SHORTEST = 6
"""Characters of the shortest value of the environment that counts as a secret."""
SHORTEST_GIVEN = 4
"""The same of a secret that somebody handed over as one."""
PLAIN_WORD = 12
"""A single word of fewer letters is no secret of the environment: `API_KEY=disabled`."""
MOST = 1000
"""Secrets that are kept, the latest."""
BIG = 4096
"""Bytes from which on secrets are looked for one by one."""
LOOK_AGAIN = 0.01
"""Seconds between two looks at the environment, where nobody asks for one."""

HANDED = "PARROT_HANDED"
"""The variable with the names of those that a client handed over: their values are secrets."""

_WORDS = frozenset(
    "AUTH AUTHORIZATION COOKIE CREDENTIAL CREDENTIALS DSN JWT KEYS PASS PASSPHRASE PAT SECRETS"
    " WEBHOOK".split()
)
_ENDINGS = "KEY", "TOKEN", "SECRET", "PASSWORD", "PASSWD", "PWD", "CONNECTION_STRING"
_NO_SECRETS = frozenset({"PWD", "OLDPWD"})
_KEYWORD = re.compile(r"(?i)\bpassword\s*=\s*'?([^\s']+)")
_ENVIRONMENT: dict[bytes, bytes] = vars(os.environ)["_data"]
"""The environment as Python keeps it: to compare it takes a microsecond, through the API forty."""


class _Finder(NamedTuple):
    """What finds the known secrets, in text and in bytes."""

    text: re.Pattern[str] | None = None
    data: re.Pattern[bytes] | None = None
    needles: tuple[bytes, ...] = ()


class KnownSecrets:
    """The secrets that a process has learned; it forgets none when the environment changes.

    Runs on: any thread.
    """

    def __init__(self) -> None:
        """Know nothing until the first look at the environment."""
        self._secrets: dict[str, None] = {}
        self._finder = _Finder()
        self._environment: list[bytes] = []
        self._looked = 0.0
        self._lock = threading.Lock()

    def look(self) -> None:
        """Learn the secrets that the environment holds now."""
        self._looked = monotonic()
        environment = list(_ENVIRONMENT.values())
        if environment != self._environment:
            self._environment = environment
            self._learn(secrets_of_environment(dict(os.environ)))

    def _look_again(self) -> None:
        # A variable that a job has just added is seen at once, another value a moment later.
        is_same = len(_ENVIRONMENT) == len(self._environment)
        if not is_same or monotonic() - self._looked > LOOK_AGAIN:
            self.look()

    def remember(self, secrets: Iterable[str]) -> None:
        """Learn secrets that somebody handed over."""
        self._learn(text for text in secrets if len(text) >= SHORTEST_GIVEN)

    def _learn(self, secrets: Iterable[str]) -> None:
        with self._lock:
            fresh = dict.fromkeys(text for text in secrets if text not in self._secrets)
            if fresh:
                known = [*self._secrets, *fresh][-MOST:]
                self._secrets = dict.fromkeys(known)
                self._finder = _finder(known)

    def redact(self, text: str) -> str:
        """Return the text with "***" in place of each secret."""
        self._look_again()
        known = self._finder.text
        if known is not None and known.search(text):
            text = known.sub(MASK, text)
        return hide_shapes(text)

    def is_clean(self, text: str) -> bool:
        """Whether a text holds neither a known secret nor what has the shape of one."""
        known = self._finder.text
        return (known is None or known.search(text) is None) and has_no_shape(text)

    def found_in(self, data: bytes) -> set[str]:
        """Return the secrets that bytes hold, each as it is written there."""
        self._look_again()
        known = self._finder.data
        if known is None or not _holds(data, known, self._finder.needles):
            return set()
        return {found.decode("utf-8", "replace") for found in known.findall(data)}

    def mask(self, data: bytes) -> bytes:
        """Return bytes with as many stars in place of each secret, so that a pickle stays one."""
        self.look()
        known = self._finder.data
        if known is None or known.search(data) is None:
            return data
        return known.sub(lambda found: b"*" * len(found[0]), data)


def learn_values(values: Iterable[str]) -> None:
    """Learn values of variables, but for usual words, numbers and names of files."""
    KNOWN.remember(filter(_is_distinct, values))


KNOWN = KnownSecrets()
"""The secrets of this process."""

redact = KNOWN.redact
remember = KNOWN.remember


def secrets_of_environment(environment: dict[str, str]) -> Iterator[str]:
    """Yield the secrets in environment variables."""
    handed = environment.get(HANDED, "").split(",")
    for name, value in environment.items():
        yield from filter(_is_distinct, _passwords(value))
        if name in handed:
            yield from filter(_is_distinct, (value, *_parts(value)))
        elif _names_a_secret(name):
            yield from filter(_is_distinct, _parts(value))


@lru_cache(maxsize=4096)
def _names_a_secret(name: str) -> bool:
    upper = name.upper()
    if upper in _NO_SECRETS:
        return False
    words = re.split(r"[^A-Z0-9]+", upper)
    return not _WORDS.isdisjoint(words) or upper.endswith(_ENDINGS) or "KEY" in words


def _passwords(value: str) -> Iterator[str]:
    """Yield the passwords of URLs and of libpq's keywords, and what HTTP makes of them."""
    for found in URL.finditer(value):
        user, password = found["user"], found["password"]
        yield from (password, unquote(password), _basic(f"{unquote(user)}:{unquote(password)}"))
    if "password" in value.lower():
        yield from _KEYWORD.findall(value)


def _basic(pair: str) -> str:
    """Return user and password as HTTP's basic authentication sends them."""
    return base64.b64encode(pair.encode("utf-8", "surrogateescape")).decode()


def _parts(value: str) -> Iterator[str]:
    """Yield the value of a variable whose name looks like a secret, and parts that are shown alone.

    A URL is one only where all of it is secret, as a web hook is; a file's name is none.
    """
    if "://" in value:
        if not URL.search(value) and re.search(r"hooks?[./]", value):
            yield value
        return
    if value.startswith("{"):
        yield from _leaves(value)
    yield value.strip()
    lines = [line.strip() for line in value.splitlines()]
    if len(lines) > 1:
        yield from (line for line in lines if len(line) >= 16 and not line.startswith("-----"))
    elif "," in value:
        yield from value.split(",")


def _leaves(value: str) -> Iterator[str]:
    """Yield what a JSON object has below names that look like a secret."""
    try:
        found = json.loads(value)
    except ValueError:
        return
    for name, leaf in found.items():
        if isinstance(leaf, str) and _names_a_secret(name):
            yield from (leaf, *leaf.splitlines()[1:-1])


def _is_distinct(text: str) -> bool:
    """Whether a value of the environment is no usual word, number or file."""
    if len(text) < SHORTEST or (text.isdigit() and len(text) < PLAIN_WORD):
        return False
    if text.isalpha() and len(text) < PLAIN_WORD and text[1:].islower() | text.isupper():
        return False
    return not (text.startswith("/") and len(text) < 200 and Path(text).exists())


def _finder(secrets: Iterable[str]) -> _Finder:
    """Return what finds secrets in any of their spellings, the longest first."""
    written = {way for text in secrets for way in _spellings(text)}
    longest_first = sorted(written, key=lambda way: (-len(way), way))
    needles = tuple(way.encode("utf-8", "surrogatepass") for way in longest_first)
    text = re.compile("|".join(map(re.escape, longest_first)))
    return _Finder(text, re.compile(b"|".join(map(re.escape, needles))), needles)


def _holds(data: bytes, known: re.Pattern[bytes], needles: Iterable[bytes]) -> bool:
    """Whether bytes hold a secret; in many bytes, to look for one after the other is quicker."""
    if len(data) < BIG:
        return known.search(data) is not None
    return any(holds(data, needle) for needle in needles)


def _spellings(text: str) -> Iterator[str]:
    """Yield a secret as it is, and as URLs, Python and JSON write it."""
    encodable = text.encode("utf-8", "backslashreplace").decode()
    yield from (text, quote(encodable, safe=""), repr(text)[1:-1], json.dumps(text)[1:-1])
