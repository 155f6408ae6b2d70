"""A memory, or a JSON value, with marks for what is personal in any of its words. Pure.

All words of a memory are looked through together: a value that is known in one of them is found in the others too. The
name of a field stands before its value, as a label does.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence

from pydantic import JsonValue

from memos_mcp.cube import MemCube, Origin, Plaintext
from memos_mcp.interface.mentioned import reworded
from memos_mcp.interface.privacy_views import PersonalData, apart, marked
from memos_mcp.interface.texts import texts_in

Look = Callable[[str], Sequence[PersonalData]]
"""What finds personal data in a text."""

_APART = "\n" * 48  # more than the 40 characters before a value in which a label is looked for
_NAMES = ("source", "session", "speaker", "uri", "trigger")
_Said = tuple[str, str]
"""The name of a field, empty if it has none, and what it says."""


def marked_cube(cube: MemCube, look: Look) -> MemCube:
    """The memory with a mark for each value, in its words, key, tags and names; `hidden` says of which classes."""
    origin = {name: getattr(cube.origin, name) or "" for name in _NAMES}
    data = cube.payload.data if isinstance(cube.payload, Plaintext) else None
    texts = (cube.text, cube.meaning, cube.key or "", *cube.tags, *origin.values())
    found = _found([*(("", text) for text in texts if text), *_said(data)], look)
    if not found:
        return cube
    marks = _Marks(found)
    new: dict[str, object] = {
        "meaning": marks.text(cube.meaning),
        "key": cube.key and marks.text(cube.key),
        "tags": tuple(map(marks.text, cube.tags)),
        "origin": _marked_origin(cube.origin, marks),
        "hidden": tuple(sorted({*cube.hidden, *(each.kind for those in found.values() for each in those)})),
    }
    if isinstance(cube.payload, Plaintext):
        cube = reworded(cube, Plaintext(text=marks.text(cube.text), data=marks.value(data)))
    return cube.model_copy(update=new)


def marked_origin(origin: Origin, look: Look) -> Origin:
    """Where something comes from, likewise."""
    names = [name for each in _NAMES if (name := getattr(origin, each))]
    found = _found([("", name) for name in names], look)
    return _marked_origin(origin, _Marks(found)) if found else origin


def marked_value(value: JsonValue, look: Look, *, names: bool = False) -> tuple[JsonValue, int]:
    """A text, or the texts of a JSON value, likewise, and how many values there were; `names` of fields, and numbers.

    Without `names` those stay, so that the value keeps its form.
    """
    said = list(_said(value) if names else (("", text) for text in texts_in(value)))
    found = _found(said, look)
    if not found:
        return value, 0
    return _Marks(found).value(value, names=names), sum(len(found.get(text, ())) for _, text in said)


class _Marks:
    """Texts with their marks."""

    def __init__(self, found: Mapping[str, Sequence[PersonalData]]) -> None:
        self._texts = {text: marked(text, those).text for text, those in found.items()}

    def text(self, text: str) -> str:
        return self._texts.get(text, text)

    def value(self, value: JsonValue, *, names: bool = True) -> JsonValue:
        match value:
            case str(text):
                return self.text(text)
            case list(items):
                return [self.value(each, names=names) for each in items]
            case dict(fields):
                new: dict[str, JsonValue] = {}
                for name, each in fields.items():
                    new[self._free(name, new) if names else name] = self.value(each, names=names)
                return new
            case bool() | None:
                return value
            case number:
                return self._texts.get(json.dumps(number), number) if names else number

    def _free(self, name: str, taken: Mapping[str, object]) -> str:
        """The name of a field; two that look alike now are told apart."""
        free = shown = self.text(name)
        count = 1
        while free in taken:
            count += 1
            free = f"{shown} ({count})"
        return free


def _marked_origin(origin: Origin, marks: _Marks) -> Origin:
    return origin.model_copy(update={name: (old := getattr(origin, name)) and marks.text(old) for name in _NAMES})


def _said(value: JsonValue) -> Iterator[_Said]:
    """Every text and number in a value, however deep, with the name of its field; and those names themselves."""
    waiting: list[tuple[str, JsonValue]] = [("", value)]
    while waiting:
        label, each = waiting.pop()
        match each:
            case str(text):
                yield label, text
            case list(items):
                waiting += [(label, item) for item in reversed(items)]
            case dict(fields):
                yield from (("", name) for name in fields)
                waiting += [(name, inner) for name, inner in reversed(fields.items())]
            case bool() | None:
                pass
            case number:
                yield label, json.dumps(number)


def _found(said: Sequence[_Said], look: Look) -> dict[str, list[PersonalData]]:
    """The texts that hold something, each with what; a field's name before its text helps to know it."""
    pieces = [f"{label}: {text}" if label else text for label, text in said]
    every = look(_APART.join(pieces))
    found: dict[str, list[PersonalData]] = {}
    start = index = 0
    for (label, text), piece in zip(said, pieces, strict=True) if every else ():
        first, end = start + (len(label) + 2 if label else 0), start + len(piece)
        while index < len(every) and every[index].end <= first:
            index += 1
        at = index
        while at < len(every) and every[at].start < end:
            found.setdefault(text, []).append(_within(every[at], first, end))
            at += 1
        start = end + len(_APART)
    return {text: apart(dict.fromkeys(those)) for text, those in found.items()}


def _within(each: PersonalData, first: int, end: int) -> PersonalData:
    return each._replace(start=max(each.start, first) - first, end=min(each.end, end) - first)
