"""What a function's code does, as text that is equal in every process of one version of Python."""

from functools import lru_cache
from types import CodeType


@lru_cache(maxsize=1024)
def code_text(code: CodeType) -> str:
    """Return what code does as text, equal in every process of one version of Python."""
    # A frozenset's order depends on the process's hash seed, so it is sorted.
    constants = [
        code_text(one)
        if isinstance(one, CodeType)
        else repr(sorted(map(repr, one)) if isinstance(one, frozenset) else one)
        for one in code.co_consts
    ]
    names = (code.co_names, code.co_varnames, code.co_freevars, code.co_flags)
    return repr((code.co_code.hex(), constants, names))
