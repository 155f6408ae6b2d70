"""What holding a block is worth: five answers, of which one is chosen (short paper §4.3, long §5.4.2). Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

from memos_mcp.operation import policy
from memos_mcp.operation.expecting import forecast, lately
from memos_mcp.operation.scheduling import Block, Now, size


@dataclass(frozen=True, slots=True)
class Recent:
    """What was used last (LRU); what was not among the last `span` uses goes."""

    span: int = 4096
    name: str = "recent"

    def worth(self, block: Block, now: Now, *, held: bool) -> float:
        """One by how many uses of all memories there were since it was used."""
        idle = _idle(block, now)
        return 1 / (1 + idle) if idle < self.span else 0.0

    def why(self, block: Block, now: Now, *, held: bool) -> str:
        """Uses since then."""
        return f"it was last used {_idle(block, now):.0f} uses ago"


@dataclass(frozen=True, slots=True)
class Frequent:
    """What is used often, of late (LFU with ageing): a use counts half after `policy.HALF`, as results of recall do."""

    least: float = 0.01
    name: str = "frequent"

    def worth(self, block: Block, now: Now, *, held: bool) -> float:
        """Its faded uses, beyond the least that is kept."""
        return _lately(block, now) - self.least

    def why(self, block: Block, now: Now, *, held: bool) -> str:
        """Its faded uses."""
        return f"its uses fade to {_lately(block, now):.3g}"


@dataclass(frozen=True, slots=True)
class Similar:
    """What is like that which is asked about now: by the cosine, and among equals what was used last."""

    least: float = 0.1
    name: str = "similar"

    def worth(self, block: Block, now: Now, *, held: bool) -> float:
        """The cosine and up to a tenth for a late use, beyond the least that is kept."""
        return cosine(block.vector, now.vector) + 0.1 / (1 + _idle(block, now)) - self.least

    def why(self, block: Block, now: Now, *, held: bool) -> str:
        """The cosine."""
        return f"its similarity to what is asked about is {cosine(block.vector, now.vector):.2f}"


@dataclass(frozen=True, slots=True)
class Labelled:
    """What has the labels that are asked for now; another counts half. Otherwise as `Frequent`."""

    least: float = 0.01
    name: str = "labelled"

    def worth(self, block: Block, now: Now, *, held: bool) -> float:
        """Its faded uses, weighed by its labels, beyond the least that is kept."""
        use = policy.Use(_lately(block, now), now.outlook.uses, block.labels)
        return policy.worth(use, now.outlook.uses, now.labels) - self.least

    def why(self, block: Block, now: Now, *, held: bool) -> str:
        """The labels, and its faded uses."""
        shared = len(block.labels & now.labels)
        return (
            f"{shared} of its {len(block.labels)} labels are asked for, and its uses fade to {_lately(block, now):.3g}"
        )


@dataclass(frozen=True, slots=True)
class Paying:
    """What saves more prefill than it costs, by bytes and by time: the cost model.

    Uses expected (`expecting`) times the prefill that each saves, less what it takes to build, if it is not there yet,
    spread over the time for which the expectation lasts, at most `horizon` uses of all memories; less a `rent`, in
    seconds for each gigabyte and 1,000 uses. Value by size fills a knapsack best greedily (Dantzig 1957), and is how
    Greedy-Dual-Size ranks files (Cao and Irani 1997), which guesses what a file will save by its last use alone.

    Sessions say how long an expectation lasts, not how often the memory is used while it does: what one session alone
    used is built if it pays within that session, or for the chance of another. What is held is worth the same in
    either case, so that none goes for having been used in one session.
    """

    horizon: int = 1024
    rent: float = 1.0
    name: str = "paying"

    def worth(self, block: Block, now: Now, *, held: bool) -> float:
        """Seconds saved in each 1,000 uses, beyond the costs, for each gigabyte held."""
        rate, lasting = self._expected(block, now)
        saved = rate * block.prefill - (0 if held else block.build / lasting)
        return 1000 * saved / max(block.bytes / 1e9, 1e-9) - self.rent

    def why(self, block: Block, now: Now, *, held: bool) -> str:
        """Expected uses and for how long, seconds saved, costs."""
        rate, lasting = self._expected(block, now)
        built = "" if held else f"{block.build:.3g} s to build and "
        seen = "" if block.sessions is None else f", as it was used in {_sessions(block.sessions)}"
        return (
            f"{1000 * rate:.3g} of 1,000 uses are expected to be of it for the next {lasting:.0f}{seen}, "
            f"each saves {block.prefill:.3g} s of prefill, and it takes {built}{size(block.bytes)}"
        )

    def _expected(self, block: Block, now: Now) -> tuple[float, float]:
        return forecast(block.past, now.outlook, self.horizon, block.changes, block.sessions)


def cosine(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    """Of two vectors; 0 if there is none of them, or they are not alike in length."""
    if not one or len(one) != len(other):
        return 0.0
    norms = math.hypot(*one) * math.hypot(*other)
    return sum(a * b for a, b in zip(one, other, strict=True)) / norms if norms else 0.0


def _sessions(number: int) -> str:
    return "one session" if number == 1 else f"{number} sessions"


def _idle(block: Block, now: Now) -> float:
    return math.inf if block.past is None else now.outlook.uses - block.past.last


def _lately(block: Block, now: Now) -> float:
    return 0.0 if block.past is None else lately(block.past, now.outlook.uses)
