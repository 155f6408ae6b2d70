"""Patterns that a user names: only such as can be matched in bounded time against any text. Pure.

No clock watches a match. A pattern is read before it is compiled, and the ways in which it can be tried at one place
of a text are counted: 1 for a character, the product of what follows each other, the sum of alternatives and of the
lengths a repetition may have. A backtracking matcher tries each way at most once, and a way has at most 512 characters;
what could take more than 5,000 ways, and what has no upper limit (`*`, `+`, `{3,}`), is refused.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from memos_mcp.errors import InvalidInput
from memos_mcp.late import late

MOST_PATTERNS = 32
LONGEST = 200
WAYS = 5_000
_MOST_REPEATS = 256
_CUT = 10**9  # counts go no further
_LEAST, _MOST = 2, 512
_NAME = late(r"[A-Z][A-Z0-9_]{1,31}")
_ATOM = late(
    r"\\(?P<edge>[bBAZ])|\\[dDwWsS]|\\[nrtfv]|\\x[0-9A-Fa-f]{2}|\\u[0-9A-Fa-f]{4}|\\[^\w]|\[\^?\]?(?:\\.|(?!--|&&|~~|\|\|)[^\[\]\\])*\]"
    r"|(?P<anchor>[$^])|[^\\()\[\]{}|*+?]"
)
_REPEAT = late(r"\{(\d{1,4})(?:(,)(\d{0,4}))?\}|[?*+]")
_GROUP = late(r"\((?:\?(?:P<value>|:|(?P<look><?[=!])))?(?!\?)")
_FLAGS = late(r"\(\?i\)")


def bounded_pattern(name: str, pattern: str) -> re.Pattern[str]:
    """The pattern, compiled. A group `(?P<value>…)` is the value if there is one, else the whole match.

    Raises InvalidInput, which says what to write instead, for a name that is none and for a pattern that is too long,
    may take too many ways, or matches less than two characters.
    """
    if not _NAME.fullmatch(name):
        raise InvalidInput(f"{name!r} names no class: write capitals, digits and _, such as EMPLOYEE")
    if not 0 < len(pattern) <= LONGEST:
        raise InvalidInput(f"the pattern of {name} has {len(pattern)} characters; write one of 1 to {LONGEST}")
    flags = _FLAGS.match(pattern)
    reading = _Reading(name, pattern, flags.end() if flags else 0)
    ways, least, most = reading.alternatives()
    if reading.at < len(pattern):
        raise reading.refused("closes a group that was not opened")
    if ways > WAYS:
        raise InvalidInput(
            f"the pattern of {name} could be tried in {ways:,} ways at each place, more than {WAYS:,}: "
            "give its repetitions narrower limits, such as {4,8} for {0,50}"
        )
    if least < _LEAST or most > _MOST:
        raise InvalidInput(
            f"the pattern of {name} matches {least} to {most:,} characters; write one for {_LEAST} to {_MOST}"
        )
    try:
        return re.compile(pattern)
    except re.error as exc:
        raise InvalidInput(f"the pattern of {name} is no regular expression: {exc}") from exc


class _Count(NamedTuple):
    """In how many ways a part of a pattern can be tried, and how many characters it matches."""

    ways: int = 1
    least: int = 0
    most: int = 0

    def then(self, other: _Count) -> _Count:
        return _Count(self.ways * other.ways, self.least + other.least, self.most + other.most).cut()

    def otherwise(self, other: _Count) -> _Count:
        return _Count(self.ways + other.ways, min(self.least, other.least), max(self.most, other.most)).cut()

    def times(self, low: int, high: int) -> _Count:
        ways, power = 0, 1
        for number in range(high + 1):
            ways += power if number >= low else 0
            power = min(power * self.ways, _CUT)
        return _Count(ways, self.least * low, self.most * high).cut()

    def cut(self) -> _Count:
        return _Count(min(self.ways, _CUT), self.least, min(self.most, _CUT))


class _Reading:
    """How far a pattern was read; each method counts what it read."""

    def __init__(self, name: str, pattern: str, at: int) -> None:
        self._name = name
        self._pattern = pattern
        self.at: int = at

    def alternatives(self) -> _Count:
        count = self._row()
        while self._pattern[self.at : self.at + 1] == "|":
            self.at += 1
            count = count.otherwise(self._row())
        return count

    def refused(self, what: str) -> InvalidInput:
        rest = self._pattern[self.at : self.at + 12]
        return InvalidInput(f"the pattern of {self._name}: {rest!r} {what}")

    def _row(self) -> _Count:
        count = _Count()
        while self.at < len(self._pattern) and self._pattern[self.at] not in "|)":
            count = count.then(self._repeated(self._item()))
        return count

    def _item(self) -> _Count:
        if self._pattern[self.at] == "(":
            return self._group()
        atom = _ATOM.match(self._pattern, self.at)
        if atom is None:
            raise self.refused("is not taken here: write characters, classes, groups (?:…) and {m,n}")
        self.at = atom.end()
        return _Count() if atom["edge"] or atom["anchor"] else _Count(1, 1, 1)

    def _group(self) -> _Count:
        opened = _GROUP.match(self._pattern, self.at)
        if opened is None:
            raise self.refused("is not taken: groups are (…), (?:…), (?P<value>…), (?=…), (?!…), (?<=…) and (?<!…)")
        self.at = opened.end()
        inside = self.alternatives()
        if self._pattern[self.at : self.at + 1] != ")":
            raise self.refused("lacks the ) of a group")
        self.at += 1
        return inside._replace(ways=inside.ways + 1, least=0) if opened["look"] else inside

    def _repeated(self, count: _Count) -> _Count:
        repeat = _REPEAT.match(self._pattern, self.at)
        if repeat is None:
            return count
        low, high = self._limits(repeat)
        self.at = repeat.end()
        if _REPEAT.match(self._pattern, self.at):
            raise self.refused("repeats a repetition: put one of them into a group, or leave it out")
        return count.times(low, high)

    def _limits(self, repeat: re.Match[str]) -> tuple[int, int]:
        if repeat[0] == "?":
            return 0, 1
        if repeat[1] is None or (repeat[2] and not repeat[3]):
            raise self.refused("has no upper limit: write one, such as {1,20}")
        low = int(repeat[1])
        high = int(repeat[3]) if repeat[2] else low
        if not low <= high <= _MOST_REPEATS:
            raise self.refused(f"repeats too often or backwards: write {{m,n}} with m ≤ n ≤ {_MOST_REPEATS}")
        return low, high
