"""Embedding: every backend gives the vectors of fp32 torch, in the order of the texts."""

import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from parrot_async.ingest.embed.embedder import Backend, Embedder, load_embedder
from parrot_async.ingest.embed.model_files import find_model
from parrot_async.ingest.errors import ModelError

TEXTS = [
    "A cat sleeps all day.",
    "",
    "git reset --soft HEAD~1 undoes the last commit and keeps its changes staged.",
    "Der Käse ist alt, the cheese is old, le fromage est vieux.",
    "The package must not fail when its configuration file is missing. " * 30,
    "x",
]


@pytest.fixture(scope="module", params=["openvino", "torch"])
def embedder(request: pytest.FixtureRequest) -> Embedder:
    """The embedder of the offline model, by each backend of this machine."""
    backend: Backend = request.param
    return load_embedder(backend=backend, device="cpu")


@pytest.fixture(scope="module")
def exact() -> Embedder:
    """What all are measured by."""
    return load_embedder(backend="torch-fp32", device="cpu")


@pytest.mark.slow
def test_vectors_are_those_of_fp32_torch(embedder: Embedder, exact: Embedder) -> None:
    cosines = (embedder.embed(TEXTS) * exact.embed(TEXTS)).sum(axis=1)

    assert cosines.min() >= 0.999


@pytest.mark.slow
def test_vectors_are_float32_of_length_one_in_the_order_of_the_texts(embedder: Embedder) -> None:
    vectors = embedder.embed(TEXTS)

    assert vectors.dtype == np.dtype(np.float32)
    assert vectors.shape == (len(TEXTS), embedder.dimension)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    alone = np.concatenate([embedder.embed([text]) for text in TEXTS])
    assert (vectors * alone).sum(axis=1).min() >= 0.999


@pytest.mark.slow
def test_no_texts_give_no_vectors(embedder: Embedder) -> None:
    assert embedder.embed([]).shape == (0, embedder.dimension)


@pytest.mark.slow
def test_backends_share_their_fingerprint_so_that_vectors_are_reused(
    embedder: Embedder, exact: Embedder
) -> None:
    assert embedder.fingerprint == exact.fingerprint == find_model().fingerprint


@pytest.mark.slow
def test_a_process_loads_a_model_once(embedder: Embedder) -> None:
    backend: Backend = "openvino" if embedder.backend.startswith("openvino") else "torch"
    found: list[Embedder] = []
    threads = [
        threading.Thread(target=lambda: found.append(load_embedder(backend=backend, device="cpu")))
        for _ in range(4)
    ]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert {id(each) for each in found} == {id(embedder)}


@pytest.mark.slow
def test_a_worker_with_openvino_imports_neither_torch_nor_transformers() -> None:
    load_embedder(backend="openvino")
    code = (
        "import sys; from parrot_async.ingest.embed.embedder import load_embedder;"
        "load_embedder(backend='openvino').embed(['words']);"
        "print({'torch', 'transformers'} & set(sys.modules))"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "set()"


def test_the_offline_model_is_found_by_its_name_and_by_its_path() -> None:
    named = find_model("sentence-transformers/all-MiniLM-L6-v2")

    assert find_model(named.path) == named == find_model()
    assert named.max_tokens == 256


def test_a_model_that_is_nowhere_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)

    with pytest.raises(ModelError, match="check its name"):
        find_model("nobody/has-this-model")


def test_a_folder_that_is_no_model_says_so(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"has no config\.json"):
        find_model(tmp_path)
