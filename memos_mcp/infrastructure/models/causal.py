"""A language model of this machine with its tokenizer: what answers, keeps what it read, and is trained beside."""

# pyright: reportMissingModuleSource=false
# (torch is not in the environment of the tests: it is 5 GB; tools/typings says what is used of it)

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from memos_mcp.errors import Misconfigured, MissingExtra

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


@dataclass(frozen=True, slots=True)
class Causal:
    """A model as it was loaded; `revision` is empty where nothing tells it."""

    network: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    name: str
    revision: str


def loaded(model: str, *, revision: str, device: str, dtype: str, extra: str) -> Causal:
    """A model of a folder, or one that was downloaded before. Blocks for as long as reading its weights takes.

    Nothing is downloaded, no code of a model is run, and weights are read from safetensors only. Raises Misconfigured
    (it is not on this machine, or cannot be used), MissingExtra, which names the `extra`.
    """
    try:
        from transformers import AutoModelForCausalLM, AutoTokenizer
        from transformers.utils.logging import disable_progress_bar
    except ModuleNotFoundError as exc:
        raise MissingExtra(extra) from exc
    disable_progress_bar()
    given = Path(model).expanduser()
    place = str(given) if given.is_dir() else model
    try:
        network = AutoModelForCausalLM.from_pretrained(
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
    return Causal(network, tokenizer, name, str(getattr(network.config, "_commit_hash", None) or revision))
