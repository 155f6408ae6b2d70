"""MemOperator, consolidation: what has one value at a time, in the phrasings in which it is told. Pure.

English. *I joined Statnett*, *my new job is at Statnett* and *I work for Statnett* tell of one attribute: two values of
it are an update or a contradiction, the same value told in another way is a paraphrase.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from memos_mcp.late import late
from memos_mcp.operation.consolidation_rules import (
    LONGEST,
    Decision,
    Pair,
    compound,
    goes_back,
    later,
    plain_name,
    uneven,
)
from memos_mcp.operation.statements import stems_of

_Sort = Literal["named", "number", "word", "status", "diet", "ever", "many"]


@dataclass(frozen=True, slots=True)
class Fact:
    """Whose attribute has which value; `event`: it is told as a change; `sure`: nothing else can be meant."""

    who: str
    attribute: str
    value: tuple[str, ...]
    sort: _Sort
    event: bool = False
    sure: bool = True


_W = (
    r"^ (?P<w>(?:\S+'s )?(?!(?:and|or|if|that|1|some|other|another|all|most|every)\b)[^\s\d?]+(?: (?!and |or "
    r"|be )[^\s\d?]+)?)"
)
_OWN = r"^ (?:the )?(?P<w>\S+(?: \w+)?)'s "
_ROLE = (
    r"(?:(?!(?:old|former|ex|other|first|last|next|previous|second) )[a-z]+ )?(?:dentist|doctor|therapist"
    r"|physiotherapist|"
    r"teacher|tutor|coach|trainer|landlord|landlady|manager|boss|hairdresser|barber|mechanic|accountant|lawyer"
    r"|vet|nanny|"
    r"babysitter|cleaner|supplier|insurer|bank|editor|mentor|adviser|advisor|supervisor|spouse|partner"
    r"|boyfriend|girlfriend|"
    r"instructor|gardener|conductor|captain|ceo|best friend|car|laptop|phone|computer|gym|school|employer"
    r"|provider|operator)"
)
_NUMERIC = (
    r"(?:(?!(?:new|old|other|last|next|first) )[a-z]+ )?(?:size|height|weight|rent|salary|budget|price|dose"
    r"|number|address|email|"
    r"password|pin|code|fee|pension|mortgage|bill|limit|quota|allowance|deposit|room|postcode|zip code|plate"
    r"|extension)"
)
_JOBS = (
    r"(?:nurse|teacher|plumber|baker|barista|chef|cook|waiter|waitress|doctor|dentist|lawyer|engineer|developer"
    r"|programmer|"
    r"designer|manager|consultant|analyst|scientist|researcher|student|pilot|driver|farmer|gardener|carpenter"
    r"|electrician|"
    r"mechanic|painter|writer|editor|journalist|photographer|librarian|accountant|architect|pharmacist"
    r"|therapist|surgeon|"
    r"paramedic|firefighter|officer|cashier|clerk|secretary|receptionist|salesman|tailor|butcher|florist"
    r"|translator|tutor|"
    r"professor|lecturer|director|supervisor|foreman|technician|administrator|assistant|physiotherapist|psychologist|"
    r"hairdresser|barber|tester|copywriter|economist|geologist|biologist|chemist|vet|midwife|nanny|postman|welder)"
)
_AFTER = {
    "single": "taken engaged married", "taken": "single engaged married", "engaged": "single married",
    "married": "divorced separated widowed single", "separated": "divorced taken engaged", "divorced": "taken engaged",
    "widowed": "taken engaged",
}  # fmt: skip
_KIND = r"(?!(?:great|good|bad|terrible|amazing|excellent|fantastic|lousy|better|born|true) )"
_STATUS = {
    "single": "single", "married": "married", "divorced": "divorced", "widowed": "widowed", "engaged": "engaged",
    "separated": "separated", "dating": "taken", "seeing": "taken", "boyfriend": "taken", "girlfriend": "taken",
    "partner": "taken", "relationship": "taken", "fiance": "engaged", "fiancee": "engaged", "split": "single",
    "broke": "single",
}  # fmt: skip
_PATTERNS: tuple[tuple[str, str, _Sort, str, str], ...] = (  # words one of which is there, what, sort, flags
    ("live", "home", "named", "", _W + r" live in (?P<v>.+)$"),
    ("home", "home", "named", "", _OWN + r"(?:home|home town|hometown) be (?:in )?(?P<v>.+)$"),
    ("home", "home", "named", "", r"^ (?P<v>\S+(?: \S+)?) be (?P<w>\S+)'s home $"),
    ("relocated moved", "home", "named", "e", r"(?:^| and) (?P<w>\S+) (?:have )?(?:relocated|moved) to (?P<v>.+)$"),
    ("work", "employer", "named", "", _W + r" work at (?P<v>.+)$"),
    ("joined", "employer", "named", "e?", _W + r" (?:have )?joined (?P<v>.+)$"),
    ("job position role", "employer", "named", "e",
     _W + r" (?:have )?(?:got|have|started|start|took|taken|accepted|found|landed) (?:\S+ )?(?:job|position"
         r"|role) (?:at|with) (?P<v>.+)$"),
    ("work working job started start", "employer", "named", "e", _W + r" (?:have )?(?:started"
        r"|start) (?:working |work "
        r"|job )?(?:at|for) (?P<v>.+)$"),
    ("hired", "employer", "named", "e", _W + r" (?:have |was |been |got )+hired (?:by|at) (?P<v>.+)$"),
    ("job", "employer", "named", "e", _OWN + r"new job be (?:at|with) (?P<v>.+)$"),
    ("unemployed jobless", "employer", "named", "", _W + r" be (?P<v>unemployed|jobless) $"),
    ("be", "work", "word", "", _W + rf" be (?P<v>(?:{_KIND}[a-z]+ )?{_JOBS}) $"),
    ("job", "work", "word", "", _OWN + rf"job be (?P<v>(?:[a-z]+ )?{_JOBS}) $"),
    ("promoted", "work", "word", "e", _W + r" (?:have |was |been |got )*promoted to (?P<v>\S+(?: \S+)?) $"),
    ("be", "", "number", "", _OWN + rf"(?:new )?(?P<k>{_NUMERIC}) be (?P<v>.+)$"),
    ("be", "", "number", "", r"^ (?P<k>" + _NUMERIC + r") of (?P<w>\S+) be (?P<v>.+)$"),
    ("weigh", "weight", "number", "", _W + r" weigh (?P<v>.+)$"),
    ("tall", "height", "number", "", _W + r" be (?P<v>.+) tall $"),
    ("earn earns make makes", "salary", "number", "", _W + r" (?:earn|make)s? (?P<v>\S+(?: (?:euros|pounds"
        r"|dollars))?(?: every \w+)?) $"),
    ("wear size", "", "number", "", _W + r" (?:wear|take|be) (?:a )?(?P<k>\w+ size|size) (?P<v>\S+)(?: shoes)? $"),
    ("take", "", "number", "", _W + r" take (?P<v>\d\S* mg) (?:of )?(?P<k>\w+)(?: every day)? $"),
    ("dose", "", "number", "", _OWN + r"(?P<k>\w+) dose be (?P<v>.+)$"),
    ("drive", "car", "named", "", _W + r" drive (?P<v>\S+(?: \S+)?) $"),
    ("favourite", "", "word", "", _OWN + r"(?:new )?favourite (?P<k>\S+(?: to \w+)?) be (?P<v>.+)$"),
    ("favourite", "", "word", "", r"^ (?P<v>\S+(?: \S+){0,2}) be (?P<w>\S+)'s (?:new )?favourite (?P<k>\S+) $"),
    ("best most", "", "word", "", r"^ (?P<k>\S+) (?:that )?(?P<w>\S+) like (?:best|most) be (?P<v>.+)$"),
    ("be", "", "named", "", _OWN + rf"(?:new )?(?P<k>{_ROLE}) be (?:called )?(?P<v>.+)$"),
    ("be", "", "named", "", r"^ (?P<v>\S+(?: \S+){0,2}) be (?P<w>\S+)'s (?:new )?(?P<k>" + _ROLE + r") $"),
    ("have", "", "named", "e", _W + rf" have new (?P<k>{_ROLE}) (?:called )?(?P<v>.+)$"),
    ("name", "", "many", "", _OWN + r"(?P<k>(?!pet\b)\w+) name be (?P<v>\S+) $"),
    ("name", "", "many", "", r"^ (?P<w>\S+)'s (?P<k>\w+)'s name be (?P<v>\S+) $"),
    ("called", "", "many", "", _W + r" have (?P<k>\w+) called (?P<v>\S+) $"),
    ("originally", "origin", "ever", "", _W + r" (?:be|come|comes) originally from (?P<v>\S+) $"),
    ("originally", "origin", "ever", "", _W + r" (?:be|come|comes) from (?P<v>\S+) originally $"),
    ("native first mother", "native language", "ever", "", _OWN + r"(?:native|mother) (?:language"
        r"|tongue) be (?P<v>\S+) $"),
    ("middle star zodiac eye", "", "ever", "", _OWN + r"(?P<k>middle name|star sign|zodiac sign"
        r"|eye colour) be (?P<v>\S+) $"),
    ("single married divorced widowed engaged separated dating seeing", "status", "status", "",
     _W + r" be (?P<v>single|married|divorced|widowed|engaged|separated|dating|seeing)"
     r"(?: (?!from|in|at|by|about|of|minded).*)?$"),
    ("married divorced engaged separated", "status", "status", "e",
     _W + r" (?:have |been |was |got |get |be )*got (?P<v>married|divorced|engaged|separated)(?: (?:to|with|on"
         r"|last|this|\d|\0).*| in (?:\d|\0|[a-z]+ $).*)? $"),
    ("broke split broken", "status", "status", "e", _W + r" (?:have )?(?P<v>broke|split)(?: up)?(?: with .*)?$"),
    ("boyfriend girlfriend partner fiance fiancee", "status", "status", "",
     _W + r" have (?:new )?(?P<v>boyfriend|girlfriend|partner|fiance|fiancee)(?: .*)?$"),
    ("relationship", "status", "status", "", _W + r" be in (?P<v>relationship)(?: .*)?$"),
    ("girlfriend boyfriend partner spouse", "status", "status", "e",
     r"^ (?P<w>\S+) and (?:his|her|their|\S+'s) (?:girlfriend|boyfriend|partner|spouse) (?:have )?(?P<v>split"
     r"|broke|divorced)(?: .*)?$"),
    ("married divorced", "status", "status", "e", _W + r" (?:have )?(?P<v>married|divorced)"
     r" (?!(?:to|for|with|in|at|on|off|into|the|his|her|their) |\d)\S+(?: .*)?$"),
    ("raised increased lowered cut reduced changed", "", "number", "e",
     r" (?:raised|increased|lowered|cut|reduced|changed) (?P<w>\S+)'s (?P<k>" + _NUMERIC
     + r") (?:from \S+ )?to (?P<v>.+)$"),
    ("vegan vegetarian pescatarian", "diet", "diet", "", _W + r" be (?P<v>vegan|vegetarian|pescatarian) $"),
    ("meat", "diet", "diet", "", _W + r" eat (?P<v>meat) $"),
)  # fmt: skip
_COMPILED: tuple[tuple[frozenset[str], str, _Sort, str, re.Pattern[str]], ...] = tuple(
    (frozenset(at.split()), name, sort, flags, late(find)) for at, name, sort, flags, find in _PATTERNS
)
_DROPPED = late(
    r"(?<= )(?:\0[cm]|\0[d@w]\S*|an?|the|now|mrs?|ms|dr|of the|just|currently|recently|already|finally|again|to say) "
)
_UNREAD = late("\0[^ieuptm]")  # a denial, or what is over
_NOT_A_VALUE = frozenset(
    "in on at with near during from by until before after when while too not out very so really ill sick great "
    "nice good bad "
    "always never away off about like kind fear hope peace getting going 1 my his her their our tears plan "
    "phase".split()
)
_MANY = frozenset("teacher tutor coach trainer instructor doctor lawyer".split())
_OFTEN_ONE = (
    "teacher",
    "tutor",
    "coach",
    "trainer",
    "instructor",
    "therapist",
    "lawyer",
    "vet",
    "cleaner",
    "supplier",
    "gym",
)
_OF_A_COUNTRY = late("(?:ian|ean|can|es|ese|sh|ch|thai|greek|german|swiss|czech)$")
_OF_GROUPS = frozenset("club choir gym team band party society orchestra church group class queue army navy us".split())


@lru_cache(maxsize=64)
def facts(text: str) -> tuple[Fact, ...]:
    """What a clause, as `Reading.text` has it, tells of attributes. Never raises. Cost: about 20 µs."""
    if len(text) > LONGEST:
        return ()
    plain = _DROPPED.sub("", _DROPPED.sub("", text))
    if _UNREAD.search(plain):
        return ()
    words = frozenset(plain.split())
    found: list[Fact] = []
    for at, name, sort, flags, pattern in _COMPILED:
        if at & words and (match := pattern.search(plain)):
            groups = match.groupdict()
            value = tuple(stem for word in groups["v"].split() for stem in stems_of(word))
            attribute = name or _attribute(groups["k"])
            found.append(Fact(groups["w"], attribute, value, sort, "e" in flags, "?" not in flags))
    return tuple(found)


def _attribute(noun: str) -> str:
    noun = noun.removesuffix(" dose")
    return "phone number" if noun in ("number", "phone") else noun


def valued(pair: Pair) -> Decision | None:
    """Both tell of one attribute of the same: in other words, or another value of it."""
    a, b = pair.a, pair.b
    if a.denied or b.denied or a.ended or b.ended or uneven(pair):
        return None
    for one in facts(a.text):
        for other in facts(b.text):
            if (one.who, one.attribute) == (other.who, other.attribute) and (decision := _compared(pair, one, other)):
                return decision
    return None


def _compared(pair: Pair, one: Fact, other: Fact) -> Decision | None:
    a, b = pair.a, pair.b
    if one.value == other.value:
        told = one.event or other.event or b.changed or a.past or b.past or not pair.whole
        if told or a.when != b.when or one.sort in ("status", "diet"):
            return None
        return Decision("paraphrase", f"both say the same of the {one.attribute}, in other words")
    if (
        (a.past and not one.event)
        or (b.past and not other.event)
        or (a.some and b.some and one.attribute not in ("status", "work", "car", "laptop", "phone"))
    ):
        return None
    if {day for day in a.when ^ b.when if day.startswith("\0w")} or not _differ(pair, one, other):
        return None
    shown = f"{' '.join(one.value)}, then {' '.join(other.value)}".replace("\0", "")
    if one.sort == "ever":
        return Decision("contradiction", f"it cannot change, and is told in two ways: {shown}")
    if other.event and not goes_back(pair):
        sure = other.sure and not compound(pair) and _follows(one, other)
        return Decision("update", f"it has one value at a time: {shown}", sure)
    decision = later(pair, f"it has one value at a time: {shown}")
    if one.attribute in _MANY and not b.changed:
        return None
    doubtful = not _follows(one, other) or (
        (one.attribute == "work" or one.attribute.endswith(_OFTEN_ONE)) and not b.changed
    )
    return Decision(decision.relation, decision.reason, False, decision.ends) if doubtful else decision


def _differ(pair: Pair, one: Fact, other: Fact) -> bool:
    """Both are values of it, and cannot be one and the same."""
    if one.sort in ("status", "diet"):
        return _other_state(one, other)
    values = set(one.value), set(other.value)
    if values[0] <= values[1] or values[1] <= values[0] or max(len(one.value), len(other.value)) > 4:
        return False
    if _NOT_A_VALUE & (values[0] | values[1]) or one.sort == "many":
        return False
    if one.sort == "number":
        return all(any(map(str.isdigit, "".join(value))) or "@" in "".join(value) for value in values)
    if one.sort == "named":
        if one.attribute == "employer" and _OF_GROUPS & (values[0] | values[1]):
            return False
        if any("'" in word or _OF_A_COUNTRY.search(word) for word in _told(one) + _told(other)):
            return False
        return _is_name(pair, one) and _is_name(pair, other, new=True)
    return True


def _follows(one: Fact, other: Fact) -> bool:
    """Of a status: the second can come of the first."""
    if one.sort != "status":
        return True
    return _STATUS_STEMS[other.value[0]] in _AFTER[_STATUS_STEMS[one.value[0]]]


def _told(fact: Fact) -> tuple[str, ...]:
    return fact.value if fact.attribute not in ("home", "employer", "car") else ()


def _other_state(one: Fact, other: Fact) -> bool:
    if one.sort == "diet":
        return ("meat" in one.value) != ("meat" in other.value)
    states = [_STATUS_STEMS[fact.value[0]] for fact in (one, other)]
    return states[0] != states[1] and set(states) != {"taken", "engaged"} and set(states) != {"taken", "married"}


_STATUS_STEMS = {stems_of(word)[0]: state for word, state in _STATUS.items()}


def _is_name(pair: Pair, fact: Fact, *, new: bool = False) -> bool:
    statement, reading = (pair.new, pair.b) if new else (pair.old, pair.a)
    return fact.value in (("unemploy",), ("jobless",)) or plain_name(statement, reading, fact.value)
