"""What the README and the pages of docs/ show runs, and their links lead somewhere."""

import json
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.notebooks.conftest import REPOSITORY
from tests.notebooks.pages import Block, blocks_of

PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]
LINKED = [*PAGES, *sorted((REPOSITORY / "notebooks").glob("*.ipynb"))]
TIME = 100
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_CODE = re.compile(r"```.*?```", re.DOTALL)


def named(page: Path) -> str:
    return str(page.relative_to(REPOSITORY))


def with_python(mark: str) -> list[Path]:
    return [page for page in PAGES if any(block.mark == mark for block in blocks_of(page))]


def scripts() -> list[tuple[Path, Block]]:
    found = ((page, block) for page in PAGES for block in blocks_of(page))
    return [(page, block) for page, block in found if block.mark == "script"]


def succeed(command: list[str], stdin: str = "") -> None:
    done = subprocess.run(
        [sys.executable, *command],
        check=False,
        input=stdin,
        capture_output=True,
        cwd=REPOSITORY,
        text=True,
        timeout=TIME,
    )
    assert done.returncode == 0, done.stderr[-5000:]


def anchors_of(page: Path) -> set[str]:
    """The fragments that a page's headings give it, as GitHub makes them."""
    headings = _HEADING.findall(_CODE.sub("", page.read_text("utf-8")))
    words = [re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings]
    return {heading.strip().replace(" ", "-") for heading in words}


@pytest.mark.slow
@pytest.mark.parametrize("page", with_python(""), ids=named)
def test_the_python_of_a_page_runs(page: Path, own_home: Path) -> None:
    blocks = [(block.code, block.line) for block in blocks_of(page) if not block.mark]

    succeed(["-m", "tests.notebooks.pages", str(page)], json.dumps(blocks))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("page", "block"), scripts(), ids=[f"{named(page)}:{b.line}" for page, b in scripts()]
)
def test_a_script_of_a_page_runs(page: Path, block: Block, own_home: Path, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(block.code)

    succeed([str(script)])


@pytest.mark.parametrize("page", LINKED, ids=named)
def test_every_link_leads_somewhere(page: Path) -> None:
    text = _CODE.sub("", page.read_text("utf-8"))

    for link in _LINK.findall(text):
        if not link.startswith(("http://", "https://")):
            path, _, fragment = unquote(link).partition("#")
            target = (page.parent / path).resolve() if path else page
            assert target.exists(), link
            if fragment:
                assert fragment in anchors_of(target), link


def test_every_page_is_in_the_index() -> None:
    index = REPOSITORY / "docs" / "index.md"
    linked = {(index.parent / link).resolve() for link in _LINK.findall(index.read_text("utf-8"))}

    readme = PAGES[0]  # lies outside of the site
    assert not {page for page in PAGES if page not in linked} - {index, readme}
