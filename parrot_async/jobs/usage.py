"""What a job says that it spent, checked where it says so."""

from decimal import Decimal, InvalidOperation
from typing import Any

from parrot_async.errors import OptionsError
from parrot_async.model.models import Usage
from parrot_async.transport.text import text_of

MOST_TOKENS = 10**15
MOST_DOLLARS = Decimal(10) ** 12


def usage_of(
    usage: Any, input_tokens: int, output_tokens: int, cost: Decimal | float | str, api: str
) -> Usage:
    """Return what `spend` was given as one usage.

    Raises OptionsError for what is no number, or beyond MOST_TOKENS or MOST_DOLLARS: a sum with
    it could not be sent, and would take the job's other usage with it.
    """
    if not isinstance(usage, Usage):
        if usage is not None:
            input_tokens += int(getattr(usage, "input_tokens", 0) or 0)
            output_tokens += int(getattr(usage, "output_tokens", 0) or 0)
        usage = Usage(int(input_tokens), int(output_tokens), _dollars(cost), text_of(api))
    if max(abs(usage.input_tokens), abs(usage.output_tokens)) > MOST_TOKENS:
        raise OptionsError(f"nobody uses more than {MOST_TOKENS:,} tokens at once")
    if abs(usage.cost) > MOST_DOLLARS:
        raise OptionsError(f"nobody spends more than {MOST_DOLLARS:,} US dollars at once")
    return Usage(usage.input_tokens, usage.output_tokens, usage.cost, text_of(usage.api))


def _dollars(cost: Decimal | float | str) -> Decimal:
    try:
        found = Decimal(str(cost))
    except InvalidOperation as exc:
        raise OptionsError(f"a cost is a number of US dollars, not {text_of(cost)!r}") from exc
    if not found.is_finite():
        raise OptionsError(f"a cost is a number of US dollars, not {found}")
    return found
