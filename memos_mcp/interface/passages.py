"""Where a long text is cut: at headings, then between paragraphs, sentences, lines, words. Pure.

Everything is a span of the text it was cut from, so that no word is changed or lost. Patterns are bounded: a text may
be two million characters of anything.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Iterator
from typing import NamedTuple

from memos_mcp.late import late

LIMIT = 1200
"""Characters of a piece: about 300 tokens, so that five fit a recall."""
_LONGEST_WORD = 4000
_LONGEST_TITLE = 120

_HEADING = late(r" {0,3}(#{1,6})[ \t]+(\S.*?)(?:[ \t]+#+)?\s*")
_FENCE = late(r" {0,3}(`{3,}|~{3,})")

_PARAGRAPH = late(r"\n[^\S\n]*\n\s*")
_SENTENCE = late(
    r"[.!?…\u061f\u06d4।॥][\"'”’»)\]]{0,4}\s+|[。\uff01\uff1f][」』”’\uff09]{0,4}"
    r"|\n(?=[^\S\n]{0,12}(?:[-*+•|>]|\d{1,3}[.)])[ \t])"
)
_LINE = late(r"\n")
_LEVELS = (_PARAGRAPH, _SENTENCE, _LINE)
_WORD = late(r"\S+")
_NO_END = late(
    r"(?:(?:^|[\s(\"'“])(?:(?:[A-Z]\.)*[A-Z]|(?i:dr|mr|mrs|ms|prof|st|jr|sr|vs|e\.g|i\.e|approx|nos?|fig|vol|ca|cf|al|inc"
    r"|ltd|dept|gen|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec|z\.b|bzw|nr))|(?:^|\n)[^\S\n]*\d{1,3})\.\s+\Z"
)
# Chinese, Japanese, Korean, Thai, Lao, Tibetan, Myanmar, Khmer: written without spaces between words.
_UNSPACED = late(
    "[\u0e00-\u0eff\u0f00-\u109f\u1780-\u17ff\u3000-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
    "\uff00-\uffef\U00020000-\U0003ffff]"
)
# Zero-width joiners, skin tones, flags, Hangul vowels and finals: belong to the character before them.
_JOINED = late("[\u200c\u200d\U0001f3fb-\U0001f3ff\U0001f1e6-\U0001f1ff\u1160-\u11ff]")


class Passage(NamedTuple):
    """The characters [start, end) of a text, and the headings above them."""

    start: int
    end: int
    headings: str


class _Heading(NamedTuple):
    start: int
    end: int
    level: int
    title: str


class _Text(NamedTuple):
    words: str
    fences: tuple[tuple[int, int], ...]


def has_headings(text: str) -> bool:
    """Is this Markdown with a heading and something below it?"""
    return "#" in text and "\n" in text.strip() and bool(_scan(text)[0])


def passages(text: str) -> list[Passage]:
    """Cut a text so that no piece spans two headings, is longer than `LIMIT` or cuts a word.

    A word longer than `LIMIT` stays whole up to 4,000 characters. The pieces are in order, without space at their ends,
    and hold every other character. Cost: 20 µs per 1,000 characters.
    """
    headings, fences = _scan(text) if "#" in text or "```" in text or "~~~" in text else ([], ())
    whole = _Text(text, fences)
    first = headings[0].start if headings else len(text)
    found = [Passage(start, end, "") for start, end in _cut(whole, 0, first, 0, 0)]
    path: list[_Heading] = []
    for heading, following in zip(headings, [*(h.start for h in headings[1:]), len(text)], strict=False):
        path = [*(h for h in path if h.level < heading.level), heading]
        titles = " > ".join(h.title for h in path)
        lead = _trimmed(text, heading.end, following)[0]
        found += [Passage(s, e, titles) for s, e in _cut(whole, heading.start, following, lead, 0)]
    return found


def _scan(text: str) -> tuple[list[_Heading], tuple[tuple[int, int], ...]]:
    """Headings and fenced code. A heading begins the text or follows a blank line or a heading: a comment does not."""
    headings: list[_Heading] = []
    fences: list[tuple[int, int]] = []
    at, fence, opened, free = 0, "", 0, True
    for line in text.splitlines(keepends=True):
        start, at = at, at + len(line)
        mark = _FENCE.match(line)
        if fence:
            if mark and mark[1].startswith(fence) and line.strip() == mark[1]:
                fences.append((opened, at))
                fence = ""
            continue
        heading = _HEADING.fullmatch(line) if free else None
        if mark:
            fence, opened = mark[1], start
        elif heading:
            headings.append(_Heading(start, at, len(heading[1]), heading[2].strip("*_`")[:_LONGEST_TITLE]))
        free = heading is not None or not line.strip()
    if fence:
        fences.append((opened, at))
    return headings, tuple(fences)


def _cut(text: _Text, start: int, end: int, lead: int, level: int) -> list[tuple[int, int]]:
    """Spans of at most `LIMIT`, as few as can be; nothing is cut before `lead`, so a heading keeps what it heads."""
    start, end = _trimmed(text.words, start, end)
    if end - start <= LIMIT:
        return [(start, end)] if start < end else []
    if level == len(_LEVELS):
        return _packed(_words(text.words, start, end))
    spans: list[tuple[int, int]] = []
    at = start
    for stop in (*_stops(text, start, end, level), end):
        if stop > lead or stop == end:
            spans += _cut(text, at, stop, lead, level + 1)
            at = stop
    return _packed(spans)


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    cut = text[start:end]
    left = len(cut) - len(cut.lstrip())
    return start + left, max(start + left, start + len(cut.rstrip()))


def _stops(text: _Text, start: int, end: int, level: int) -> Iterator[int]:
    for found in _LEVELS[level].finditer(text.words, start, end):
        at = found.end()
        ends = level != 1 or (at < end and _ends_sentence(text.words, start, found))
        if at < end and ends and (level == 2 or not _in_fence(text, at)):
            yield at


def _in_fence(text: _Text, at: int) -> bool:
    before = bisect_left(text.fences, (at, 0)) - 1
    return before >= 0 and at < text.fences[before][1]


def _ends_sentence(text: str, start: int, found: re.Match[str]) -> bool:
    if found[0][0] in "\n。\uff01\uff1f":
        return True
    if text[found.end()].islower():
        return False
    return found[0][0] != "." or _NO_END.search(text[max(start, found.start() - 12) : found.end()]) is None


def _packed(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    packed: list[tuple[int, int]] = []
    for start, end in spans:
        if packed and end - packed[-1][0] <= LIMIT:
            packed[-1] = (packed[-1][0], end)
        else:
            packed.append((start, end))
    return packed


def _words(text: str, start: int, end: int) -> list[tuple[int, int]]:
    spans: list[tuple[int, int]] = []
    for word in _WORD.finditer(text, start, end):
        at, stop = word.span()
        unspaced = _UNSPACED.search(text, at, stop) is not None
        while stop - at > LIMIT and (unspaced or stop - at > _LONGEST_WORD or at > word.start()):
            inside = _inside(text, at, at + LIMIT, unspaced)
            spans.append((at, inside))
            at = inside
        spans.append((at, stop))
    return spans


def _inside(text: str, least: int, most: int, unspaced: bool) -> int:
    """Where a word may be cut: never within a character of several code points, if it can be in an unspaced script."""
    whole = [at for at in range(most, least, -1) if _begins(text, at)]
    beside = (at for at in whole if _UNSPACED.match(text, at - 1) or _UNSPACED.match(text, at))
    first = whole[0] if whole else most
    return next(beside, first) if unspaced else first


def _begins(text: str, at: int) -> bool:
    return text[at - 1] != "\u200d" and not _JOINED.match(text, at) and unicodedata.category(text[at])[0] != "M"
