"""Which changes a move to another state is, whether somebody asks for it or a policy does (long paper §5.4.3). Pure."""

from __future__ import annotations

from datetime import datetime

from memos_mcp.cube import MemCube, State
from memos_mcp.errors import Denied, IllegalMove, InvalidInput
from memos_mcp.operation.lifecycle import Move, moved, why_not
from memos_mcp.ports import Change

BY_HAND: tuple[Move, ...] = ("activate", "merge", "archive", "restore", "expire")
"""The moves that are asked for; a time machine freezes and thaws."""


def check_move(move: Move) -> Move:
    """A move that may be asked for. Raises InvalidInput."""
    if move not in BY_HAND:
        raise InvalidInput(f"a move is one of {', '.join(BY_HAND)}, not {move!r}")
    return move


def by_hand(old: MemCube, move: Move, reason: str, now: datetime) -> list[Change]:
    """The changes of a move that somebody asks for. Raises IllegalMove, Denied (it is under legal hold)."""
    if refusal := why_not(old.state, move):
        raise IllegalMove(f"memory {old.id}: {refusal}")
    if old.governance.held and move == "expire":
        raise Denied(f"memory {old.id} is under legal hold: it stays until somebody lifts the hold")
    return changes_of(old, move, reason, now)


def changes_of(old: MemCube, move: Move, reason: str, now: datetime) -> list[Change]:
    """The changes of a legal move. What expires has an end, what is brought back from there has none."""
    rules, end = old.governance, old.governance.expires_at
    if move == "expire":
        rules = rules.model_copy(update={"expires_at": min(end or now, now)})
    elif old.state is State.EXPIRED:
        rules = rules.model_copy(update={"expires_at": None})
    why = f"{move}: {reason}" if reason else move
    to = old.model_copy(update={"state": moved(old.state, move), "governance": rules})
    changes = [Change("move", old.id, to, reason=why, was=old.state)]
    return changes if rules == old.governance else [Change("govern", old.id, to, reason=why), *changes]
