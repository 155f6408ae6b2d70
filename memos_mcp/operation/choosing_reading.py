"""What the choice of types goes by: the task, from a MemoryCall, and memories, from what was recalled. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from memos_mcp.cube import MemCube
from memos_mcp.infrastructure.decisions import decided
from memos_mcp.namespaces import Default
from memos_mcp.operation.choosing_learning import PROCEDURES
from memos_mcp.operation.choosing_terms import Fit, Nature, Task
from memos_mcp.operation.context import tokens, words_of
from memos_mcp.operation.expecting import Outlook, forecast
from memos_mcp.operation.lifecycle import REGIMES
from memos_mcp.operation.scheduling import Block
from memos_mcp.ports import Caller
from memos_mcp.search import Goal, MemoryCall, Turn

_EXPERT = PROCEDURES | {"document"}
_HORIZON = 1024
"""Uses of all memories for which an expectation holds at most, as `Paying` has it."""


def task_of(call: MemoryCall, goal: Goal, turns: Sequence[Turn] = (), fits: Sequence[Fit] = ()) -> Task:
    """What a call asks for.

    Procedures, if its words ask for them or the goal is a manner, or if advice or work is wanted and most of what fits
    is for experts (skills, instructions, documents); a further turn of a dialogue; else a question on its own.
    """
    meaning = call.understanding
    before = sum(turn.by_user for turn in turns)
    read = tokens(call.asked) + sum(tokens(turn.text) for turn in turns)
    intent = meaning.intent if meaning else "retrieve"
    return Task(_nature(call, goal, before, fits), intent, goal, before, max(read, 1))


def _nature(call: MemoryCall, goal: Goal, before: int, fits: Sequence[Fit]) -> Nature:
    kinds = call.understanding.kinds if call.understanding else ()
    expert = sum(fit.need for fit in fits if fit.kind in _EXPERT)
    is_work = call.question_kind == "request" and 2 * expert > sum(fit.need for fit in fits)
    if goal.fact == "manner" or PROCEDURES & set(kinds) or is_work:
        return "procedure"
    return "dialogue" if before else "fact"


def fit_of(
    cube: MemCube,
    need: float,
    caller: Caller,
    now: datetime,
    *,
    defaults: Sequence[Default] = (),
    block: Block | None = None,
    outlook: Outlook | None = None,
    sessions: int = 0,
    session: str | None = None,
) -> Fit | None:
    """A memory as the choice sees it; None if the caller may not know of it, or its time is over.

    `block` and `outlook` are what the scheduler knows of its uses, in so many `sessions`; `session` is the one of the
    task. `defaults` are the rules of the namespaces above it.
    """
    if not decided(caller, "read", cube.path, cube.governance, now, defaults).allowed:
        return None
    expected, past = 0.0, block.past if block else None
    if block and outlook:
        rate, lasting = forecast(past, outlook, _HORIZON, block.changes)
        expected = rate * lasting
    changes = cube.version - 1
    return Fit(
        cube.ref,
        max(tokens(words_of(cube)), 1),
        need,
        cube.kind,
        expected=expected,
        uses=past.times if past else 0,
        sessions=sessions,
        changed=_seconds(now - cube.updated_at) if changes else None,
        pace=_seconds(cube.updated_at - cube.created_at) / changes if changes else None,
        ends=_ends(cube, now),
        here=session is not None and cube.origin.session == session and sessions <= 1,
        closed=_closed(cube),
        barred=_barred(cube),
    )


def _barred(cube: MemCube) -> str:
    if not REGIMES[cube.state].recalled:
        return f"it is {cube.state}"
    return f"it is in quarantine: {', '.join(cube.quarantined)}" if cube.quarantined else ""


def _closed(cube: MemCube) -> str:
    if cube.governance.sensitivity:
        return f"it is sensitive ({', '.join(cube.governance.sensitivity)}), and is kept in no other form"
    return "the caller sees it with marks, and another form would have all of it" if cube.hidden else ""


def _ends(cube: MemCube, now: datetime) -> float | None:
    ends = (cube.governance.expires_at, cube.valid.end if cube.valid else None)
    return min((_seconds(end - now) for end in ends if end is not None and end > now), default=None)


def _seconds(span: timedelta) -> float:
    return max(span.total_seconds(), 0.0)
