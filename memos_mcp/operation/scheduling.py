"""MemScheduler's plan: which memories get a KV block, which lose it, and why (long paper §5.4.2). Pure.

What a block is worth is said by a policy (`scheduling_policies`); what may be done about it is decided here, alike for
all of them: within a budget and a rate, never for what is not used or changes, and not back and forth.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from memos_mcp.operation.expecting import Outlook, Past

Move = Literal["promote", "demote", "keep"]


@dataclass(frozen=True, slots=True)
class Block:
    """A memory as the scheduler sees it: what its KV block takes and saves, and how it was used.

    `prefill` are the seconds that a use saves, `build` those that promotion costs; `changed` is the moment of its last
    change in seconds, `changes` how often it changed, counted as its uses are. It was used in so many `sessions`; None:
    nobody counted them.
    """

    id: str
    version: int
    bytes: int
    tokens: int
    prefill: float
    build: float
    past: Past | None = None
    changed: float | None = None
    changes: Past | None = None
    sessions: int | None = None
    labels: frozenset[str] = frozenset()
    vector: tuple[float, ...] = ()
    pinned: bool = False


@dataclass(frozen=True, slots=True)
class Held:
    """A block that is in activation memory: of which version, how large, since which use."""

    id: str
    version: int
    bytes: int
    since: int


@dataclass(frozen=True, slots=True)
class Now:
    """When a plan is made, in seconds, and what is going on: all uses so far, and what is asked about."""

    at: float
    outlook: Outlook
    labels: frozenset[str] = frozenset()
    vector: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Limits:
    """What every plan keeps to.

    At most `budget` bytes, and `promotions` within `interval` seconds. Promoted is only what has not changed for
    `settled` seconds. It displaces only what is worth less by the share `margin`, and has been there for `stay` uses.
    """

    budget: int
    promotions: int = 64
    interval: float = 60.0
    settled: float = 60.0
    margin: float = 0.1
    stay: int = 16


@dataclass(frozen=True, slots=True)
class Decision:
    """What is done about a memory, in one sentence why, and by which policy."""

    move: Move
    id: str
    version: int
    bytes: int
    reason: str
    by: str


class Policy(Protocol):
    """Says what holding a block is worth, in a unit of its own: more is better, 0 is not worth it."""

    @property
    def name(self) -> str:
        """What decisions are signed with."""
        ...

    def worth(self, block: Block, now: Now, *, held: bool) -> float:
        """What it is worth to hold the block from now on, if it is there already, or is to be built first."""
        ...

    def why(self, block: Block, now: Now, *, held: bool) -> str:
        """The figures behind `worth`, as a clause."""
        ...


def plan(
    policy: Policy,
    blocks: Mapping[str, Block],
    held: Mapping[str, Held],
    now: Now,
    limits: Limits,
    *,
    promoted: Sequence[float] = (),
    asked: Collection[str] | None = None,
    explain: bool = True,
) -> tuple[Decision, ...]:
    """What is to be done, in this order; then, to `explain`, why the rest stays as it is.

    `blocks` are all memories there are: what is held and not among them was erased. `promoted` are the moments of
    earlier promotions; `asked`, if given, names what may be promoted now. Afterwards what is held is within the budget,
    but for pinned blocks: these go only if their memory changed or was erased. Cost: 10 µs for each block.
    """
    desk = _Desk(policy, blocks, now, limits, dict(held))
    desk.drop_stale()
    desk.drop_worthless()
    desk.fit()
    left = limits.promotions - sum(now.at - limits.interval < moment <= now.at for moment in promoted)
    desk.promote(sorted(blocks if asked is None else blocks.keys() & set(asked)), left)
    return (*desk.moves, *desk.refused, *desk.kept()) if explain else tuple(desk.moves)


def after(held: Mapping[str, Held], decisions: Iterable[Decision], use: int) -> dict[str, Held]:
    """What is held once the decisions of use number `use` are carried out."""
    result = dict(held)
    for each in decisions:
        if each.move == "demote":
            result.pop(each.id, None)
        elif each.move == "promote":
            result[each.id] = Held(each.id, each.version, each.bytes, use)
    return result


def size(bytes: int) -> str:
    """As a person reads it."""
    return f"{bytes / 1e9:.3g} GB" if bytes >= 1e9 else f"{bytes / 1e6:.3g} MB"


@dataclass(slots=True)
class _Desk:
    """A plan in the making."""

    policy: Policy
    blocks: Mapping[str, Block]
    now: Now
    limits: Limits
    held: dict[str, Held]
    worth: dict[str, float] = field(default_factory=dict[str, float])
    moves: list[Decision] = field(default_factory=list[Decision])
    refused: list[Decision] = field(default_factory=list[Decision])
    left_out: set[str] = field(default_factory=set[str])

    def drop_stale(self) -> None:
        for id, block in sorted(self.held.items()):
            current = self.blocks.get(id)
            if current is None:
                self._drop(id, "its memory was erased")
            elif current.version != block.version:
                self._drop(id, f"its memory has version {current.version} now, the block is of {block.version}")

    def drop_worthless(self) -> None:
        for id in sorted(self.held):
            known = self.blocks[id]
            self.worth[id] = self.policy.worth(known, self.now, held=True)
            if self.worth[id] <= 0 and not known.pinned:
                self._drop(id, self._why(id), again=False)

    def fit(self) -> None:
        over = self._taken() - self.limits.budget
        for id in self._ranked():
            if over <= 0:
                return
            over -= self.held[id].bytes
            why = f"the budget is {size(self.limits.budget)}, and of what is held it is worth least: {self._why(id)}"
            self._drop(id, why, again=False)

    def promote(self, ids: Iterable[str], left: int) -> None:
        candidates = [self.blocks[id] for id in ids if id not in self.held and id not in self.left_out]
        worth = {each.id: self.policy.worth(each, self.now, held=False) for each in candidates if self._may(each)}
        for id in sorted(worth, key=lambda id: (-worth[id], id)):
            block, why = self.blocks[id], self.policy.why(self.blocks[id], self.now, held=False)
            gone = self._room_for(block, worth[id])
            if worth[id] <= 0:
                self._refuse(block, why)
            elif gone is None:
                self._refuse(block, f"there is no room for {size(block.bytes)}: what is held is worth as much; {why}")
            elif left <= 0:
                self._refuse(block, f"{self.limits.promotions} promotions in {self.limits.interval:g} s are the limit")
            else:
                left -= 1
                for each in gone:
                    ranks = f"{self.worth[each]:.3g} against {worth[id]:.3g}"
                    self._drop(each, f"it makes room for what is worth more, {ranks}: {self._why(each)}")
                self.moves.append(self._decision("promote", id, block.version, block.bytes, why))
                self.held[id] = Held(id, block.version, block.bytes, self.now.outlook.uses)
                self.worth[id] = worth[id]

    def kept(self) -> list[Decision]:
        new = {each.id for each in self.moves if each.move == "promote"}
        return [
            self._decision("keep", id, block.version, block.bytes, self._why(id))
            for id, block in sorted(self.held.items())
            if id not in new
        ]

    def _may(self, block: Block) -> bool:
        unsettled = block.changed is not None and self.now.at - block.changed < self.limits.settled
        if block.past is None:
            self._refuse(block, "it was not used yet")
        elif unsettled:
            ago = self.now.at - (block.changed or 0)
            self._refuse(
                block, f"it changed {ago:.0f} s ago, and what is built stands still for {self.limits.settled:g} s"
            )
        elif block.bytes > self.limits.budget:
            self._refuse(block, f"it takes {size(block.bytes)}, more than the budget of {size(self.limits.budget)}")
        else:
            return True
        return False

    def _room_for(self, block: Block, worth: float) -> list[str] | None:
        """What has to go for it, the least first, as little as will do; None if that is worth as much."""
        need = block.bytes - (self.limits.budget - self._taken())
        gone: list[str] = []
        for id in self._ranked():
            if need <= 0 or self.worth[id] * (1 + self.limits.margin) >= worth:
                break
            if self.now.outlook.uses - self.held[id].since >= self.limits.stay:
                gone.append(id)
                need -= self.held[id].bytes
        for id in reversed(gone.copy()):
            if need + self.held[id].bytes <= 0:
                gone.remove(id)
                need += self.held[id].bytes
        return gone if need <= 0 else None

    def _ranked(self) -> list[str]:
        free = [id for id in self.held if not self.blocks[id].pinned]
        return sorted(free, key=lambda id: (self.worth[id], id))

    def _taken(self) -> int:
        return sum(each.bytes for each in self.held.values())

    def _why(self, id: str) -> str:
        clause = self.policy.why(self.blocks[id], self.now, held=True)
        return f"{clause}; it is pinned" if self.blocks[id].pinned else clause

    def _drop(self, id: str, why: str, *, again: bool = True) -> None:
        block = self.held.pop(id)
        self.moves.append(self._decision("demote", id, block.version, block.bytes, why))
        if not again:
            self.left_out.add(id)

    def _refuse(self, block: Block, why: str) -> None:
        self.refused.append(self._decision("keep", block.id, block.version, block.bytes, why))

    def _decision(self, move: Move, id: str, version: int, bytes: int, reason: str) -> Decision:
        return Decision(move, id, version, bytes, reason, self.policy.name)
