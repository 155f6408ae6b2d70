"""What filters and conditions of LangGraph's stores hold of: a value, or a namespace. Pure.

As its InMemoryStore says, but for what that raises TypeError of: what has no order is neither more nor less.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, cast

from langgraph.store.base import MatchCondition

_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "$gt": operator.gt,
    "$gte": operator.ge,
    "$lt": operator.lt,
    "$lte": operator.le,
}
_OPERATORS = ("$eq", "$ne", *_ORDERS)


def check_filter(wanted: object) -> None:
    """Raises ValueError for an operator that there is not."""
    if isinstance(wanted, Mapping):
        fields = cast("Mapping[str, object]", wanted)
        for name, value in fields.items():
            if _has_operators(fields) and name not in _OPERATORS:
                raise ValueError(f"there is no operator {name!r}; use one of {', '.join(_OPERATORS)}")
            check_filter(value)
    elif isinstance(wanted, list | tuple):
        for each in cast("Sequence[object]", wanted):
            check_filter(each)


def fits(value: Mapping[str, object], wanted: Mapping[str, object] | None) -> bool:
    """Does every field that is asked for hold of the value?"""
    return all(_equal(value.get(name), each) for name, each in (wanted or {}).items())


def matches(namespace: tuple[str, ...], conditions: Iterable[MatchCondition] | None) -> bool:
    """Does a namespace begin and end as it is asked for? `*` is any label."""
    return all(_matches(namespace, each) for each in conditions or ())


def _matches(namespace: tuple[str, ...], condition: MatchCondition) -> bool:
    wanted = condition.path
    if len(namespace) < len(wanted):
        return False
    labels = namespace[: len(wanted)] if condition.match_type == "prefix" else namespace[len(namespace) - len(wanted) :]
    return all(each in ("*", label) for label, each in zip(labels, wanted, strict=True))


def _equal(value: object, wanted: object) -> bool:
    match wanted:
        case Mapping():
            fields = cast("Mapping[str, object]", wanted)
            if _has_operators(fields):
                return all(_holds(value, name, each) for name, each in fields.items())
            return isinstance(value, Mapping) and fits(cast("Mapping[str, object]", value), fields)
        case list() | tuple():
            each_wanted = cast("Sequence[object]", wanted)
            each_value = cast("Sequence[object]", value) if isinstance(value, list | tuple) else None
            if each_value is None or len(each_value) != len(each_wanted):
                return False
            return all(map(_equal, each_value, each_wanted))
        case _:
            return value == wanted


def _holds(value: object, name: str, wanted: object) -> bool:
    match name:
        case "$eq":
            return value == wanted
        case "$ne":
            return value != wanted
        case _:
            pair = _numbers(value, wanted) or _texts(value, wanted)
            return pair is not None and _ORDERS[name](*pair)


def _numbers(value: object, wanted: object) -> tuple[float, float] | None:
    try:
        return float(cast("str", value)), float(cast("str", wanted))
    except (TypeError, ValueError):
        return None


def _texts(value: object, wanted: object) -> tuple[str, str] | None:
    return (value, wanted) if isinstance(value, str) and isinstance(wanted, str) else None


def _has_operators(fields: Mapping[str, object]) -> bool:
    return any(name.startswith("$") for name in fields)
