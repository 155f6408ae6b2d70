"""Who has to go when a budget of bytes is full: what was used longest ago, never what is pinned. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from memos_mcp.errors import Unavailable


@dataclass(frozen=True, slots=True)
class Held:
    """Something that takes room: `used` grows with each use."""

    name: str
    size: int
    used: float = 0.0
    pinned: bool = False


@dataclass(frozen=True, slots=True)
class Budget:
    """A room of `limit` bytes at `place`, as the message of a refusal calls it, and what lies in it."""

    place: str
    limit: int
    held: tuple[Held, ...] = ()

    @property
    def size(self) -> int:
        """The bytes that are taken."""
        return sum(each.size for each in self.held)

    def leaving(self, coming: int) -> tuple[str, ...]:
        """Who has to leave for so many more bytes, in that order and no more than needed.

        Raises Unavailable if they do not fit beside what is pinned.
        """
        fixed = sum(each.size for each in self.held if each.pinned)
        if fixed + coming > self.limit:
            raise Unavailable(
                f"{coming:,} bytes do not fit {self.place}: the budget is {self.limit:,} bytes, of which pinned blocks "
                f"hold {fixed:,}; unpin some, keep fewer memories in one block, or raise the budget"
            )
        over = self.size + coming - self.limit
        gone: list[str] = []
        for each in sorted((each for each in self.held if not each.pinned), key=lambda each: (each.used, each.name)):
            if over <= 0:
                break
            gone.append(each.name)
            over -= each.size
        return tuple(gone)

    def having(self, new: Held) -> Budget:
        """With this one in it, in place of what had its name. Room for it has to be there."""
        return replace(self, held=(*(each for each in self.held if each.name != new.name), new))

    def without(self, names: Sequence[str]) -> Budget:
        """After these have left."""
        return replace(self, held=tuple(each for each in self.held if each.name not in names))

    def used(self, name: str, at: float) -> Budget:
        """After a use of it."""
        return replace(self, held=tuple(replace(each, used=at) if each.name == name else each for each in self.held))

    def pinned(self, name: str, *, on: bool) -> Budget:
        """With it pinned or not."""
        return replace(self, held=tuple(replace(each, pinned=on) if each.name == name else each for each in self.held))
