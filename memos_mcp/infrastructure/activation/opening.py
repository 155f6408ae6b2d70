"""Opens a model of this machine for activation memory: the one door to all that needs torch."""

# pyright: reportMissingModuleSource=false
# (the extra `kv` is not in the environment of the tests: it is 5 GB; tools/typings says what is used of it)

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from anyio import CapacityLimiter, to_thread

from memos_mcp.errors import Misconfigured, MissingExtra

if TYPE_CHECKING:
    from memos_mcp.infrastructure.activation.transformers import TransformersBackend


async def opened(
    model: str,
    folder: Path,
    *,
    revision: str = "",
    device: str = "cpu",
    dtype: str = "auto",
    memory: int = 4 * 2**30,
    disk: int = 20 * 2**30,
) -> TransformersBackend:
    """A backend over a model: a folder, or a name that was downloaded before; blocks go into `folder`.

    Nothing is downloaded, no code of a model is run, and weights are read from safetensors only. Raises Misconfigured
    (it is not on this machine, or cannot be used), InvalidInput (its cache cannot be kept), MissingExtra.
    """
    make = partial(_opened, model, folder, revision, device, dtype, memory, disk)
    return await to_thread.run_sync(make, limiter=CapacityLimiter(1))


def _opened(
    model: str, folder: Path, revision: str, device: str, dtype: str, memory: int, disk: int
) -> TransformersBackend:
    try:
        from transformers import AutoModelForCausalLM, AutoTokenizer

        from memos_mcp.infrastructure.activation.transformers import TransformersBackend
    except ModuleNotFoundError as exc:
        raise MissingExtra("kv") from exc
    given = Path(model).expanduser()
    place = str(given) if given.is_dir() else model
    try:
        its = AutoModelForCausalLM.from_pretrained(
            place,
            revision=revision or "main",
            dtype=dtype,
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
        ).to(device)
        tokenizer = AutoTokenizer.from_pretrained(
            place, revision=revision or "main", local_files_only=True, trust_remote_code=False
        )
    except (OSError, ValueError, RuntimeError) as exc:
        raise Misconfigured(f"the model {model!r} cannot be used on {device!r}: {exc}") from exc
    name = given.name if given.is_dir() else model
    found = str(getattr(its.config, "_commit_hash", None) or revision)
    return TransformersBackend(its, tokenizer, folder, name=name, revision=found, memory=memory, disk=disk)
