"""Each module alone: node's own runner, one test here for each file of its tests."""

import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
MODULES = HERE.parents[1] / "parrot_async" / "view" / "static"
HAPPY_DOM = HERE.parents[1] / ".venv" / "node_modules" / "happy-dom"
FILES = sorted(HERE.glob("*.test.mjs"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_module_passes_its_tests_in_node(file: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs node on the PATH: apt-get install nodejs")
    if not HAPPY_DOM.is_dir() and any(name in file.read_text("utf-8") for name in ("dom", "views")):
        pytest.skip("needs happy-dom, which `sh .ci/setup all dev` installs where npm is")

    done = subprocess.run([node, "--test", file], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout


def test_every_module_is_short_and_narrow_and_has_its_tests() -> None:
    for module in MODULES.glob("*.js"):
        lines = module.read_text("utf-8").splitlines()

        assert len(lines) < 400, module.name
        assert max(map(len, lines)) <= 100, module.name
        assert len(lines) <= 100 or HERE / f"{module.stem}.test.mjs" in FILES, module.name
