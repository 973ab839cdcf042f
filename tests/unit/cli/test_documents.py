"""The commands for documents: their options, and how passages are shown."""

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from parrot_async.cli import cli
from parrot_async.cli.documents import BACKENDS, SNIPPET, _near, _plain, _shown
from parrot_async.ingest import Hit, IngestOptions


def hit(**fields: Any) -> Hit:
    known: dict[str, Any] = {
        "score": 0.123456,
        "text": "Parrots  repeat\nwhat they hear.",
        "path": "/elsewhere/birds.pdf",
        "title": "Birds",
        "kind": "pdf",
        "source": "birds",
        "page": 3,
        "ordinal": 0,
        "metadata": {},
    }
    return Hit(**known | fields)


def test_a_passage_is_shown_on_lines_of_its_own_with_its_source() -> None:
    assert _shown(2, hit()).splitlines() == [
        "2. Birds  (0.123)",
        "   /elsewhere/birds.pdf, page 3",
        "   Parrots repeat what they hear.",
    ]


def test_a_document_without_pages_names_none() -> None:
    assert "page" not in _shown(1, hit(page=None))


def test_a_long_passage_is_cut_between_words() -> None:
    snippet = _shown(1, hit(text="word " * 200)).splitlines()[-1].strip()

    assert len(snippet) <= SNIPPET + 2
    assert snippet.endswith("word …")


def test_a_passage_is_plain_json_with_its_whole_text() -> None:
    plain = _plain(hit(text="x" * 1_000))

    assert plain == {
        "score": 0.1235,
        "path": "/elsewhere/birds.pdf",
        "page": 3,
        "title": "Birds",
        "kind": "pdf",
        "text": "x" * 1_000,
    }


def test_a_path_below_the_working_directory_is_shown_from_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert _near(str(tmp_path / "docs" / "a.md")) == "docs/a.md"
    assert _near("/elsewhere/a.md") == "/elsewhere/a.md"


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("ingest",), "Missing argument 'PATH...'"),
        (("search",), "Missing argument 'QUESTION'"),
        (("search", "why?", "--limit", "0"), "0 is not in the range"),
        (("ingest", "docs", "--backend", "abacus"), "'abacus' is not one of"),
    ],
)
def test_a_wrong_use_says_what_is_wrong(args: tuple[str, ...], message: str) -> None:
    result = CliRunner().invoke(cli, args)

    assert result.exit_code == 2
    assert message in result.stderr


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_backend_of_the_command_line_is_one_of_the_options(backend: str) -> None:
    assert IngestOptions.model_validate({"backend": backend}).backend == backend
