"""Names as numbers: in memory they only grow; a segment has numbers of its own, for the names of its rows alone.

So a name that nothing has any more, such as the session of a forgotten memory, outlives nothing.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping, Sequence
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from memos_mcp.cube import Governance

_T = TypeVar("_T", bound=Hashable)
NAMED: Mapping[str, str] = {"place": "places", "session": "sessions", "author": "authors", "access": "classes"}
"""The columns of rows that hold numbers of names, and what these are called in a segment."""


class Interned(Generic[_T]):
    """Names as small numbers, in order of first use."""

    def __init__(self) -> None:
        self.names: list[_T] = []
        self.numbers: dict[_T, int] = {}

    def __call__(self, name: _T) -> int:
        """The number of a name, a new one if need be."""
        number = self.numbers.get(name)
        if number is None:
            number = self.numbers[name] = len(self.names)
            self.names.append(name)
        return number


class Names:
    """The names of the rows of a root, by column. An access class is a path and rules."""

    def __init__(self) -> None:
        self.place, self.session, self.author = Interned[str](), Interned[str](), Interned[str]()
        self.access = Interned[tuple[str, Governance]]()

    def used(self, column: str, values: NDArray[np.integer]) -> tuple[list[str], NDArray[np.int32]]:
        """The names that occur, in order of first use, and the values as places in that list; -1 stays."""
        every: list[int] = values.tolist()
        numbers = list(dict.fromkeys(value for value in every if value >= 0))
        places = {number: place for place, number in enumerate(numbers)}
        return [self._name(column, n) for n in numbers], np.array([places.get(v, -1) for v in every], np.int32)

    def renumbered(self, column: str, part: NDArray[np.generic], names: Sequence[str]) -> NDArray[np.int32]:
        """The values of a segment with the numbers of this process; -1 stays."""
        numbers = np.array([*(self._number(column, name) for name in names), -1], np.int32)
        return numbers[part.astype(np.int32)]

    def _name(self, column: str, number: int) -> str:
        if column == "access":
            path, rules = self.access.names[number]
            return json.dumps([path, rules.model_dump_json(exclude_defaults=True)])
        return self._texts(column).names[number]

    def _number(self, column: str, name: str) -> int:
        if column == "access":
            path, rules = json.loads(name)
            return self.access((path, Governance.model_validate_json(rules)))
        return self._texts(column)(name)

    def _texts(self, column: str) -> Interned[str]:
        return {"place": self.place, "session": self.session, "author": self.author}[column]
