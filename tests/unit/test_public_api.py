"""The names that `import parrot_async` promises, frozen."""

import inspect

import pytest

import parrot_async


def test_public_names_are_sorted_and_few() -> None:
    assert list(parrot_async.__all__) == sorted(set(parrot_async.__all__))
    assert len(parrot_async.__all__) <= 25


def test_public_names_are_what_dir_shows() -> None:
    assert set(parrot_async.__all__) <= set(dir(parrot_async))


@pytest.mark.parametrize("name", parrot_async.__all__)
def test_public_name_exists_and_says_what_it_is(name: str) -> None:
    value = getattr(parrot_async, name)

    if inspect.isclass(value) or inspect.isroutine(value):
        assert (inspect.getdoc(value) or "").strip()


def test_an_unknown_name_is_an_attribute_error() -> None:
    name = "no_such_name"

    with pytest.raises(AttributeError, match=name):
        getattr(parrot_async, name)
