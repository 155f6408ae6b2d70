"""A KV block: what the attention of a model keeps of the tokens it has read. As a value, and as a safetensors file."""

# pyright: reportMissingModuleSource=false
# (the extra `kv` is not in the environment of the tests: it is 5 GB; tools/typings says what is used of it)

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from memos_mcp.cube import Ref
from memos_mcp.errors import Corrupt, NotFound
from memos_mcp.infrastructure.activation.fingerprint import FORMAT, Fingerprint, hashed

_LABEL = "memos-kv"


class Header(BaseModel):
    """What a block says of itself. `lengths` are those of its head and of each source, in tokens.

    `tenant` is whom it was read for: the file of one is never that of another, whatever the words.
    `joined` names the blocks that it was composed of and `share` how much of them was computed anew; a block that a
    model read in one go has none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    fingerprint: Fingerprint
    tenant: str = ""
    sources: tuple[Ref, ...] = Field(min_length=1)
    lengths: tuple[int, ...]
    joined: tuple[str, ...] = ()
    share: float | None = None

    @property
    def tokens(self) -> int:
        """Of the head and all sources."""
        return sum(self.lengths)


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Keys and values of each layer, of shape (KV heads, tokens, dimensions), with keys turned to positions from 0.

    Nothing that uses a block writes into it.
    """

    header: Header
    ids: tuple[int, ...]
    keys: tuple[Tensor, ...]
    values: tuple[Tensor, ...]

    @property
    def size(self) -> int:
        """In bytes, of keys and values."""
        return sum(each.numel() * each.element_size() for each in (*self.keys, *self.values))

    @property
    def stored(self) -> int:
        """In bytes, of its file; at most."""
        beside = 2 * len(self.header.model_dump_json()) + 128 * (2 * len(self.keys) + 2) + 4 * len(self.ids)
        return self.size + beside

    def first(self, count: int) -> Block:
        """Its head and first `count` sources, without a copy: reading goes left to right, so they hang on no other."""
        lengths = self.header.lengths[: count + 1]
        end = sum(lengths)
        header = self.header.model_copy(update={"sources": self.header.sources[:count], "lengths": lengths})
        return replace(
            self,
            header=header,
            ids=self.ids[:end],
            keys=tuple(each[:, :end] for each in self.keys),
            values=tuple(each[:, :end] for each in self.values),
        )


def prefixes(fingerprint: Fingerprint, tenant: str, ids: Sequence[int], lengths: Sequence[int]) -> list[str]:
    """For the first source, the first two, …: a hash of the model, the tenant and all ids up to there, in order."""
    hashing = hashlib.sha256(hashed([fingerprint.key, tenant]).encode())
    made: list[str] = []
    for start, end in zip((0, *accumulate(lengths)), accumulate(lengths), strict=False):
        hashing.update(b"".join(each.to_bytes(4, "little") for each in ids[start:end]))
        made.append(hashing.hexdigest())
    return made[1:]


def write(block: Block, path: Path) -> None:
    """Write a block as one file. Raises OSError."""
    tensors = {"ids": torch.tensor(block.ids, dtype=torch.int32)}
    for at, (keys, values) in enumerate(zip(block.keys, block.values, strict=True)):
        tensors[f"k.{at}"] = keys.contiguous().cpu()
        tensors[f"v.{at}"] = values.contiguous().cpu()
    save_file(tensors, path, metadata={_LABEL: block.header.model_dump_json()})


def header(path: Path) -> Header:
    """What the block in a file says of itself; its tensors are not looked at. Raises Corrupt, NotFound."""
    return _said(path, _metadata(path))


def glance(path: Path) -> tuple[Header, tuple[int, ...]]:
    """What the block in a file says of itself, and the ids that it stands for. Raises Corrupt, NotFound."""
    said = header(path)
    try:
        with safe_open(path, "pt") as file:
            ids = tuple(int(each) for each in file.get_tensor("ids").tolist())
    except (SafetensorError, OSError) as exc:
        raise _unread(path, exc) from exc
    _counted(path, said, ids)
    return said, ids


def read(path: Path, device: str = "cpu") -> Block:
    """The block in a file: on the CPU its tensors are the mapped file. Raises Corrupt, NotFound.

    Bytes that changed within a tensor are not noticed here: whoever names a file by its hash compares that first.
    """
    said, ids = glance(path)
    layers = range(said.fingerprint.layers)
    try:
        with safe_open(path, "pt", device=device) as file:
            keys = tuple(file.get_tensor(f"k.{at}") for at in layers)
            values = tuple(file.get_tensor(f"v.{at}") for at in layers)
    except (SafetensorError, OSError) as exc:
        raise _unread(path, exc) from exc
    _shaped(path, said, (*keys, *values))
    return Block(said, ids, keys, values)


def _metadata(path: Path) -> str:
    try:
        with safe_open(path, "pt") as file:
            return (file.metadata() or {}).get(_LABEL, "")
    except (SafetensorError, OSError) as exc:
        raise _unread(path, exc) from exc


def _said(path: Path, text: str) -> Header:
    if not text:
        raise _foreign(path, "it does not say that it is one")
    try:
        said = Header.model_validate_json(text)
    except ValidationError as exc:
        raise _foreign(path, _format(text)) from exc
    if len(said.lengths) != len(said.sources) + 1 or min(said.lengths[1:]) < 1 or said.lengths[0] < 0:
        raise _foreign(path, f"it has {len(said.sources)} sources of {said.lengths} tokens")
    return said


def _format(text: str) -> str:
    try:
        said = json.loads(text)["fingerprint"]["format"]
    except (ValueError, KeyError, TypeError):
        return "what it says of itself cannot be read"
    return f"its format is {said!r}, read here is {FORMAT!r}"


def _shaped(path: Path, said: Header, tensors: Sequence[Tensor]) -> None:
    wanted = (said.fingerprint.kv_heads, said.tokens)
    for each in tensors:
        if each.dim() != 3 or tuple(each.shape[:2]) != wanted or str(each.dtype) != said.fingerprint.dtype:
            raise _foreign(path, f"a tensor is {each.dtype} of {tuple(each.shape)}, not of {wanted}")


def _counted(path: Path, said: Header, ids: Sequence[int]) -> None:
    if len(ids) != said.tokens:
        raise _foreign(path, f"it has {len(ids)} ids for {said.tokens} tokens")


def _unread(path: Path, exc: Exception) -> Corrupt | NotFound:
    if isinstance(exc, FileNotFoundError):
        return NotFound(f"there is no KV block {path}: warm its memories again")
    return _foreign(path, str(exc))


def _foreign(path: Path, why: str) -> Corrupt:
    return Corrupt(f"{path} is not a whole KV block: {why}; drop it and warm its memories again")
