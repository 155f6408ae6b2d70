"""Vectors by sentence-transformers, with any model that is on this machine already. Needs the extra `local`."""

# pyright: reportMissingModuleSource=false
# (that extra is not in the environment of the tests: it is 1.5 GB; tools/typings says what is used of it)

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from memos_mcp.errors import Misconfigured, MissingExtra
from memos_mcp.infrastructure.models import minilm
from memos_mcp.infrastructure.models.layout import SETTINGS
from memos_mcp.infrastructure.models.paced import Model, Paced
from memos_mcp.infrastructure.models.shelf import TOKENIZER, digest

_DECIDING = (*SETTINGS, "config_sentence_transformers.json", TOKENIZER, "vocab.txt")
_CHARACTERS = 4  # of English for each piece: only to sort texts by length and cut them into batches


class LocalEmbedder:
    """An Embedder over a model of sentence-transformers: a folder, or a name that was downloaded before.

    Nothing is downloaded, no code of a model is run, and weights are read from safetensors only.
    """

    def __init__(self, model: str, *, device: str = "cpu") -> None:
        self._paced = Paced(partial(_opened, model, device))

    async def load(self) -> tuple[str, int]:
        """Open the model. Raises Misconfigured (it is not on this machine, or cannot be used), MissingExtra."""
        return await self._paced.load()

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One row of unit length for each text, in order; of a long text its beginning counts. Raises as `load`."""
        return await self._paced.embed(texts)

    async def aclose(self) -> None:
        """Let go of the model."""
        await self._paced.aclose()


class _LocalModel:
    def __init__(self, name: str, folder: Path, device: str) -> None:
        from sentence_transformers import SentenceTransformer

        self._transformer = SentenceTransformer(
            str(folder), device=device, local_files_only=True, model_kwargs={"use_safetensors": True}
        )
        self.id = f"{name}@{_digest(folder)[:8]}"
        self.dimension = self.vectors([""]).shape[1]

    def lengths(self, texts: Sequence[str]) -> list[int]:
        most = self._transformer.max_seq_length or 512
        return [min(len(text) // _CHARACTERS + 2, most) for text in texts]

    def vectors(self, texts: Sequence[str]) -> NDArray[np.float32]:
        given = [text.encode("utf-8", "replace").decode("utf-8") for text in texts]
        found = self._transformer.encode(
            given, batch_size=len(given), show_progress_bar=False, convert_to_numpy=True, normalize_embeddings=True
        )
        return np.asarray(found, np.float32)


def _opened(model: str, device: str) -> Model:
    try:
        folder = _folder(model)
        return _LocalModel(Path(model).name, folder, device)
    except ModuleNotFoundError as exc:
        raise MissingExtra("local") from exc
    except (OSError, ValueError, RuntimeError) as exc:
        raise Misconfigured(f"the model {model!r} cannot be used on {device!r}: {exc}") from exc


def _folder(model: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    given = Path(model).expanduser()
    if given.is_dir():
        return given
    packaged = minilm.packaged() if model == minilm.NAME else None
    if packaged is not None:
        return packaged
    repo = model if "/" in model else f"sentence-transformers/{model}"  # as sentence-transformers reads it
    try:
        return Path(snapshot_download(repo, local_files_only=True))
    except (LocalEntryNotFoundError, HFValidationError) as exc:
        raise Misconfigured(
            f"there is no model {model!r} on this machine: give its folder, or download it with `hf download {repo}`"
        ) from exc


def _digest(folder: Path) -> str:
    files = [*(folder / name for name in _DECIDING), *sorted(folder.rglob("*.safetensors"))]
    parts = "\n".join(digest(file) for file in files if file.is_file())
    return hashlib.sha256(parts.encode()).hexdigest()
