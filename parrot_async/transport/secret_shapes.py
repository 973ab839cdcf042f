"""Text that has the shape of a secret, whether the process knows that secret or not."""

import base64
import re
from collections.abc import Iterator, Sequence

MASK = "***"

# Each repetition has a bound: text of a job may be long, and made to be slow.
URL = re.compile(r"://(?P<user>[^\s/?#@:'\"]{0,200}):(?P<password>[^\s/?#'\"]{1,500})@")
"""User and password of a URL."""
_NAMES = (
    r"(?:password|passwd|secret|passphrase|api[-_]?key|private[-_]?key|access[-_]?key"
    r"|(?:access|auth|api|bearer|refresh|session|id|csrf)[-_]token|authorization|cookie)"
)
_HEADERS = r"(?:x-[\w-]{0,40}(?:key|token)|api-key|(?:proxy-)?authorization|(?:set-)?cookie)"
_KEYWORDS = r"(?:password|passwd|pwd|secret|api[-_]?key)"
_HINTS = ("://", "pass", "secret", "key", "token", "auth", "cookie", "bearer", "basic", "pwd")
"""Without any of these, a text in lower case has no shape of a secret."""
_ALL_NAMES = ("passw", "secret", "passphrase", "key", "_token", "-token", "authorization", "cookie")
_SHAPES = tuple(
    (hints, re.compile(shape))
    for hints, shape in (
        (("://",), r"(://[^\s/?#@:'\"]{0,200}:)[^\s/?#'\"]{1,500}(?=@)"),
        (
            ("bearer", "basic"),
            r"(\b(?i:bearer|basic)\s{1,9})(?=\S{0,200}[0-9A-Z=])[\w.~+/=-]{8,}",
        ),
        # "api_key": "...", password='...', and b'x-api-key', b'...' as lists of headers have it
        (
            _ALL_NAMES,
            rf"(?i)({_NAMES}['\"]?\s{{0,9}}[:=]\s{{0,9}}b?(['\"]))(?:(?!\2).){{4,4000}}(?=\2)",
        ),
        (("-",), rf"(?i)({_HEADERS}['\"]\s{{0,9}},\s{{0,9}}b?(['\"]))(?:(?!\2).){{4,4000}}(?=\2)"),
        (("-", "auth", "cookie"), rf"(?i)(\b{_HEADERS}:\s{{1,9}})(?![*'\"])[^\s,;'\"]{{6,}}"),
        # A digit tells password=hunter2 from password=settings.password, a line of code.
        (
            ("=",),
            rf"(?i)({_KEYWORDS}=)(?=\S{{0,200}}\d)[^\s\"'(),;\[\]{{}}&]{{4,}}",
        ),
    )
)
"""What a text has, in lower case, where a shape may be; and the shape, which keeps its group 1."""

_NAMED = re.compile(rf"(?i)(?:_secret_value|[\w-]{{0,40}}{_NAMES})")
_HEADER = re.compile(rf"(?i){_HEADERS}")


def hide_shapes(text: str) -> str:
    """Return text with "***" in place of passwords of URLs, of headers and of what is named so."""
    # Every shape has one of these, and most lines have none: this test is as quick as one can be.
    if (
        ":" in text
        or "=" in text
        or "'," in text
        or '",' in text
        or "earer" in text
        or "asic" in text
    ):
        for shape in _possible(text):
            text = shape.sub(rf"\1{MASK}", text)
    return text


def has_no_shape(text: str) -> bool:
    """Whether `hide_shapes` would leave a text as it is."""
    return not any(shape.search(text) for shape in _possible(text))


def _possible(text: str) -> Sequence[re.Pattern[str]]:
    """Return the shapes that a text may have; a word is looked for ten times as fast as a shape."""
    lower = text.lower()
    for hint in _HINTS:
        if hint in lower:
            break
    else:
        return ()
    return [shape for hints, shape in _SHAPES if any(hint in lower for hint in hints)]


def secrets_in(text: str) -> Iterator[str]:
    """Yield what `hide_shapes` replaces, and the password in HTTP's basic authentication."""
    for shape in _possible(text):
        for found in shape.finditer(text):
            secret = found[0][len(found[1]) :]
            yield secret
            yield _password(secret)


def _password(text: str) -> str:
    """Return the password of what basic authentication sends; "" where it is something else."""
    try:
        return base64.b64decode(text.encode(), validate=True).decode().partition(":")[2]
    except ValueError:
        return ""


def names_secret(name: str) -> bool:
    """Whether what stands below this name, an attribute or a key, is a secret."""
    return _NAMED.fullmatch(name) is not None


def is_header(name: str) -> bool:
    """Whether an HTTP header of this name has a secret."""
    return _HEADER.fullmatch(name) is not None
