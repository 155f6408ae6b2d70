"""What kind of memory a statement is, by how it is put together (docs/reference/words.md). Pure, English.

Finer than `kinds.py`, on which it falls back: what is done in steps, what is asked of the assistant, what somebody is
like, and what happened each have forms of their own. How often it is right: docs/reference/understanding.md.
"""

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
