"""The embedder turns texts into unit vectors, by the fastest backend of this machine."""

import os
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Generic, Literal, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from parrot_async.ingest.embed.chunks import load_tokenizer
from parrot_async.ingest.embed.model_files import DEFAULT_MODEL, ModelFiles, find_model
from parrot_async.ingest.errors import ModelError

if TYPE_CHECKING:
    from tokenizers import Encoding

Backend = Literal["auto", "openvino", "torch", "torch-fp32"]
Role = Literal["document", "query"]
Vectors = NDArray[np.float32]

# Texts in a batch, which are of like length. On one OpenVINO thread more only pads more; 16 was
# best for torch on a CPU; that for a GPU is not measured.
_BATCH = 4
_TORCH_BATCH = 16
_GPU_BATCH = 256

# The length of OpenVINO's inputs is a multiple of this: it compiles kernels anew for each shape.
_WIDTHS = 16


class Embedder(Protocol):
    """Turns texts into vectors; `load_embedder` makes one for each process.

    Runs on: any thread.
    """

    @property
    def backend(self) -> str:
        """What computes, and how precisely: "openvino-bf16", "torch-fp32 on cpu"."""

    @property
    def dimension(self) -> int:
        """The length of each vector."""

    @property
    def fingerprint(self) -> str:
        """The model's identity: vectors of equal fingerprints compare, whatever the backend."""

    def embed(self, texts: Sequence[str], role: Role = "document") -> Vectors:
        """Return the vectors of `texts`: float32, shape (len(texts), dimension), each of length 1.

        Raises `ModelError` when the model gives numbers that are not finite.
        """

    def embed_in_parts(
        self, texts: Sequence[str], size: int, role: Role = "document"
    ) -> Iterator[tuple[list[int], Vectors]]:
        """Embed `size` texts at a time: yield their indices in `texts`, and their vectors."""


Text = TypeVar("Text")
"""What a backend makes of a text before it embeds it."""


class _SortedBatches(Generic[Text]):
    """The part that backends share: prompts, batches of like length, and unit vectors in fp32."""

    backend: str
    dimension: int
    batch: int = _BATCH

    def __init__(self, files: ModelFiles) -> None:
        self.fingerprint = files.fingerprint
        self._files = files
        self._one_at_a_time = threading.Lock()

    def embed(self, texts: Sequence[str], role: Role = "document") -> Vectors:
        out = np.zeros((len(texts), self.dimension), np.float32)
        for indices, vectors in self.embed_in_parts(texts, len(texts), role):
            out[indices] = vectors
        return out

    def embed_in_parts(
        self, texts: Sequence[str], size: int, role: Role = "document"
    ) -> Iterator[tuple[list[int], Vectors]]:
        ready = self._read([self._prepared(text, role) for text in texts])
        order = sorted(range(len(texts)), key=lambda index: -self._length(ready[index]))
        for start in range(0, len(order), max(size, 1)):
            part = order[start : start + size]
            yield part, self._vectors([ready[index] for index in part])

    def _vectors(self, ready: list[Text]) -> Vectors:
        """Return the vectors of texts that are in the order of their lengths."""
        starts = range(0, len(ready), self.batch)
        with self._one_at_a_time:
            parts = [self._forward(ready[start : start + self.batch]) for start in starts]
        return _unit(np.concatenate(parts), self.backend)

    def _prepared(self, text: str, role: Role) -> str:
        prompt = self._files.query_prompt if role == "query" else self._files.document_prompt
        text = prompt + text
        return text.lower() if self._files.lowercase else text

    def _read(self, texts: list[str]) -> list[Text]:
        raise NotImplementedError

    def _length(self, text: Text) -> int:
        raise NotImplementedError

    def _forward(self, texts: list[Text]) -> Vectors:
        raise NotImplementedError


def _unit(vectors: Vectors, backend: str) -> Vectors:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not np.isfinite(lengths).all():
        raise ModelError(
            f"the model gives numbers that are not finite with {backend}: use backend='torch-fp32'"
        )
    unit: Vectors = vectors / np.maximum(lengths, 1e-12)
    return unit


class OpenVINOEmbedder(_SortedBatches["Encoding"]):
    """OpenVINO on one CPU thread, in bf16 where the CPU has it; without torch once exported."""

    def __init__(self, files: ModelFiles) -> None:
        super().__init__(files)
        import openvino

        from parrot_async.ingest.embed.openvino_model import exported

        core = openvino.Core()
        bf16 = "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        # Two processes that pin their thread pin it to the same core, and each gets half of it.
        options = {
            "INFERENCE_PRECISION_HINT": "bf16" if bf16 else "f32",
            "INFERENCE_NUM_THREADS": 1,
            "ENABLE_CPU_PINNING": False,
        }
        self._model = core.compile_model(exported(files), "CPU", options)
        self._inputs = {name for each in self._model.inputs for name in each.get_names()}
        self.dimension = self._model.output(0).get_partial_shape()[1].get_length()
        self.backend = "openvino-bf16" if bf16 else "openvino-fp32"

    def _read(self, texts: list[str]) -> "list[Encoding]":
        read: list[Encoding] = load_tokenizer(self._files.tokenizer_file).encode_batch_fast(texts)
        return read

    def _length(self, text: "Encoding") -> int:
        return len(text.ids)

    def _forward(self, texts: "list[Encoding]") -> Vectors:
        inputs = _padded(texts, self._files.max_tokens)
        result: Vectors = self._model({name: inputs[name] for name in self._inputs})[0]
        return result


def _padded(encodings: "Sequence[Encoding]", limit: int) -> dict[str, NDArray[np.int64]]:
    """Return model inputs of like shapes; past `limit` tokens a text keeps only its end mark."""
    rows = [
        encoding.ids
        if len(encoding.ids) <= limit
        else [*encoding.ids[: limit - 1], encoding.ids[-1]]
        for encoding in encodings
    ]
    width = min(-(-max(map(len, rows)) // _WIDTHS) * _WIDTHS, limit)
    ids = np.zeros((len(rows), width), np.int64)
    mask = np.zeros_like(ids)
    for index, row in enumerate(rows):
        ids[index, : len(row)] = row
        mask[index, : len(row)] = 1
    return {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}


class TorchEmbedder(_SortedBatches[str]):
    """sentence-transformers: fp16 on a GPU, bf16 on a CPU that has it, else (or `exact`) fp32."""

    def __init__(self, files: ModelFiles, device: str, exact: bool = False) -> None:
        super().__init__(files)
        import torch
        from sentence_transformers import SentenceTransformer

        kind = torch.device(device).type
        lower = (
            torch.float16
            if kind == "cuda"
            else torch.bfloat16
            if kind == "cpu" and cpu_has_bf16()
            else torch.float32
        )
        dtype = torch.float32 if exact else lower
        self._model = SentenceTransformer(
            files.path, device=device, model_kwargs={"dtype": dtype}, local_files_only=True
        )
        self.batch = _TORCH_BATCH if kind == "cpu" else _GPU_BATCH
        self.dimension = int(self._model.get_embedding_dimension() or 0)
        names = {torch.float32: "fp32", torch.float16: "fp16", torch.bfloat16: "bf16"}
        self.backend = f"torch-{names[dtype]} on {device}"

    def _read(self, texts: list[str]) -> list[str]:
        return texts

    def _length(self, text: str) -> int:
        return len(text)

    def _forward(self, texts: list[str]) -> Vectors:
        found = self._model.encode(
            texts, batch_size=self.batch, prompt="", convert_to_tensor=True, show_progress_bar=False
        )
        vectors: Vectors = found.float().cpu().numpy()
        return vectors


_loaded: dict[tuple[str, str, str | None], Embedder] = {}
_loading = threading.Lock()


def load_embedder(
    model: str | Path = DEFAULT_MODEL, backend: Backend = "auto", device: str | None = None
) -> Embedder:
    """Return the embedder of `model`, one for each process: later calls return the same.

    `auto` takes torch on a CUDA GPU where there is one, else OpenVINO, else torch on the CPU;
    `device` ("cpu", "cuda:0") overrides the device. Raises `ModelError` when the model cannot be
    found or the backend is not installed.
    """
    key = (str(model), backend, device)
    with _loading:
        if key not in _loaded:
            _loaded[key] = _load(find_model(model), backend, device)
        return _loaded[key]


def _load(files: ModelFiles, backend: Backend, device: str | None) -> Embedder:
    try:
        if backend == "openvino" or (backend == "auto" and _prefers_openvino(device)):
            return OpenVINOEmbedder(files)
        return TorchEmbedder(files, device or _torch_device(), exact=backend == "torch-fp32")
    except ImportError as exc:
        raise ModelError(
            f"backend {backend!r} cannot be imported ({exc}): install parrot_async[ingest]"
        ) from exc


def _prefers_openvino(device: str | None) -> bool:
    if device is not None and device != "cpu":
        return False
    if device is None and _torch_device() != "cpu":
        return False
    try:
        import openvino  # noqa: F401  whether it can be imported is the question
    except ImportError:
        return False
    return True


def _torch_device() -> str:
    # Asking torch costs seconds of import, so it is asked only where a GPU is likely.
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES", "0") in ("", "-1", "NoDevFiles")
    if hidden or not any(Path("/dev").glob("nvidia[0-9]*")):
        return "cpu"
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def cpu_has_bf16() -> bool:
    """Return whether this CPU multiplies bf16 in hardware; emulated, it is slower than fp32."""
    try:
        flags = Path("/proc/cpuinfo").read_text().split("\n\n", 1)[0].split()
    except OSError:
        return False
    return not {"avx512_bf16", "amx_bf16", "bf16"}.isdisjoint(flags)
