"""The pages of docs/ are wrapped, and the files that they name exist."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
DOCS = REPOSITORY / "docs"
PAGES = [REPOSITORY / "README.md", *sorted(DOCS.rglob("*.md"))]
WIDTH = 100
FOR_DEVELOPERS = [DOCS / "concepts" / "architecture.md", DOCS / "contributing.md"]
"""Pages that send readers to files of the package."""

_PATH = re.compile(r"`((?:[\w.]+/)+[\w.]*)`")


def named(page: Path) -> str:
    """Name a page as a test shows it."""
    return str(page.relative_to(REPOSITORY))


def too_long(page: Path) -> Iterator[str]:
    """Yield lines over the width, without tables, images, and what is one word, such as a URL."""
    for number, line in enumerate(page.read_text("utf-8").splitlines(), 1):
        breaks = not line.lstrip().startswith(("|", "![")) and len(line.lstrip("-* ").split()) > 1
        if len(line) > WIDTH and breaks:
            yield f"{named(page)}:{number} has {len(line)} characters"


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_a_page_is_wrapped(page: Path) -> None:
    assert list(too_long(page)) == []


@pytest.mark.parametrize("page", FOR_DEVELOPERS, ids=named)
def test_the_files_that_a_page_names_exist(page: Path) -> None:
    folders = (REPOSITORY, REPOSITORY / "parrot_async")
    paths = _PATH.findall(page.read_text("utf-8"))

    missing = [path for path in paths if not any((one / path).exists() for one in folders)]

    assert len(paths) > 20
    assert missing == []
