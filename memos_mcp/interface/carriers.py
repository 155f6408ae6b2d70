"""Places of a text where a mark can sit without being seen: gaps between words, apostrophes, quotation marks, dashes.

A place is known by the words around it (letters and digits, compatibility forms and case folded), so it is found again
in a fragment, in another case, after a reflow. Only between words of prose: numbers, code, URLs, tables, tags and
lines that look like data hold no place. Pure.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import Literal, NamedTuple

from memos_mcp.late import late

Channel = Literal["zero-width", "spaces", "typography"]

UNSEEN = ("\u200b", "\u2060")
"""Zero width space and word joiner: no width, and no part in how letters are joined."""
WIDE = 2
"""Unseen characters in a place: 2 bits, and too few in a row to say anything else."""
SPACES = (" ", "\u2005")
"""A space, and one of a quarter of an em: as wide, and lines break there as well (UniSpaCh, see `watermark`)."""
_APOSTROPHES = ("'", "\u2019")
_DASHES = ("\u2013", "\u2014")

_LETTER = r"(?!\d)[A-Za-z\u00c0-\u1fff\u2c00-\u2dff\u3040-\ud7ff]"
_WORD = late(
    rf"[\"'(\u2018\u201c]{{0,2}}(?:{_LETTER})(?:{_LETTER}|['\u2019-](?={_LETTER}))*[\"').,;:!?\u2019\u201d]{{0,3}}"
)
_TOKEN = late(r"[^\s\u200b\u2060]+(?:[\u200b\u2060]+(?=\S)[^\s\u200b\u2060]+)*")
_APOSTROPHE = late(r"(?<=\w)['\u2019](?=\w)")
_QUOTED = late(
    r"(?<![^\s(])(?P<open>[\"\u201c])(?P<said>[^\"\u201c\u201d\n]+)(?P<shut>[\"\u201d])(?![^\s.,;!?)\u200b\u2060])"
)
_FENCE = late(r" {0,3}(?:```|~~~)")
_DATA_LINE = late(
    r" {4}|\t|\$ |---[ \t]*$|[ \t]*[\"\u201c][^\"\u201c\u201d]*[\"\u201d](?:[ \t]*:|,?[ \t]*$)"
    r"|[ \t]*[\w-]+:[ \t]+[\"'\u201c].*[\"'\u201d],?[ \t]*$"
)
"""Begins as indented code, a command, the border of front matter, JSON or YAML."""
_DATA_IN = late(r"[=!:]=|[=-]>|\(\)|\w = |\|.*\||[{};(][ \t]*$")
"""Tables, statements, calls."""
_WITHIN = late(
    r"(?<!`)(?P<ticks>`+)(?!`)[^\n]*?(?<!`)(?P=ticks)(?!`)|\[[^\[\]\n]*\]|<[^<>\n]*>|\{[^{}\n]*\}|\$[^$\n]+\$"
)
"""Code, labels of links, tags, formulas."""
_LONGEST_WORD = 60


class Place(NamedTuple):
    """Characters [start, end) of the text, the channel they belong to, the words they are known by, what they say now.

    `value` is None if nothing is said there (an empty place of a channel that can be wiped).
    """

    channel: Channel
    start: int
    end: int
    known_by: str
    value: int | None


def places(text: str, *, guarded: bool = True) -> Iterator[Place]:
    """The places of a text; of one channel they do not overlap.

    `guarded` leaves out code and data, as it must be done before anything is written; who only reads does without: a
    fragment may hold half a block of code.
    """
    if guarded and _is_json(text):
        return
    free = _Outside(list(_code(text)) if guarded else [])
    tokens = [match.span() for match in _TOKEN.finditer(text)]
    words = [_word(text[start:end]) for start, end in tokens]
    for at, (start, end) in enumerate(tokens):
        if words[at] and free(start, end):
            before = words[at - 1] if at else ""
            yield from _apostrophes(text, start, end, before, words[at])
            after = words[at + 1] if at + 1 < len(tokens) else ""
            if after and max(len(words[at]), len(after)) > 1 and free(end, tokens[at + 1][1]):  # not "i g n o r e"
                yield from _gap(text, end, tokens[at + 1][0], f"{words[at]} {after}")
        elif 0 < at < len(tokens) - 1 and words[at - 1] and words[at + 1] and free(start, end):
            yield from _dash(text, start, end, f"{words[at - 1]} {words[at + 1]}")
    yield from _quotes(text, free)


class _Outside:
    """Is a stretch outside of all of these? Asked from left to right, and once more from the start for quotes."""

    def __init__(self, spans: list[tuple[int, int]]) -> None:
        self._spans = spans
        self._next = 0

    def __call__(self, start: int, end: int) -> bool:
        if self._next and self._spans[self._next - 1][1] > start:
            self._next = 0
        while self._next < len(self._spans) and self._spans[self._next][1] <= start:
            self._next += 1
        return self._next == len(self._spans) or self._spans[self._next][0] >= end


def _code(text: str) -> Iterator[tuple[int, int]]:
    """What is not prose, from left to right: whole lines, and code within a line."""
    start, fence, open_ticks = 0, "", False
    for line in text.splitlines(keepends=True):
        end = start + len(line)
        mark = line.strip()[:3] if _FENCE.match(line) else ""
        odd = line.count("`") % 2 == 1
        if fence or mark:
            yield start, end
            fence = mark if not fence else "" if mark == fence else fence
        elif open_ticks or odd or _DATA_LINE.match(line) or _DATA_IN.search(line):
            yield start, end
            open_ticks = open_ticks != odd and bool(line.strip())
        else:
            yield from (match.span() for match in _WITHIN.finditer(text, start, end))
        start = end


def _is_json(text: str) -> bool:
    if text.lstrip()[:1] not in ("{", "["):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


@lru_cache(maxsize=4096)
def _word(token: str) -> str:
    """What a token is known by if it is a word of prose."""
    return _known(token) if len(token) <= _LONGEST_WORD and _WORD.fullmatch(token) else ""


def _known(token: str) -> str:
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKC", token).casefold()))


def _gap(text: str, end: int, start: int, known_by: str) -> Iterator[Place]:
    """Between two words on one line, or on two lines of a paragraph."""
    gap = text[end:start]
    unseen = gap[: len(gap) - len(gap.lstrip("".join(UNSEEN)))]
    rest = gap[len(unseen) :]
    if rest.count("\n") > 1 or not (rest in SPACES or rest.strip(" \n") == ""):
        return
    value = sum(UNSEEN.index(letter) << bit for bit, letter in enumerate(unseen)) if len(unseen) == WIDE else None
    yield Place("zero-width", end, end + len(unseen), f"0 {known_by}", value)
    if rest in SPACES:
        yield Place("spaces", end + len(unseen), start, f"1 {known_by}", SPACES.index(rest))


def _apostrophes(text: str, start: int, end: int, before: str, word: str) -> Iterator[Place]:
    for nth, match in enumerate(_APOSTROPHE.finditer(text, start, end)):
        yield Place("typography", *match.span(), f"' {before} {word} {nth}", _APOSTROPHES.index(match[0]))


def _dash(text: str, start: int, end: int, known_by: str) -> Iterator[Place]:
    """Between two words; a hyphen there may be a minus, and stays."""
    if text[start:end] in _DASHES and text[start - 1] == " " and text[end : end + 1] == " ":
        yield Place("typography", start, end, f"- {known_by}", _DASHES.index(text[start:end]))


def _quotes(text: str, free: _Outside) -> Iterator[Place]:
    """Two marks are one place: both are straight, or both are round."""
    for match in _QUOTED.finditer(text):
        said = _TOKEN.findall(match["said"])
        round_ones = match["open"] == "\u201c"
        if said and _word(said[0]) and free(*match.span()) and round_ones == (match["shut"] == "\u201d"):
            known_by = f'" {_word(said[0])} {_known(said[-1])} {len(said)}'
            yield Place("typography", *match.span(), known_by, int(round_ones))


def written(place: Place, text: str, bits: int) -> list[tuple[int, int, str]]:
    """What to put where, so that the place says these bits: characters [start, end) and their new form."""
    now = text[place.start : place.end]
    match place.channel:
        case "zero-width":
            return [(place.start, place.end, "".join(UNSEEN[bits >> bit & 1] for bit in range(WIDE)))]
        case "spaces":
            return [(place.start, place.end, SPACES[bits])]
        case "typography" if len(now) > 1:
            left, right = ("\u201c", "\u201d") if bits else ('"', '"')
            return [(place.start, place.start + 1, left), (place.end - 1, place.end, right)]
        case _:
            forms = _APOSTROPHES if now in _APOSTROPHES else _DASHES
            return [(place.start, place.end, forms[bits])]
