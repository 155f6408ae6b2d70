"""A sentence made to stand alone: what it refers to in the turns before it is written out. Pure, English.

Two ways. A fragment ("and on Saturday?", "what about her sister?") fills a slot of the question before it. In a whole
sentence pronouns, "there" and "the two" give way to what they stand for, the nearest turn first. What has no certain
reading stays as it was said.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from memos_mcp.interface.commands import is_request
from memos_mcp.interface.mentions import Mention, mentions_in, things_in
from memos_mcp.interface.times import found_in
from memos_mcp.search import Turn

_NEAR = 2  # turns in which "my aunt" is a likelier "she" than a name of which nobody knows
LONGEST = 2_000  # characters that are read of what was said
_MOST_TURNS = 12  # what was said longer ago is not referred to by a pronoun

_FRAGMENT = re.compile(
    r"^(?:(?:and|but|ok(?:ay)?|so|then|or)[, ]+)*(?:(?:what|how) about |what of )?(?P<rest>[^?!.]{1,60})[?.! ]*$",
    re.IGNORECASE,
)
_MARKED = re.compile(r"^(?:(?:and|but|ok(?:ay)?|so|then|or)[, ]|(?:what|how) about |what of )", re.IGNORECASE)
_ABOUT = re.compile(r"^(?:(?:and|but|ok(?:ay)?|so|then|or)[, ]+)*(?:what|how) about |what of ", re.IGNORECASE)
_ASKS_ONLY = re.compile(
    r"^(?:and |but )?(?P<how>(?:since |until |from )?when|why|where|with whom|who with|how (?:often|long"
    r"|much|many|so)|how"
    r"|for how long|what for|at what time)\??$",
    re.IGNORECASE,
)
_ASKED = re.compile(
    r"^(?:since when|how (?:often|long|much|many(?: \w+)?)|what time|what|when|where|why|how|who) (?=\w)", re.IGNORECASE
)
_QUESTION_WORD = re.compile(r"(?:who|whom|whose|what|which|where|when|why|how|it|i|we|he|she|they)\b", re.IGNORECASE)
_HAS_A_VERB = re.compile(
    r"\b(?:is|are|was|were|do|does|did|has|have|had|will|would|can|could|should|shall|may|might|must|tell"
    r"|say|give|show|list"
    r"|count|find|summari[sz]e|remember|forget|delete|remove|note|make|change|update|compare|remind)\b",
    re.IGNORECASE,
)
_PREPOSITION = re.compile(r"^(?:in|on|at|during|from|for|with|to|of|by|after|before|about|near) ", re.IGNORECASE)
_NEXT_TO = re.compile(r"the (?:day|week|weekend|month|year) (?:before|after)$", re.IGNORECASE)
_RELATIVE = re.compile(r"(?:last|this|next|today|yesterday|tomorrow|the)\b", re.IGNORECASE)
_CLOCK_ALONE = re.compile(r"\d{1,2}$")
_BEFORE = re.compile(r"\b(?:in|on|at|during|from|for|with|to|of|by|about|near) (?:the )?$", re.IGNORECASE)
_PRONOUN = re.compile(
    r"\b(?P<she>she|hers|her)\b|\b(?P<he>he|his|him)\b|\b(?P<they>they|theirs|their|them)\b|\b(?P<it>its"
    r"|it)(?!['’]s \w+ing\b)\b"
    r"|\b(?P<there>there)\b(?! (?:is|are|was|were|be|any|a)\b)|\b(?P<two>(?:of )?the two|which one|which of them)\b"
    r"|\b(?P<that>that|this)(?= ?(?:please\b|for me\b|in \w+ \w+|[,.!?]|$))",
    re.IGNORECASE,
)
_IS_OBJECT = re.compile(r"\b(?:forget|delete|remove|change|update|correct|remember|note|save|erase) $", re.IGNORECASE)
_FREE_AFTER_HER = re.compile(
    r"^(?:$|[^\w\s]|\s+(?:to|in|on|at|for|about|from|with|again|last|and|or|when|before|after|that|a|an"
    r"|the|my|me|please"
    r"|yesterday|today|tomorrow|back|there|now)\b|\s*$)",
    re.IGNORECASE,
)
_GOES = re.compile(
    r"\b(?:get|go|goes|went|fly|flew|travel|drive|drove|move|moved|come|came|walk|cycle) $", re.IGNORECASE
)
_BARE_PLACE = re.compile(r"\b(?:is|are|was|were|been) there (?:a|an|any|no|some)\b", re.IGNORECASE)
_SHORT = 5  # words of an answer that is nothing but a name
_ASKS_WHERE = re.compile(r"(?:and |so )?(?:where|which|what) ", re.IGNORECASE)
_IS_SUMMED_UP = re.compile(r"\b(?:summari[sz]e|recap|sum|repeat|explain|describe) (?:all of )?$", re.IGNORECASE)
_TELL_ME = re.compile(r"^(?:(?:please|can you|could you) )*(?:tell|remind|show) me (?:about )?", re.IGNORECASE)
_TIME_IS = re.compile(r"\b(?:what (?:time|day|date)|how (?:late|far|long)) (?:is|was|does) $", re.IGNORECASE)
_WEATHER = re.compile(
    r"it (?:rain|snow|cold|warm|hot|late|early|dark|windy|worth|safe|possible|important|necessary)", re.IGNORECASE
)
_STANDS_FOR_NOTHING = re.compile(
    r"it(?:['’]s| is| was| seems| looks) (?:rain|snow|cold|warm|hot|late|early|dark|time|like|true|that"
    r"|\w+ (?:that|to)\b)",
    re.IGNORECASE,
)
_PAIR = re.compile(r"^(?:,? and |, )(?:the )?$")
_IS_DONE_WITH = re.compile(r"^(?:please )?(?:can you |could you )?(?:forget|delete|remove|erase)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Rewritten:
    """The sentence as it stands alone, and for each piece that was written out what stood there and what for it."""

    text: str
    filled: tuple[tuple[str, str], ...] = ()


def alone(text: str, turns: Sequence[Turn] = (), *, now: datetime, people: Collection[str] = ()) -> Rewritten:
    """The sentence that needs no other; one of more than 2,000 characters stays as it is.

    Of earlier turns the last dozen count, of each its first 2,000 characters. Never raises. Cost: 100 µs a turn.
    """
    before: list[Turn] = []
    for turn in turns[-_MOST_TURNS:]:
        said = turn.text[:LONGEST]
        before.append(Turn(_alone(said, before, now, people).text if turn.by_user else said, turn.by_user))
    return _alone(text, before, now, people) if len(text) <= LONGEST else Rewritten(text)


def _alone(text: str, before: Sequence[Turn], now: datetime, people: Collection[str]) -> Rewritten:
    if not before:
        return Rewritten(text)
    base = next((turn.text for turn in reversed(before) if turn.by_user and is_request(turn.text)), "")
    if base and (found := _filled(text, base, before, now, people)):
        return Rewritten(found, ((text, found),))
    return _resolved(text, before, now, people)


# --- fragments: a slot of the question before ------------------------------------------------------------------------


def _filled(text: str, base: str, before: Sequence[Turn], now: datetime, people: Collection[str]) -> str | None:
    if asks := _ASKS_ONLY.match(text.strip()):
        return f"{asks['how'].capitalize()} {_ASKED.sub('', base, count=1)}" if _ASKED.match(base) else None
    found = _FRAGMENT.match(text.strip())
    if (
        not found
        or _HAS_A_VERB.search(found["rest"])
        or _QUESTION_WORD.match(found["rest"])
        or not (_MARKED.match(text) or base.rstrip().endswith("?"))
    ):
        return None
    rest = _resolved(found["rest"].strip(), before, now, people).text
    if _NEXT_TO.match(rest):
        return _with_time(base, rest, now, step=True)
    times = [each.span for each in found_in(rest, now) or found_in(f"in {rest}", now) if not _CLOCK_ALONE.match(rest)]
    if times:
        return _with_time(base, rest, now)
    named = mentions_in(f"and {rest}", people=people)
    if not named and (again := _with_phrase(base, rest)):
        return again
    if named or _MARKED.match(text):
        return _with_one(base, rest, named, now, people) if named else _with_thing(base, rest, text)
    return None


def _with_time(base: str, rest: str, now: datetime, *, step: bool = False) -> str:
    spans = [each.span for each in found_in(base, now)]
    if not spans:
        return f"{base.rstrip(' ?.!')} {rest}{_mark(base)}"
    start, end = spans[-1]
    if step:  # the week before last week
        rest = f"{rest} {base[start:end]}"
    if (led := _PREPOSITION.match(base[start:end])) and not _PREPOSITION.match(rest) and not _RELATIVE.match(rest):
        start += led.end()
    if _PREPOSITION.match(rest) and (said := _BEFORE.search(base[:start])):
        start = said.start()
    return base[:start] + rest + base[end:]


def _with_phrase(base: str, rest: str) -> str | None:
    """The question again, with another "about the chimney"."""
    led = _PREPOSITION.match(rest)
    old = re.search(rf"\b{re.escape(led[0])}[^?.!,]+", base, re.IGNORECASE) if led else None
    return base[: old.start()] + rest + base[old.end() :] if old else None


def _with_one(base: str, rest: str, named: Sequence[Mention], now: datetime, people: Collection[str]) -> str:
    """The question again, of somebody else: of the first of the same sort."""
    spans = [each.span for each in found_in(base, now)]
    old = mentions_in(base, people=people, times=spans)
    alike = [each for each in old if (each.sort == "place") == (named[0].sort == "place")] or old
    if not alike:
        return f"{base.rstrip(' ?.!')}, {rest}{_mark(base)}"
    out = alike[0]
    new = rest
    if _PREPOSITION.match(rest) and _BEFORE.search(base[: out.start]):
        new = _PREPOSITION.sub("", rest)
    start = out.start
    owner = [a for a, b in pairwise(old) if b is out and base[a.end : b.start] in ("'s ", "’s ")]
    start = owner[0].start if owner else start
    ends = base[out.end :]
    if new.endswith(("'s", "’s")) and ends.startswith(("'s", "’s")):
        ends = ends[2:]
    return base[:start] + new + ends


def _with_thing(base: str, rest: str, text: str) -> str | None:
    things = things_in(base)
    if not things or not _ABOUT.match(text) or len(rest.split()) > 6:
        return None
    return base[: things[0].start] + rest + base[things[0].end :]


def _mark(base: str) -> str:
    return "?" if base.rstrip().endswith("?") else ""


# --- pronouns --------------------------------------------------------------------------------------------------------


def _resolved(text: str, before: Sequence[Turn], now: datetime, people: Collection[str]) -> Rewritten:
    own = mentions_in(text, people=people)
    out: list[str] = []
    filled: list[tuple[str, str]] = []
    place = 0
    for found in _PRONOUN.finditer(text):
        kind = found.lastgroup or ""
        if kind in ("she", "he", "they") and any(each.sort != "place" and each.end <= found.start() for each in own):
            continue
        new = _READINGS[kind](found, before, now, people)
        if new is None:
            continue
        out += [text[place : found.start()], new]
        filled.append((found[0], new))
        place = found.end()
    out.append(text[place:])
    return Rewritten("".join(out), tuple(filled))


_Reading = Callable[["re.Match[str]", Sequence[Turn], datetime, Collection[str]], "str | None"]


def _person(found: re.Match[str], before: Sequence[Turn], now: datetime, people: Collection[str]) -> str | None:
    pronoun = found.lastgroup or ""
    may = [each for turn in reversed(before) for each in _mentions(turn, now, people) if each.may_be(pronoun)]
    near = [each for turn in before[-_NEAR:] for each in _mentions(turn, now, people) if each.is_certainly(pronoun)]
    return _as(found, (near[-1:] or may)[0].phrase) if may else None


def _several(found: re.Match[str], before: Sequence[Turn], now: datetime, people: Collection[str]) -> str | None:
    for turn in reversed(before):
        mentions = _mentions(turn, now, people)
        pairs = [(a, b) for a, b in pairwise(mentions) if _PAIR.match(turn.text[a.end : b.start])]
        if pairs:
            first, second = pairs[0]
            return _as(found, f"{first.phrase} and {second.phrase}")
        many = [each for each in mentions if each.many] or [each for each in mentions if " " in each.name] or mentions
        if many:
            return _as(found, many[0].phrase)
    return None


def _thing(found: re.Match[str], before: Sequence[Turn], now: datetime, people: Collection[str]) -> str | None:
    if _IS_DONE_WITH.match(found.string):
        return _statement(found, before)
    if _IS_SUMMED_UP.search(found.string[: found.start()]):
        return _matter(before)
    if (
        _STANDS_FOR_NOTHING.match(found.string, found.start())
        or _WEATHER.match(found.string, found.start())
        or _TIME_IS.search(found.string[: found.start()])
    ):
        return None
    if name := _named_in_answer(before, now, people):
        return _as(found, name)
    things = [each for turn in reversed(before) for each in things_in(turn.text)]
    best = sorted(things, key=lambda thing: thing.sort == "place")  # the place of a deed only if nothing else was named
    return _as(found, best[0].phrase) if best else None


def _named_in_answer(before: Sequence[Turn], now: datetime, people: Collection[str]) -> str | None:
    """The place that was the whole answer to where or which: "At Hotel Vander"."""
    if len(before) < 2 or before[-1].by_user or len(before[-1].text.split()) > _SHORT:
        return None
    if not _ASKS_WHERE.match(before[-2].text):
        return None
    return next((each.name for each in _mentions(before[-1], now, people) if each.sort == "place"), None)


def _matter(before: Sequence[Turn]) -> str | None:
    """What the last question was about, as a clause."""
    asked = next((turn.text for turn in reversed(before) if turn.by_user), "").strip().rstrip("?.!")
    clause = _TELL_ME.sub("", asked)
    return clause[0].lower() + clause[1:] if clause and clause != clause.upper() else None


def _where(found: re.Match[str], before: Sequence[Turn], now: datetime, people: Collection[str]) -> str | None:
    if _BARE_PLACE.search(found.string):
        return None
    for turn in reversed(before):
        for each in _mentions(turn, now, people):
            if each.sort == "place":
                return f"{'to' if _GOES.search(found.string[: found.start()]) else 'in'} {each.phrase}"
    return None


def _both(found: re.Match[str], before: Sequence[Turn], now: datetime, people: Collection[str]) -> str | None:
    for turn in reversed(before):
        for several in (_mentions(turn, now, people), things_in(turn.text)):
            for a, b in pairwise(several):
                if _PAIR.match(turn.text[a.end : b.start]):
                    return _of_both(found[0], f"{a.phrase} and {b.phrase}")
    return None


def _of_both(said: str, pair: str) -> str:
    if said.lower().startswith("which"):
        return f"{said[:5]} of {pair}"
    return f"of {pair}" if said.lower().startswith("of") else pair


def _that(found: re.Match[str], before: Sequence[Turn], now: datetime, people: Collection[str]) -> str | None:
    del now, people
    if _IS_SUMMED_UP.search(found.string[: found.start()]):
        return _matter(before)
    return _statement(found, before) if _IS_OBJECT.search(found.string[: found.start()]) else None


def _statement(found: re.Match[str], before: Sequence[Turn]) -> str | None:
    said = next((turn.text for turn in reversed(before) if turn.by_user), "").strip().rstrip(".!")
    if not said or said.endswith("?"):
        return None
    return f"{'that'} {said[0].lower() + said[1:] if said.split(' ', 1)[0] in _LOWERED else said}"


_LOWERED = frozenset("The My Our A An This That His Her Their It He She They We You There".split())


def _as(found: re.Match[str], phrase: str) -> str:
    """The phrase in the case of the pronoun: possessive before a noun."""
    said = found[0].lower()
    owns = said in ("his", "their", "its", "hers", "theirs") or (
        said == "her" and not _FREE_AFTER_HER.match(found.string[found.end() :])
    )
    if not owns:
        return phrase
    return f"{phrase}'" if phrase.endswith("s") and " and " not in phrase and phrase[0].islower() else f"{phrase}'s"


def _mentions(turn: Turn, now: datetime, people: Collection[str]) -> list[Mention]:
    return mentions_in(turn.text, people=people, times=[each.span for each in found_in(turn.text, now)])


_READINGS: dict[str, _Reading] = {
    "she": _person,
    "he": _person,
    "they": _several,
    "it": _thing,
    "there": _where,
    "two": _both,
    "that": _that,
}
