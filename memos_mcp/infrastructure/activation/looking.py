"""How activation memory is, at a glance: no model is loaded, and no server computes anything."""

# pyright: reportMissingModuleSource=false
# (the extra `kv` is not in the environment of the tests; tools/typings says what is used of it)

from __future__ import annotations

from contextlib import aclosing
from importlib.util import find_spec
from pathlib import Path

from memos_mcp.errors import Misconfigured, MissingExtra
from memos_mcp.infrastructure.activation.sglang_link import Link
from memos_mcp.infrastructure.activation.sglang_shapes import Model, read

_BRIEF_S = 3
_EXTRAS = {"activation": "kv", "parametric": "lora"}
_NEEDED = {"activation": ("torch", "transformers"), "parametric": ("torch", "transformers", "peft")}
_CONFIG = "config.json"


def model_here(model: str, memory: str = "activation") -> str:
    """Where its model on this machine lies, which is not opened. Raises MissingExtra, Misconfigured."""
    if any(find_spec(name) is None for name in _NEEDED[memory]):
        raise MissingExtra(_EXTRAS[memory])
    folder = Path(model).expanduser()
    if folder.is_dir():
        if not (folder / _CONFIG).is_file():
            raise Misconfigured(f"{folder} holds no model (no {_CONFIG}): set {memory}.model to the folder of one")
        return f"the model {folder.name} lies in {folder.parent}; it is opened by the first question"
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        there = snapshot_download(model, local_files_only=True)
    except (HFValidationError, LocalEntryNotFoundError) as exc:
        raise Misconfigured(
            f"the model {model!r} is no folder, and was not downloaded: set {memory}.model, or `hf download` it"
        ) from exc
    return f"the model {model} lies in {there}; it is opened by the first question"


async def server_there(url: str, key: str | None) -> str:
    """What answers there, within seconds. Raises Unavailable, Misconfigured."""
    link = Link(url, key)
    async with aclosing(link):
        answer = await link.ask("GET", "model_info", within_s=_BRIEF_S)
        if answer.fine:
            return f"{link.name} answers, with the model {read(link, Model, answer.data).model_path}"
        link.accepted(await link.ask("GET", "workers", within_s=_BRIEF_S))
        return f"{link.name} answers, as a router"
