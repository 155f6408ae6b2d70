"""A sentence made to stand alone: what it refers to in the turns before it is written out. Pure, English.

Two ways. A fragment ("and on Saturday?", "what about her sister?") fills a slot of the question before it. In a whole
sentence pronouns, "there" and "the two" give way to what they stand for, the nearest turn first. What has no certain
reading stays as it was said.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from datetime import datetime

from memos_mcp.interface.commands import is_chat, is_request
from memos_mcp.interface.fragments import with_deed, with_kind, with_one, with_phrase, with_thing, with_time
from memos_mcp.interface.mentions import ROLES, mentions_in, things_in
from memos_mcp.interface.pronouns import Rewritten, resolved
from memos_mcp.interface.times import found_in
from memos_mcp.late import late
from memos_mcp.search import Turn

__all__ = ["LONGEST", "Rewritten", "alone"]

LONGEST = 2_000  # characters that are read of what was said
_MOST_TURNS = 12  # what was said longer ago is not referred to by a pronoun

_FRAGMENT = late(
    r"^(?:(?:and|n|but|ok(?:ay)?|so|then|or)[, ]+)*(?:(?:what|how) about |what of )?(?P<rest>[^?!.]{1,60}?)"
    r"(?P<too> too| as well| also| the same)?[?.! ]*$",
    re.IGNORECASE,
)
_SAME = late(
    r"^(?:(?:and|but|ok(?:ay)?|so|then|now|also|please|can you|could you)[, ]+)*(?:(?:do|repeat|tell me|show me"
    r"|give me) )?"
    r"(?:the )?(?:same|ditto)(?: thing| again)? (?:for|with|about|of|on) (?=\w)",
    re.IGNORECASE,
)
_MARKED = late(r"^(?:(?:and|n|but|ok(?:ay)?|so|then|or)[, ]|(?:what|how) about |what of )", re.IGNORECASE)
_ASKS_ONLY = late(
    r"^(?:and |but |so |ok )?(?P<how>(?:since |until |till |from )?when|why|where(?: to| from)?|(?:with|to|from"
    r"|by|for) whom|who (?:with"
    r"|to|from|for|by)|how (?:often|long"
    r"|much|many|so)|how"
    r"|for how long|what for|(?:at )?what time|how (?:far|come))(?: exactly| then| again)?[?.! ]*$",
    re.IGNORECASE,
)
_ASKED = late(
    r"^(?:since when|how (?:often|long|much|many(?: \w+)?)|what time|what|when|where|why|how|who) (?=\w)", re.IGNORECASE
)
_QUESTION_WORD = late(r"(?:who|whom|whose|what|which|where|when|why|how|it|i|we|he|she|they)\b", re.IGNORECASE)
_HAS_A_VERB = late(
    r"\b(?:is|are|was|were|do|does|did|has|have|had|will|would|can|could|should|shall|may|might|must|tell"
    r"|say|give|show|list"
    r"|count|find|summari[sz]e|remember|forget|delete|remove|note|make|change|update|compare|remind|add|put|save|store"
    r"|write|book|call|send|cancel|keep|move|set|let)\b",
    re.IGNORECASE,
)
_NEXT_TO = late(r"the (?:day|week|weekend|month|year) (?:before|after)$", re.IGNORECASE)
_CLOCK_ALONE = late(r"\d{1,2}$")
_ANSWERS = late(
    r"(?:no|nope|yes|yeah|wait|actually|sorry|correction|thanks?|good|great|perfect|nice|cool|fine)\b|.*\b(?:i|we|you"
    r"|he|she|they|it)"
    r" (?!and\b|or\b)[a-z]+",
    re.IGNORECASE,
)
_HOW_AGAIN = late(
    r"^(?:how (?:many|much|often|long)|when|where|what|who) (?=(?:in|on|at|for|with|during|from|last|this|next|to) )",
    re.IGNORECASE,
)
_WEEKDAYS = late(r"\b(?:mon|tues|wednes|thurs|fri|satur|sun)days\b", re.IGNORECASE)
_HOW_MANY = late(r"(?:and |so )?how many (?=\w)", re.IGNORECASE)
_NAME_THEM = late(
    r"^(?:please |and |ok |so |can you |could you )*(?:list|name|show(?: me)?|give me|tell me|which|what are|what were"
    r"|which are)"
    r" ?(?:them|they|those|these|the ones|ones)?(?: all)?(?: please)?[?.! ]*$",
    re.IGNORECASE,
)


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
    found = resolved(text, before, now, people)
    about = "" if found.filled else _hangs_on(text, before, now, people)
    return Rewritten(text, ((text, about),), about) if about else found


def _hangs_on(text: str, before: Sequence[Turn], now: datetime, people: Collection[str]) -> str:
    """What was said last, without its time, if a sentence of few words names nothing or points to something."""
    said = next((turn.text for turn in reversed(before) if turn.by_user), "")
    words = text.split()
    few = len(words) <= _FEW and not things_in(text) and not _OF_MINE.search(text)
    if len(words) > _SOME or not (few or _POINTS.search(text)) or _OF_ITSELF.search(text):
        return ""
    if is_chat(text) or mentions_in(text, people=people) or is_chat(said):
        return ""
    if said[:2] not in ("I ", "I'") and not any(each.start == 0 for each in mentions_in(said, people=people)):
        said = f"{said[:1].lower()}{said[1:]}"
    for each in reversed(found_in(said, now)):
        said = said[: each.span[0]].rstrip() + said[each.span[1] :]
    return _LEFT_OVER.sub("", " ".join(said.split()[:_SOME]).strip(" ?.!,"))


_FEW, _SOME = 5, 12
_LEFT_OVER = late(r" (?:on|in|at|for|by|since|until|from|of|the)$", re.IGNORECASE)
_POINTS = late(
    r"\b(?:it|that|this|those|these|them|ones?|each|both|either|neither|then|there|instead|the same)\b", re.IGNORECASE
)
_OF_MINE = late(r"^(?:i|we)\b|\b(?:my|our) \w+", re.IGNORECASE)
_OF_ITSELF = late(r"\bwhat (?:time|day) is it\b|\bis it (?:true|normal)|\bthere (?:is|are)\b", re.IGNORECASE)


# --- fragments: a slot of the question before ------------------------------------------------------------------------


def _filled(text: str, base: str, before: Sequence[Turn], now: datetime, people: Collection[str]) -> str | None:
    if _NAME_THEM.match(text.strip()) and _HOW_MANY.match(base):
        return f"List which {_HOW_MANY.sub('', base, count=1)}"
    if asks := _ASKS_ONLY.match(text.strip()):
        return _asked_otherwise(asks["how"].capitalize(), base)
    text = _SAME.sub("what about in " if _IS_OF_A_PLACE.search(base) else "what about ", text.strip())
    found = _FRAGMENT.match(text.strip())
    said = _HOW_AGAIN.sub("", found["rest"]) if found and not _ANSWERS.match(text) else ""
    if (
        not said
        or _HAS_A_VERB.search(said)
        or _QUESTION_WORD.match(said)
        or not (_MARKED.match(text) or base.rstrip().endswith("?") or _asked_in_short(text, said, base))
    ):
        return None
    rest = _of_the_same(said.strip(), base) or resolved(said.strip(), before, now, people).text
    return _at_another_time(rest, base, now) or _of_another(text, said, rest, base, now, people)


def _asked_in_short(text: str, said: str, base: str) -> bool:
    """Does it ask once more what was asked without a question mark: "wednesday?"."""
    return text.endswith("?") or (_ASKS.match(base) is not None and len(said.split()) <= _A_WORD_OR_TWO)


_A_WORD_OR_TWO = 2


def _at_another_time(rest: str, base: str, now: datetime) -> str | None:
    if (days := _WEEKDAYS.search(rest)) and _WEEKDAYS.search(base):
        return _WEEKDAYS.sub(days[0], base, count=1)
    if _NEXT_TO.match(rest):
        return with_time(base, rest, now, step=True)
    times = [each.span for each in found_in(rest, now) or found_in(f"in {rest}", now) if not _CLOCK_ALONE.match(rest)]
    return with_time(base, rest, now) if times else None


def _of_another(text: str, said: str, rest: str, base: str, now: datetime, people: Collection[str]) -> str | None:
    if again := with_kind(base, rest):
        return again
    named = mentions_in(f"and {rest}", people=people)
    if named and _OF_HIM.match(said) and not _OF_HIM_ALREADY.search(base):
        return f"What about {rest}?"
    if (not named or rest.lower().startswith("without ")) and (again := with_phrase(base, rest)):
        return again
    if named:
        return with_one(base, rest, named, now, people)
    return (with_thing(base, rest, text) or with_deed(base, rest)) if _MARKED.match(text) else None


_ASKS = late(r"(?:who|what|which|where|when|why|how|did|do|does|is|are|was|were|have|has|can)\b", re.IGNORECASE)
_OF_HIM = late(rf"(?:his|her|their) (?!(?:{'|'.join(sorted(ROLES))})\b)\w+", re.IGNORECASE)
_OF_HIM_ALREADY = late(r"['’]s |\b(?:his|her|their) ", re.IGNORECASE)


def _of_the_same(said: str, base: str) -> str | None:
    """Of whom the question before named a relative, another relative: "her father" after "Sunniva's mother"."""
    other, one = _RELATIVE_OF.match(said), _SOMEBODY_S.search(base)
    return f"{one[1]}'s {other[1]}" if other and one and {other[1].lower(), one[2]} <= ROLES else None


_RELATIVE_OF = late(r"(?:his|her|their) ([a-z-]+)$", re.IGNORECASE)
_SOMEBODY_S = late(r"\b([A-Z][\w-]+)['’]s ([a-z-]+)\b")
_IS_OF_A_PLACE = late(r"\b(?:in|from|at|to) [A-Z][\w-]+[?.! ]*$")


def _asked_otherwise(how: str, base: str) -> str | None:
    if is_one := _IS_ASKED.match(base):
        return f"{how} is {base[is_one.end() :]}"
    if asked := _ASKED.match(base):
        return f"{how} {base[asked.end() :]}"
    return f"{how} {base[0].lower()}{_EVER.sub('', base[1:])}" if _YES_OR_NO.match(base) else None


_IS_ASKED = late(r"(?:and |so )?(?:what|where|who|when|how)['’]?s ", re.IGNORECASE)
_YES_OR_NO = late(r"(?:did|do|does|is|are|was|were|have|has|had|can|could|will|would|should|am) (?=\w)", re.IGNORECASE)
_EVER = late(r" (?:ever|already|yet|still)\b", re.IGNORECASE)
