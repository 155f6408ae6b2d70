"""The fingerprint of the model that an adapter is trained for."""

# pyright: reportMissingModuleSource=false
# (the extra `lora` is not in the environment of the tests: it is 5 GB; tools/typings says what is used of it)

from __future__ import annotations

from dataclasses import replace

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from memos_mcp.infrastructure.activation.fingerprint import Fingerprint
from memos_mcp.infrastructure.activation.identity import fingerprint
from memos_mcp.infrastructure.activation.seam import Seam
from memos_mcp.infrastructure.parametric.asking import Asking
from memos_mcp.infrastructure.parametric.profile import LORA


def base_of(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, name: str, revision: str) -> Fingerprint:
    """All that an adapter hangs on: model, weights, tokenizer and chat template, whatever is attached just now."""
    asking = Asking(tokenizer)
    found = fingerprint(model, Seam(tokenizer), name, revision)
    return replace(found, adapters="", tokenizer=asking.tokens, template=asking.template, format=LORA)
