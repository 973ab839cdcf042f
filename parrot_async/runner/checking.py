"""A check whether functions that were submitted earlier are still the same on this worker."""

import asyncio
from collections.abc import Mapping
from typing import Any

from parrot_async.transport.messages import StoredFunction
from parrot_async.transport.outcome import error_info
from parrot_async.transport.pickling import hash_of_code, load_function

CHANGED = "has been edited since it was submitted"
MISSING = "is not in the job store any more"


async def check(functions: Mapping[str, StoredFunction]) -> dict[str, str]:
    """Return what is wrong with functions, by their ids.

    A function that has not changed is left out, and so is one whose code has no hash ("").
    """
    found = {
        function_id: await asyncio.to_thread(_problem, stored)
        for function_id, stored in functions.items()
    }
    return {function_id: text for function_id, text in found.items() if text}


def _problem(stored: StoredFunction) -> str:
    data, code = stored["data"], stored["code"]
    if data is None:
        return MISSING
    try:
        fn: Any = load_function(data)
    except BaseException as exc:  # noqa: BLE001 - whatever an import runs, `sys.exit()` too
        return f"cannot be imported any more ({error_info(exc).message})"
    if not callable(fn):  # a name that is another thing now
        return "is no function any more"
    return CHANGED if code and hash_of_code(fn) != code else ""
