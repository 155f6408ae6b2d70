"""From a block of activation memory to a cartridge: what a model keeps of memories it has read learns further."""

# pyright: reportMissingModuleSource=false
# (the extra `lora` is not in the environment of the tests: it is 5 GB; tools/typings says what is used of it)

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

from memos_mcp.errors import Corrupt, InvalidInput, Unavailable
from memos_mcp.infrastructure.activation import blocks
from memos_mcp.infrastructure.activation.caches import storable
from memos_mcp.infrastructure.activation.fingerprint import FORMAT, check, hashed
from memos_mcp.infrastructure.activation.seam import Seam
from memos_mcp.infrastructure.parametric.asking import Behind
from memos_mcp.infrastructure.parametric.attempts import key_of
from memos_mcp.infrastructure.parametric.folders import BLOB
from memos_mcp.infrastructure.parametric.learning import Place, Start
from memos_mcp.infrastructure.parametric.prefixes import packed
from memos_mcp.infrastructure.parametric.profile import CartridgeConfig
from memos_mcp.parametric import Lesson


def started(at: Place, seam: Seam, lesson: Lesson, path: Path) -> Start:
    """The cartridge that a block is before it learns: questions behind it are answered as behind the block.

    Raises NotFound, Corrupt, InvalidInput (of another model, of memories that the lesson is not of, over the budget, or
    a model without full attention), Unavailable.
    """
    storable(at.adapted.model)
    block = blocks.read(path)
    its = _hash(path)
    made = block.header.fingerprint
    check(made, replace(at.base, tokenizer=seam.tokens, template=seam.template, format=FORMAT))
    if beside := sorted({ref.id for ref in block.header.sources if ref not in lesson.sources}):
        raise InvalidInput(
            f"the block holds {', '.join(beside[:5])} as well, of which the lesson has no pairs, so that its rules may "
            "be too lax: warm a block of the memories of the lesson alone"
        )
    tensors = packed(block.keys, block.values)
    size = sum(each.numel() * each.element_size() for each in tensors.values())
    if size > lesson.budget.bytes:
        raise InvalidInput(f"the cartridge takes {size:,} bytes of {lesson.budget.bytes:,}: allow more, or read less")
    if len(block.ids) < 2:
        raise InvalidInput("a cartridge needs two tokens at least: the first of them does not learn")
    config = CartridgeConfig(
        base_model_name_or_path=at.base.model,
        num_virtual_tokens=len(block.ids),
        num_layers=made.layers,
        num_attention_heads=made.kv_heads,
        token_dim=made.kv_heads * made.head_dim,
    )
    key = hashed(["cartridge", key_of(lesson, at.base), its])
    return Start(key, config, Behind(seam, at.asking), tensors, its)


def _hash(path: Path) -> str:
    """What the file is named by where blocks are kept. Raises Corrupt if it is not named so any more."""
    try:
        with path.open("rb") as file:
            its = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as exc:
        raise Unavailable(f"{path} could not be read: {exc.strerror}; try again") from exc
    name = path.parent.name + path.name
    if BLOB.fullmatch(name) and name != its:
        raise Corrupt(f"the KV block {path} is not what was written: warm its memories again, or drop it")
    return its
