"""What the how-to about the command line, and the one about testing, show is run here."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.notebooks.pages import blocks_of

HOWTO = Path(__file__).parents[3] / "docs" / "howto"
SHELL = re.compile(r"^```bash\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# The command of this environment, whatever is on the PATH.
PRELUDE = f"""
set -euo pipefail
parrot-async() {{ {sys.executable} -m parrot_async "$@"; }}
python() {{ {sys.executable} "$@"; }}
trap 'parrot-async down --all' EXIT
"""

# Twenty processes one after the other, each of which imports Dask.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def test_the_commands_of_the_page_run_in_their_order(tmp_path: Path) -> None:
    page = HOWTO / "use_the_command_line.md"
    (script,) = blocks_of(page)
    (tmp_path / "nightly.py").write_text(script.code)
    shell = PRELUDE + "".join(SHELL.findall(page.read_text("utf-8")))

    done = subprocess.run(
        ["bash", "-c", shell],
        cwd=tmp_path,
        env={**os.environ, "PARROT_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "it failed" in done.stdout
    assert "page" in done.stdout
    assert "only 2 pages" in done.stderr
    assert (tmp_path / "report.md").read_text().startswith("# Job results: Nightly")


def test_the_tests_of_the_page_pass(tmp_path: Path) -> None:
    (block,) = [
        b for b in blocks_of(HOWTO / "test_your_jobs.md") if b.mark.endswith("pytest runs it")
    ]
    (tmp_path / "test_page.py").write_text(block.code)

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", "-k", "asyncio", "test_page.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout
