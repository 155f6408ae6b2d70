"""The turn key: what a memory is searched by. The window key is made of turn keys when a question is asked."""

from __future__ import annotations

from pydantic import JsonValue

from memos_mcp.cube import MemCube, Plaintext
from memos_mcp.infrastructure.authors import PARTS, author_of
from memos_mcp.infrastructure.tokens import date_terms, terms

BY_TEXT = "found-by:text"
"""Tag of what is found by its text alone: neither by its key nor by its data."""


def turn_key(cube: MemCube) -> list[str]:
    """Terms of date, speaker and words; of a memory stored by `put` also its key and the texts in its data."""
    if BY_TEXT in cube.tags:
        return terms(cube.text)
    origin = cube.origin
    found = date_terms(origin.said_at) if origin.said_at else []
    found += terms(origin.speaker) if origin.speaker else []
    found += terms(cube.key) if cube.key else []
    found += terms(cube.text)
    if isinstance(cube.payload, Plaintext) and cube.payload.data is not None:
        found += terms(" ".join(_texts(cube.payload.data)))
    return found


def embedded_text(cube: MemCube) -> str:
    """What a memory is embedded as: its words after the name of who said them.

    A role and a date are no content and stay out (facts: measured); a name is. What was put is known by its key too.
    """
    if BY_TEXT in cube.tags:
        return cube.text
    author = author_of(cube.origin)
    named = [f"{author}:"] if author not in PARTS else []
    data = cube.payload.data if isinstance(cube.payload, Plaintext) else None
    parts = [*named, cube.key or "", cube.meaning, cube.text, *(_texts(data) if data is not None else ())]
    return " ".join(part for part in parts if part)


def _texts(data: JsonValue) -> list[str]:
    match data:
        case str():
            return [data]
        case list():
            return [text for item in data for text in _texts(item)]
        case dict():
            return [text for item in data.values() for text in _texts(item)]
        case _:
            return [] if data is None or isinstance(data, bool) else [str(data)]
