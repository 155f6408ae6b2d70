"""Cuts long texts into passages: at headings, then paragraphs, sentences, spaces; never inside a word. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

LIMIT = 1200
"""Characters in a passage: about 300 tokens, four answers' worth of a paragraph."""
_LONGEST_WORD = 4000

_HEADING = re.compile(r"^(#{1,6})[ \t]+(\S.*?)[ \t]*#*[ \t]*$", re.MULTILINE)
_FENCE = re.compile(r"^(```|~~~).*?^\1[ \t]*$", re.MULTILINE | re.DOTALL)
_PARAGRAPH = re.compile(r"\n[ \t]*\n\s*")
_SENTENCE = re.compile(r"(?<=[.!?…])[\"'”’)\]]*\s+(?=[\"'“‘(\[]?[^\Wa-z_])|(?<=[。！？])|\n+")  # noqa: RUF001 these end sentences
_SHORT = re.compile(r"\b(?:dr|mr|mrs|ms|prof|st|no|vol|fig|eq|vs|etc|e\.g|i\.e|approx|[a-z])\.$", re.IGNORECASE)
_SPACE = re.compile(r"\s+")

Span = tuple[int, int]


def sections(text: str) -> list[tuple[Span, str]]:
    """Markdown sections with the path of headings above each ("Install > Linux"); a text without headings is one."""
    fenced = [m.span() for m in _FENCE.finditer(text)]
    headings = [m for m in _HEADING.finditer(text) if not any(a <= m.start() < b for a, b in fenced)]
    found: list[tuple[Span, str]] = []
    above: list[tuple[int, str]] = []
    starts = [m.start() for m in headings] + [len(text)]
    if not headings or text[: starts[0]].strip():
        found.append(((0, starts[0]), ""))
    for heading, end in zip(headings, starts[1:], strict=True):
        level = len(heading[1])
        above = [entry for entry in above if entry[0] < level] + [(level, heading[2])]
        found.append(((heading.start(), end), " > ".join(title for _, title in above)))
    return found


def passages(text: str, span: Span) -> list[Span]:
    """Spans of at most LIMIT characters that cover every character of `span` that is no space, in order."""
    return [s for s in _packed(text, list(_pieces(text, span))) if s[0] < s[1]]


def _packed(text: str, pieces: list[Span]) -> Iterator[Span]:
    """Neighbouring pieces together, as long as they fit."""
    start = end = -1
    for a, b in pieces:
        if start >= 0 and b - start <= LIMIT:
            end = b
            continue
        if start >= 0:
            yield trimmed(text, start, end)
        start, end = a, b
    if start >= 0:
        yield trimmed(text, start, end)


def _pieces(text: str, span: Span) -> Iterator[Span]:
    if span[1] - span[0] <= LIMIT:
        yield span
        return
    for paragraph in _split(text, span, _PARAGRAPH):
        if paragraph[1] - paragraph[0] <= LIMIT:
            yield paragraph
            continue
        for sentence in _sentences(text, paragraph):
            if sentence[1] - sentence[0] <= LIMIT:
                yield sentence
            else:
                yield from _words(text, sentence)


def _split(text: str, span: Span, at: re.Pattern[str]) -> Iterator[Span]:
    start = span[0]
    for gap in at.finditer(text, *span):
        yield start, gap.end()
        start = gap.end()
    yield start, span[1]


def _sentences(text: str, span: Span) -> Iterator[Span]:
    start = span[0]
    for gap in _SENTENCE.finditer(text, *span):
        if gap.end() > start and not _SHORT.search(text, max(start, gap.start() - 8), gap.start()):
            yield start, gap.end()
            start = gap.end()
    yield start, span[1]


def _words(text: str, span: Span) -> Iterator[Span]:
    start = span[0]
    for a, b in _split(text, span, _SPACE):
        if b - start > LIMIT and a > start:
            yield start, a
            start = a
        while b - start > _LONGEST_WORD or (b - start > LIMIT and not text[start].isascii()):
            cut = _whole(text, start + LIMIT)
            yield start, cut
            start = cut
    yield start, span[1]


def _whole(text: str, at: int) -> int:
    """The next place that does not part a letter from its marks."""
    while at < len(text) and unicodedata.combining(text[at]):
        at += 1
    return at


def trimmed(text: str, start: int, end: int) -> Span:
    """The span without space at its ends."""
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end
