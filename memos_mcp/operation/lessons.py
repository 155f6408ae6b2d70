"""From memories to what is trained: a lesson, or several as one, under the strictest of their rules. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import reduce
from typing import TypeVar

from memos_mcp.cube import Governance, MemCube
from memos_mcp.errors import InvalidInput
from memos_mcp.operation.pairs import Written, settled, written
from memos_mcp.parametric import Budget, Lesson, Recipe

T = TypeVar("T", float, datetime)

_EVERYBODY = "*"


def lesson_of(
    topic: str,
    cubes: Sequence[MemCube],
    *,
    pairs: Written | None = None,
    others: Sequence[str] = (),
    recipe: Recipe | None = None,
    budget: Budget | None = None,
) -> Lesson:
    """A lesson of memories: their pairs, by templates if none are given, and the strictest of their rules.

    `others` are texts that have nothing to do with it: of each four one measures, three are rehearsed. Raises
    InvalidInput: there is nothing to ask, or no context in which all of them may be used.
    """
    its = pairs or written(cubes)
    if not its.pairs:
        why = "; ".join(f"{ref.id}: {reason}" for ref, reason in its.left_out[:3])
        raise InvalidInput(f"nothing can be learnt of {topic!r}: {why or 'there are no memories'}")
    taught = dict.fromkeys(pair.source for pair in its.pairs)
    rules = strictest([cube.governance for cube in cubes if cube.ref in taught])
    return Lesson(
        topic,
        its.pairs,
        rules,
        rehearsal=tuple(text for at, text in enumerate(others) if at % 4),
        control=tuple(others[::4]) if len(others) > 1 else (),
        recipe=recipe or Recipe(),
        budget=budget or Budget(),
    )


def joint(topic: str, lessons: Sequence[Lesson]) -> Lesson:
    """Several lessons as one, which is learnt together: what they contradict each other in is asked of none.

    Recipe and budget are those of the first. Raises InvalidInput.
    """
    if not lessons:
        raise InvalidInput("there are no lessons to join: give at least one")
    pairs = settled(
        [ref for lesson in lessons for ref in lesson.sources], [pair for each in lessons for pair in each.pairs]
    )
    if not pairs.pairs:
        raise InvalidInput(f"nothing of {topic!r} can be learnt together: the lessons contradict each other")
    first = lessons[0]
    return Lesson(
        topic,
        pairs.pairs,
        strictest([each.rules for each in lessons]),
        tuple(dict.fromkeys(text for each in lessons for text in each.rehearsal)),
        tuple(dict.fromkeys(text for each in lessons for text in each.control)),
        first.recipe,
        first.budget,
    )


def strictest(rules: Sequence[Governance]) -> Governance:
    """Rules under which what was made of all of them may be used: nothing is open that one of them does not open.

    Raises InvalidInput if there is no context in which all may be used.
    """
    if not rules:
        raise InvalidInput("there are no rules to keep to: name the memories")
    return reduce(_stricter, rules)


def _stricter(one: Governance, other: Governance) -> Governance:
    return Governance(
        owner=one.owner if one.owner == other.owner else "",
        readers=_open_to_both(one.readers, other.readers),
        writers=_open_to_both(one.writers, other.writers),
        denied=_either(one.denied, other.denied),
        read_only=one.read_only or other.read_only,
        contexts=_contexts(one.contexts, other.contexts),
        expires_at=_first(min, one.expires_at, other.expires_at),
        held=one.held or other.held,
        decay=_first(max, one.decay, other.decay),
        sensitivity=_either(one.sensitivity, other.sensitivity),
        priority=min(one.priority, other.priority),
        licence=_licence(one.licence, other.licence),
        watermark=one.watermark if one.watermark == other.watermark else None,
        came_from=tuple(dict.fromkeys((*one.came_from, *other.came_from))),
    )


def _open_to_both(one: Sequence[str], other: Sequence[str]) -> tuple[str, ...]:
    """No names: to nobody but the owner, which nothing widens."""
    if _EVERYBODY in one:
        return tuple(other)
    if _EVERYBODY in other:
        return tuple(one)
    return tuple(name for name in one if name in other)


def _contexts(one: Sequence[str], other: Sequence[str]) -> tuple[str, ...]:
    """No contexts: all of them, so an intersection must not come out empty."""
    if not one or not other:
        return tuple(one or other)
    both = tuple(each for each in one if each in other)
    if not both:
        raise InvalidInput(
            f"no context is open to all of them: {', '.join(one)} for some, {', '.join(other)} for others; "
            "train them apart"
        )
    return both


def _licence(one: str | None, other: str | None) -> str | None:
    """Both have to be kept to: an SPDX expression."""
    if not one or not other or one == other:
        return one or other
    said = [*one.split(" AND "), *other.split(" AND ")]
    return " AND ".join(sorted(dict.fromkeys(said)))


def _either(one: Iterable[str], other: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*one, *other)))


def _first(pick: Callable[[T, T], T], one: T | None, other: T | None) -> T | None:
    if one is None or other is None:
        return other if one is None else one
    return pick(one, other)
