"""What changed from one text to another, word by word, for histories and for merging. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import Literal, NamedTuple

from memos_mcp.late import late

PieceKind = Literal["same", "added", "removed"]

MOST_WORDS = 4000
"""Words of a passage that are compared one by one; comparing takes up to the square of it."""
_WORDS = late(r"\w+|\s+|[^\w\s]")
_AROUND = 24  # characters of what stayed, on each side of a change
_SHOWN: dict[PieceKind, tuple[str, str]] = {"same": ("", ""), "removed": ("[-", "-]"), "added": ("{+", "+}")}


class Piece(NamedTuple):
    """A stretch that is in both texts, in the new one only, or in the old one only."""

    kind: PieceKind
    text: str


class Match(NamedTuple):
    """`size` items are the same from `at` of the one and from `there` of the other sequence."""

    at: int
    there: int
    size: int


def differences(old: str, new: str) -> tuple[Piece, ...]:
    """The pieces of both texts in order: what is same or removed makes up the old, same or added the new one."""
    return tuple(_joined(_lines(old, new)))


def compact(pieces: Sequence[Piece]) -> str:
    """`Ada likes [-green-]{+black+} tea`, in the notation of wdiff; of long stretches that stayed only the ends.

    Empty if nothing changed.
    """
    last = len(pieces) - 1
    if all(piece.kind == "same" for piece in pieces):
        return ""
    return "".join(
        _elided(piece.text, at > 0, at < last) if piece.kind == "same" else piece.text.join(_SHOWN[piece.kind])
        for at, piece in enumerate(pieces)
    )


def matches(one: Sequence[str], other: Sequence[str]) -> list[Match]:
    """Stretches that both have, in order; what they begin and end with is always among them.

    In long ones, what comes again and again does not begin a match: that would take up to the square of their length.
    """
    least = min(len(one), len(other))
    head = next((at for at in range(least) if one[at] != other[at]), least)
    tail = next((at for at in range(least - head) if one[-1 - at] != other[-1 - at]), least - head)
    left, right = one[head : len(one) - tail], other[head : len(other) - tail]
    inner = SequenceMatcher(None, left, right, autojunk=len(right) > MOST_WORDS)
    blocks = [Match(block.a + head, block.b + head, block.size) for block in inner.get_matching_blocks()]
    ends = Match(len(one) - tail, len(other) - tail, tail)
    return [block for block in (Match(0, 0, head), *blocks, ends) if block.size]


def _lines(old: str, new: str) -> Iterator[Piece]:
    for gone, come, same in _changes(old.splitlines(keepends=True), new.splitlines(keepends=True)):
        yield from _words("".join(gone), "".join(come))
        yield Piece("same", "".join(same))


def _words(gone: str, come: str) -> Iterator[Piece]:
    left, right = _WORDS.findall(gone), _WORDS.findall(come)
    if max(len(left), len(right)) > MOST_WORDS:
        left, right = [gone], [come]
    for removed, added, same in _changes(left, right):
        yield Piece("removed", "".join(removed))
        yield Piece("added", "".join(added))
        yield Piece("same", "".join(same))


def _changes(old: Sequence[str], new: Sequence[str]) -> Iterator[tuple[Sequence[str], Sequence[str], Sequence[str]]]:
    """What went, what came in its place, and what stays after it."""
    at = there = 0
    for match in [*matches(old, new), Match(len(old), len(new), 0)]:
        yield old[at : match.at], new[there : match.there], old[match.at : match.at + match.size]
        at, there = match.at + match.size, match.there + match.size


def _joined(pieces: Iterator[Piece]) -> Iterator[Piece]:
    """Neighbours of a kind as one, of a change first what was removed; a space between two changes belongs to both."""
    removed = added = same = ""
    for kind, text in pieces:
        if not text:
            continue
        if kind == "same":
            same += text
            continue
        if same.strip() or (same and not (removed or added)):
            yield from _change(removed, added)
            yield Piece("same", same)
            removed = added = ""
        else:
            removed, added = removed + same, added + same
        same = ""
        if kind == "removed":
            removed += text
        else:
            added += text
    yield from _change(removed, added)
    if same:
        yield Piece("same", same)


def _change(removed: str, added: str) -> Iterator[Piece]:
    if removed:
        yield Piece("removed", removed)
    if added:
        yield Piece("added", added)


def _elided(text: str, after_change: bool, before_change: bool) -> str:
    head = text[:_AROUND] if after_change else ""
    tail = text[-_AROUND:] if before_change else ""
    return text if len(text) <= len(head) + len(tail) + 3 else f"{head}…{tail}"
