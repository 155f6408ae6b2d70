"""From memories to a tree: topic → concept → fact (long paper §5.4.1, MemoryPathResolver). Pure.

A topic is a tag or predicted, a concept an entity or a word that several memories of the topic share, a fact a memory.
What has no topic hangs in clusters: memories that share a rare word or an entity. Equal memories make equal trees, in
whatever order they come.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import log
from typing import Literal

from memos_mcp.infrastructure.tokens import terms
from memos_mcp.operation.annotating import Layer

ConceptKind = Literal["person", "place", "organisation", "thing", "word", "other"]
_SHARED = 2  # memories that make a word a concept, or a cluster
OTHER = "other"
"""The concept of what shares none."""


@dataclass(frozen=True, slots=True)
class Fact:
    """A memory, in its first words."""

    id: str
    text: str
    path: str
    layer: Layer


@dataclass(frozen=True, slots=True)
class Concept:
    """Somebody, something or a word that `memories` of a topic have in common; `facts` are the first of them."""

    name: str
    kind: ConceptKind
    memories: int
    facts: tuple[Fact, ...] = ()


@dataclass(frozen=True, slots=True)
class Topic:
    """What `memories` are about, `tagged` of them because somebody said so; a `cluster` is named by what they share.

    `concepts` are the first of the `all_concepts`.
    """

    name: str
    memories: int
    tagged: int = 0
    cluster: bool = False
    all_concepts: int = 0
    concepts: tuple[Concept, ...] = ()


@dataclass(frozen=True, slots=True)
class Leaf:
    """What one memory adds to the tree."""

    fact: Fact
    tags: tuple[str, ...]
    topics: tuple[str, ...]
    concepts: tuple[tuple[str, str, ConceptKind], ...]


@dataclass(frozen=True, slots=True)
class Cluster:
    """Memories without a topic that share something rare, and what it is."""

    name: str
    leaves: tuple[Leaf, ...]


@dataclass(frozen=True, slots=True)
class Branch:
    """A topic before it is cut to what is shown."""

    name: str
    leaves: tuple[Leaf, ...]
    tagged: int = 0
    cluster: bool = False


def grown(leaves: Iterable[Leaf]) -> list[Branch]:
    """All topics with their memories, the largest first, and the clusters of what has none."""
    said: defaultdict[str, list[Leaf]] = defaultdict(list)
    names: dict[str, str] = {}
    tagged: Counter[str] = Counter()
    bare: list[Leaf] = []
    for leaf in sorted(leaves, key=lambda leaf: leaf.fact.id):
        tags = {tag.casefold(): tag for tag in leaf.tags}
        for key in dict.fromkeys((*tags, *leaf.topics)):
            said[key].append(leaf)
            tagged[key] += key in tags
            names[key] = min(names.get(key, tags.get(key, key)), tags.get(key, key))
        if not (tags or leaf.topics):
            bare.append(leaf)
    topics = [Branch(names[key], tuple(those), tagged[key]) for key, those in said.items()]
    found = [Branch(each.name, each.leaves, cluster=True) for each in clusters(bare)]
    return sorted(topics, key=_size) + sorted(found, key=_size)


def clusters(leaves: Sequence[Leaf]) -> list[Cluster]:
    """Memories put together by what they share, the rarest and most shared first; each is in one cluster at most."""
    having: defaultdict[str, list[Leaf]] = defaultdict(list)
    names: dict[str, str] = {}
    for leaf in sorted(leaves, key=lambda leaf: leaf.fact.id):
        for key, name, _ in leaf.concepts:
            having[key].append(leaf)
            names[key] = min(names.get(key, name), name)
    strength = {key: len(those) * log(1 + len(leaves) / len(those)) for key, those in having.items()}
    taken: set[str] = set()
    found: list[Cluster] = []
    for key in sorted(having, key=lambda key: (-strength[key], key)):
        free = [leaf for leaf in having[key] if leaf.fact.id not in taken]
        if len(free) >= _SHARED:
            taken.update(leaf.fact.id for leaf in free)
            found.append(Cluster(names[key], tuple(free)))
    return found


def shown(branch: Branch, depth: int, breadth: int) -> Topic:
    """A topic as it is shown: at depth 1 alone, at 2 with its concepts, at 3 with the facts of these."""
    held = list(_held(branch))
    concepts = tuple(
        Concept(name, kind, len(those), tuple(leaf.fact for leaf in those[:breadth]) if depth > 2 else ())
        for name, kind, those in held[:breadth]
    )
    return Topic(
        branch.name,
        len(branch.leaves),
        branch.tagged,
        branch.cluster,
        len(held),
        concepts if depth > 1 else (),
    )


def _held(branch: Branch) -> Iterator[tuple[str, ConceptKind, list[Leaf]]]:
    """The concepts of a topic with their memories, the largest first, `other` last."""
    having: defaultdict[str, list[Leaf]] = defaultdict(list)
    names: dict[str, tuple[str, ConceptKind]] = {}
    for leaf in branch.leaves:
        for key, name, kind in leaf.concepts:
            having[key].append(leaf)
            names[key] = min(names.get(key, (name, kind)), (name, kind))
    own = {*terms(branch.name)}
    kept = [key for key, those in having.items() if _is_concept(key, names[key][1], those, own)]
    for key in sorted(kept, key=lambda key: (-len(having[key]), key)):
        yield *names[key], having[key]
    rest = [leaf for leaf in branch.leaves if not any(key in kept for key, _, _ in leaf.concepts)]
    if rest:
        yield OTHER, "other", rest


def _is_concept(key: str, kind: ConceptKind, those: Sequence[Leaf], own: set[str]) -> bool:
    """An entity is one by itself, a word if several memories share it; neither if it is the name of the topic."""
    return key not in own and (kind != "word" or len(those) >= _SHARED)


def _size(branch: Branch) -> tuple[int, str]:
    return -len(branch.leaves), branch.name
