"""What kind of memory a statement is, by how it is put together (docs/reference/words.md). Pure, English.

Finer than `kinds.py`, on which it falls back: what is done in steps, what is asked of the assistant, what somebody is
like, and what happened each have forms of their own. How often it is right: docs/reference/understanding.md.
"""
"""From a memory to the statement that consolidation decides about (operation/consolidation.py). Pure."""

from __future__ import annotations

import re

from memos_mcp.cube import Kind
from memos_mcp.interface.duplicates import in_full
from memos_mcp.interface.kinds import kind_of

_LOOKED_AT = 400

_DO = (
    r"(?:answer|reply|respond|speak|talk|write|use|keep|call|address|explain|show|give|list|cite|quote"
    r"|avoid|stop|start|ask"
    r"|tell|let|remind|suggest|format|translate|leave|change|skip|include|put|add|be|do not|make|refer"
    r"|treat|assume|check"
    r"|mention|limit|sign|only|book|recommend|default|treat|convert|sort|order|group|label|highlight|summari[sz]e|shorten|omit"
    r"|pick|choose|follow|switch|greet|hide|present|provide|quote|double-check|spare me|focus|bring up"
    r"|send|read|offer|spell|round|remember|try|warn|stick|say|drop|prefer|confirm|end"
    r"|begin|never|always|please)"
)
_SKILL = re.compile(
    r"^(?:here is )?how to\b|\bfirst\b.+\b(?:then|finally|after that|next)\b|\bstep (?:1|one)\b.*\bstep (?:2|two)\b"
    r"|^(?:in order )?to (?!be\b|me\b|us\b|my\b|the\b)\w+\b[^.]*, (?!i\b|we\b|my\b|he\b|she\b|they\b|it\b)\w+"
    r"|\bthe (?:\w+ )?(?:trick|secret|method|technique) (?:to|of|for|with|is)\b"
    r"|(?<!on )\bthe (?:\w+ )?way (?:to|of) [^.]*\b(?:is|was)\b"
    r"|^(?:you|one) (?:can |have to |should |must |may )?(?!not\b)\w+ .*\bby \w+ing\b|\b(?:works|goes"
    r"|is done) like this\b"
    r"|^(?:if|when|once|before|after) (?:the|a|an|your|it|you)\b[^,]*, (?!i\b|we\b|my\b|he\b|she\b|they\b"
    r"|it\b|the\b|you\b)\w+ (?!me\b|is\b|was\b|are\b)"
    r"|^for (?:a|an|the|best|good) [^,]*, (?!i\b|we\b|my\b|he\b|she\b|they\b|it\b|the\b)\w+ (?:the|a|it|them|your)\b"
    r"|^(?:it helps to|\w+ing (?:a|an|the) \w+ (?:is|works|takes|means))\b"
)
_WHEN_ASKED = re.compile(
    r"^(?:when|whenever|if|every time|any ?time|as soon as|before|after|unless) i (?!was\b|were\b|had\b"
    r"|got\b|went\b|\w+ed\b)"
    r"[^,]*, (?:please |always |never |only |just )?(?!i\b|we\b|my\b|the\b|it\b|he\b|she\b|they\b|there\b|an?\b)\w+"
    r"|^(?:if|when(?:ever)?|before|unless) you (?:do not |are (?:not )?)?(?:know|sure|answer|reply|write"
    r"|say|tell|ask|quote|find|remember)\b[^,]*, "
)
_STEPS = re.compile(r"(?:^|\n)\s{0,8}(?:step )?1[.):] .+\n\s*(?:step )?2[.):] ", re.IGNORECASE)
_INSTRUCTION = re.compile(
    rf"^(?:(?:and|but|so|ok|also|oh) )?{_DO} (?!(?:was|is|were|had)\b)"
    r"|^(?:when|whenever|if|every time|any ?time|as soon as|before|after|unless) (?:i|you|we|my|somebody"
    rf"|anyone)\b[^,]*, (?:please |always |never )?(?:do not )?{_DO}\b"
    r"|^(?:please\b|always\b|never\b|from now on\b|in (?:the )?future\b)|^you (?:should|must|may|can"
    r"|shall|need to|have to|are (?:not )?(?:to|allowed))\b"
    r"|\bi (?:want|expect|would like|need) you to\b|\b(?:your (?:answers?|replies|reply|tone"
    r"|responses?)) (?:should|must|are|is)\b|^no (?:more )?(?:emojis?|lists?|bullet|jokes?)\b"
)
_LEANING = re.compile(r" for me\b| over .* any (?:day|time)\b")
_FEELS = (
    r"(?:bores?|annoys?|bothers?|relaxes|calms?|scares?|disgusts?|irritates?|fascinates?|delights?"
    r"|stresses|exhausts?|upsets?"
    r"|excites?|tires?|soothes?|frightens?|repels?|makes?|gives?|gets|drives|leaves|helps?|suits?)"
)
_HABIT = (
    r"(?:eat|drink|smoke|wear|take|buy|read|watch|listen|sleep|get up|wake up|go|cook|bake|run|swim|cycle"
    r"|walk|play|train|drive|use"
    r"|meditate|do|have|sing|garden|fish|hike|ride|study|shop|order|spend|knit|paint|travel|fly|work out"
    r"|practise|practice)"
)
_PREFERENCE = re.compile(
    rf"\b{_FEELS} (?:me|us) (?:feel |a |an |the |so |really |very )*(?:ill|sick|nervous|happy|sad|sleepy"
    r"|tired|crazy|mad|cold|heartburn"
    r"|headaches?|migraines?|rash|hives|nausea|anxious|uneasy|uncomfortable|dizzy|wheeze|sneeze|itch\w*"
    r"|energy|joy|fine|best|down)\b"
    rf"|\b(?!makes?|gives?|gets|drives|leaves){_FEELS} me\b(?! (?:with|to)\b)|\bfor me\b,? (?:always|only"
    r"|please|thanks|never)|\bfor me\W*$|\bnothing with \w+"
    r"|\bnot (?:really )?(?:a|an|much of a) (?:\w+ )?(?:person|fan|lover|drinker|eater|reader|type)\b"
    r"|\b(?:my|our) (?:thing|cup of tea|jam|style|favou?rite)\b"
    r"|\bi am (?:(?:not|really|very|so|quite|a bit|totally|absolutely|never) )*(?:into|keen|crazy|mad"
    r"|nuts|passionate|scared|afraid|terrified|fond|tired of"
    r"|sick of|obsessed|picky|sensitive|partial|happiest|claustrophobic|lactose|coeliac|celiac"
    r"|colour ?blind|diabetic|a (?:big |huge )?(?:fan|lover))\b"
    r"|\b(?:i|we) (?:(?:really|always|also|only|do not|still) )*need (?!to\b)(?:a |an |the |some |my "
    r"|extra |at least )?\w+"
    r"|\b(?:i|we) (?:do not|never|always|only|mostly|mainly|usually|rarely|often|no longer|hardly ever"
    rf"|try (?:not )?to|tend to) (?:ever |even )?{_HABIT}\b"
    r"|\b(?:i|we) (?:always|never|usually|rarely|often|seldom|hardly|try to|tend to)\b|\b(?:would"
    r"|'d) (?:much |far )?(?:rather|sooner|prefer)\b"
    rf"|\bon (?:mon|tues|wednes|thurs|fri|satur|sun)days (?:i|we)\b|\b(?:i|we) {_HABIT}\b.*\b(?:every|each"
    r"|on \w+days|twice a|once a|times a|at weekends|in the mornings?|before (?:bed|breakfast))"
    r"|\b(?:at most|no more than|at the most|maximum of|up to [£$€]?\d+)\b.*|\b(?:i|we) (?:can"
    r"|could) (?:only )?(?:spend|afford)\b|\bon a (?:tight )?budget\b"
    r"|\b(?:can not|could not) (?:eat|drink|have|take|tolerate|stand|bear|abide|digest|touch|handle|sit"
    r"|climb|hear|see|walk|do|manage|work|lie|bend|sleep)\b"
    r"|\b(?:my|our) (?:ideal|perfect|dream)\b|\b\w+day (?:mornings|afternoons|evenings|nights) (?:i|we)\b"
    r"|\b(?:could|would|will|can|might) kill me\b|\bout of the question\b| over .* any (?:day|time)\b"
    r"|\b(?:a|an|pure|sheer|absolute) (?:nightmare|torture|bliss|heaven|horror|delight|joy"
    r"|pleasure) (?:for|to) me\b|\bfavou?rites?\b|\bnothing (?:beats|better than)\b"
)
_PAST = (
    r"(?:went|met|bought|sold|got|flew|drove|won|lost|broke|saw|took|came|left|made|had|found|heard|ran"
    r"|died|froze|fell|began|gave|sent|told|rang"
    r"|spent|stole|burnt|built|caught|chose|cut|ate|drank|forgot|grew|hit|hurt|laid|led|lent|paid|put"
    r"|rode|sang|sank|sat|shot|slept|spoke|stood"
    r"|swam|taught|threw|woke|wore|wrote|became|brought|beat|bit|blew|tore|held|kept|let|quit|said|fought"
    r"|fled|dug|drew|hid|rose|shook|struck|swept)"
)
_STATE = frozenset(
    "lived worked owned loved liked wanted needed hated named called located based related supposed used red bed "
    "shed seed hundred indeed need feed speed weed wed retired divorced married interested allergic preferred "
    "wooden fixed limited unlimited left-handed detached furnished haired sided shared painted tired "
    "used bored advanced".split()
)
_MAYBE_PAST = re.compile(rf"(?P<before>\b[\w']+) (?P<verb>{_PAST}|\w{{2,}}ed)\b")
_BE = frozenset("is are am be being a an the my our his her their very so not to and of".split())
_EVENT = re.compile(
    r"\b(?:am|are|is) (?:not )?(?:\w+ly )?\w+ing\b.*\b(?:in|on|at|from|by|next|tomorrow|tonight|this|soon"
    r"|to)\b(?! \w+ing)|\b(?:am|are|is) getting \w+ed\b"
    r"|\b(?:have|has) (?:just |finally |already |recently |now )?(?:been )?(?:\w+ed|won|lost|made|bought"
    r"|sold|found|got|taken|given|broken|begun|gone|come|left|written)\b"
    r"|\b(?:was|were) (?:born|\w+ed|stolen|broken|taken|given|sent|built|told|made|hit|lost|cut)\b"
    r"|\bwill \w+|\b(?:yesterday|tomorrow|tonight|ago|last (?:night|week|month|year|summer|winter))\b"
    r"|\b(?:next|this coming) (?:week|month|year|\w+day|summer|winter|spring|autumn)\b|\bgoing to\b"
)
_REGULAR = re.compile(r"\bon (?:mon|tues|wednes|thurs|fri|satur|sun)days\b|\bevery (?:\w+day|day|week|month|year)\b")


def kind_of_statement(text: str, *, said_by_user: bool) -> Kind:
    """The kind of a statement; `fact` if nothing speaks for another. Only a user gives instructions. Cost: 30 µs."""
    plain = in_full(" ".join(text[:_LOOKED_AT].lower().replace("’", "'").replace("cannot", "can not").split())).strip()
    if plain.endswith("?"):
        return kind_of(text, said_by_user=said_by_user)
    if said_by_user and _WHEN_ASKED.search(plain):
        return "instruction"
    if _STEPS.search(text[:_LOOKED_AT]) or _SKILL.search(plain):
        return "skill"
    if _INSTRUCTION.search(plain) and not _LEANING.search(plain):
        if said_by_user:
            return "instruction"
    elif _PREFERENCE.search(plain):
        return "preference"
    if _EVENT.search(plain) or is_past(plain):
        found = kind_of(text, said_by_user=said_by_user)
        return found if found == "preference" else "event"
    found = kind_of(text, said_by_user=said_by_user)
    return "fact" if found == "event" and _REGULAR.search(plain) else found


def is_past(plain: str) -> bool:
    """Does a verb of a lower-case text say that something took place? In "a painted door is closed" none does."""
    return any(
        found["before"] not in _BE and not found["before"].endswith("'s") and found["verb"] not in _STATE
        for found in _MAYBE_PAST.finditer(plain)
    )
from datetime import UTC, datetime, timedelta
from memos_mcp.cube import Interval, MemCube
from memos_mcp.interface.duplicates import normalise
from memos_mcp.interface.times import found_in
from memos_mcp.operation.statements import Statement
_CLAUSE = re.compile(r"(?<=\?)\s+|[;!\n]+\s*|\.\s+|,\s+|\s+(?:but|because)\s+|\s+[–—]\s+")
# Said at another time they mean another one; a month or a clock time without a date mostly tells of a habit.
_OF_A_MOMENT = re.compile(
    r"\b(?:yesterday|today|tomorrow|tonight|last|this|next|ago|past|coming|(?:mon|tues|wednes|thurs|fri|satur|sun)day)\b",
    re.IGNORECASE,
_HABIT = re.compile(r"\b(?:every|each|on weekdays|\w+days)\b", re.IGNORECASE)
_NAME = re.compile(r"(?<=[\w,] )[^\W\d_a-z][\w’'-]*")
_LOOKED_AT = 1000
def statement(cube: MemCube) -> Statement:
    """The statement of a plaintext memory, as said by its speaker at its time. Cost: about 100 µs."""
    said_at = cube.origin.said_at or cube.created_at
    return stated(cube.text, cube.origin.speaker, said_at, cube=cube)
def stated(text: str, speaker: str | None, said_at: datetime | None, *, cube: MemCube | None = None) -> Statement:
    """The statement of a text; `cube` gives its validity, kind and key."""
    looked_at = text[:_LOOKED_AT]
    found = found_in(looked_at, said_at) if said_at is not None else []
    marks: dict[str, str] = {}
    dated, end = "", 0
    for each in found:
        expression = looked_at[each.span[0] : each.span[1]]
        if _OF_A_MOMENT.search(expression) and not _HABIT.search(looked_at[max(0, each.span[0] - 9) : each.span[1]]):
            mark = f"\ue000{chr(97 + len(marks))}\ue000"
            marks[mark] = _moment(each.interval)
            dated += f"{looked_at[end : each.span[0]]} {mark} "
            end = each.span[1]
    dated += looked_at[end:] + text[_LOOKED_AT:]
    clauses = [piece for piece in _CLAUSE.split(dated) if piece.strip()]
    return Statement(
        _marked(dated, marks),
        tuple(_marked(clause, marks) for clause in clauses) if len(clauses) > 1 else (),
        tuple(each.interval for each in found),
        speaker,
        said_at,
        None if cube is None else cube.valid,
        "fact" if cube is None else cube.kind,
        None if cube is None else cube.key,
        frozenset(name.lower() for name in _NAME.findall(looked_at)),
def _marked(text: str, marks: dict[str, str]) -> str:
    normal = normalise(text)
    for mark, moment in marks.items():
        normal = normal.replace(mark, moment)
    return normal
def _moment(interval: Interval) -> str:
    """A day as the normal form writes dates, another interval by its ends."""
    start, end = interval.start, interval.end
    if start is not None and end == start + timedelta(days=1):
        return f"\0d{start.year}m{start.month}d{start.day}"
    ends = ["" if each is None else each.astimezone(UTC).isoformat() for each in (start, end)]
    return f"\0@{'/'.join(ends)}"
