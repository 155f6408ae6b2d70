"""What the commands do to the text of a file, and how files and directories are shown. Pure.

Every sentence is that of the file-system tool in Anthropic's SDK: the models know them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from memos_mcp.errors import InvalidInput
from memos_mcp.notes.names import ROOT, Place
from memos_mcp.operation.context import tokens

_MOST_LINES = 999_999
_WIDTH = len(str(_MOST_LINES))
_MARGIN = 3  # tokens of a line's number, its tab and its end
_AROUND = 2  # lines of context on either side of a change
_DEEP = 2  # levels that are listed
_NAMED = 100  # places that an answer names
_UNITS = "BKMG"


def numbered(place: Place, text: str, view_range: Sequence[int] | None = None, budget: int | None = None) -> str:
    """A file with line numbers, all of it or the lines [first, last]; -1 is the end. Raises InvalidInput."""
    lines = text.split("\n")
    if len(lines) > _MOST_LINES:
        raise InvalidInput(f"File {place.said} exceeds maximum line limit of {_MOST_LINES:,} lines.")
    first, last = view_range if view_range and len(view_range) == 2 else (1, -1)
    first, last = max(first, 1), len(lines) if last == -1 else last
    chosen = lines[first - 1 : last]
    shown = _within(chosen, budget)
    rest = first + len(shown)
    more = f"\n… [cut; view_range [{rest}, -1] goes on]" if len(shown) < len(chosen) else ""
    return f"Here's the content of {place.said} with line numbers:\n{_lines(shown, first)}{more}"


def listed(place: Place, files: Iterable[tuple[str, str]], budget: int | None = None) -> str:
    """A directory: what is in it, two levels deep, with sizes; `files` are the names beneath it and their texts."""
    total, sizes, folders = 0, dict[tuple[str, ...], int](), set[tuple[str, ...]]()
    for name, text in files:
        labels, size = tuple(name.split("/")), len(text.encode())
        total += size
        for depth in range(1, min(len(labels), _DEEP) + 1):
            if labels[depth - 1].startswith("."):
                break
            sizes[labels[:depth]] = sizes.get(labels[:depth], 0) + size
            if depth < len(labels):
                folders.add(labels[:depth])
    home = f"{ROOT}/{place.key}".removesuffix("/")
    rows = [f"{_size(total)}\t{home}"]
    rows += [f"{_size(sizes[at])}\t{home}/{'/'.join(at)}{'/' * (at in folders)}" for at in sorted(sizes)]
    shown = _within(rows, budget)
    if len(shown) < len(rows):
        shown.append(f"… [cut: {len(rows) - len(shown)} more; view a directory below]")
    return (
        f"Here're the files and directories up to {_DEEP} levels deep in {home}, excluding hidden items:\n"
        + "\n".join(shown)
    )


def replaced(place: Place, text: str, old: str, new: str) -> tuple[str, str]:
    """The text with its only `old` replaced, and the answer, which shows where. Raises InvalidInput."""
    if not old:
        raise InvalidInput("No replacement was performed, old_str is empty: use insert to add text.")
    lines = _lines_of(old, text)
    if not lines:
        raise InvalidInput(f"No replacement was performed, old_str `{old}` did not appear verbatim in {place.said}.")
    if len(lines) > 1:
        named = ", ".join(map(str, lines[:_NAMED])) + ", …" * (len(lines) > _NAMED)
        raise InvalidInput(
            f"No replacement was performed. Multiple occurrences of old_str `{old}` in lines: {named}. "
            "Please ensure it is unique"
        )
    result = text.replace(old, new)
    first = max(lines[0] - _AROUND, 1)
    snippet = _lines(result.split("\n")[first - 1 : lines[0] + _AROUND], first)
    return (
        result,
        f"The memory file has been edited. Here is the snippet showing the change (with line numbers):\n{snippet}",
    )


def inserted(place: Place, text: str, after: int, more: str) -> tuple[str, str]:
    """The text with `more` after a line (0: before the first), and the answer. Raises InvalidInput."""
    lines = text.removesuffix("\n").split("\n") if text else []
    if not 0 <= after <= len(lines):
        raise InvalidInput(
            f"Invalid `insert_line` parameter: {after}. It should be within the range [0, {len(lines)}]."
        )
    lines.insert(after, more.rstrip("\n"))
    return "\n".join(lines) + "\n", f"The file {place.said} has been edited."


def _within(lines: Sequence[str], budget: int | None) -> list[str]:
    """The first lines that a budget of tokens holds; of the first line, as much as it holds."""
    if budget is None:
        return [*lines]
    kept, left = list[str](), budget
    for line in lines:
        left -= tokens(json.dumps(line, ensure_ascii=False)) + _MARGIN
        if left < 0:
            break
        kept.append(line)
    return kept or [f"{line[: budget // 2]} … [the line is cut]" for line in lines[:1]]


def _lines(lines: Iterable[str], first: int) -> str:
    return "\n".join(f"{number:>{_WIDTH}}\t{line}" for number, line in enumerate(lines, first))


def _lines_of(old: str, text: str) -> list[int]:
    """The line that each occurrence begins in; two may overlap. One more than an answer names is enough."""
    found, line, seen, at = list[int](), 1, 0, text.find(old)
    while at >= 0 and len(found) <= _NAMED:
        line, seen = line + text.count("\n", seen, at), at
        found.append(line)
        at = text.find(old, at + 1)
    return found


def _size(size: int) -> str:
    power = min(max(size.bit_length() - 1, 0) // 10, len(_UNITS) - 1)
    value = size / 1024**power
    return f"{int(value) if value == int(value) else format(value, '.1f')}{_UNITS[power]}"
