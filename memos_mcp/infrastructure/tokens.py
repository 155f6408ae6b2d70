"""From text to index terms: letters folded by Unicode, English stemmed, scripts without spaces cut into pairs.

Pure. The same function serves memories and questions, so that what is typed is what is found; user text is never
query syntax.
"""

from __future__ import annotations

import re
import sys
import threading
import unicodedata
from datetime import datetime
from functools import cache, lru_cache

import snowballstemmer

from memos_mcp.late import late

ANALYSIS = 2
"""Version of what this module does; segments made by another version are rebuilt."""

MONTHS = (
    "january february march april may june july august september october november december"
).split()  # fmt: skip

GRAMMAR = frozenset(
    "a an the of to in on at for and or is are was were be been being do does did has have had i you he she it we they "
    "me my your his her its our their this that these those with as by from s t re ve ll d m".split()
)
"""Words that carry grammar, not content: indexed nowhere."""
ASKING = frozenset(
    "what which who whom whose when where why how can could would should will shall may might please tell".split()
)
"""Words that make a question."""
# Chinese, Japanese, Korean, Thai, Lao, Tibetan, Myanmar, Khmer.
_UNSPACED = (
    "\u0e00-\u0eff\u0f00-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
    "\U00020000-\U0003ffff"
)
_ASCII = late(r"[a-z0-9]+")
_ISO_DATE = late(r"\b(\d{4})-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])(?!\d)")
_ACCENT = late("[\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u0640\u064b-\u0655\u0670]+")
_PROPER = late(r"(?<=[\w,;] )(?:May|Will|March)\b")


def terms(text: str) -> list[str]:
    """Index terms of a text, in order, repeats kept. Cost: about 4 µs for 30 English words."""
    return _terms(text, asked=False)


def _terms(text: str, *, asked: bool) -> list[str]:
    if "-" in text:
        text = _ISO_DATE.sub(_spelled, text)
    if not text.isascii():
        return _unicode_terms(text, asked)
    return [_stem(w) for w in _ASCII.findall(text.lower()) if w not in GRAMMAR]


def question_terms(question: str) -> list[str]:
    """Distinct terms to look for, in order; the words that only make it a question are dropped if others remain."""
    names = {_stem(name.lower()) for name in _PROPER.findall(question)}
    found = list(dict.fromkeys(_terms(question, asked=True)))
    return [t for t in found if t in names or t not in _ASKING] or found


def date_terms(moment: datetime) -> list[str]:
    """Year, month and day as they are said."""
    return [str(moment.year), _stem(MONTHS[moment.month - 1]), str(moment.day)]


def _spelled(date: re.Match[str]) -> str:
    year, month, day = date.groups()
    return f"{year} {MONTHS[int(month) - 1]} {int(day)}"


class _Porter(threading.local):
    """A stemmer for each thread: it keeps the word that it works on."""

    def __init__(self) -> None:
        self.stem = snowballstemmer.stemmer("porter").stemWord


_porter = _Porter()

# Every ending that some step of Porter's algorithm takes off or changes; other words are their own stem, and asking
# the library (17 µs) for them would be half the cost of a first import.
_STEMMED = late(r".*(?:[eisy]|ed|ing|al|ul|ll|er|or|ic|ant|ent|ion|ism|ou)")


@lru_cache(maxsize=100_000)
def _stem(word: str) -> str:
    return sys.intern(_porter.stem(word) if len(word) > 2 and word.isalpha() and _STEMMED.fullmatch(word) else word)


# Kept in memories ("May", "Will"), dropped from questions unless written as a name.
_ASKING = frozenset(map(_stem, ASKING))


def _unicode_terms(text: str, asked: bool) -> list[str]:
    plain = unicodedata.normalize("NFD", unicodedata.normalize("NFKC", text).casefold())
    plain = unicodedata.normalize("NFC", _ACCENT.sub("", plain))
    found: list[str] = []
    for run in _runs().finditer(plain):
        word = run.group()
        if run.lastgroup == "unspaced":
            found += _pairs(word, asked)
        elif word.isascii():
            found += [_stem(word)] if word not in GRAMMAR else []
        else:
            found.append(sys.intern(word))
    return found


def _pairs(run: str, asked: bool) -> list[str]:
    """Overlapping pairs; single characters are kept in memories for questions of one character."""
    pairs = [run[i : i + 2] for i in range(len(run) - 1)]
    return pairs if asked and pairs else pairs + list(run)


@cache
def _runs() -> re.Pattern[str]:
    """Words with their combining marks (Indic vowel signs are no letters to `re`), or runs of unspaced script."""
    marks = "".join(chr(c) for c in range(0x300, 0x20000) if unicodedata.category(chr(c)) in ("Mn", "Mc"))
    marks = re.sub(f"[{_UNSPACED}]", "", marks)
    return re.compile(f"(?P<unspaced>[{_UNSPACED}]+)|(?P<word>(?:(?![{_UNSPACED}])[^\\W_]|[{re.escape(marks)}])+)")
