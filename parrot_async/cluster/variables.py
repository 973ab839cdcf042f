"""Environment variables that a client hands to the workers of its local cluster."""

import os
from collections.abc import Iterable, Mapping
from typing import Final

import psutil

from parrot_async.errors import ClusterError, OptionsError
from parrot_async.transport.secrets import HANDED, learn_values

Variables = Iterable[str] | Mapping[str, str]
"""Names of variables of this process, or names with their values."""

_OURS: Final = ("PARROT_", "CUDA_VISIBLE_DEVICES")
"""What a cluster sets itself, or how such names begin."""


def chosen_variables(env: Variables) -> dict[str, str]:
    """Return variables with their values, which count as secrets from now on.

    Raises OptionsError for one that is not set here, or that no process can have.
    """
    if isinstance(env, str):
        raise OptionsError(f"env takes names in a list, as in env=[{env!r}], or a dict of values")
    found = dict(env) if isinstance(env, Mapping) else {name: _value_of(name) for name in env}
    for name, value in found.items():
        _check(name, value)
    learn_values(found.values())
    return found


def _value_of(name: str) -> str:
    try:
        return os.environ[name]
    except (KeyError, TypeError):
        raise OptionsError(
            f"env names {name!r}, which this process does not have: set os.environ[{name!r}]"
            " first, or give its value in a dict"
        ) from None


def _check(name: object, value: object) -> None:
    if not isinstance(name, str) or not isinstance(value, str):
        raise OptionsError(f"env takes texts, and {name!r} or its value is none")
    if not name or "=" in name or "\0" in name + value or "," in name:
        raise OptionsError(f"no process can have a variable {name!r} of that value")
    if name.startswith(_OURS):
        raise OptionsError(f"{name} is set by the cluster itself: leave it out of env")


def environment_with(env: Mapping[str, str]) -> dict[str, str]:
    """Return the variables as a daemon gets them, which hands them to its workers."""
    return {**env, HANDED: ",".join(env)} if env else {}


def check_running(named: str, pid: int, env: Mapping[str, str]) -> None:
    """Raise ClusterError where a cluster runs without variables, or with other values.

    `named` is the cluster in words, `pid` its daemon's.
    """
    if not env:
        return
    try:
        there = psutil.Process(pid).environ()
    except psutil.Error as exc:
        raise ClusterError(
            f"{named} runs, and does not show its environment ({exc!r}): leave out env"
        ) from exc
    other = sorted(name for name, value in env.items() if there.get(name) != value)
    if other:
        raise ClusterError(
            f"{named} runs without, or with other values of, {', '.join(other)}: workers have the"
            " environment that their cluster started with. End it with `parrot-async down`, and"
            " the next client starts one with these; or have one beside it: JobClient(name=...)"
        )
