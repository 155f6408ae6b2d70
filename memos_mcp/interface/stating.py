"""From a memory to the statement that consolidation decides about (operation/consolidation.py). Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from memos_mcp.cube import Interval, MemCube
from memos_mcp.interface.duplicates import normalise
from memos_mcp.interface.notation import noted
from memos_mcp.interface.times import found_in
from memos_mcp.late import late
from memos_mcp.operation.statements import Statement

_CLAUSE = late(r"(?<=\?)\s+|[;!\n]+\s*|\.\s+|,\s+|\s+and\s+(?=(?:I|we|my|he|she)\b)|\s+(?:but|because)\s+|\s+[–—]\s+")
# Said at another time they mean another one; a month or a clock time without a date mostly tells of a habit.
_OF_A_MOMENT = late(
    r"\b(?:yesterday|today|tomorrow|tonight|last|this|next|ago|past|coming|(?:mon|tues|wednes|thurs|fri|satur|sun)day)\b",
    re.IGNORECASE,
)
_HABIT = late(r"\b(?:every|each|on weekdays|\w+days)\b", re.IGNORECASE)
_NAME = late(r"(?<=[\w,] )[^\W\d_a-z][\w’'-]*")
_LOOKED_AT = 1000


def statement(cube: MemCube) -> Statement:
    """The statement of a plaintext memory, as said by its speaker at its time. Cost: about 100 µs."""
    said_at = cube.origin.said_at or cube.created_at
    return stated(cube.text, cube.origin.speaker, said_at, cube=cube)


def stated(text: str, speaker: str | None, said_at: datetime | None, *, cube: MemCube | None = None) -> Statement:
    """The statement of a text; `cube` gives its validity, kind and key."""
    text = noted(text)
    looked_at = text[:_LOOKED_AT]
    found = found_in(looked_at, said_at) if said_at is not None else []
    marks: dict[str, str] = {}
    dated, end = "", 0
    for each in found:
        expression = looked_at[each.span[0] : each.span[1]]
        if _OF_A_MOMENT.search(expression) and not _HABIT.search(looked_at[max(0, each.span[0] - 9) : each.span[1]]):
            mark = f"\ue000{chr(97 + len(marks))}\ue000"
            marks[mark] = _moment(each.interval)
            dated += f"{looked_at[end : each.span[0]]} {mark} "
            end = each.span[1]
    dated += looked_at[end:] + text[_LOOKED_AT:]
    clauses = [piece for piece in _CLAUSE.split(dated) if piece.strip()]
    return Statement(
        _marked(dated, marks),
        tuple(_marked(clause, marks) for clause in clauses) if len(clauses) > 1 else (),
        tuple(each.interval for each in found),
        speaker,
        said_at,
        None if cube is None else cube.valid,
        "fact" if cube is None else cube.kind,
        None if cube is None else cube.key,
        frozenset(name.lower() for name in _NAME.findall(looked_at)),
    )


def _marked(text: str, marks: dict[str, str]) -> str:
    normal = normalise(text)
    for mark, moment in marks.items():
        normal = normal.replace(mark, moment)
    return normal


def _moment(interval: Interval) -> str:
    """A day as the normal form writes dates, another interval by its ends."""
    start, end = interval.start, interval.end
    if start is not None and end == start + timedelta(days=1):
        return f"\0d{start.year}m{start.month}d{start.day}"
    ends = ["" if each is None else each.astimezone(UTC).isoformat() for each in (start, end)]
    return f"\0@{'/'.join(ends)}"
