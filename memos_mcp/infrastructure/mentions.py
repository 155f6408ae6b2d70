"""What a memory speaks of: entities, and relations between them. Found elsewhere; here is what they look like."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from memos_mcp.cube import MemCube


@dataclass(frozen=True, slots=True)
class Entity:
    """A person, place, thing or date that a memory names. `aliases` are other names by which it is asked for.

    `aside`: it names it, and is not about it, as who speaks.
    """

    name: str
    kind: str = "thing"
    weight: float = 1.0
    aliases: tuple[str, ...] = ()
    aside: bool = False


@dataclass(frozen=True, slots=True)
class Relation:
    """What a memory says of two entities, by their names: `source` `kind` `target`, as in Ada likes tea.

    `said` is the sentence that says so, `detail` its word for it (of kin the role); `ended`: it held once.
    """

    source: str
    kind: str
    target: str
    said: str = ""
    detail: str = ""
    ended: bool = False


@dataclass(frozen=True, slots=True)
class Mentioned:
    """Everything that one memory speaks of; `topics` are what it is about as a whole.

    `words` are those that it may share with others: the stem of each, and the word. `made`: it is made of other
    memories, and has no place of its own among topics.
    """

    entities: tuple[Entity, ...] = ()
    relations: tuple[Relation, ...] = ()
    topics: tuple[str, ...] = ()
    words: tuple[tuple[str, str], ...] = ()
    made: bool = False


class Mentions(Protocol):
    """Finds what memories speak of. Equal memories: equal answers, as long as `version` is the same."""

    @property
    def version(self) -> str:
        """Names how it finds them: a graph that was made by another one is made anew."""
        ...

    def of(self, cube: MemCube) -> Mentioned:
        """What a memory speaks of. Never fails; may run in any thread."""
        ...


class NoMentions:
    """Finds nothing: the graph has tags, links and where memories come from, and no entities."""

    version = "none"

    def of(self, cube: MemCube) -> Mentioned:
        """Nothing."""
        return Mentioned()
