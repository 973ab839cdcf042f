"""The source of code that is in no file: where it is found, and what another process has of it."""

import doctest
import linecache
import subprocess
import sys
from collections.abc import Iterator
from types import CodeType

import pytest

from parrot_async.transport import sources
from parrot_async.transport.sources import (
    MOST_LINES,
    MOST_SOURCES,
    MOST_TEXT,
    Source,
    excerpt,
    function_at,
    label_of,
    learn,
    learn_lines,
    source_of,
)

CELL = "/tmp/ipykernel_1/4711.py"  # noqa: S108 - no file
TEXT = "def work(n):\n    return 1 / n\n"


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    """Forget what a test has had known."""
    before = dict(linecache.cache)
    yield
    linecache.cache.clear()
    linecache.cache.update(before)
    sources._kept.clear()
    sources._missing.clear()


def cell(text: str = TEXT, name: str = CELL) -> CodeType:
    """Return the code of a function in a cell, as IPython compiles it."""
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    return compile(text, name, "exec")


def test_the_source_of_a_cell_is_found() -> None:
    assert source_of(cell()) == Source(CELL, "", TEXT)


def test_it_is_looked_up_once_while_it_stays_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    code = cell()
    first = source_of(code)
    monkeypatch.setattr(sources, "_cell", None)

    assert source_of(code) is first


def test_another_text_of_the_same_cell_is_another_source() -> None:
    source_of(cell())

    found = source_of(cell("x = 1\n"))

    assert found is not None
    assert found.text == "x = 1\n"


def test_code_in_a_file_has_none() -> None:
    linecache.getlines(__file__)

    assert source_of(test_code_in_a_file_has_none.__code__) is None


@pytest.mark.parametrize("name", ["<string>", "<stdin>", "<nowhere>", "/no/such/place.py"])
def test_what_is_known_nowhere_has_none(name: str) -> None:
    assert source_of(compile("x = 1", name, "exec")) is None


def test_what_every_process_calls_alike_gets_a_name_of_its_own() -> None:
    one = source_of(cell("x = 1\n", "<python-input-0>"))
    other = source_of(cell("x = 2\n", "<python-input-0>"))

    assert one is not None
    assert other is not None
    assert one.name != other.name
    assert one.label == other.label == 'File "<python-input-0>"'
    # So that a traceback that comes back has its lines here as well.
    assert linecache.getline(one.name, 1) == "x = 1\n"


TWO = """API = connect("sk-live-4711")
@cached
def work(n):
    return 1 / n

SPACE = 1
def other(n):
    return work(
        n
    )
"""


def test_only_the_functions_that_travel_are_in_an_excerpt() -> None:
    found = source_of(cell(TWO))
    assert found is not None

    one = excerpt(found, frozenset([7]))
    both = excerpt(found, frozenset([2, 3, 7]))

    assert one is not None
    assert one.text == "\n" * 6 + "def other(n):\n    return work(\n        n\n    )\n"
    assert both is not None
    assert both.text.splitlines()[1:5] == TWO.splitlines()[1:5]
    assert "4711" not in both.text
    assert "SPACE" not in both.text


def test_a_secret_in_a_function_does_not_travel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCES_API_KEY", "sesame-4711")
    text = 'def work():\n    return "sesame-4711"\n'

    found = excerpt(Source(CELL, "", text), frozenset([1]))

    assert found is not None
    assert found.text == 'def work():\n    return "***"\n'


def test_functions_travel_up_to_a_size() -> None:
    big = f"def big():\n{'    x = 1' * 3_000}\n"
    found = excerpt(Source(CELL, "", f"{TEXT}{big}{big}"), frozenset([1, 3, 5]))

    assert found is not None
    assert len(found.text) <= MOST_TEXT
    assert found.text.startswith(TEXT)


def test_functions_of_one_source_that_come_one_by_one_are_all_shown() -> None:
    found = Source(CELL, "Cell In[2]", TWO)

    for first in (7, 2):
        part = excerpt(found, frozenset([first]))
        assert part is not None
        learn([part])

    assert linecache.getline(CELL, 4) == "    return 1 / n\n"
    assert linecache.getline(CELL, 8) == "    return work(\n"
    assert linecache.getline(CELL, 1) == "\n"


def test_a_source_that_came_is_shown_and_goes_on() -> None:
    source = Source(CELL, "Cell In[2]", TEXT)

    learn([source])

    assert linecache.getline(CELL, 2) == "    return 1 / n\n"
    linecache.checkcache(CELL)
    assert linecache.getline(CELL, 2) == "    return 1 / n\n"
    assert label_of(CELL) == "Cell In[2]"
    assert source_of(compile(TEXT, CELL, "exec")) == source


def test_a_source_that_is_here_is_not_replaced() -> None:
    source_of(cell())

    learn([Source(CELL, "Cell In[9]", "other\n")])

    assert linecache.getline(CELL, 1) == "def work(n):\n"


def test_the_latest_sources_are_kept() -> None:
    learn(Source(f"/no/{n}.py", "", "x = 1\n") for n in range(MOST_SOURCES + 10))

    assert linecache.getline("/no/9.py", 1) == ""
    assert linecache.getline("/no/10.py", 1) == "x = 1\n"
    assert len(sources._kept) == MOST_SOURCES


def test_single_lines_are_shown_where_there_is_nothing_else() -> None:
    learn_lines(CELL, 7, "    return helper(3)", "Cell In[2]")
    learn_lines(CELL, 3, TEXT, "Cell In[2]")

    assert linecache.getline(CELL, 7) == "    return helper(3)\n"
    assert linecache.getline(CELL, 4) == "    return 1 / n\n"
    assert label_of(CELL) == "Cell In[2]"


def test_a_line_that_goes_on_below_is_shown_as_a_comment() -> None:
    learn_lines(CELL, 1, "    return helper(", "")

    assert linecache.getline(CELL, 1) == "#     return helper(\n"


@pytest.mark.parametrize("first", [0, -1, MOST_LINES + 1])
def test_a_line_far_away_is_not_shown(first: int) -> None:
    learn_lines(CELL, first, "x = 1", "")

    assert CELL not in linecache.cache


def test_lines_of_a_file_or_a_source_that_is_here_stay() -> None:
    learn([Source(CELL, "", TEXT)])

    learn_lines(CELL, 1, "other", "")
    learn_lines(__file__, 1, "other", "")

    assert linecache.getline(CELL, 1) == "def work(n):\n"
    assert linecache.getline(__file__, 1).startswith('"""The source of code')


def test_the_lines_of_a_function_end_with_it() -> None:
    learn([Source(CELL, "", f"{TEXT}\nx = (\n{TEXT}")])

    assert function_at(CELL, 1) == TEXT
    assert function_at(CELL, 4) == ""
    assert function_at(CELL, 99) == ""
    assert function_at("/no/such/file.py", 1) == ""


PROGRAM = """
from dataclasses import dataclass
from parrot_async.transport.sources import source_of
def work():
    return 1
@dataclass
class Point:
    x: int
print(source_of(work.__code__).text.splitlines()[4], source_of(Point.__init__.__code__))
"""


def test_the_program_of_a_command_line_is_found() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    )

    # What a dataclass has compiled is called `<string>` as well, and is not in the program.
    assert done.stdout == "    return 1 None\n"


DOCTEST = """
>>> def work():
...     return 1
>>> source_of(work.__code__).text
'def work():\\n    return 1\\n'
"""


def test_the_lines_of_a_doctest_are_found() -> None:
    test = doctest.DocTestParser().get_doctest(DOCTEST, {"source_of": source_of}, "page", None, 0)

    assert doctest.DocTestRunner(verbose=False).run(test).failed == 0
