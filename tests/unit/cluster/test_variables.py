"""Variables that a client hands to its cluster: which, with what values, and who sees them."""

import os
import re
from typing import Any

import psutil
import pytest

from parrot_async import JobClient
from parrot_async.cluster.variables import check_running, chosen_variables, environment_with
from parrot_async.errors import ClusterError, OptionsError
from parrot_async.transport.secrets import redact, secrets_of_environment

VALUE = "kd83-Lq02-xx91"


def test_names_stand_for_the_values_of_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_SITE", VALUE)

    assert chosen_variables(["MY_SITE"]) == {"MY_SITE": VALUE}
    assert chosen_variables({"MY_SITE": "other"}) == {"MY_SITE": "other"}
    assert chosen_variables(()) == {}


@pytest.mark.parametrize(
    "env",
    [
        *("HF_TOKEN", ["NOT_SET_HERE"], [3], {"A": 1}, {1: "a"}),
        *({"": "a"}, {"A=B": "a"}, {"A": "a\0"}, {"A,B": "a"}),
        *({"PARROT_STORE": "a"}, {"CUDA_VISIBLE_DEVICES": "0"}),
    ],
)
def test_what_no_process_can_have_is_refused(env: Any) -> None:
    with pytest.raises(OptionsError) as caught:
        JobClient(env=env)

    assert "a\0" not in str(caught.value)


def test_a_value_counts_as_a_secret_whatever_its_name() -> None:
    chosen_variables({"MY_PLACE": VALUE, "MODE": "debug"})

    there = environment_with({"MY_PLACE": VALUE, "MODE": "debug"})

    assert redact(f"{VALUE} in debug") == "*** in debug"
    assert set(secrets_of_environment(there)) == {VALUE}
    assert list(secrets_of_environment({"MY_PLACE": VALUE})) == []


def test_nothing_is_added_where_nothing_is_handed_over() -> None:
    assert environment_with({}) == {}


def test_a_cluster_with_the_same_values_is_joined() -> None:
    check_running("It", os.getpid(), {"PATH": open_environment()["PATH"]})


def open_environment() -> dict[str, str]:
    """Return this process's environment as it was at its start."""
    found: dict[str, str] = psutil.Process().environ()
    return found


def test_a_cluster_with_other_values_is_not_joined_and_none_is_shown() -> None:
    with pytest.raises(ClusterError, match=re.escape("A_TOKEN, PATH")) as caught:
        check_running("It", os.getpid(), {"PATH": VALUE, "A_TOKEN": VALUE})

    assert VALUE not in str(caught.value)


def test_a_cluster_that_is_gone_tells_nothing() -> None:
    with pytest.raises(ClusterError, match="environment"):
        check_running("It", 2**22 - 3, {"A": "b"})


def test_another_dask_cluster_gets_no_variables() -> None:
    with pytest.raises(ClusterError, match="local cluster"):
        JobClient("tcp://127.0.0.1:1", env={"A": "b"})
