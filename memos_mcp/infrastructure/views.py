"""What rows show to somebody, and what a line of the log did to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class View:
    """The current rows under some paths, and their neighbours.

    A neighbour is the adjacent turn of the same session by another speaker (facts: two statements in a row by one
    speaker do not explain each other); -1 where there is none. A row that is not shown has and is no neighbour.
    `masked`: some are left out because of who asks, or of when.
    """

    shown: NDArray[np.bool_]
    count: int
    before: Ints
    after: Ints
    masked: bool = False

    @property
    def held(self) -> int:
        """Bytes in memory."""
        return 9 * len(self.shown)


@dataclass(frozen=True, slots=True)
class Followed:
    """What a line did: the row it added, rows whose words may not be found any more, and rows under other rules."""

    added: int | None = None
    forgotten: Sequence[int] = ()
    governed: Sequence[int] = ()
