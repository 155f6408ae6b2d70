"""Opens a model of this machine for parametric memory: the one door to all that needs torch and peft."""

# pyright: reportMissingModuleSource=false
# (the extra `lora` is not in the environment of the tests: it is 5 GB; tools/typings says what is used of it)

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from anyio import CapacityLimiter, to_thread

from memos_mcp.errors import MissingExtra
from memos_mcp.infrastructure.models.causal import loaded

if TYPE_CHECKING:
    from memos_mcp.infrastructure.parametric.peft import PeftBackend


async def opened(
    model: str,
    folder: Path,
    *,
    revision: str = "",
    header: str | None = None,
    device: str = "cpu",
    dtype: str = "auto",
) -> PeftBackend:
    """A backend over a model: a folder, or a name that was downloaded before; adapters go into `folder`.

    `header` is that of the KV blocks that may be trained further, as `activation.opening` has it. Nothing is
    downloaded, no code of a model is run, and weights are read from safetensors only. Raises Misconfigured (it is not
    on this machine, or cannot be used), MissingExtra.
    """
    make = partial(_opened, model, folder, revision, header, device, dtype)
    return await to_thread.run_sync(make, limiter=CapacityLimiter(1))


def _opened(model: str, folder: Path, revision: str, header: str | None, device: str, dtype: str) -> PeftBackend:
    try:
        from memos_mcp.infrastructure.activation.seam import HEADER
        from memos_mcp.infrastructure.parametric.peft import PeftBackend
    except ModuleNotFoundError as exc:
        raise MissingExtra("lora") from exc
    its = loaded(model, revision=revision, device=device, dtype=dtype, extra="lora")
    backend = PeftBackend(
        its.network, its.tokenizer, folder, name=its.name, revision=its.revision, header=header or HEADER
    )
    backend.shelf.sweep()
    return backend
