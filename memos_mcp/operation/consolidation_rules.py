"""MemOperator, consolidation: the rules by which a new statement changes, denies or adds to an old one. Pure.

English. Each gives a decision, or None where it does not apply; what is in doubt stays undecided.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, get_args

from memos_mcp.late import late
from memos_mcp.operation.entity_words import REGIONS
from memos_mcp.operation.statements import Reading, Statement, stems_of

Relation = Literal["duplicate", "paraphrase", "update", "contradiction", "refine", "unrelated"]
RELATIONS: tuple[Relation, ...] = get_args(Relation)

_SOON = timedelta(days=1)  # nobody moves twice a day: said within it, two values contradict each other
_LONGEST_VALUE = 4
LONGEST = 400
"""Characters of a clause that is looked at for what it tells of an attribute, or of an end."""


@dataclass(frozen=True, slots=True)
class Decision:
    """How the new memory stands to the old one, and why, in one sentence.

    `sure`: what follows may be done without asking. `ends`: which of them an update puts an end to.
    """

    relation: Relation
    reason: str
    sure: bool = True
    ends: Literal["old", "new"] = "old"


@dataclass(frozen=True, slots=True)
class Pair:
    """Two statements, and the readings that are compared: `whole`, or of clauses; `partial`: of the old one too."""

    old: Statement
    new: Statement
    a: Reading
    b: Reading
    whole: bool = True
    partial: bool = False

    @property
    def gap(self) -> timedelta | None:
        """How much later the new one was said; None if that is not known."""
        one, other = self.old.said_at, self.new.said_at
        return None if one is None or other is None else other - one


def _any(words: str) -> str:
    """The stems of these words as alternatives of a pattern."""
    return "|".join(dict.fromkeys(stem for word in words.split() for stem in stems_of(word)))


_NOT_UNIQUE = frozenset(
    _any(
        "friend colleague coworker neighbour neighbor cousin uncle aunt student client customer patient nephew niece "
        "guest pupil member classmate teammate someone somebody people"
    ).split("|")
)
_PERSON = _any("manager boss landlord captain treasurer chair chairman president director spouse partner")
_AMOUNT = _any("age height weight rent price budget salary")
_CODE = _any("address email mail password")
_MOSTLY_ONE = _any(
    "name teacher doctor dentist supplier trainer therapist size version leader owner title phone editor coach tutor "
    "goal bank insurer job office car"
)
_HAS_ONE = late(
    rf" (?:(?P<amount>(?:{_AMOUNT}) be)|(?P<code>(?:{_CODE}|{_any('phone')} number) be)"
    rf"|(?P<name>(?:{_PERSON}) be|live in|work at)|(?P<any>{_any('favourite')} \S+ be|role (?:{_PERSON}) .* be)) $"
)
_CAN_CHANGE = late(
    rf" (?:{_any('drive use study')}|run on|(?:{_MOSTLY_ONE}) be"
    rf"|role (?:{_MOSTLY_ONE}) .* be) $"
)
_FOR_EVER = late(
    rf" (?:{_any('birthday')} be|was {_any('born')} in|(?:{_any('birth maiden')}) {_any('name')} be"
    rf"|blood (?:type|group) be|{_any('birthplace')} be|mother {_any('tongue')} be) "
)
_ONCE = late(
    rf" was (?:{_any('built found founded born completed established published invented discovered')}"
    rf"|{_any('written painted composed directed')}) "
    rf"| (?:{_any('finished died graduated completed established published invented married retired')}|take place) "
)
_NOT_A_VALUE = frozenset("in on at with near during for from by until befor after when while too not".split())
_COUNTED = late(rf" (?:have|{_any('cost weigh smoke drink run eat earn own work take pay measure sleep')}) ")
_VERB = late(rf" (?:be|have|{_any('cost weigh start open wake last measure rehearse cover charge meet pay')}) ")
_AT = late(
    rf" (?:be|be (?:at|on|about|in)|{_any('cost weigh measure')}|(?:{_any('start open wake meet get')}) (?:up )?at) $"
)
_IS_NOW = late(r" (?:be(?: in| on| at)?|run on) $")
_DEPARTS = late(rf" (?:{_any('leave depart arrive land close end finish board')}) at $")
_STATES = tuple(
    frozenset(_any(group).split("|"))
    for group in (
        "open closed", "single engaged married divorced widowed", "broken repaired fixed", "alive dead",
        "succeeded failed", "online offline", "enabled disabled", "pending approved rejected", "full empty",
        "employed unemployed retired", "locked unlocked", "available unavailable", "awake asleep", "won lost",
        "healthy ill", "active inactive",
    )
)  # fmt: skip
_OF_A_HABIT = late(rf"(?<= )(?:\S*\d\S*|\0\S+|{_any('cigarettes cigars pack day week daily every work')}|by|to|a) ")
_CONSUMES = frozenset(_any("drink eat smoke play use take").split("|"))
_NARROWS_NOT = frozenset(
    _any("because since last longer anymore complete completely altogether good forever year month week day").split("|")
)
_NO_TOWN = "as during to with for by while who group team plan phase stage level page row seat gate room block floor"
_NO_NAME = frozenset(_any(" ".join((_NO_TOWN, *REGIONS))).split("|"))  # a town and its country do not contradict
_SAYS_IT_ALL = frozenset(_any("smoke vape commute").split("|"))
_FROM_TO = late(r" (?:switched|changed|moved|upgraded|migrated) (?:(?!from )(.+?) )?from (.+?) to (.+?) $")
_WAS_THERE = late(r" was (?:in|at) $")
_IN_CODE = late("[\\d@]")
_THE = late(r" at the (\S+)")
_PEOPLE = late(rf" (?:{_PERSON}) be $")
_OF_A_COUNTRY = late("(?:ian|ean|can|es|sh|ch|thai|greek|german|swiss|czech)$")  # a Russian boss is no new boss
_NUMBER = late(r"\d")


def ended_before(end: datetime | None, start: datetime | None) -> bool:
    """Whether one time is over when another starts."""
    return end is not None and start is not None and end <= start


def _end(pair: Pair) -> Decision | None:
    """No longer, stopped, not any more: what it names was so, and is over."""
    a, b = pair.a, pair.b
    if not (b.ended or (b.changed and b.denied)) or a.ended or a.past or uneven(pair) or goes_back(pair):
        return None
    if b.ended and b.denied == a.denied:
        return None
    named = b.stems - {a.who, "job"}
    if not named or a.who not in b.words or not _same_owner(a, b) or not (named <= a.stems or a.stems <= b.stems):
        return None
    if named <= _SAYS_IT_ALL and _OF_A_HABIT.sub("", f" {' '.join(a.line[2:])} ").strip():
        return None
    if len(named) == 1 and not (
        named in (a.stems - {a.who}, a.stems - {a.who} - _CONSUMES) or named <= _SAYS_IT_ALL
    ):  # run a bakery, no longer run
        return None
    if named - a.stems - _NARROWS_NOT or any(day.startswith("\0w") for day in b.when - a.when):
        return None  # red meat, not meat
    sure = not compound(pair) and ("and" in a.words or "and" not in b.words)
    return Decision("update", "the new one says that what the old one says is over", sure)


def _denial(pair: Pair) -> Decision | None:
    a, b = pair.a, pair.b
    if not _alike_but_for_a_number(a, b) or a.denied == b.denied or a.past != b.past or uneven(pair):
        return None
    if b.changed and any(day.startswith("\0w") for day in b.when - a.when):
        return None
    if b.changed and not goes_back(pair):
        return Decision("update", "the new one says that it changed", not compound(pair))
    if a.when and b.when and a.when != b.when:
        return None
    return Decision("contradiction", "one denies what the other says, and neither says that it changed")


def _alike_but_for_a_number(a: Reading, b: Reading) -> bool:
    """No brothers, two brothers."""
    if a.line == b.line:
        return True
    none, some = (a, b) if a.denied else (b, a)
    number = next((word for word in some.line if word.isdecimal()), "")
    return bool(number) and none.line == tuple(word for word in some.line if word != number)


def _switched(pair: Pair) -> Decision | None:
    """Switched something from one to another: the old one names the first."""
    found = _FROM_TO.search(f" {pair.new.normal} ")
    if found is None or uneven(pair) or goes_back(pair) or pair.a.denied or pair.a.who not in pair.b.words:
        return None
    what, one, other = (
        frozenset(s for word in (part or "").split() for s in stems_of(word)) for part in found.groups()
    )
    known = frozenset(pair.a.line)
    lives = "moved" in found[0] and " live in " in f" {' '.join(pair.a.line)} "
    if one <= known and not other <= known and (lives if not what else bool(what & known)):
        return Decision("update", "the new one says from what to what it changed", not compound(pair))
    return None


def _never(pair: Pair) -> Decision | None:
    a, b = pair.a, pair.b
    if a.never == b.never or a.denied == b.denied or uneven(pair):
        return None
    (none, _), (some, told) = ((a, pair.old), (b, pair.new)) if a.never else ((b, pair.new), (a, pair.old))
    core = none.stems - {none.who, "ever", "befor", "no"}
    if not core or none.who not in some.words or not core <= some.stems or not (some.past or some.when):
        return None
    since = [time.start for time in told.times if time.start is not None]
    if a.never and pair.old.said_at is not None and since and min(since) >= pair.old.said_at:
        return Decision("update", "what had never happened has happened since", not compound(pair))
    return Decision("contradiction", "one says that it never happened, the other that it did")


def _value(pair: Pair) -> Decision | None:
    """The same is said of the same, but for one value: a place, a number, a time."""
    a, b = pair.a, pair.b
    if a.denied or b.denied or a.ended or b.ended or uneven(pair) or _NOT_UNIQUE & a.stems & b.stems:
        return None
    if " of " in a.text and re.match(" (?:1|some|most|many|any) of ", a.text):
        return None
    frame = _frame(a, b)
    if frame is None:
        return None
    before, one, other = frame
    if not one and not other:
        return _time(pair, before)
    if not one or not other or max(len(one), len(other)) > _LONGEST_VALUE or a.when != b.when:
        return None
    return _other_value(pair, before, one, other)


def _other_value(pair: Pair, before: str, one: tuple[str, ...], other: tuple[str, ...]) -> Decision | None:
    a, b = pair.a, pair.b
    values = f"{shown(one)}, then {shown(other)}"
    if _FOR_EVER.search(before):
        return Decision("contradiction", f"it cannot change, and is told in two ways: {values}")
    if _state(one, other) and _VERB.search(before):
        return later(pair, f"it is in another state: {values}")
    if a.past or b.past:
        return _happened(pair, before, values)
    if _CAN_CHANGE.search(before) and b.changed and a.some == b.some and not _NOT_A_VALUE & {*one, *other}:
        return later(pair, f"the new one says that it changed: {values}")
    if a.some or b.some:
        return None
    if _has_one(pair, before, one, other) or _is_amount(pair, before, one, other):
        return later(pair, f"it has one value at a time: {values}")
    if _DEPARTS.search(before) and _numbers(one, other) and (b.changed or pair.gap is None or abs(pair.gap) < _SOON):
        found = later(pair, f"it is at another time: {values}")  # of two trains, each may be right
        return Decision(found.relation, found.reason, False, found.ends)
    if (
        b.changed
        and not goes_back(pair)
        and max(len(one), len(other)) <= 2
        and (_IS_NOW.search(before) or _numbers(one, other))
    ):
        return Decision("update", f"the new one says that it changed: {values}", False)
    return None


def _has_one(pair: Pair, before: str, one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Whoever has it has one at a time, and both are values of it: a name, a number, no manner (at night)."""
    found = _HAS_ONE.search(before)
    if found is None or _NOT_A_VALUE & {*one, *other}:
        return False
    if found["name"]:
        belongs = _PEOPLE.search(before) and any(_OF_A_COUNTRY.search(word) for word in (*one, *other))
        return not belongs and plain_name(pair.old, pair.a, one) and plain_name(pair.new, pair.b, other)
    if found["amount"]:
        return _numbers(one[:1], other[:1])
    return bool(found["any"]) or all(any(_IN_CODE.search(word) for word in words) for words in (one, other))


def plain_name(statement: Statement, reading: Reading, words: tuple[str, ...]) -> bool:
    """A name and no more: no owner, no country for a town, no group, nothing that tells how or when."""
    if _NO_NAME & {*words} or any("'" in word or f" {word}'s " in reading.text for word in words):
        return False
    return _named(statement, words)


def _named(statement: Statement, words: tuple[str, ...]) -> bool:
    """With a capital, or *the*: the library."""
    named = any(stem in words for name in statement.names for stem in stems_of(name))
    return named or any(stems_of(noun)[0] in words[:1] for noun in _THE.findall(statement.normal))


def _is_amount(pair: Pair, before: str, one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """A number of something, or what it is: not one that tells apart (bus 14)."""
    if not _numbers(one, other):
        return False
    ends = pair.a.line[-1] in one
    if ends:
        return _AT.search(before) is not None or (pair.b.changed and _VERB.search(before) is not None)
    return _VERB.search(before) is not None or _COUNTED.search(before) is not None


def _time(pair: Pair, before: str) -> Decision | None:
    a, b = pair.a, pair.b
    if len(a.when) != len(b.when) or a.some or b.some:
        return None
    if _FOR_EVER.search(before):
        return Decision("contradiction", "it has one date for ever, and is told with two")
    if a.past or b.past:
        return _happened(pair, before, "on two dates")
    if (
        not b.changed
        and pair.new.said_at is not None
        and any(ended_before(t.end, pair.new.said_at) for t in pair.old.times)
    ):
        return None
    habits = all(word.startswith("\0w") for word in a.when | b.when)
    if b.changed or (not habits and re.search(r" be (?:at .*|on )?$", before)):
        return later(pair, "it is at another time")
    return None


def _happened(pair: Pair, before: str, values: str) -> Decision | None:
    at_once = pair.a.when and pair.a.when == pair.b.when
    if (_ONCE.search(before) and not pair.a.some) or (at_once and _WAS_THERE.search(before)):
        return Decision("contradiction", f"it happened once, and is told in two ways: {values}")
    return None


def later(pair: Pair, reason: str) -> Decision:
    """An update if time or a word of change lies between the two, else a contradiction."""
    gap = pair.gap
    if pair.b.changed and (gap is None or gap >= timedelta(0)):
        return Decision("update", reason, not compound(pair))
    if gap is None or abs(gap) < _SOON:
        return Decision("contradiction", f"{reason}; both were said at about the same time")
    if at_once := pair.a.when & pair.b.when:
        return Decision("contradiction", f"{reason}; both speak of the same time", bool(at_once))
    return Decision("update", reason, not compound(pair), "old" if gap > timedelta(0) else "new")


def _frame(a: Reading, b: Reading) -> tuple[str, tuple[str, ...], tuple[str, ...]] | None:
    """What both begin with, and the one passage in which they differ; None if they begin with nothing in common."""
    one, other = a.line, b.line
    start = 0
    while start < min(len(one), len(other)) and one[start] == other[start]:
        start += 1
    end = 0
    while end < min(len(one), len(other)) - start and one[-1 - end] == other[-1 - end]:
        end += 1
    if not start:
        return None
    return f" {' '.join(one[:start])} ", one[start : len(one) - end], other[start : len(other) - end]


def uneven(pair: Pair) -> bool:
    """One says it with a reserve (might, wants to, if), the other without."""
    return pair.a.reserve != pair.b.reserve


def goes_back(pair: Pair) -> bool:
    """The new one was said before the old one."""
    return pair.gap is not None and pair.gap < timedelta(0)


def compound(pair: Pair) -> bool:
    """The old one says more than one thing, greetings apart: not all of it ends with one of them."""
    return sum(clause.count(" ") > 1 for clause in pair.old.clauses) > 1 or "and" in pair.a.words


def _same_owner(a: Reading, b: Reading) -> bool:
    """Neither speaks of what belongs to the one whom the other speaks of: I smoke, my uncle."""
    one, other = (f"{each.text.split(' ', 2)[1:2]}".find("'s") >= 0 for each in (a, b))
    return one == other or not (one or other)


def _state(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    plain = len(other) == 1 and (len(one) == 1 or one[1] == "for")
    return plain and any({one[0], other[0]} <= group for group in _STATES)


def _numbers(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    return len(one) == len(other) and all(_NUMBER.search(word) for word in (*one, *other))


def numbers_of(reading: Reading) -> list[str]:
    """The words with a digit, in order."""
    return sorted(word for word in reading.words if _NUMBER.search(word))


def shown(words: tuple[str, ...] | list[str]) -> str:
    """Words as a reason has them."""
    return " ".join(words).replace("\0", "")


RULES: tuple[Callable[[Pair], Decision | None], ...] = (
    _end,
    _denial,
    _switched,
    _never,
    _value,
)
"""The most certain first; the first that decides counts."""
