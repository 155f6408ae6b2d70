"""Backends over tiny models, and memories to keep."""

# pyright: reportMissingModuleSource=false
# (the extra `kv` is not in the environment of the tests: it is 5 GB; tools/typings says what is used of it)

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from memos_mcp.activation import Source
from memos_mcp.cube import Activation, Ref
from memos_mcp.infrastructure.activation.blocks import Block
from memos_mcp.infrastructure.activation.caches import Reading
from memos_mcp.infrastructure.activation.identity import fingerprint
from memos_mcp.infrastructure.activation.transformers import TransformersBackend
from tests import kv_models

PEANUTS = Source(Ref(id="peanuts", version=1), "Ada is allergic to peanuts, and has been since she was four years old.")
LISBON = Source(Ref(id="lisbon", version=3), "Ben moved to Lisbon in March; his sister stayed in Porto.")
KEY = Source(Ref(id="key", version=1), "The key lies under the red pot.")
ALL = (PEANUTS, LISBON, KEY)

QUESTION = "What may Ada not eat?"
QUESTIONS = (QUESTION, "Where does Ben live now, and since when has he lived there?", "Key?")


def backend(
    folder: Path,
    model: PreTrainedModel | None = None,
    tokenizer: PreTrainedTokenizerBase | None = None,
    *,
    name: str = "tiny",
    revision: str = "1",
    memory: int = 2**30,
    disk: int = 2**30,
) -> TransformersBackend:
    """A backend with its blocks in this folder; without a model, over the tiny Llama."""
    return TransformersBackend(
        model if model is not None else kv_models.model(),
        tokenizer or kv_models.tokenizer(),
        folder,
        name=name,
        revision=revision,
        memory=memory,
        disk=disk,
    )


async def block(its: TransformersBackend, activation: Activation) -> Block:
    """What it keeps for this activation."""
    assert activation.blob is not None
    return await its.stock.get(activation.blob, fingerprint(its.network, its.seam, "tiny", "1"))


def prompt(its: TransformersBackend, sources: tuple[Source, ...], question: str = QUESTION) -> list[int]:
    """All ids of memories and question, as a model without a block reads them."""
    parts = its.seam.parts([source.text for source in sources])
    return [*(each for part in parts for each in part), *its.seam.question(question)]


def prefilled(model: PreTrainedModel, ids: list[int]) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """Keys and values of each layer after the model read these ids."""
    reading = Reading(model, ids)
    while not reading.over:
        reading.step()
    return reading.taken()


def greedy(its: TransformersBackend, ids: list[int], limit: int) -> str:
    """What transformers itself answers, with nothing kept."""
    given = torch.tensor([ids])
    made = its.network.generate(given, max_new_tokens=limit, do_sample=False, pad_token_id=0)
    return its.seam.text(made[0, len(ids) :].tolist())


def files(folder: Path) -> list[Path]:
    """All files in a folder and below."""
    return [file for file in folder.rglob("*") if file.is_file()]


def digest(its: Block) -> str:
    """A hash of all its keys and values."""
    hashing = hashlib.sha256()
    for tensor in (*its.keys, *its.values):
        hashing.update(tensor.contiguous().numpy().tobytes())
    return hashing.hexdigest()
