"""Names and arrays as the bytes of a segment: a JSON head, then the raw arrays it lists."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ValidationError

from memos_mcp.errors import Corrupt

Arrays = Mapping[str, NDArray[np.generic]]


class _Head(BaseModel):
    analysis: int
    first: int
    names: dict[str, list[str]]
    arrays: list[tuple[str, str, int]]


@dataclass(frozen=True, slots=True)
class Packed:
    """A piece of an index: the number of its first row, lists of names, and arrays."""

    first: int
    names: Mapping[str, Sequence[str]]
    arrays: Arrays


def packed(piece: Packed, analysis: int) -> bytes:
    """The bytes of a piece; `analysis` says which version of the text analysis made it."""
    arrays = [(name, values.dtype.str, len(values)) for name, values in piece.arrays.items()]
    names = {name: list(values) for name, values in piece.names.items()}
    head = _Head(analysis=analysis, first=piece.first, names=names, arrays=arrays).model_dump_json().encode()
    return b"".join((len(head).to_bytes(8, "little"), head, *(a.tobytes() for a in piece.arrays.values())))


def unpacked(data: bytes, analysis: int) -> Packed:
    """The inverse of `packed`. Raises Corrupt for bytes that are no segment, or one of another analysis."""
    at = 8 + int.from_bytes(data[:8], "little")
    try:
        head = _Head.model_validate(json.loads(data[8:at]))
        arrays: dict[str, NDArray[np.generic]] = {}
        for name, kind, length in head.arrays:
            arrays[name] = np.frombuffer(data, np.dtype(kind), length, at)
            at += arrays[name].nbytes
    except (ValueError, TypeError, ValidationError) as exc:
        raise Corrupt("a segment of an index cannot be read; run `memos rebuild` with its name") from exc
    if head.analysis != analysis:
        raise Corrupt("an index was made by another version of memos; run `memos rebuild` with its name")
    return Packed(head.first, head.names, arrays)
