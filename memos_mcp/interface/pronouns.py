"""What pronouns, "there" and "the two" in a sentence stand for, of the turns before it: the nearest first. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from memos_mcp.interface.mentions import Mention, mentions_in, things_in
from memos_mcp.interface.times import found_in
from memos_mcp.late import late
from memos_mcp.search import Turn

_NEAR = 2  # turns in which "my aunt" is a likelier "she" than a name of which nobody knows
_PRONOUN = late(
    r"\b(?P<she>she|hers|her)\b|\b(?P<he>he|his|him)\b|\b(?P<they>they|theirs|their|them)\b|\b(?P<it>its"
    r"|it)(?!['’]s \w+ing\b)\b"
    r"|\b(?P<there>there)\b(?! (?:is|are|was|were|be|any|a)\b)|\b(?P<two>(?:of )?the two|which one|which of them)\b"
    r"|\b(?P<that>that|this)(?= ?(?:again\b|now\b|then\b|too\b|completely\b|straight away\b|right away\b|immediately\b"
    r"|please\b|for (?:me|us|now|later|good|ever|the (?:team|family|others|record)|everyone|next time|future)\b"
    r"|for (?:tomorrow|today|tonight|reference|(?:next|my|our|the) \w+)\W*(?:please)?\W*$|in \w+ \w+"
    r"|(?:has |have |had )?happen|[,.!?]|$))",
    re.IGNORECASE,
)
_IS_OBJECT = late(
    r"\b(?:forget|delete|remove|change|update|correct|remember|note|save|erase"
    r"|forget about|forget all about|store|record|keep|log|scratch"
    r"|scrap|undo|ignore"
    r"|disregard|wipe|discard|unlearn|write down|take back|share) $",
    re.IGNORECASE,
)
_FREE_AFTER_HER = late(
    r"^(?:$|[^\w\s]|\s+(?:to|in|on|at|for|about|from|with|again|last|and|or|when|before|after|that|a|an"
    r"|the|my|me|please"
    r"|yesterday|today|tomorrow|back|there|now)\b|\s*$)",
    re.IGNORECASE,
)
_GOES = late(r"\b(?:get|go|goes|went|fly|flew|travel|drive|drove|move|moved|come|came|walk|cycle) $", re.IGNORECASE)
_BARE_PLACE = late(r"\b(?:is|are|was|were|been) there (?:a|an|any|no|some)\b", re.IGNORECASE)
_SHORT = 5  # words of an answer that is nothing but a name
_SAYS_WHERE = late(
    r"(?:it is |it's |they are )?(?:in|at|on|under|behind|near|next to|inside|above|below) ", re.IGNORECASE
)
_ASKS_WHERE = late(r"(?:and |so )?(?:where|which|what) ", re.IGNORECASE)
_IS_SUMMED_UP = late(r"\b(?:summari[sz]e|recap|sum|repeat|explain|describe) (?:all of )?$", re.IGNORECASE)
_TELL_ME = late(r"^(?:(?:please|can you|could you) )*(?:tell|remind|show) me (?:about )?", re.IGNORECASE)
_TIME_IS = late(r"\b(?:what (?:time|day|date)|how late) (?:is|was|does) $", re.IGNORECASE)
_WAY_OR_TIME = late(r"\bhow (?:far|long) (?:is|was) it (?:to (?:the|my|our|[A-Z])|from|until|till|since)\b")
_WEATHER = late(
    r"it (?:take|rain|snow|cold|warm|hot|late|early|dark|windy|worth|safe|possible|important|necessary)", re.IGNORECASE
)
_STANDS_FOR_NOTHING = late(
    r"it(?:['’]s| is| was| seems| looks) (?:rain|snow|cold|warm|hot|late|early|dark|time|like|true|that"
    r"|\w+ (?:that|to)\b)",
    re.IGNORECASE,
)
_PAIR = late(r"^(?:,? and |, )(?:the )?$")
_IS_DONE_WITH = late(
    r"^(?:actually[, ]|no[, ]|wait[, ]|please |can you |could you )*(?:forget|delete|remove|erase|scratch|scrap"
    r"|undo|disregard"
    r"|wipe|discard)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Rewritten:
    """The sentence as it stands alone, and for each piece that was written out what stood there and what for it."""

    text: str
    filled: tuple[tuple[str, str], ...] = ()
    about: str = ""
    """What the sentence hangs on, if it says nothing that would give way to it: "which room" (my next tutorial)."""

    @property
    def whole(self) -> str:
        """The sentence, and in brackets what it hangs on."""
        return f"{self.text} ({self.about})" if self.about else self.text


def resolved(text: str, before: Sequence[Turn], now: datetime, people: Collection[str]) -> Rewritten:
    """The sentence with what its pronouns stand for; what has no certain reading stays as it was said."""
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
    may = [each for turn in reversed(before) for each in _heads(turn, now, people) if each.may_be(pronoun)]
    may = may or _who_was_asked_for(before, now, people)
    near = [each for turn in before[-_NEAR:] for each in _heads(turn, now, people) if each.is_certainly(pronoun)]
    return _as(found, (near[-1:] or may)[0].phrase) if may else None


def _heads(turn: Turn, now: datetime, people: Collection[str]) -> list[Mention]:
    """Who is spoken of; of "my nan's carer Blessing" only the carer, and in an answer to "who is Ada?" nobody else."""
    if not turn.by_user and _SAYS_WHO.match(turn.text):
        return []
    mentions = _mentions(turn, now, people)
    owns = {a.start for a, b in pairwise(mentions) if turn.text[a.end : a.end + 2] in _OWNS and b.start <= a.end + 3}
    return [each for each in mentions if each.start not in owns]


_SAYS_WHO = late(r"your ", re.IGNORECASE)
_OWNS = ("'s", "’s")


def _who_was_asked_for(before: Sequence[Turn], now: datetime, people: Collection[str]) -> list[Mention]:
    """Of an answer to "who … to?" the names, whatever stands before them."""
    if len(before) < 2 or before[-1].by_user or not _ASKS_WHO.match(before[-2].text):
        return []
    return _mentions(before[-1], now, people)


_ASKS_WHO = late(r"(?:and |so )?(?:to |from |with |for )?who(?:m|se)?\b", re.IGNORECASE)


def _several(found: re.Match[str], before: Sequence[Turn], now: datetime, people: Collection[str]) -> str | None:
    for turn in reversed(before):
        mentions = _mentions(turn, now, people)
        if row := _in_a_row(turn, mentions):
            return _as(found, row)
        others = [each for each in mentions if each.sort != "place"]
        many = [
            each
            for each in others
            if each.many or (each.name.endswith("s") and _FAMILY.search(turn.text[: each.start]))
        ]
        many = many or [each for each in mentions if " " in each.name]
        many = many or [each for each in things_in(turn.text) if _MORE_THAN_ONE.match(turn.text, each.start)]
        many = many or others or mentions
        if many:
            return _as(found, many[0].phrase)
    return None


_MORE_THAN_ONE = late(r"(?:two|three|four|five|six|several) ", re.IGNORECASE)
_FAMILY = late(r"\bthe $", re.IGNORECASE)


def _in_a_row(turn: Turn, mentions: Sequence[Mention]) -> str | None:
    """Several that were named in a row: "Ludo, Anke and Piet"."""
    for at, first in enumerate(mentions):
        row = [first]
        for each in mentions[at + 1 :]:
            if not _PAIR.match(turn.text[row[-1].end : each.start]):
                break
            row.append(each)
        if len(row) > 1:
            return f"{', '.join(each.phrase for each in row[:-1])} and {row[-1].phrase}"
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
        or _WAY_OR_TIME.search(found.string)
    ):
        return None
    if name := _named_in_answer(before, now, people):
        return _as(found, name)
    things = [
        (each, each.sort == "place" or (not turn.by_user and _SAYS_WHERE.match(turn.text) is not None))
        for turn in reversed(before)
        for each in things_in(turn.text)
        if not _MORE_THAN_ONE.match(turn.text, each.start)
    ]
    best = [each for each, _ in sorted(things, key=lambda thing: thing[1])]  # the place of a deed comes last
    best = best or [
        each
        for turn in reversed(before)
        for each in _mentions(turn, now, people)
        if each.sort == "place" and turn.text[each.end : each.end + 1] not in ("'", "’")
    ]
    return _as(found, best[0].phrase) if best else None


def _named_in_answer(before: Sequence[Turn], now: datetime, people: Collection[str]) -> str | None:
    """The place that was the whole answer to where or which: "At Hotel Vander"."""
    if len(before) < 2 or before[-1].by_user or len(before[-1].text.split()) > _SHORT:
        return None
    if not _ASKS_WHERE.match(before[-2].text) or any(each.sort == "thing" for each in things_in(before[-2].text)):
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
    things = [each for turn in reversed(before) for each in things_in(turn.text)]
    return next((f"at {each.phrase}" for each in things if _OCCASION.search(each.name)), None)


_OCCASION = late(
    r"\b(?:conference|wedding|party|meeting|workshop|concert|funeral|fair|festival|course|exhibition|reunion|dinner"
    r"|retreat"
    r"|game|match|interview|christening|gala|summit|seminar|training|camp|show|market|auction)\b"
)


def _both(found: re.Match[str], before: Sequence[Turn], now: datetime, known: Collection[str]) -> str | None:
    for turn in reversed(before):
        for several in (_mentions(turn, now, known), things_in(turn.text)):
            if row := _in_a_row(turn, several):
                return _of_both(found[0], row)
        people = list(dict.fromkeys(each.phrase for each in _mentions(turn, now, known) if each.sort == "person"))
        if len(people) > 1:
            return _of_both(found[0], f"{', '.join(people[:-1])} and {people[-1]}")
    return None


def _of_both(said: str, pair: str) -> str:
    if said.lower().startswith("which"):
        return f"{said[:5]} of {pair}"
    return f"of {pair}" if said.lower().startswith("of") else pair


def _that(found: re.Match[str], before: Sequence[Turn], now: datetime, people: Collection[str]) -> str | None:
    del now, people
    if _IS_SUMMED_UP.search(found.string[: found.start()]):
        return _matter(before)
    if _HAPPENS.match(found.string, found.end()):
        return _happening(before)
    return _statement(found, before) if _IS_OBJECT.search(found.string[: found.start()]) else None


def _happening(before: Sequence[Turn]) -> str | None:
    """What was told last, without its time, as a clause in brackets."""
    said = next((turn.text for turn in reversed(before) if turn.by_user), "").strip()
    clause = _UP_TO_TIME.match(said)
    if clause is None or said.endswith("?") or len(clause[0].split()) < 2:
        return None
    words = clause[0].strip(" ,.!")
    return f"it ({words[0].lower() + words[1:] if words.split(' ', 1)[0] in _LOWERED else words})"


_HAPPENS = late(r" (?:has |have |had )?happen", re.IGNORECASE)
_UP_TO_TIME = late(
    r".{3,120}?(?=[.!;]|$| (?:after|before|on|in|at|during|since|yesterday|today|tonight|last|this|again)\b)",
    re.IGNORECASE,
)


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
