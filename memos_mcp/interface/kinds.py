"""What kind of memory a text is, by its form (docs/reference/words.md). Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from memos_mcp.cube import Kind

_LOOKED_AT = 400  # characters: the stance of a statement shows at once
_WORD = re.compile(r"[a-z]+|\d{4}(?=-)")


@dataclass(frozen=True, slots=True)
class _Form:
    """A kind, words of which one must occur (a cheap first look), and the form they must stand in."""

    kind: Kind
    cues: frozenset[str]
    form: re.Pattern[str]


def _form(kind: Kind, cues: str, *forms: str) -> _Form:
    return _Form(kind, frozenset(cues.split()), re.compile("|".join(forms)))


_WEEKDAY = "(?:mon|tues|wednes|thurs|fri|satur|sun)day"
_INSTRUCTION = _form(
    "instruction",
    "always never call address answer reply respond remember make from not don",
    r"(?:^|[.!?]\s+)(?:please |from now on,? |in (?:the )?future,? )?(?:always|never|make sure|call me|address me|"
    r"answer (?:me )?in|reply in|respond in|remember to|(?:do not|don['’]t) (?:ever|use|call|ask|mention))\b",
    r"\bfrom now on\b",
)
_FORMS = (
    _form(
        "preference",
        "prefer love like enjoy hate dislike detest loathe adore avoid favourite favorite favourites favorites "
        "allergic intolerant vegetarian vegan usually always never stand fond fan rather",
        r"\b(?:i|we|my)\b(?:\W+\w+){0,3}?\W+(?:prefer|love|like|enjoy|hate|dislike|detest|loathe|adore|avoid|"
        r"favou?rites?|allergic|intolerant|vegetarian|vegan|usually|always|never|can['’]t stand|cannot stand|fond of|"
        r"fan of|rather)\b",
    ),
    _form(
        "skill",
        "how step first",
        r"\bhow to\b",
        r"\bstep 1\b",
        r"\bfirst,? [^.]*\bthen\b[^.]*\bfinally\b",
    ),
    _form(
        "event",
        "yesterday tomorrow tonight last next ago on went met visited moved bought sold started finished married flew "
        "drove won lost broke got saw attended celebrated booked going",
        r"\b(?:yesterday|tomorrow|tonight|\w+ ago)\b",
        rf"\b(?:last|next) (?:night|week|weekend|month|year|spring|summer|autumn|winter|{_WEEKDAY})\b",
        rf"\bon {_WEEKDAY}\b",
        r"\b(?:i|we)\W+(?:just |finally |also |have |had )?(?:went|met|visited|moved|bought|sold|started|finished|"
        r"married|flew|drove|won|lost|broke|got|saw|attended|celebrated|booked|am going to|are going to)\b",
    ),
)
_STEPS = re.compile(r"^\s*1[.)]\s.*\n(?:.*\n)?\s*2[.)]\s", re.MULTILINE)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def kind_of(text: str, *, said_by_user: bool) -> Kind:
    """The kind of a statement; `fact` when nothing speaks for another. Only a user gives instructions. Cost: 5 µs."""
    head = text[:_LOOKED_AT].lower()
    words = set(_WORD.findall(head))
    for form in (_INSTRUCTION, *_FORMS) if said_by_user else _FORMS:
        if not form.cues.isdisjoint(words) and form.form.search(head):
            return form.kind
    if "1" in head and _STEPS.search(head):
        return "skill"
    return "event" if "-" in head and _DATE.search(head) else "fact"
