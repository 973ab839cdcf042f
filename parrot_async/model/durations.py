"""Durations as people write them ("2h", "1m30s", 90, timedelta) in seconds."""

import re
from datetime import timedelta

from parrot_async.errors import OptionsError

Duration = float | str | timedelta
"""Seconds as a number, a timedelta, or text: numbers with units from milliseconds to weeks.

Text may have several parts, which are added: "1h 30m".
"""

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_PART = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)")


def seconds(value: Duration) -> float:
    """Return the seconds in `value`; raises OptionsError where it is negative or no duration."""
    if isinstance(value, timedelta):
        value = value.total_seconds()
    total = _parsed(value) if isinstance(value, str) else float(value)
    if not 0 <= total < float("inf"):
        raise OptionsError(f"a duration is finite and not negative, not {value!r}")
    return total


def _parsed(text: str) -> float:
    parts = _PART.findall(text)
    if not parts or _PART.sub("", text).strip():
        raise OptionsError(f"{text!r} is no duration: write '90s', '5m', '2h', '7d' or seconds")
    return sum(float(number) * _UNITS[unit] for number, unit in parts)
