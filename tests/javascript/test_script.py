"""The modules of the live view, joined to the one file that pages load."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from parrot_async.view import script as joining
from parrot_async.view.script import script, styles

MODULES = sorted(path.stem for path in (Path(joining.__file__).parent / "static").glob("*.js"))


def exports(text: str, folder: Path) -> list[str]:
    """The names that a script exports, by node."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs node on the PATH: apt-get install nodejs")
    file = folder / "joined.mjs"
    file.write_text(text, "utf-8")
    code = f"console.log(JSON.stringify(Object.keys(await import({file.as_uri()!r}))))"
    done = subprocess.run(
        [node, "--input-type=module", "-e", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    names: list[str] = json.loads(done.stdout)
    return names


def test_every_module_is_in_the_script_once() -> None:
    scopes = re.findall(r"^const \$(\w+) = \(\(\) => \{$", script(), re.MULTILINE)

    assert sorted([*scopes, "jobs"]) == MODULES
    for name in MODULES:
        head = (Path(joining.__file__).parent / "static" / f"{name}.js").read_text("utf-8")
        assert script().count(head[: head.index("*/")]) == 1, name


def test_the_script_needs_no_other_file_and_exports_what_anywidget_asks_for(
    tmp_path: Path,
) -> None:
    assert not re.findall(r"^import\b", script(), re.MULTILINE)
    assert re.findall(r"^export\b.*", script(), re.MULTILINE) == ["export default () => {"]
    assert exports(script(), tmp_path) == ["default"]


def test_each_module_keeps_its_names_to_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two modules may both have a `count`, and one of them what is a global elsewhere."""
    modules = {
        "one": "const count = 1;\nconst Node = 2;\nexport const first = () => count + Node;\n",
        "two": 'import {\n  first,\n} from "./one.js";\n\nconst count = first();\n'
        "export function* second() {\n  yield count;\n}\n",
        "jobs": 'import { second } from "./two.js";\nimport { first } from "./one.js";\n'
        'if ([...second()][0] !== 3 || first() !== 3) throw new Error("wrong");\n'
        'if (typeof Node !== "undefined") throw new Error("leaked");\n'
        "export default 1;\n",
    }
    monkeypatch.setattr(joining, "_text", modules.__getitem__)

    joined = script.__wrapped__()

    assert exports(joined, tmp_path) == ["default"]


def test_the_styles_are_those_of_the_view() -> None:
    assert ".parrot-jobs {" in styles()
