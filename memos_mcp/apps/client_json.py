"""Change one value in a JSON text and leave every other character as it is, comments and trailing commas too."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_DECODER = json.JSONDecoder()
_COMMENT = re.compile(r'"[^"\\\n]*(?:\\.[^"\\\n]*)*"|//[^\r\n]*|/\*.*?\*/', re.DOTALL)
_TRAILING = re.compile(r'"[^"\\\n]*(?:\\.[^"\\\n]*)*"|,(?=\s*[}\]])')
_SPACE = re.compile(r"[ \t\r\n]*")
_END_OF_LINE = re.compile(r"[ \t]*(?:\r?\n|//|$)")
_LINE_COMMENT = re.compile(r"[ \t]*(?://[^\r\n]*|/\*[^\r\n]*?\*/)")
_UNIT = "  "


@dataclass(frozen=True, slots=True)
class _Member:
    name: str
    start: int
    value: int
    end: int


def read(text: str, *, comments: bool = False) -> Any:
    """The value of a text; an empty one is an empty object. Raises JSONDecodeError, which names line and column.

    `comments`: comments and trailing commas are allowed, as VS Code and Cursor do.
    """
    plain = _plain(text) if comments else text
    return json.loads(plain) if plain.strip() else {}


def shown(value: Mapping[str, Any]) -> str:
    """A value in a text of its own, in ASCII."""
    return json.dumps(value, indent=_UNIT)


def add(text: str, path: tuple[str, ...], value: Mapping[str, Any]) -> str:
    """The text with a new object at the path; objects on the way are made."""
    return put(text, path, value)


def put(text: str, path: tuple[str, ...], value: object) -> str:
    """The text with another value at the path; a new member goes after the others."""
    plain = _plain(text)
    if not plain.strip():
        return f"{text}{_lines(_nested(path, value), '', _UNIT, _newline(text))}{_newline(text)}"
    spot = _Member("", 0, _skip(plain, 0), len(text))
    for depth, name in enumerate(path):
        inner = _named(plain, spot.value, name)
        if inner is None:
            return _inserted(text, spot.value, name, _nested(path[depth + 1 :], value))
        spot = inner
    return text[: spot.value] + _in_place_of(text, spot, value) + text[spot.end :]


def drop(text: str, path: tuple[str, ...]) -> str:
    """The text without the member at the path; without such a member it stays as it is."""
    plain = _plain(text)
    at = _skip(plain, 0)
    for name in path[:-1]:
        inner = _named(plain, at, name)
        if inner is None:
            return text
        at = inner.value
    members = _members(plain, at)
    gone = _named(plain, at, path[-1])
    return _without(text, at, members, members.index(gone)) if gone else text


def _without(text: str, opened: int, members: list[_Member], at: int) -> str:
    gone = members[at]
    comma = _comma(text, gone.end)
    end = comma + 1 if comma is not None else gone.end
    start = _cut(text, gone.start, end)
    if at and comma is None:  # the last one takes the comma before it along
        before = _skip(_uncommented(text), members[at - 1].end)
        kept = text[before + 1 : start]
        return text[:before] + (kept if "\n" in kept else kept.rstrip(" \t")) + text[end:]
    after = _skip(text, end)
    if len(members) == 1 and not text[opened + 1 : start].strip() and text[after] == "}":
        return text[: opened + 1] + text[after:]
    if start == gone.start:
        end = end + len(text[end:]) - len(text[end:].lstrip(" \t"))
    return text[:start] + text[end:]


def _cut(text: str, start: int, end: int) -> int:
    """Where to cut before a member: its line goes too if nothing else stands on it."""
    spaces = len(text[:start]) - len(text[:start].rstrip(" \t"))
    line = start - spaces
    if _END_OF_LINE.match(text, end) is None:
        return start
    if text[:line].endswith("\r\n"):
        return line - 2
    return line - 1 if text[:line].endswith("\n") else line


def _in_place_of(text: str, member: _Member, value: object) -> str:
    if "\n" not in text[member.value : member.end]:
        return json.dumps(value, ensure_ascii=False)
    return _lines(value, _indent(text, member.start), _unit(text), _newline(text))


def _inserted(text: str, opened: int, name: str, value: object) -> str:
    members = _members(_plain(text), opened)
    newline, unit = _newline(text), _unit(text)
    if not members:
        inner = _indent(text, opened) + unit
        item = f"{newline}{inner}{_item(name, value, inner, unit, newline)}"
        close = "" if "\n" in text[opened : _close(text, opened)] else newline + _indent(text, opened)
        return text[: opened + 1] + item + close + text[opened + 1 :]
    last = members[-1]
    comma = _comma(text, last.end)
    tail = last.end if comma is None else comma + 1
    comment = _LINE_COMMENT.match(text, tail)
    until = comment.end() if comment else tail
    inner = _indent(text, members[0].start)
    if comment is None and text.rfind("\n", opened, members[0].start) < 0:
        item = f" {json.dumps(name)}: {json.dumps(value, ensure_ascii=False)}"
    else:
        item = f"{newline}{inner}{_item(name, value, inner, unit, newline)}"
    between = text[last.end : tail] if comma is not None else ","
    return f"{text[: last.end]}{between}{text[tail:until]}{item}{',' if comma is not None else ''}{text[until:]}"


def _plain(text: str) -> str:
    """The text with spaces in place of comments and trailing commas: every position stays."""
    return _TRAILING.sub(lambda found: found[0] if found[0][0] == '"' else " ", _uncommented(text))


def _uncommented(text: str) -> str:
    def blank(found: re.Match[str]) -> str:
        return found[0] if found[0][0] == '"' else re.sub(r"[^\r\n]", " ", found[0])

    return _COMMENT.sub(blank, text)


def _members(plain: str, opened: int) -> list[_Member]:
    """Those of the object that opens there."""
    found: list[_Member] = []
    at = _skip(plain, opened + 1)
    while plain[at] != "}":
        name, end = _DECODER.raw_decode(plain, at)
        value = _skip(plain, _skip(plain, end) + 1)
        _, end = _DECODER.raw_decode(plain, value)
        found.append(_Member(name, at, value, end))
        at = _skip(plain, end)
        if plain[at] == ",":
            at = _skip(plain, at + 1)
    return found


def _named(plain: str, opened: int, name: str) -> _Member | None:
    """The member that counts: the last one of this name."""
    return next((each for each in reversed(_members(plain, opened)) if each.name == name), None)


def _comma(text: str, end: int) -> int | None:
    """Where the comma after a value is, a trailing one too."""
    bare = _uncommented(text)
    at = _skip(bare, end)
    return at if bare[at] == "," else None


def _close(text: str, opened: int) -> int:
    return _skip(_plain(text), opened + 1)


def _skip(text: str, at: int) -> int:
    space = _SPACE.match(text, at)
    return space.end() if space else at


def _nested(path: tuple[str, ...], value: object) -> object:
    for name in reversed(path):
        value = {name: value}
    return value


def _item(name: str, value: object, indent: str, unit: str, newline: str) -> str:
    return f"{json.dumps(name)}: {_lines(value, indent, unit, newline)}"


def _lines(value: object, indent: str, unit: str, newline: str) -> str:
    return json.dumps(value, indent=unit, ensure_ascii=False).replace("\n", newline + indent)


def _indent(text: str, at: int) -> str:
    """The white space that the line begins with."""
    line = text[text.rfind("\n", 0, at) + 1 : at]
    return line[: len(line) - len(line.lstrip(" \t"))]


def _unit(text: str) -> str:
    found = re.search(r"\n([ \t]+)\S", _uncommented(text))
    return found[1] if found else _UNIT


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"
