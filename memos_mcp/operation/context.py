"""Fits recalled cubes into a budget of tokens. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from memos_mcp.cube import MemCube, Plaintext

_CUT = " … [cut; memory {id} has all of it]"
_LEAST = 40  # tokens: less of a memory than this says nothing


@dataclass(frozen=True, slots=True)
class Packed:
    """The context, a line for each cube that stands in it, and how many had no room."""

    lines: tuple[str, ...]
    left_out: int

    @property
    def text(self) -> str:
        """All of it."""
        return "\n".join(self.lines)

    @property
    def used(self) -> int:
        """How many stand in it."""
        return len(self.lines)


def tokens(text: str) -> int:
    """Estimate of the tokens of a text: a quarter per ASCII character, one per other letter; errs on the high side."""
    ascii_only = len(text) if text.isascii() else sum(c.isascii() for c in text)
    return (ascii_only + 3) // 4 + (len(text) - ascii_only)


def pack(cubes: Sequence[MemCube], budget: int) -> Packed:
    """The best cubes that fit into `budget` tokens, in order; a long one is cut at a word and says so."""
    lines: list[str] = []
    left = budget
    for cube in cubes:
        line = rendered(cube)
        if tokens(line) > left:
            if left < _LEAST:
                break
            line = _cut(line, left, cube.id)
        lines.append(line)
        left -= tokens(line) + 1
    return Packed(tuple(lines), len(cubes) - len(lines))


def rendered(cube: MemCube) -> str:
    """One memory as it stands in a context: id, when and who, then its words."""
    repeated = f" (said {cube.usage.sightings} times)" if cube.usage.sightings > 1 else ""
    return f"[{cube.id}] {told(cube)}{repeated}{ended(cube)}"


def told(cube: MemCube) -> str:
    """When and by whom it was said, and its words: the same as long as its version is."""
    origin = cube.origin
    when = f"{origin.said_at:%Y-%m-%d}" if origin.said_at else ""
    head = " ".join(part for part in (when, origin.speaker) if part)
    return f"{head + ': ' if head else ''}{words_of(cube)}"


def ended(cube: MemCube) -> str:
    """Until when it held, if it does no longer for all that is known."""
    end = cube.valid.end if cube.valid else None
    return f" (until {end:%Y-%m-%d})" if end else ""


def words_of(cube: MemCube) -> str:
    """Everything readable in a memory: its key if it has one, then text, then data as JSON."""
    return f"{cube.key} = {payload_of(cube)}" if cube.key else payload_of(cube)


def payload_of(cube: MemCube) -> str:
    """The payload in words: text, then data as JSON."""
    match cube.payload:
        case Plaintext(text=text, data=None):
            return text
        case Plaintext(text=text, data=data):
            shown = json.dumps(data, ensure_ascii=False)
            return f"{text} {shown}" if text else shown
        case payload:
            return f"{payload.kind} memory of {len(payload.sources)} others"


def _cut(line: str, left: int, key: str) -> str:
    hint = _CUT.format(id=key)
    room = left - tokens(hint)
    kept = line[: room * 4]
    while tokens(kept) > room:
        kept = kept[: len(kept) * 3 // 4]
    return (kept[: kept.rfind(" ")] if " " in kept[len(kept) // 2 :] else kept).rstrip() + hint
