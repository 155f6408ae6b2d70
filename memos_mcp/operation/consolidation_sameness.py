"""MemOperator, consolidation: when two statements say the same, and when the new one says the same and more. Pure.

English. Words may stand in another order, and the active for the passive, where who does what stays as it is.
"""

from __future__ import annotations

from itertools import pairwise, takewhile

from memos_mcp.cube import Interval
from memos_mcp.operation.consolidation_rules import Decision, Pair, ended_before, shown, uneven
from memos_mcp.operation.statements import Reading, stems_of

_CUTS = frozenset("in on at with for from about by near during into through since until as every twice".split())


_ENDS = frozenset(
    stem for word in "instead cancel cancelled sold quit stopped left finished".split() for stem in stems_of(word)
)


def paraphrase(pair: Pair) -> Decision | None:
    """Both say the same in one way of saying it."""
    if not pair.whole or not same(pair):
        return None
    if len(pair.a.stems) + len(pair.a.when) < 2:
        return None
    return Decision("paraphrase", "both say the same of the same, in other words")


def same(pair: Pair) -> bool:
    """Whether both say the same in one way of saying it."""
    a, b = pair.a, pair.b
    one = (a.when, a.denied, a.ended, a.moved, a.past, a.reserve)
    if one != (b.when, b.denied, b.ended, b.moved, b.past, b.reserve):
        return False
    return a.words == b.words or _phrases(a, b.who) == _phrases(b, a.who)


def _phrases(reading: Reading, other: str) -> list[tuple[str, ...]]:
    """Its words, cut before each preposition and before who acts: their order tells nothing more."""
    words = _active(reading.words)
    cut = [
        0,
        *(at for at, word in enumerate(words) if at and (word in _CUTS or word in (reading.who, other))),
        len(words),
    ]
    return sorted(words[start:end] for start, end in pairwise(cut))


def _active(words: tuple[str, ...]) -> tuple[str, ...]:
    """Fixed by Ada: Ada fixed."""
    if "by" not in words or "was" not in words[: words.index("by")]:
        return words
    was, by = words.index("was"), words.index("by")
    end = next((at for at in range(by + 1, len(words)) if words[at] in _CUTS), len(words))
    if by != was + 2 or end == by + 1 or was == 0:
        return words
    return (*words[by + 1 : end], words[was + 1], *words[:was], *words[end:])


def refinement(pair: Pair) -> Decision | None:
    """The new one says what the old one says, and more."""
    a, b = pair.a, pair.b
    if a.denied != b.denied or b.ended or not b.reserve <= a.reserve or not a.reserve <= b.reserve:
        return None
    if pair.partial:
        return None
    within = 0 < len(b.when) == len(a.when) and _within(pair)
    said, more = (a.stems, b.stems) if within else (a.stems | a.when, b.stems | b.when)
    if a.past != b.past or (b.changed and not a.changed):
        return None
    if (b.stems - a.stems) & _ENDS:
        return None
    if _owners(b.text) - {*a.words} or f" {a.text.split()[-1]}'s " in b.text[1:]:
        return None
    if len(a.stems | a.when) < 2 or not said < more or a.who not in b.words or uneven(pair):
        return None
    if pair.old.speaker == pair.new.speaker or _in_order(a.line, b.line):
        return Decision("refine", f"the new one adds to it: {shown(sorted(b.stems - a.stems or b.when - a.when)[:6])}")
    return None


def _owners(text: str) -> frozenset[str]:
    """The owners that stand before the first noun that is none: my neighbour's dog."""
    return frozenset(word[:-2] for word in takewhile(lambda word: word.endswith("'s"), text.split()))


def _within(pair: Pair) -> bool:
    """Each time of the old one holds one of the new one: on Friday, on Friday at 14:00."""
    return bool(pair.old.times) and all(any(_holds(time, other) for other in pair.new.times) for time in pair.old.times)


def _holds(time: Interval, other: Interval) -> bool:
    if None in (time.start, time.end, other.start, other.end):
        return False
    return not (
        ended_before(other.end, time.start) or (ended_before(time.end, other.end) and time.end != other.end)
    ) and (other.start is not None and time.start is not None and time.start <= other.start)


def _in_order(few: tuple[str, ...], many: tuple[str, ...]) -> bool:
    rest = iter(many)
    return all(word in rest for word in few)
