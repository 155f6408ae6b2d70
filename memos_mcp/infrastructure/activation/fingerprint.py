"""What a KV block hangs on: it is of use only to the very model, tokenizer and template that it was made with."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, fields

from memos_mcp.errors import InvalidInput

FORMAT = "memos-kv/1"


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Every field has to be equal. Hashes stand for what is long; `""` for what a model does not have.

    Kernels of attention, batch sizes and devices change low-order bits only and are not part of it.
    """

    model: str
    revision: str
    model_type: str
    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    vocabulary: int
    layer_types: str
    rope: str
    dtype: str
    quantization: str
    adapters: str
    tokenizer: str
    template: str
    weights: str
    format: str = FORMAT

    @property
    def key(self) -> str:
        """One hash of all of them: what `Activation.fingerprint` holds."""
        return hashed(asdict(self))


class Mismatch(InvalidInput):
    """A block was made with something else than what is here: `fields` are those that differ. Warm the memory again."""

    def __init__(self, made: Fingerprint, here: Fingerprint) -> None:
        self.fields = differing(made, here)
        sides = "; ".join(
            f"{name} was {getattr(made, name)!r}, here it is {getattr(here, name)!r}" for name in self.fields
        )
        super().__init__(
            f"this KV block was made with another model or setting: {sides}. Warm the memories again with this one, "
            "or open the one that it was made with"
        )


def differing(made: Fingerprint, here: Fingerprint) -> tuple[str, ...]:
    """The names of the fields that are not equal."""
    return tuple(each.name for each in fields(Fingerprint) if getattr(made, each.name) != getattr(here, each.name))


def check(made: Fingerprint, here: Fingerprint) -> None:
    """Raises Mismatch, with the fields and both sides of each, unless all are equal."""
    if made != here:
        raise Mismatch(made, here)


def hashed(value: object) -> str:
    """SHA-256 of a value as canonical JSON; empty for None."""
    if value is None:
        return ""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":"), default=str).encode()).hexdigest()
