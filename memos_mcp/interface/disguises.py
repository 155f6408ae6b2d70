"""A text as it is meant to be read, whatever it is written with: for looking at it, never for keeping. Pure.

Compatibility forms are folded (NFKC), accents and invisible characters go, look-alikes in a Latin word become Latin.
What is hidden altogether (tag characters, base64, hex, percent signs, letters set apart) is read out as well.
"""

from __future__ import annotations

import re
import unicodedata
from base64 import b64decode
from binascii import Error
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote

from memos_mcp.late import late

_LONGEST = 20_000  # characters of one encoded run that are decoded
_TAG = late("[\U000e0020-\U000e007e]")  # invisible twins of ASCII; flags use them after a black flag
_LEAST_TAGS = 8  # the longest flag has six
_LOOK_ALIKE = str.maketrans(
    # What looks like Latin in Cyrillic and Greek, capitals and small letters.
    "АВЕЅІЈКМНОРСТХУаеіјѕорсухһԁԛԝ" + "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧανορικτυχ",  # noqa: RUF001
    "ABESIJKMHOPCTXYaeijsopcyxhdqw" + "ABEZHIKMNOPTYXavopiktux",
)
_FOREIGN = late(r"[^\W\d_]*[\u0370-\u052f][^\W\d_]*")
_LOOKS_ALIKE = late("[\u0370-\u052f]")
_LATIN = late("[a-zA-Z]")
_PUNCTUATION = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "„": '"', "‐": "-", "–": "-", "—": "-"})  # noqa: RUF001
_RUN = late(
    r"(?<![\w+/=-])(?:(?P<hex>(?:[0-9a-fA-F]{2}){16,})|(?P<b64>[A-Za-z0-9+/_-]{20,}={0,2}))(?![\w+/=-])"
    r"|(?P<pct>[^\s%]{0,20}(?:%[0-9a-fA-F]{2}[^\s%]{0,20}){3,})"
)
_LONG = 20  # characters that an encoded run has at least
_DIGITS_IN = late(r"[013457](?<=[a-zA-Z].)(?=[a-zA-Z])")
_LETTERS = str.maketrans("013457", "oieast")
_APART = late(r"(?<!\w)[^\W\d_](?:[ .*_-]{1,3}[^\W\d_](?!\w)){7,}")
_LEAST_APART = 8  # letters
_GAP = late(r"[ .*_-]{2,}")
_MOST_APART = 400


class Plain(NamedTuple):
    """The folded text; `places[i]` is where its character i stands in the original (None: at i)."""

    text: str
    places: list[int] | None = None

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The characters of the original that these came from."""
        if self.places is None:
            return start, end
        return self.places[start], self.places[end - 1] + 1


class Hidden(NamedTuple):
    """What characters [start, end) of a text say in another form, and which form that is."""

    start: int
    end: int
    text: str
    form: str


def plain(text: str) -> Plain:
    """The text without disguise. Cost: nothing if it is ASCII, else 0.1 µs a character."""
    if text.isascii():
        return Plain(text)
    shown_as = {letter: _shown(letter) for letter in set(text) if letter > "\x7f"}
    if all(len(shown) == 1 for shown in shown_as.values()):
        return Plain(_as_latin(text.translate(str.maketrans(shown_as))))
    letters: list[str] = []
    places: list[int] = []
    for place, letter in enumerate(text):
        shown = shown_as.get(letter, letter)
        if len(shown) == 1:
            letters.append(shown)
            places.append(place)
        else:
            letters.extend(shown)
            places.extend([place] * len(shown))
    return Plain(_as_latin("".join(letters)), places)


@lru_cache(maxsize=4096)
def _shown(letter: str) -> str:
    if unicodedata.category(letter) in ("Cf", "Cn") or "\u0300" <= letter <= "\u036f" or letter in "\u115f\u3164\ufe0f":
        return ""
    folded = unicodedata.normalize("NFKC", letter)
    if any("\u00c0" <= each <= "\u052f" or "\u1e00" <= each <= "\u1fff" for each in folded):
        parts = unicodedata.normalize("NFD", folded)
        folded = "".join(each for each in parts if not "\u0300" <= each <= "\u036f")
    return folded.translate(_PUNCTUATION)


def _as_latin(text: str) -> str:
    return _FOREIGN.sub(_latin, text) if _LOOKS_ALIKE.search(text) else text


def _latin(word: re.Match[str]) -> str:
    return word[0].translate(_LOOK_ALIKE) if _LATIN.search(word[0]) else word[0]


def hidden(text: str) -> Iterator[Hidden]:
    """What the text says in a form that takes decoding, in no order; `invisible` finds what nobody sees at all."""
    yield from _with_letters(text)
    words = text.split()
    longest = max(map(len, words), default=0)
    if longest >= _LONG:
        for run in _RUN.finditer(text):
            said = _decoded(run)
            if said:
                yield Hidden(*run.span(), said, f"{run.lastgroup} encoded")
    if longest >= 2 * _LEAST_APART - 1 or sum(len(word) == 1 for word in words) >= _LEAST_APART:
        for run in _APART.finditer(text):
            letters = _GAP.split(run[0][:_MOST_APART])
            said = " ".join("".join(filter(str.isalpha, word)) for word in letters)
            yield Hidden(*run.span(), said, "letters set apart")


def invisible(text: str) -> Hidden | None:
    """What the tag characters of a text say, if they are more than a flag has."""
    marks = [] if text.isascii() else [mark.start() for mark in _TAG.finditer(text)]
    if len(marks) < _LEAST_TAGS:
        return None
    said = "".join(chr(ord(text[at]) - 0xE0000) for at in marks)
    return Hidden(marks[0], marks[-1] + 1, said, "invisible characters")


def _with_letters(text: str) -> Iterator[Hidden]:
    places = [match.span() for match in _DIGITS_IN.finditer(text)]
    if len(places) > 1:
        yield Hidden(places[0][0] - 1, places[-1][1] + 1, text.translate(_LETTERS), "digits for letters")


def _decoded(run: re.Match[str]) -> str:
    """What the run says if it is text."""
    value = run[0][:_LONGEST]
    try:
        match run.lastgroup:
            case "pct":
                return unquote(value, errors="strict")
            case "hex":
                said = bytes.fromhex(value).decode(errors="ignore")
            case _:
                standard = value.rstrip("=").translate({45: 43, 95: 47})
                said = b64decode(standard + "=" * (-len(standard) % 4)).decode(errors="ignore")
    except (ValueError, Error):
        return ""
    said = " ".join(said.split())
    return said if said.isprintable() and " " in said else ""
