"""Change one value in a TOML text and leave every other line as it is, comments too."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_NAME = re.compile(r"[A-Za-z0-9_-]+")
_PLAIN_KEY = re.compile(r"""[ \t]*(?:"(?:[^"\\]|\\.)*"|'[^']*'|[A-Za-z0-9_-]+)[ \t]*=""")


@dataclass(frozen=True, slots=True)
class _Statement:
    """A header (`name` is None), or a name with its value; `table` is what it belongs to."""

    start: int
    end: int
    table: tuple[str, ...]
    name: str | None = None


def read(text: str, *, comments: bool = True) -> Any:
    """The value of a text. Raises TOMLDecodeError, which names line and column."""
    del comments  # TOML always allows them
    return tomllib.loads(text)


def shown(value: Mapping[str, Any]) -> str:
    """A table of tables of tables, such as `mcp_servers`, in a text of its own."""
    return "\n".join(
        _block((table, name), entry, "\n").rstrip()
        for table, entries in value.items()
        for name, entry in entries.items()
    )


def add(text: str, path: tuple[str, ...], value: Mapping[str, Any]) -> str:
    """The text with a new table at its end."""
    newline = "\r\n" if "\r\n" in text else "\n"
    head = text if not text or text.endswith("\n") else text + newline
    return f"{head}{newline if head.strip() else ''}{_block(path, value, newline)}"


def put(text: str, path: tuple[str, ...], value: object) -> str:
    """The text with another value at the path, in the table that is there or in the inline table.

    Raises ValueError if what is there is written in a way that this cannot change without losing something.
    """
    lines = _LINE.findall(text)
    table, name = path[:-1], path[-1]
    own = [each for each in _statements(lines) if each.table == table]
    if not own:
        if len(table) == 1:
            raise ValueError(f"there is no table {'.'.join(table)}")
        return put(text, table, {**_at(tomllib.loads(text), table), name: value})
    line = f"{_key(name)} = {_value(value)}"
    old = next((each for each in own if each.name == name), None)
    if old is None:
        last = own[-1].end
        if not lines[last - 1].endswith("\n"):
            lines[last - 1] += "\n"
        lines.insert(last, line + _ending(lines[last - 1]))
    else:
        lines[old.start : old.end] = [_replaced(lines[old.start : old.end], line)]
    return "".join(lines)


def drop(text: str, path: tuple[str, ...]) -> str:
    """The text without what is at the path: a table with those in it, or one value."""
    lines = _LINE.findall(text)
    statements = _statements(lines)
    gone = [each for each in statements if each.table[: len(path)] == path]
    if not gone:
        gone = [each for each in statements if (*each.table, each.name) == path]
        if not gone and len(path) > 2:
            inner = _at(tomllib.loads(text), path[:-1])
            return put(text, path[:-1], {name: value for name, value in inner.items() if name != path[-1]})
    for first, last in reversed(_blocks(gone)):
        blank = gone[0].name is None and first > 0 and not lines[first - 1].strip()
        del lines[first - int(blank) : last]
    return "".join(lines)


def _blocks(statements: Sequence[_Statement]) -> list[tuple[int, int]]:
    """The lines of each header with what belongs to it, comments in between too."""
    found: list[tuple[int, int]] = []
    for each in statements:
        if each.name is None or not found:
            found.append((each.start, each.end))
        else:
            found[-1] = (found[-1][0], each.end)
    return found


def _statements(lines: Sequence[str]) -> list[_Statement]:
    """Every statement of a text that is valid as a whole."""
    found: list[_Statement] = []
    table: tuple[str, ...] = ()
    at = 0
    while at < len(lines):
        line = lines[at].strip()
        end = at + 1
        if line.startswith("["):
            table = _header(line)
            found.append(_Statement(at, end, table))
        elif line and not line.startswith("#"):
            while (value := _parsed("".join(lines[at:end]))) is None:
                end += 1
            name = next(iter(value)) if _PLAIN_KEY.match(lines[at]) else ""
            found.append(_Statement(at, end, table, name))
        at = end
    return found


def _header(line: str) -> tuple[str, ...]:
    found: list[str] = []
    inner: Any = tomllib.loads(line)
    while inner:
        name, inner = next(iter(cast("dict[str, Any]", inner).items()))
        inner = cast("list[Any]", inner)[0] if isinstance(inner, list) else inner
        found.append(name)
    return tuple(found)


def _replaced(old: list[str], new: str) -> str:
    """A new statement in place of an old one, whose place and comment it keeps."""
    text = "".join(old)
    indent = text[: len(text) - len(text.lstrip(" \t"))]
    whole = _parsed(text)
    signs = [n for n, sign in enumerate(text) if sign == "#"]
    comment = next((text[n:].rstrip() for n in signs if _parsed(text[:n]) == whole), "")
    if signs and len(old) > 1 and (not comment or "\n" in comment or "#" in text[: text.index(comment)]):
        raise ValueError("there are comments inside a value that has to change")
    return f"{indent}{new}{'  ' if comment else ''}{comment}{_ending(text)}"


def _block(path: tuple[str, ...], value: Mapping[str, Any], newline: str) -> str:
    lines = [f"[{'.'.join(map(_key, path))}]", *(f"{_key(name)} = {_value(each)}" for name, each in value.items())]
    return "".join(f"{line}{newline}" for line in lines)


def _key(name: str) -> str:
    return name if _NAME.fullmatch(name) else _value(name)


def _value(value: object) -> str:
    match value:
        case str():
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case bool() | int():
            return json.dumps(value)
        case list():
            return f"[{', '.join(map(_value, cast('list[object]', value)))}]"
        case dict():
            pairs = [f"{_key(name)} = {_value(each)}" for name, each in cast("dict[str, object]", value).items()]
            return f"{{ {', '.join(pairs)} }}" if pairs else "{}"
        case _:
            raise ValueError(f"{value!r} is not written by this")


def _parsed(text: str) -> dict[str, Any] | None:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None


def _at(value: Any, path: tuple[str, ...]) -> dict[str, Any]:
    for name in path:
        value = value[name]
    return value


def _ending(line: str) -> str:
    return "\r\n" if line.endswith("\r\n") else "\n"
