"""The OpenVINO form of a model: exported once, in a separate process, and cached on disk."""

# mypy: allow-subclassing-any
# torch is not analysed (pyproject.toml), so its Module is Any.

import importlib.metadata
import inspect
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock
from platformdirs import user_cache_path

from parrot_async.ingest.embed.model_files import ModelFiles
from parrot_async.ingest.errors import ModelError

if TYPE_CHECKING:
    import torch
    from sentence_transformers import SentenceTransformer

_EXPORT_VERSION = "1"
"""Part of the folder's name; raise it when an export gives another model."""
_EXPORT_LIMIT = 900.0
"""Seconds after which an export is killed."""


def exported(model: ModelFiles) -> Path:
    """Return the `model.xml` of `model`; export it if it never was, which takes about 20 s.

    It is kept in the user's cache by the model's fingerprint and OpenVINO's version. Raises
    `ModelError` when it cannot be exported.
    """
    folder = (
        _cache()
        / f"{model.fingerprint[:24]}-{importlib.metadata.version('openvino')}-{_EXPORT_VERSION}"
    )
    if not (folder / "model.xml").exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{folder}.lock"):
            if not (folder / "model.xml").exists():
                _export_apart(model.path, folder)
    return folder / "model.xml"


def _cache() -> Path:
    return Path(os.environ.get("PARROT_CACHE") or user_cache_path("parrot_async")) / "openvino"


def _export_apart(model_path: str, folder: Path) -> None:
    """Export in a new process, so that no worker imports torch; `folder` appears when complete."""
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".export-") as fresh:
        command = [sys.executable, "-m", __spec__.name, model_path, fresh]
        env = os.environ | {
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            "HF_HUB_OFFLINE": "1",
        }
        try:
            subprocess.run(  # noqa: S603  no shell, and our own module
                command, env=env, check=True, capture_output=True, timeout=_EXPORT_LIMIT
            )
        except subprocess.CalledProcessError as exc:
            said = exc.stderr.decode(errors="replace").strip() or "no reason given"
            why = said.splitlines()[-1]
            raise ModelError(
                f"cannot export {model_path} to OpenVINO: {why}: use backend='torch'"
            ) from exc
        except subprocess.TimeoutExpired as exc:
            raise ModelError(
                f"exporting {model_path} took over {_EXPORT_LIMIT:.0f}s: use backend='torch'"
            ) from exc
        shutil.rmtree(folder, ignore_errors=True)
        Path(fresh, "whole").rename(folder)


def export(model_path: str, folder: str) -> None:
    """Write the model at `model_path` to `folder`/whole as `model.xml` and `model.bin`, in fp32."""
    import openvino
    import torch
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(
        model_path, device="cpu", model_kwargs={"attn_implementation": "eager"}
    )
    names = [name for name in model.tokenizer.model_input_names if name in _inputs(model)]

    batch, length = (
        torch.export.Dim("batch", min=1, max=4096),
        torch.export.Dim("length", min=2, max=model.max_seq_length),
    )
    example = {name: torch.ones((2, 16), dtype=torch.int64) for name in names}
    shapes = {name: {0: batch, 1: length} for name in names}
    with torch.no_grad():
        program = torch.export.export(
            _pooled(model), (), kwargs=example, dynamic_shapes=shapes, strict=False
        )
    openvino.save_model(
        openvino.convert_model(program), Path(folder, "whole", "model.xml"), compress_to_fp16=False
    )


def _pooled(model: "SentenceTransformer") -> "torch.nn.Module":
    """Wrap `model` as torch can export it: plain tensors in, shape (n, dimension) out."""
    import torch

    class Pooled(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(
            self,
            input_ids: torch.Tensor,
            attention_mask: torch.Tensor,
            token_type_ids: torch.Tensor | None = None,
        ) -> torch.Tensor:
            inputs = {"input_ids": input_ids, "attention_mask": attention_mask}
            if token_type_ids is not None:
                inputs["token_type_ids"] = token_type_ids
            embedding: torch.Tensor = self.model(inputs)["sentence_embedding"]
            return embedding

    return Pooled().eval()


def _inputs(model: "SentenceTransformer") -> set[str]:
    return set(inspect.signature(model[0].auto_model.forward).parameters)


if __name__ == "__main__":
    export(*sys.argv[1:3])
