"""Opens a model of this machine for activation memory: the one door to all that needs torch."""

# pyright: reportMissingModuleSource=false
# (the extra `kv` is not in the environment of the tests: it is 5 GB; tools/typings says what is used of it)

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from anyio import CapacityLimiter, to_thread

from memos_mcp.infrastructure.models.causal import loaded

if TYPE_CHECKING:
    from memos_mcp.infrastructure.activation.transformers import TransformersBackend


async def opened(
    model: str,
    folder: Path,
    *,
    revision: str = "",
    header: str | None = None,
    device: str = "cpu",
    dtype: str = "auto",
    memory: int = 4 * 2**30,
    disk: int = 20 * 2**30,
) -> TransformersBackend:
    """A backend over a model: a folder, or a name that was downloaded before; blocks go into `folder`.

    `header` is all that is said before the memories, "Memories:" if none is given.
    Nothing is downloaded, no code of a model is run, and weights are read from safetensors only. Raises Misconfigured
    (it is not on this machine, or cannot be used), InvalidInput (its cache cannot be kept), MissingExtra.
    """
    make = partial(_opened, model, folder, revision, header, device, dtype, memory, disk)
    return await to_thread.run_sync(make, limiter=CapacityLimiter(1))


def _opened(
    model: str, folder: Path, revision: str, header: str | None, device: str, dtype: str, memory: int, disk: int
) -> TransformersBackend:
    its = loaded(model, revision=revision, device=device, dtype=dtype, extra="kv")
    from memos_mcp.infrastructure.activation.seam import HEADER
    from memos_mcp.infrastructure.activation.transformers import TransformersBackend

    return TransformersBackend(
        its.network,
        its.tokenizer,
        folder,
        name=its.name,
        revision=its.revision,
        header=HEADER if header is None else header,
        memory=memory,
        disk=disk,
    )
