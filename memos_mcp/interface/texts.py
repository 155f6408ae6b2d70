"""The texts in a JSON value. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import JsonValue


def texts_in(value: JsonValue, *, names: bool = False) -> Iterator[str]:
    """Every text in a value however deep, in no order; `names` of fields too."""
    waiting = [value]
    while waiting:
        match waiting.pop():
            case str(text):
                yield text
            case list(items):
                waiting += items
            case dict(fields):
                waiting += [*fields.values(), *(fields if names else ())]
            case _:
                pass
