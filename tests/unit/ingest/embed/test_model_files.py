"""A model's files: limits, prompts and the fingerprint that says whether vectors compare."""

import json
from pathlib import Path
from typing import Any

import pytest

from parrot_async.ingest.embed.model_files import find_model
from parrot_async.ingest.errors import ModelError


def write_model(folder: Path, **files: dict[str, Any]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    contents: dict[str, dict[str, Any]] = {"config": {}} | files
    for name, content in contents.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    return folder


def test_a_model_says_its_own_limit_before_that_of_its_tokenizer(tmp_path: Path) -> None:
    folder = write_model(
        tmp_path / "model",
        sentence_bert_config={"max_seq_length": 256},
        tokenizer_config={"model_max_length": 512},
    )

    assert find_model(folder).max_tokens == 256


@pytest.mark.parametrize(
    ("tokenizer", "config", "limit"),
    [
        ({"model_max_length": 384}, {"max_position_embeddings": 514}, 384),
        ({"model_max_length": 10**30}, {"max_position_embeddings": 514}, 514),
        ({}, {}, 512),
    ],
)
def test_else_the_smaller_limit_of_tokenizer_and_network_holds(
    tmp_path: Path, tokenizer: dict[str, Any], config: dict[str, Any], limit: int
) -> None:
    folder = write_model(tmp_path / "model", tokenizer_config=tokenizer, config=config)

    assert find_model(folder).max_tokens == limit


@pytest.mark.parametrize(
    ("prompts", "expected"),
    [
        ({"query": "query: ", "passage": "passage: "}, ("passage: ", "query: ")),
        ({"document": "text: ", "passage": "passage: "}, ("text: ", "")),
        (None, ("", "")),
    ],
)
def test_prompts_are_those_that_the_model_was_trained_with(
    tmp_path: Path, prompts: dict[str, str] | None, expected: tuple[str, str]
) -> None:
    folder = write_model(tmp_path / "model", config_sentence_transformers={"prompts": prompts})

    found = find_model(folder)

    assert (found.document_prompt, found.query_prompt) == expected


def test_a_model_without_a_fast_tokenizer_says_how_to_make_one(tmp_path: Path) -> None:
    found = find_model(write_model(tmp_path / "model"))

    with pytest.raises(ModelError, match="save the model again with its fast tokenizer"):
        _ = found.tokenizer_file


def test_a_folder_may_be_written_from_the_users_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    write_model(tmp_path / "model")

    assert find_model("~/model").path == str(tmp_path / "model")


def test_copies_of_a_model_have_one_fingerprint_and_other_weights_another(tmp_path: Path) -> None:
    folders = [write_model(tmp_path / name) for name in ("one", "copy", "other", "documented")]
    for folder in folders:
        (folder / "model.safetensors").write_bytes(b"weights")
    (folders[2] / "model.safetensors").write_bytes(b"other weights")
    (folders[3] / "README.md").write_text("About the model.")

    one, copy, other, documented = (find_model(folder).fingerprint for folder in folders)

    assert one == copy == documented
    assert one != other


def test_the_name_of_a_file_is_part_of_the_fingerprint(tmp_path: Path) -> None:
    folders = [write_model(tmp_path / name) for name in ("one", "two")]
    for folder, name in zip(folders, ("a.txt", "b.txt"), strict=True):
        (folder / name).write_text("same words")

    assert len({find_model(folder).fingerprint for folder in folders}) == 2
