"""MemLifecycle: the states of a memory, the moves between them, and which move is due (long paper §5.4.3, §5.2). Pure.

Users and heuristics go through the same table. A heuristic only moves forward (generated, activated, merged, archived,
expired), so that no two of them can drive a memory in a circle; the way back is for somebody who asks for it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, get_args

from memos_mcp.cube import MemCube, State, Usage
from memos_mcp.errors import IllegalMove

Move = Literal["activate", "merge", "archive", "restore", "expire", "freeze", "thaw"]
MOVES: tuple[Move, ...] = get_args(Move)
Tier = Literal["hot", "warm", "cold"]

_G, _A, _M = State.GENERATED, State.ACTIVATED, State.MERGED
_R, _E, _F = State.ARCHIVED, State.EXPIRED, State.FROZEN

TRANSITIONS: Mapping[tuple[State, Move], State] = {
    (_G, "activate"): _A,
    (_M, "activate"): _A,
    (_G, "merge"): _M,
    (_A, "merge"): _M,
    (_M, "merge"): _M,
    (_G, "archive"): _R,
    (_A, "archive"): _R,
    (_M, "archive"): _R,
    (_M, "restore"): _A,
    (_R, "restore"): _A,
    (_E, "restore"): _A,
    (_G, "expire"): _E,
    (_A, "expire"): _E,
    (_M, "expire"): _E,
    (_R, "expire"): _E,
    (_G, "freeze"): _F,
    (_A, "freeze"): _F,
    (_M, "freeze"): _F,
    (_R, "freeze"): _F,
    (_F, "thaw"): _A,
}
"""Every move there is; what a frozen memory thaws to is the state that it was frozen in, this one if nobody knows."""


@dataclass(frozen=True, slots=True)
class Regime:
    """What a state means: is the memory recalled, may its content change, where it lies, its weight in the schedule."""

    recalled: bool
    changeable: bool
    tier: Tier
    weight: float
    says: str


REGIMES: Mapping[State, Regime] = {
    _G: Regime(True, True, "warm", 1.0, "remembered, and not yet of use"),
    _A: Regime(True, True, "hot", 1.5, "in use"),
    _M: Regime(True, True, "warm", 1.25, "joined with others, or confirmed, in a new version"),
    _R: Regime(False, True, "cold", 0.25, "out of use; kept, and restored when asked for"),
    _E: Regime(False, False, "cold", 0.0, "its time is over"),
    _F: Regime(True, False, "cold", 1.0, "kept as it is, with its history, until it is thawed"),
}
"""Activated memories come first and lie where access is fast, archived and frozen ones where they last (§5.4.3)."""

_WHAT_INSTEAD: Mapping[State, str] = {
    _R: "restore it first",
    _E: "restore it first",
    _F: "thaw it first",
}
_ORDER: Mapping[State, int] = {_G: 0, _A: 1, _M: 2, _R: 3, _E: 4}


@dataclass(frozen=True, slots=True)
class Standing:
    """A state and, of a frozen memory, the state to come back to."""

    state: State = State.GENERATED
    thaws_to: State | None = None

    def after(self, move: Move) -> Standing:
        """The standing after a move. Raises IllegalMove."""
        state = moved(self.state, move, thaws_to=self.thaws_to)
        return Standing(state, self.state if move == "freeze" else None)


def moved(state: State, move: Move, *, thaws_to: State | None = None) -> State:
    """The state after a move; `thaws_to` is the state that a frozen memory was frozen in. Raises IllegalMove."""
    reason = why_not(state, move)
    if reason:
        raise IllegalMove(reason)
    if move == "thaw" and thaws_to is not None:
        if (thaws_to, "freeze") not in TRANSITIONS:
            raise IllegalMove(f"a memory cannot thaw to {thaws_to}: it was never frozen in that state")
        return thaws_to
    return TRANSITIONS[state, move]


def why_not(state: State, move: Move) -> str:
    """Why a memory in this state cannot make the move, and what can be done; empty if it can."""
    if (state, move) in TRANSITIONS:
        return ""
    if move not in MOVES:
        return f"there is no move {move!r}; the moves are {', '.join(MOVES)}"
    if move == "restore":
        return f"{_article(state)} memory cannot be restored: only merged, archived and expired ones can"
    if move == "thaw":
        return f"{_article(state)} memory cannot be thawed: it is not frozen"
    if state in {end for (_, made), end in TRANSITIONS.items() if made == move}:
        return f"the memory is {state} already"
    instead = _WHAT_INSTEAD.get(state, f"it can {' or '.join(open_moves(state))}")
    return f"{_article(state)} memory cannot {move}: {instead}"


def open_moves(state: State) -> tuple[Move, ...]:
    """The moves that a memory in this state can make."""
    return tuple(move for move in MOVES if (state, move) in TRANSITIONS)


def _article(state: State) -> str:
    return f"{'an' if state[0] in 'ae' else 'a'} {state}"


@dataclass(frozen=True, slots=True)
class Policy:
    """When memories of a namespace move by themselves; None turns a rule off. Nothing fades unless it is asked for.

    `kept_for`: time after which a memory expires, used or not. `half_life`: time without use in which half of a
    memory's strength is lost (if its governance names no decay). `archive_below`: the strength under which it is
    archived. `inactive_after`: time without use after which it is archived, `forgotten_after` after which an archived
    one expires. `reads` of which the last is not older than `recently` activate; so many `confirmations` of a statement
    merge. `labels`: tags that ask for a move. `dropped_after`: time after its end in which an expired one is forgotten.
    Of versions the last `versions` are kept, and those replaced less than `versions_for` ago; all, if neither is given.
    """

    kept_for: timedelta | None = None
    half_life: timedelta | None = None
    archive_below: float | None = 0.05
    inactive_after: timedelta | None = None
    forgotten_after: timedelta | None = None
    reads: int | None = 3
    recently: timedelta = timedelta(days=7)
    confirmations: int | None = 3
    labels: Mapping[str, Move] = field(default_factory=dict[str, Move])
    dropped_after: timedelta | None = None
    versions: int | None = None
    versions_for: timedelta | None = None


DEFAULT = Policy()


def policy_for(path: str, policies: Mapping[str, Policy]) -> Policy:
    """The policy of the nearest namespace at or above a path; DEFAULT if there is none."""
    labels = path.split("/")
    above = ("/".join(labels[:size]) for size in range(len(labels), 0, -1))
    return next((policies[each] for each in above if each in policies), policies.get("", DEFAULT))


@dataclass(frozen=True, slots=True)
class Advice:
    """A move that is due and the reason, for the log."""

    move: Move
    why: str


def due(cube: MemCube, usage: Usage, now: datetime, policy: Policy = DEFAULT, *, held: bool = False) -> Move | None:
    """The move that is due; `advice` says why as well."""
    found = advice(cube, usage, now, policy, held=held)
    return found.move if found else None


def advice(
    cube: MemCube, usage: Usage, now: datetime, policy: Policy = DEFAULT, *, held: bool = False
) -> Advice | None:
    """The move that is due, if one is: always legal, always forward. `usage` counts, not that of the cube.

    Nothing is due for a frozen memory or one under legal hold (`held`). Repeating it until nothing is due takes at most
    four moves.
    """
    if held or cube.state is State.FROZEN:
        return None
    found = _over(cube, now, policy) or _labelled(cube, policy) or _unused(cube, usage, now, policy)
    found = found or _used(cube, usage, now, policy)
    return found if found and _forward(cube.state, found.move) else None


def overdue(cube: MemCube, now: datetime, policy: Policy) -> str:
    """Why an expired memory is to be forgotten; empty if it is not, or not yet."""
    end = cube.governance.expires_at
    if policy.dropped_after is None or cube.governance.held or cube.state is not State.EXPIRED or end is None:
        return ""
    return f"its time has been over for {(now - end).days} days" if now - end >= policy.dropped_after else ""


def surplus(times: Sequence[datetime], now: datetime, policy: Policy) -> tuple[int, ...]:
    """The versions that a policy keeps no longer, by number; `times` are when each was written, from the first on.

    The first, which says where the memory is from, and the current one always stay.
    """
    if policy.versions is None and policy.versions_for is None:
        return ()
    last = len(times) - max(policy.versions or 1, 1)
    span = policy.versions_for or timedelta(0)
    return tuple(n for n in range(2, len(times)) if n <= last and now - times[n] >= span)


def _forward(state: State, move: Move) -> bool:
    target = TRANSITIONS.get((state, move))
    return target is not None and _ORDER.get(target, -1) > _ORDER[state]


def _over(cube: MemCube, now: datetime, policy: Policy) -> Advice | None:
    limit = cube.governance.expires_at
    if limit and limit <= now:
        return Advice("expire", f"it was kept until {limit:%Y-%m-%d %H:%M}")
    if policy.kept_for is not None and now - cube.created_at >= policy.kept_for:
        return Advice("expire", f"it was kept for {policy.kept_for.days} days")
    return None


def _labelled(cube: MemCube, policy: Policy) -> Advice | None:
    asked = [Advice(policy.labels[tag], f"its tag {tag!r} asks for it") for tag in cube.tags if tag in policy.labels]
    found = [each for each in asked if _forward(cube.state, each.move)]
    return max(found, key=lambda each: _ORDER[TRANSITIONS[cube.state, each.move]], default=None)


def _unused(cube: MemCube, usage: Usage, now: datetime, policy: Policy) -> Advice | None:
    unused = idle(cube, usage, now)
    why = f"it was not used for {unused.days} days"
    if cube.state is _R:
        is_over = policy.forgotten_after is not None and unused >= policy.forgotten_after
        return Advice("expire", why) if is_over else None
    if policy.inactive_after is not None and unused >= policy.inactive_after:
        return Advice("archive", why)
    left = strength(cube, usage, now, policy)
    if policy.archive_below is not None and left < policy.archive_below:
        return Advice("archive", f"its strength is {left:.3f}, less than {policy.archive_below:g}")
    return None


def _used(cube: MemCube, usage: Usage, now: datetime, policy: Policy) -> Advice | None:
    if cube.state is _G and policy.reads is not None and usage.reads >= policy.reads:
        if usage.last_read_at is not None and now - usage.last_read_at <= policy.recently:
            return Advice("activate", f"it was read {usage.reads} times, last within {_days(policy.recently)}")
        return None
    if cube.state is _A and policy.confirmations is not None and usage.sightings > policy.confirmations:
        return Advice("merge", f"it was confirmed {usage.sightings - 1} times")
    return None


def _days(span: timedelta) -> str:
    return f"{span / timedelta(days=1):g} days"


def idle(cube: MemCube, usage: Usage, now: datetime) -> timedelta:
    """How long the memory was neither read nor written."""
    last = max(cube.created_at, cube.updated_at, usage.last_read_at or cube.created_at)
    return max(now - last, timedelta(0))


def strength(cube: MemCube, usage: Usage, now: datetime, policy: Policy = DEFAULT) -> float:
    """How much a memory deserves its place: priority × recency × use.

    priority: 4 for 10, 1 for 0, ¼ for -10. recency: halves with each half-life without use (the forgetting curve of
    Ebbinghaus 1885 as Settles and Meeder 2016 write it, 2^(-Δ/h)), or falls by the share a day that its governance
    says. use: 1 + ln(1 + reads and repeats), since a further read tells less than the first ones.
    """
    uses = usage.reads + max(0, usage.sightings - 1)
    kept = _kept(idle(cube, usage, now), cube.governance.decay, policy.half_life)
    return 2 ** (cube.governance.priority / 5) * kept * (1 + math.log1p(uses))


def _kept(unused: timedelta, decay: float | None, half_life: timedelta | None) -> float:
    if decay is not None:
        return max(0.0, 1 - decay) ** (unused / timedelta(days=1))
    return 1.0 if half_life is None else 2 ** -(unused / half_life)


def heat(usage: Usage, now: datetime, *, half_life: timedelta = timedelta(days=7)) -> float:
    """How much a memory is read these days: its reads, halved with each half-life since the last one.

    An upper bound of the count that decays read by read (as LRFU weighs a block: Lee et al. 2001), from what is kept.
    """
    if usage.last_read_at is None:
        return 0.0
    return usage.reads * 2 ** -max(0.0, (now - usage.last_read_at) / half_life)
