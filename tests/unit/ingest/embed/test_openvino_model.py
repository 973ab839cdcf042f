"""The OpenVINO form of a model: exported once, and kept by fingerprint and version."""

import importlib.metadata
import json
from pathlib import Path

import pytest

from parrot_async.ingest.embed.model_files import ModelFiles, find_model
from parrot_async.ingest.embed.openvino_model import _cache, exported
from parrot_async.ingest.errors import ModelError

pytest.importorskip("openvino")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache."""
    monkeypatch.setenv("PARROT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "openvino"


@pytest.fixture
def model(tmp_path: Path) -> ModelFiles:
    """A folder that looks like a model, and cannot be exported."""
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text(json.dumps({"model_type": "nonsense"}))
    return find_model(tmp_path / "model")


def test_the_cache_is_where_the_user_says(cache: Path) -> None:
    assert _cache() == cache


def test_an_exported_model_is_taken_from_the_cache(cache: Path, model: ModelFiles) -> None:
    version = importlib.metadata.version("openvino")
    folder = cache / f"{model.fingerprint[:24]}-{version}-1"
    folder.mkdir(parents=True)
    (folder / "model.xml").write_text("<net/>")

    assert exported(model) == folder / "model.xml"


@pytest.mark.slow
def test_a_model_that_cannot_be_exported_says_why_and_leaves_nothing(
    cache: Path, model: ModelFiles
) -> None:
    with pytest.raises(ModelError, match="use backend='torch'") as caught:
        exported(model)

    assert model.path in str(caught.value)
    assert "\n" not in str(caught.value)
    assert [path for path in cache.iterdir() if not path.name.endswith(".lock")] == []


@pytest.mark.slow
def test_an_export_replaces_what_a_killed_one_left(cache: Path) -> None:
    import openvino

    model = find_model()
    version = importlib.metadata.version("openvino")
    torn = cache / f"{model.fingerprint[:24]}-{version}-1"
    torn.mkdir(parents=True)
    (torn / "model.bin").write_bytes(b"half")

    found = exported(model)

    inputs = {
        name for each in openvino.Core().read_model(found).inputs for name in each.get_names()
    }
    assert {"input_ids", "attention_mask"} <= inputs
