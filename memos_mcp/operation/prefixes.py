"""KV blocks as beginnings of a prompt: in which order memories stand in one, whom it is for, which question it serves.

Pure. A block is an exact beginning, so the same memories have to stand in the same order whoever asks. It is kept apart
from those of others by its tenant, and ends with the first of its memories that is not what it was.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Protocol, TypeVar

from memos_mcp.answers import KvBlock
from memos_mcp.cube import SHELVED, MemCube, Plaintext, Ref
from memos_mcp.operation.context import tokens, words_of

LEAST = 0.5
"""Share of the tokens of what is used that a block has to hold: one that holds less lengthens the prompt."""
_RULES = {"owner", "readers", "denied", "contexts", "sensitivity", "came_from"}


class Made(Protocol):
    """What was made of memories for those who may read them: a KV block, an adapter."""

    @property
    def sources(self) -> tuple[Ref, ...]:
        """Its memories, with their versions."""
        ...

    @property
    def tenant(self) -> str:
        """Whom it is kept for (`tenant_of`)."""
        ...


Its = TypeVar("Its", bound=Made)


def ordered(cubes: Iterable[MemCube]) -> tuple[MemCube, ...]:
    """Each memory once, the oldest first: what comes later lengthens the prompt and changes no beginning."""
    known = {cube.id: cube for cube in cubes}
    return tuple(sorted(known.values(), key=lambda cube: (cube.created_at, cube.id)))


def shelf_of(cube: MemCube) -> str:
    """Where it stands and who may read it there: what has the same is read by the same people."""
    rules = cube.governance.model_dump_json(include=_RULES)
    return hashlib.sha256(f"{cube.path}\n{rules}".encode()).hexdigest()


def tenant_of(cubes: Iterable[MemCube]) -> str:
    """Whom a block of these is kept for."""
    return hashlib.sha256("\n".join(sorted({shelf_of(cube) for cube in cubes})).encode()).hexdigest()


def keepable(cube: MemCube) -> bool:
    """May it stand in a block: words, in use and not suspected?"""
    return bool(
        isinstance(cube.payload, Plaintext)
        and cube.state not in SHELVED
        and not cube.quarantined
        and words_of(cube).strip()
    )


def whole(made: Made, cubes: Mapping[str, MemCube]) -> tuple[MemCube, ...] | None:
    """The memories behind it, if each of the current `cubes` is what was read and they stand where they stood."""
    found = [cubes.get(ref.id) for ref in made.sources]
    sound = [cube for cube, ref in zip(found, made.sources, strict=True) if cube is not None and _is(cube, ref)]
    if len(sound) < len(found) or tenant_of(sound) != made.tenant:
        return None
    return tuple(sound)


def serving(blocks: Iterable[KvBlock], used: Sequence[MemCube]) -> list[tuple[KvBlock, tuple[str, ...]]]:
    """The blocks that hold enough of these memories, each with the ids that it holds; the one that saves most first."""
    refs = {cube.ref: tokens(words_of(cube)) for cube in used}
    least = max(1.0, LEAST * sum(refs.values()))
    held = [(block, [ref for ref in block.sources if ref in refs]) for block in blocks]
    enough = [(block, shared) for block, shared in held if sum(refs[ref] for ref in shared) >= least]
    enough.sort(key=lambda each: (-sum(refs[ref] for ref in each[1]), each[0].activation.tokens, each[0].name))
    return [(block, tuple(ref.id for ref in shared)) for block, shared in enough]


def holding(made: Iterable[Its], used: Sequence[MemCube]) -> list[tuple[Its, tuple[str, ...]]]:
    """What was made of any of these memories, each with their ids; most of their tokens first, of equals the last."""
    refs = {cube.ref: tokens(words_of(cube)) for cube in used}
    held = [(each, [ref for ref in each.sources if ref in refs]) for each in made]
    held = [(each, shared) for each, shared in reversed(held) if shared]
    held.sort(key=lambda each: -sum(refs[ref] for ref in each[1]))
    return [(each, tuple(ref.id for ref in shared)) for each, shared in held]


def touched(made: Iterable[Its], ids: Collection[str]) -> list[Its]:
    """Those of which any of these memories is a part."""
    return [each for each in made if any(ref.id in ids for ref in each.sources)]


def _is(cube: MemCube, ref: Ref) -> bool:
    return cube.ref == ref and keepable(cube)
