"""The module's parts: node's own runner, as one test here."""

import shutil
import subprocess
from pathlib import Path

import pytest


def test_the_parts_pass_their_tests_in_node() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs node on the PATH: apt-get install nodejs")
    files = sorted(map(str, Path(__file__).parent.glob("*.test.mjs")))

    done = subprocess.run([node, "--test", *files], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout
