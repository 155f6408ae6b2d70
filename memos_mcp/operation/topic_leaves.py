"""What a memory adds to the tree of topics: itself, its topics, and the concepts that it names. Pure."""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from typing import get_args

from memos_mcp.cube import EntityKind, MemCube
from memos_mcp.infrastructure.placing import Placing
from memos_mcp.infrastructure.tokens import terms
from memos_mcp.operation.annotating import DENIED, SYSTEM, layer_of
from memos_mcp.operation.entity_values import ENTITY_KINDS, normal
from memos_mcp.operation.topic_tree import ConceptKind, Fact, Leaf
from memos_mcp.operation.topic_words import COMMON
from memos_mcp.operation.topics import tells

_GIST = 120
_MOST = 2_000  # characters that words are looked for in
_WORDS = 4  # of one memory: each is an edge in the graph
_SHORTEST = 3  # letters of a word that is a concept
_KINDS: dict[str, ConceptKind] = {kind: kind for kind in get_args(ConceptKind)}
_SORTS: dict[str, EntityKind] = {kind: kind for kind in ENTITY_KINDS}


def fact_of(cube: MemCube) -> Fact:
    """A memory in its first words, as somebody sees it."""
    gist = " ".join((cube.meaning or cube.text[: 4 * _GIST]).split())
    shown = gist if len(gist) <= _GIST else f"{gist[: _GIST - 1]}…"
    return Fact(cube.id, shown, cube.path, layer_of(cube.path))


def leaf_of(fact: Fact, where: Placing) -> Leaf:
    """What a memory adds that hangs there. Cost: 10 µs."""
    found: dict[str, tuple[str, ConceptKind]] = {}
    for name, kind in where.entities:
        found.setdefault(concept_key(name, kind), (name, _KINDS.get(kind, "thing")))
    for stem, word in where.words:
        found.setdefault(stem, (word, "word"))
    tags = tuple(tag for tag in where.tags if not tag.startswith((DENIED, *SYSTEM)))
    return Leaf(fact, tags, where.topics, tuple((key, name, kind) for key, (name, kind) in found.items()))


def words_of(text: str, named: Collection[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """The few words of a text that others may share, the stem of each and the word, beside the entities it names.

    Those that tell a topic first, then the longest, as those are rarer: equal in whatever text they stand, so that
    texts which share one choose the same. Cost: 0.5 µs a word.
    """
    named_by = {part for name, kind in named for part in concept_key(name, kind).split()}
    best: dict[str, tuple[int, str]] = {}
    for word in text[:_MOST].lower().replace("’", "'").split():
        rank, stem, plain = _salience(word)
        if stem and stem not in named_by:
            best[stem] = min(best.get(stem, (rank, plain)), (rank, plain))
    chosen = sorted(best.items(), key=lambda item: (item[1][0], item[0]))[:_WORDS]
    return tuple((stem, plain) for stem, (_, plain) in chosen)


@lru_cache(maxsize=8192)
def concept_key(name: str, kind: str) -> str:
    """What two names of a concept have in common."""
    return " ".join(terms(normal(name, _SORTS.get(kind, "thing")))) or name.casefold()


@lru_cache(maxsize=20_000)
def _salience(word: str) -> tuple[int, str, str]:
    """How late a word is chosen, its stem and the word without what surrounds it; no stem: never."""
    plain = word.strip(".,;:!?\"'()[]{}…-")
    stem = next(iter(terms(plain)), "") if len(plain) >= _SHORTEST and plain.isalpha() else ""
    if not stem or stem in COMMON or plain in COMMON:
        return 0, "", ""
    return (0 if tells(plain, stem) else 1_000) - min(len(stem), 999), stem, plain
