"""Does a statement tell of something that happens once, past or to come? By the forms of its verbs. Pure, English.

Texts are as `shorthand.written_out` gives them.
"""

from __future__ import annotations

import re

from memos_mcp.interface.shorthand import any_of
from memos_mcp.late import late

_PAST_FORMS = frozenset(
    "went met bought sold got flew drove won lost broke saw took came left made had found heard ran died froze fell "
    "began gave sent told rang spent stole burnt built caught chose cut ate drank forgot grew hit hurt laid led lent "
    "paid put rode sang sank sat shot slept spoke stood swam taught threw woke wore wrote became brought beat bit blew "
    "tore held kept let quit said fought fled dug drew hid rose shook struck swept bled bred crept dealt fed felt "
    "learnt leapt lit overslept overheard slid spat split spilt sprang stung stuck swore undertook withdrew wound wept "
    "mistook spread sped burst misheard rebuilt resent".split()
)
_PAST = any_of(" ".join(sorted(_PAST_FORMS)))
# A verb or adjective in -ed or a past form that tells of a state.
_STATE = frozenset(
    "lived worked owned loved liked wanted needed hated named called located based related supposed used red bed "
    "shed seed hundred indeed need feed speed weed wed retired divorced married interested allergic preferred "
    "wooden fixed limited unlimited left-handed detached furnished haired sided shared painted tired bored advanced "
    "belonged consisted contained seemed knew meant studied believed thought kindred sacred naked wicked rugged "
    "aged dated gifted talented disabled organised organized crowded haunted deceased self-employed employed "
    "winifred alfred fred wilfred ahmed mohamed mohammed jared ned mildred ted unemployed semi-detached listed "
    "registered certified qualified licensed dedicated complicated required "
    "reserved insured stocked exceed proceed succeed breed bleed greed creed steed embed freed agreed_on bred".split()
)
_TOKEN = late(r"[^\s,;:.!?()\"]+")
# Before an adjective stands one of these; "left" and "cut" are nouns after them.
_BE = frozenset(
    "is are am be being a an the my our your his her their its very so not to and of no some every each old this "
    "that more most quite rather two three four five in at on with by any all nicely newly well best i'm too will "
    "would can could should may might must shall do does did it'll please me us".split()
)
_RUNS_ON = late(
    r"\b(?:have|has|had) (?:\w+ )?(?:been (?!\w+ed\b|stolen\b|sold\b|given\b|told\b|made\b|built\b|taken\b|hit\b"
    r"|sent\b|put\b|paid\b"
    r"|broken\b|shut\b|cut\b|let\b)|been (?:married|based|interested|retired|divorced|closed|worried|engaged|used"
    r"|called|named"
    r"|located|employed|separated|related)\b|lived|worked|known|had|owned|used|always|never|wanted|loved|liked|hated)\b"
    r"|\bfor (?:\w+ )?(?:years|decades)\b|\bused to (?!it\b|the\b)\w+|\bgrew up\b"
    r"|\b(?:was|were) (?:raised|brought up|based|called|named|used)\b"
    r"|\b(?:lived|worked|studied) (?:in|at|on|for|as|with|there)\b"
)
_DAY = r"(?:(?:mon|tues|wednes|thurs|fri|satur|sun)day|tue|wed|thu|fri|sat)"
_MONTH = (
    r"(?:january|february|march|april|may|june|july|august|september|october|november|december|jan|feb|apr|jun|jul|aug"
    r"|sept?|oct|nov|dec)"
)
_NUMBER = r"(?:\d{1,3}|an?|two|three|four|five|six|seven|eight|nine|ten|a (?:couple of|few))"
_CLOCK = r"(?:at \d{1,2}(?:[:.]\d\d)?(?: ?[ap]\.?m\.?)?|\d{1,2}(?::\d\d| ?[ap]m)|at (?:noon|midnight|lunch\w*|half))"
_ON_A_DAY = (
    rf"(?:today|tonight|tomorrow|yesterday|ago|soon|shortly|(?:on|this|next|last|by|coming|until|till|for|from)"
    rf" (?:the )?(?:{_DAY}|\d{{1,2}}(?:st|nd|rd|th)(?! (?:floor|row|page|shelf|line|door|grade|year))|\d{{1,2}}(?:st"
    rf"|nd|rd|th)? (?:of )?{_MONTH}|{_MONTH} \d{{1,2}})"
    rf"|(?<!every )(?<!each ){_DAY}(?: (?:the \d|morning|afternoon|evening|night|at|\d))"
    rf"|\d{{1,2}}(?:st|nd|rd|th)? (?:of )?{_MONTH}\b|{_MONTH} (?:the )?\d{{1,2}}(?!\d)|\d{{1,2}}[/.]\d{{1,2}}\b"
    r"|on the (?:\d{1,2}(?:st|nd|rd|th)|first|last)(?! (?:floor|row|page|of|shelf|line|door|house|day|try))"
    rf"|(?:this|next|last|coming) (?:week|weekend|month|year|term|semester|quarter|spring|summer|autumn|fall|winter"
    rf"|morning|afternoon|evening|night|{_MONTH}|christmas|easter)"
    rf"|(?:in|from|by|until|till|before|after|during) (?:early |mid |late |the )?(?:{_MONTH}|(?:spring|summer|autumn"
    rf"|fall|winter)(?! \w+s\b))"
    rf"|in {_NUMBER} (?:minute|hour|day|week|month|year)s?|at (?:easter|christmas|the weekend)|over (?:christmas"
    rf"|easter)"
    r"|later (?:today|this|on)|at the (?:end|start|beginning) of|(?:for|over|before|after) (?:christmas|easter"
    r"|thanksgiving|new year|the weekend|eid"
    r"|diwali|ramadan)|the day after|new year's)"
)
_AT = late(rf"\b(?:{_CLOCK}|at (?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve))\b")
_TIMED = late(rf"(?<![\w-]){_ON_A_DAY}\b(?!s\b)")
_PLURAL_DAY = late(rf"\b{_DAY}s\b")
_YEARLY = late(
    r"\b(?:birthday(?! (?:party|dinner|lunch|bash|drinks|trip|meal))|anniversary|name day|born on|every|each|usually"
    r"|always|normally|typically|often)\b|\b(?:is|are) (?:paid|sent|\w+ed) on the \d"
)
_SINCE = late(
    r"\b(?:since|valid (?:until|till|through)|runs? (?:until|till|to)|(?:expires?|ends?)\b.*\b(?:19|20)\d\d|until)\b"
)
_VERBS_TO_COME = any_of(
    "starts? begins? opens? closes? finish(?:es)? leaves? arrives? lands? departs? meets? comes? goes go flies fly "
    "moves? returns? visits? launch(?:es)? gets? takes? turns? plays? sits? performs? kicks_off sets_off sails? "
    "delivers? hosts? celebrates? travels? drives? marry marries retires? graduates? resumes? reopens? goes_live "
    "happens? presents? releases? switch(?:es)? renews?"
)
_IS_TO_COME = late(
    r"\b(?:am|are|is) (?:not |all |both |just |also |finally |now )?(?:\w+ly )?(?!(?:interest|bor|excit|amaz|annoy"
    r"|charm"
    r"|willing|morning|evening|outstand|miss|be)ing?\b)\w+ing\b"
    r"|\b(?:am|are|is) (?:off|away|back|out|due|scheduled|booked|set|planned|having|getting|about to|supposed to)\b"
    r"|\bwill (?!not (?:eat|touch|wear|drink|drive|go near|fly)\b)(?:\w+ )?\w+|\b(?:going|about|due) to (?!be a\b)\w+"
    r"|\bi am off\b|\bplan(?:s|ning)? (?:to|on)\b|\b(?:have|has|need|needs) to \w+|\bhas to be (?:paid|returned"
    r"|handed)\b"
)
_SURE_TO_COME = late(
    r"\bwill (?!(?:not )?(?:eat|touch|wear|drink|drive|go near|fly|do|never|always|only|usually)\b)\w+"
    r"|(?:^|\b(?:am|are|is|was|were|not|all|both|just) )going to (?!be a\b|the\b|an?\b|my\b|church\b|work\b)\w+"
    r"|\babout to \w+|\bis off to\b|\bam off to\b|\b(?:am|are|is) (?:getting (?:married|divorced|\w+ed)|expecting"
    r"|pregnant|having (?:a|an|another|twins|my|our|the|surgery)|moving|leaving|retiring|emigrating|quitting)\b"
    r"|\b(?:am|are|is) (?:\w+ly )?(?:selling|buying|quitting|closing|opening|renovating|divorcing|changing|switching"
    r"|starting"
    r"|stopping|emigrating|resigning|adopting|filing|launching|shutting|laying|hiring|merging|relocating"
    r"|seeing .* (?:on|at|tomorrow"
    r"|tonight))\b"
    r"|\b(?:am|are|is) (?:being|getting) \w+(?:ed|en|ut)\b"
)
_PERFECT = late(
    r"\b(?:have|has) (?:just |finally |already |recently |now |also |both |all |once )*(?:been )?"
    rf"(?:(?!got\b){_PAST}|[a-z]{{2,}}ed|gone|done|taken|given|broken|begun|come|written|stolen|eaten|chosen|fallen"
    rf"|forgotten"
    r"|frozen|grown|hidden|ridden|risen|seen|shown|spoken|thrown|torn|woken|become|set|flown|driven|drawn|run)\b"
)
_PASSIVE = late(
    r"\b(?:was|were|got) (?:\w+ly |just |finally |not )?(?:born|[a-z]+ed|stolen|broken|taken|given|sent|told|hit|lost"
    r"|cut"
    r"|thrown|beaten|bitten|caught|held|paid|shut|stuck|struck|torn|written off|stung|fed up)\b(?! by my| by our)"
)
_WAS = late(r"\b(?:was|were|been)\b")
_MADE_BY = late(r"\b(?:was|were|is|are) (?:built|made|designed|founded|painted|written|owned|run|named|called)\b")
_TOOK_PLACE = late(
    r"\bthere (?:was|were) (?:an?|no|two|three|several|some|another)\b|\b(?:was|were) (?:in hospital|at (?:the|a|an|my"
    r"|our)\b|on (?:holiday"
    r"|vacation)|off sick|late\b|stuck|here\b|there\b|out (?:with|for|at))|\b(?:trip|wedding|party|holiday|conference"
    r"|visit|concert|meeting|exam"
    r"|interview|funeral|reunion|game|match|dinner|flight|date|show|course|marathon|race|surgery|operation"
    r"|presentation|move)\b.{0,30} (?:was|were)\b"
)
_HAS_ONE = late(
    r"\b(?:have|has|having) (?:got )?(?:an?|another|my|our|two|three|some|the)\b|(?:^|\b(?:have|has|got|is|are|need"
    r"|needs)\b)(?: got)? ?(?:a|an|my|our|his|her|their|another|the|two"
    r"|three)? ?(?:[\w-]+ ){0,4}?"
    r"(?:appointment|interview|exam|test|meeting|scan|operation|surgery|check-?up|viewing|date|party|flight|concert"
    r"|game"
    r"|match|wedding|funeral|dinner|lunch|call|deadline|presentation|root canal|rehearsal|trip|conference|workshop"
    r"|webinar|class|lesson|gig|recital|audition|hearing|mot|x-ray|biopsy|blood test|demo|visit|delivery)\b"
)
_VERB = late(r"\b(?:is|are|am|was|were|be|have|has|had|do|does|will|can|could|would|should|must|may|might)\b")


def is_past(plain: str) -> bool:
    """Does a verb of a lower-case text say that something took place? In "a painted door is closed" none does."""
    words = _TOKEN.findall(plain)
    for at, word in enumerate(words):
        if not (word in _PAST_FORMS or (word.endswith("ed") and len(word) > 3)) or word in _STATE:
            continue
        before, after = words[at - 1] if at else "", words[at + 1] if at + 1 < len(words) else ""
        if (
            before in _BE
            or before.endswith(("'s", "-", "n't", "'ll"))
            or (after == "by" and word not in _GOES_BY and not (words[at + 2 : at + 3] or [""])[0].endswith("ing"))
            or (word == "got" and before in ("have", "has"))
        ):
            continue
        if not (word == "left" and (after in _AFTER_LEFT or not after or before in _BEFORE_LEFT)):
            return True
    return False


_GOES_BY = frozenset("came went dropped stopped ran drove passed popped swung stood".split())
_AFTER_LEFT = frozenset("ear eye hand arm leg foot knee side shoulder hip over of".split())
_BEFORE_LEFT = frozenset(
    "day days week weeks month months hour hours minute minutes money time nothing anything much".split()
)


def is_timed(plain: str) -> bool:
    """Does it name a time at which something happens once?"""
    return _TIMED.search(plain) is not None and not _YEARLY.search(plain)


def is_event(plain: str) -> bool:
    """Does the statement tell of something that happens once, past or to come?"""
    if _RUNS_ON.search(plain) and not re.search(
        r"\b(?:yesterday|last|ago|tomorrow|just|today|tonight|this (?:morning|week|afternoon|evening))\b", plain
    ):
        return False
    if _MADE_BY.search(plain) and not re.search(r"\b(?:yesterday|last|ago|this)\b", plain):
        return False
    if (
        _TOOK_PLACE.search(plain)
        or _PERFECT.search(plain)
        or _PASSIVE.search(plain)
        or is_past(plain)
        or _SURE_TO_COME.search(plain)
    ):
        return True
    if not is_timed(plain):
        return _AT.search(plain) is not None and _HAS_ONE.search(plain) is not None and not _YEARLY.search(plain)
    if _WAS.search(plain) or _IS_TO_COME.search(plain) or _HAS_ONE.search(plain):
        return True
    if _SINCE.search(plain):
        return False
    return re.search(rf"\b{_VERBS_TO_COME}\b|\b(?:is|are|falls?)\b", plain) is not None or not _VERB.search(plain)
