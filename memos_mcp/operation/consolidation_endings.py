"""MemOperator, consolidation: events that put an end to what was so: sold, cancelled, left, finished, died. Pure.

English. Each event ends only what it can: who sold the car no longer drives it, who left a firm no longer works there.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from memos_mcp.late import late
from memos_mcp.operation.consolidation_rules import LONGEST, Decision, Pair, compound, goes_back
from memos_mcp.operation.statements import Reading, stems_of

_MONTHS = "january|february|march|april|may|june|july|august|september|october|november|december"
_WHEN = rf"(?:\d+|\0\S+|{_MONTHS}|spring|summer|autumn|winter|(?:mon|tues|wednes|thurs|fri|satur|sun)day)"
_TAIL = (
    r"(?P<tail> (?:to|for|after|because|last|when|and|since|so|this|yesterday|today|ago|as|with|due|via|\d+"
    r"|\0[d@]\S*)"
    rf"(?: .*)?| (?:in|on|at) (?:the |last |this )?{_WHEN}(?: .*)?|(?P<narrow> (?:in|on|at) .*))?"
)
_WHAT = rf"(?P<what>(?:\S+ )*?\S+){_TAIL} $"
_HAVE = r"(?: have| be)*"


def _of(words: str) -> frozenset[str]:
    return frozenset(stem for word in words.split() for stem in stems_of(word))


_OWNING = _of("have own drive ride keep use car bike laptop phone rent")
_PAYING = _of(
    "have subscribe pay member use subscription membership plan go book trip fly visit attend travel meet sign gym"
)
_GOING = _of(
    "plan go book trip fly visit travel attend meet appointment reservation picnic party sign enrol fly host organise"
)
_WORKING = _of("work job member play study employ employer intern volunteer belong sing attend go teach serve student")
_DOING = _of("read learn study write watch take build do prepare train attend renovate paint restore knit work go play")
_PAIRED = _of("date see engage marry together relationship partner boyfriend girlfriend spouse go live")
_LIVING = _of("live rent share stay")
_EVENTS: tuple[tuple[str, frozenset[str], str], ...] = (  # words of which one is there, what it ends, what is said
    ("sold scrapped crashed totalled donated", _OWNING, rf"{_HAVE} (?:sold|scrapped|crashed|totalled"
        rf"|donated) {_WHAT}"),
    ("gave given", _OWNING, rf"{_HAVE} (?:gave|given) away {_WHAT}"),
    ("cancelled canceled", _PAYING, rf"{_HAVE} (?:cancelled|canceled) {_WHAT}"),
    ("called", _GOING, rf"{_HAVE} called off {_WHAT}"),
    ("unsubscribed", _of("subscribe subscription get receive read"), rf"{_HAVE} unsubscribed from {_WHAT}"),
    ("left", _WORKING, rf"{_HAVE} left {_WHAT}"),
    ("quit resigned retired dropped", _WORKING, rf"{_HAVE} (?:quit|resigned from|retired from|dropped out of"
        rf"|dropped out) {_WHAT}"),
    ("fired laid sacked", _WORKING, rf"{_HAVE} (?:was |got |been )*(?:fired|laid off|sacked) (?:from|by) {_WHAT}"),
    ("graduated", _of("study student attend go university school"), rf"{_HAVE} graduated (?:from|at) {_WHAT}"),
    ("finished", _DOING, rf"{_HAVE} finished (?:\w+ing )?{_WHAT}"),
    ("broke broken split divorced dumped", _PAIRED, rf"{_HAVE} (?:(?:broke|broken|split)(?: up)? with|divorced"
        rf"|dumped) {_WHAT}"),
    ("stopped gave given quit", _of("diet medication take treatment therapy course"),
     rf"{_HAVE} (?:stopped|gave up|given up|quit) (?!\w+ing ){_WHAT}"),
    ("moved", _LIVING, rf"{_HAVE} moved (?:out of|away from|out from|out) {_WHAT}"),
)  # fmt: skip
_COMPILED = tuple(
    (frozenset(at.split()), ends, late(rf"^ (?P<who>\S+(?:'s \w+)?){find}")) for at, ends, find in _EVENTS
)
_OFF = late(
    rf"^ (?:the )?(?P<what>(?:\S+ )*?\S+)(?: have| was| be| got| been)+ (?:cancelled|canceled|called off"
    rf"|scrapped|axed){_TAIL} $"
)
_INSTEAD = late(
    r"^ (?P<who>\S+(?:'s \w+)?) .*? instead of (?P<what>\S+(?: \S+)?)(?: (?:for|in|at|on|to|with)(?: .*)?)? $"
)
_SWAPPED = late(
    rf"^ (?P<who>\S+(?:'s \w+)?){_HAVE} (?:replaced|swapped|traded|exchanged|traded in)"
    r" (?:(?:\S+)'s |the )?(?P<what>\S+(?: \S+)?) (?:for|with|by|against) (?P<other>.+)$"
)
_SWITCHED = late(
    rf"^ (?:(?:at|in|on|for) \S+ )?(?P<who>\S+(?:'s \w+)?){_HAVE} (?:switched|changed|went|gone|moved"
    rf"|go) from (?P<what>\S+(?: \S+)?) to (?P<other>\S+(?: \S+)?)(?: (?:for|in|at|on)(?: .*)?)? $"
)
_OF_SMALL_WORDS = _of(
    "old new our my the a an his her their subscription membership trip plan flight job course degree for at of "
    "house place apartment home his"
)
_HABITS = _of(
    "go attend school drink eat use take have play read watch drive ride wear study learn listen buy cook "
    "subscribe work"
)
_NOTHING: frozenset[str] = frozenset()
_SINCE = late(r" (?:last|this|because|for|to|in|so|since|due|on the|\0@)")
_PLANNED = frozenset("going plan plans planning will".split())
_DIED = late(r"^ (?:\S+'s )?(?P<what>\S+) (?:have |was )*(?:died|passed away|put down|put to sleep)(?: .*)?$")
_MINE = late(r"^ \S+'s (?:new )?(?:car|bike|laptop|phone|computer|boat|camera|tablet|watch|bank|gym) be ")
_MARKS = late(r"(?<= )(?:\0[cmn]|an?|the|just|finally|recently|already|really|now) ")


@dataclass(frozen=True, slots=True)
class Ending:
    """Who ended what (stems), and the verbs and nouns of which one is in what it ends."""

    who: str
    what: frozenset[str]
    ends: frozenset[str]
    other: frozenset[str] = frozenset()
    sure: bool = True


@lru_cache(maxsize=64)
def endings(text: str) -> tuple[Ending, ...]:
    """What a clause, as `Reading.text` has it, says to be over. Never raises. Cost: about 10 µs."""
    if len(text) > LONGEST:
        return ()
    plain = _MARKS.sub("", _MARKS.sub("", text))
    words = frozenset(plain.split())
    found: list[Ending] = []
    for at, ends, pattern in _COMPILED:
        if at & words and (match := pattern.search(plain)):
            tail = match["tail"] or ""
            of = (
                _what(tail, match["who"])
                if tail.startswith((" with ", " to ", " for ")) and ends in (_PAYING, _GOING)
                else _NOTHING
            )
            if ends is _WORKING and tail and not _SINCE.match(tail):  # left the museum at noon
                continue
            sure = match["narrow"] is None
            found.append(Ending(match["who"], _what(match["what"], match["who"]) | of, ends, sure=sure))
    for pattern in (_SWITCHED, _SWAPPED, _INSTEAD):
        if match := pattern.search(plain):
            other = _what(match.groupdict().get("other") or "", match["who"])
            sure = pattern is not _INSTEAD and "'s" not in match.groupdict().get("other", "")
            found.append(Ending(match["who"], _what(match["what"], match["who"]), _HABITS | _OWNING, other, sure))
    return tuple(found)


def _what(text: str, who: str) -> frozenset[str]:
    own = frozenset({who, f"{who}'s"})
    return frozenset(stem for word in text.split() if word not in own for stem in stems_of(word)) - _OF_SMALL_WORDS


def over(pair: Pair) -> Decision | None:
    """The new one tells of an event that ends what the old one says."""
    a, b = pair.a, pair.b
    if a.denied or a.ended or b.denied or a.past or b.reserve or a.reserve - _PLANNED or goes_back(pair):
        return None
    known = frozenset(a.line)
    for each in endings(b.text):
        if (
            each.what
            and each.what <= known
            and not each.other & known
            and _speaks_of(a, each.who)
            and each.ends & known
        ):
            return _ended(pair, _whole(a, each))
    if (
        len(b.text) <= LONGEST
        and (match := _OFF.search(b.text))
        and (what := _what(match["what"], ""))
        and what <= known
    ):
        trip = a.who not in b.text.split()
        if (_GOING & known) or a.line[: len(what)] == tuple(match["what"].split()):
            return _ended(pair, not trip)
    if (match := _DIED.search(b.text)) and frozenset(stems_of(match["what"])) <= known and {"have", "call"} <= known:
        return _ended(pair, False)
    return None


def _whole(a: Reading, ending: Ending) -> bool:
    """Nothing but what has ended is told, times and manner apart; not one of three goats."""
    if (ending.ends is _WORKING and "go" in a.line) or (ending.ends is _OWNING and any(map(str.isdecimal, a.line))):
        return False
    return ending.sure and not {"and", "both", "also"} & {*a.words} and (not ending.other or len(a.stems) <= 6)


def _ended(pair: Pair, sure: bool) -> Decision:
    return Decision("update", "the new one tells of what put an end to it", sure and not compound(pair))


def _speaks_of(reading: Reading, who: str) -> bool:
    """Of him himself, or of a thing of his: my car is a Skoda, not my sister has one."""
    text = reading.text
    return text.startswith(f" {who} ") or (text.startswith(f" {who}'s ") and _MINE.match(text) is not None)
