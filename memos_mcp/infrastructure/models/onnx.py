"""Vectors by onnxruntime, from a folder that holds `onnx/model.onnx` and `tokenizer.json` as on the model hub."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from memos_mcp.errors import MissingExtra
from memos_mcp.infrastructure.models.paced import Paced
from memos_mcp.models import Read

if TYPE_CHECKING:
    from memos_mcp.infrastructure.models.onnx_model import OnnxModel

_SILENT = ("ORT_DISABLE_TELEMETRY", "ORT_TELEMETRY_DISABLED")
"""Since 1.31 onnxruntime reports to its makers and keeps an id of the machine, unless told not to before it loads."""


class OnnxEmbedder:
    """An Embedder over the model in a folder; nothing is read before the first use.

    Its bytes are compared with its manifest at every load.
    """

    def __init__(self, folder: Path, *, threads: int = 1) -> None:
        self._paced = Paced(partial(opened, folder, threads=threads))

    async def load(self) -> tuple[str, int]:
        """Open the model. Raises Misconfigured (none, or other bytes than installed), MissingExtra, Unavailable."""
        return await self._paced.load()

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One row of unit length for each text, in order; of a long text its beginning counts. Raises as `load`."""
        return await self._paced.embed(texts)

    async def read(self, texts: Sequence[str]) -> Read:
        """The same with a row for each of the first words of content, if the graph tells. Cost: 1 % more."""
        return await self._paced.read(texts, lambda model, some: model.read(some))

    async def aclose(self) -> None:
        """Let go of the model."""
        await self._paced.aclose()


def opened(folder: Path, *, threads: int = 1) -> OnnxModel:
    """The model of a folder, in memory. Raises as `OnnxEmbedder.load`."""
    for name in _SILENT:
        os.environ[name] = "1"
    try:
        from memos_mcp.infrastructure.models.onnx_model import OnnxModel
    except ModuleNotFoundError as exc:
        raise MissingExtra("embed") from exc
    return OnnxModel(folder, threads=threads)
