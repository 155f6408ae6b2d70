"""The event on which a question's time or topic hangs, and the time of it once its memories are found. Pure.

"During last year's hospitalisation" is first the year: that much is known from the words. The episode is found among
the memories of that year which speak of it (long paper §5.3.1).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta

from memos_mcp.cube import Interval, MemCube
from memos_mcp.late import late

_EVENTS = (
    r"(?:wedding|marriage|hospitali[sz]ation|hospital stay|stay|trip|holidays?|vacation|move|birth"
    r"|surgery|operation|accident|flood|storm"
    r"|conference|interview|exam|funeral|graduation|pregnancy|divorce|visit|meeting|party|festival|course"
    r"|marathon|race|concert"
    r"|internship|sabbatical|honeymoon|lockdown|strike|match|tournament|retreat|renovation|illness"
    r"|treatment|reunion|cruise|hike"
    r"|tour|camp|fire|break-in|burglary|appointment|ceremony|christening|engagement|expedition|exhibition"
    r"|regatta|workshop|exchange|heatwave|blackout|power cut|outage|pandemic|barbecue|picnic|blizzard|earthquake"
    r"|(?:parents|mothers|fathers)['’] (?:evening|night)|(?:open|sports|quiz|games|opening) (?:evening|night|day))"
    r"(?: (?:period|season|week|weekend))?"
)
_OF = (
    r"(?: (?:to|of|in|with|at|on|for) (?:the |my |our )?(?:[A-Z][\w’'-]*|[a-z]+ [A-Z][\w’'-]*|boat|coast"
    r"|sea|mountains|house|roof))?"
)
_OWNER = r"(?:[\w’'-]+['’]s? )?"
_BOUND = late(
    r"\b(?:[Dd]uring|[Bb]efore|[Aa]fter|[Ss]ince|[Uu]ntil|[Tt]ill|[Tt]hroughout|[Aa]t|[Oo]n|[Aa]round"
    r"|[Bb]y) (?:the time of )?(?P<time>\x00+(?:['’]s)? )?"
    r"(?:the |my |our |your |his |her |their |a "
    rf"|an )?(?P<what>{_OWNER}(?:[a-z][\w-]* ){{0,2}}?{_EVENTS}\b{_OF})",
    re.ASCII,
)
_HELD = late(rf"\b(?:my|our) (?:\x00+ )?(?P<what>(?:[a-z][\w-]* )?{_EVENTS} (?:to|in|with|at) (?:the )?[A-Z][\w’'-]*)")
_SINCE = late(
    r"\b(?:during|before|after|since|throughout) (?:\x00+(?:['’]s)? )?(?:the|my|our|his|her"
    r"|their) (?P<what>[a-z][\w-]*(?: [a-z][\w-]*)?)"
    r"(?=[?.!,]| (?:in|on|at|last|\x00)|$)"
)
_CLAUSE = late(
    r"(?<!^)\b(?:when|while|before|after|since|until) (?P<what>(?:i|we|my|our|he|she|they|[A-Z]\w+)(?: \w+)? "
    r"(?:was|were|had|\w+ed|got|went|met|left|lost|came|broke|fell|began|bought|sold|gave|took)\b[^?.!,]*)",
    re.IGNORECASE,
)
_WORD = late(r"[^\W_]+")
_LITTLE = frozenset("the a an of to in with at on for my our was were i we had".split())
_GAP = timedelta(days=3)  # a day without a word of it does not end a stay


def anchor_in(text: str, times: Sequence[tuple[int, int]] = ()) -> str:
    """The event that a sentence hangs on, without article and owner "my"; empty if there is none."""
    for start, end in times:  # what says a time stays in place, unread
        text = f"{text[:start]}{chr(0) * (end - start)}{text[end:]}"
    text = text.replace("\x00 on \x00", "\x00\x00\x00\x00\x00\x00")
    for form in (_BOUND, _HELD, _SINCE, _CLAUSE):
        if found := form.search(text):
            return " ".join(found["what"].replace("\x00", "").split())
    return ""


def episode(anchor: str, within: Interval | None, found: Sequence[MemCube]) -> Interval | None:
    """The time of the event: of memories that were found for it, best first, those within the interval that name it.

    The best gives the place, what follows without a gap of more than three days belongs to it. None: nothing names it.
    """
    wanted = {_stem(word) for word in _WORD.findall(anchor.lower())} - _LITTLE
    spans = [span for cube in found if wanted and wanted <= _stems(cube) and _in(span := _span(cube), within)]
    if not spans:
        return None
    start, end = spans[0]
    for _ in spans:  # each round may bring the next one within reach
        near = [each for each in spans if each[0] <= end + _GAP and each[1] >= start - _GAP]
        start, end = min(each[0] for each in near), max(each[1] for each in near)
    return Interval(start=start, end=end)


def _stems(cube: MemCube) -> set[str]:
    return {_stem(word) for word in _WORD.findall(f"{cube.text} {cube.meaning} {' '.join(cube.tags)}".lower())}


def _stem(word: str) -> str:
    """Both spellings and both numbers of a word are one."""
    return re.sub(r"(?<=\w{3})s$", "", word.replace("isation", "ization").replace("ised", "ized"))


_Span = tuple[datetime, datetime]


def _span(cube: MemCube) -> _Span:
    """From when to when it holds; where that is not known, the day on which it was said."""
    if cube.valid is not None and cube.valid.start and cube.valid.end:
        return cube.valid.start, cube.valid.end
    said = (cube.valid.start if cube.valid else None) or cube.origin.said_at or cube.created_at
    day = said.replace(hour=0, minute=0, second=0, microsecond=0)
    return day, day + timedelta(days=1)


def _in(span: _Span, within: Interval | None) -> bool:
    if within is None:
        return True
    return (within.end is None or span[0] < within.end) and (within.start is None or span[1] > within.start)
