"""Which kinds of memory and which layer a sentence is about, by its words. Pure, English."""

from __future__ import annotations

import re

from memos_mcp.cube import Kind
from memos_mcp.interface.commands import GONE_IN_THE_END, POLITE, plain, to_the_point
from memos_mcp.interface.happenings import is_past
from memos_mcp.interface.statements import kind_of_statement
from memos_mcp.late import late
from memos_mcp.search import Intent, Layer

_LEAD = late(
    rf"^{POLITE}(?>(?:remember(?:ed|ing)?|note|keep in mind|bear in mind|don't (?:let me )?forget|make (?:a "
    rf"|an )?(?:mental |quick )?note"
    r"|take (?:a )?note|save|store|record|log|forget|delet(?:e|ing)|eras(?:e|ing)|unlearn|discard|scrub|remov(?:e|ing)"
    r"|wip(?:e|ing)|purge"
    r"|drop|clear"
    r"|get rid of|i(?:'d| would) rather you (?:didn't|did not) (?:remember|keep|store|save)|put|stop (?:remembering"
    r"|storing|saving|keeping(?: track of)?)|don't (?:keep|store|save)|let (?:everyone |everybody |them "
    r"|the (?:\w+ ){1,3}|my \w+ |our \w+ )(?: in (?:the|our) \w+ )?know"
    r"|scratch|scrap|undo|disregard|ignore|take back|cancel|mark|memori[sz]e|add"
    r"|(?:i )?don't want you to (?:keep|remember|store|save)|tell (?:everyone"
    r"|everybody|them"
    r"|the \w+)(?: in (?:the|our) \w+)?|no|oh|ah|hm+|wait|actually|correction|sorry|oops|scratch that|turns out"
    r"|it turns out|fyi"
    r"|for the record"
    r"|(?:just a )?heads[- ]up|you should know|reminder|btw|by the way|write|jot|change|update"
    r"|correct)(?: down)?\b[,:.! –-]*)++"
    r"(?:(?:that|this|of)\b[,: ]*)?(?:(?:the|my|your|that) (?:note|memory|entry|reminder|bit|part|thing|fact"
    r"|information|info)"
    r" (?:about|that|on|of|where|saying) )?",
    re.IGNORECASE,
)
_FOR_WHOM = late(r"^for (?:our|the|my|everyone|everybody)[^:]{0,40}: ")
_TALK = late(r"\b(?:everything|anything|all|what) (?:about|that|i|you|we|on)\b")
_SAID = (
    r"(?:say|said|says|tell|told|tells|think|thinks|thought|mean|meant|advise|advised|promise|promised|mention"
    r"|mentioned"
    r"|explain|explained|reply|replied|answer|answered|suggest|suggested|warn|warned|claim|argue|report|reported|write)"
)
_DOCUMENT = (
    r"(?:contract|document|letter|file|pdf|report|e-?mail|article|manual|policy|paper|minutes|will|lease|agreement"
    r"|handbook"
    r"|guide|invoice|receipt|statement|transcript|spec|specification|proposal|memo|brochure|certificate|form|thesis"
    r"|quote"
    r"|deed|terms|leaflet|prescription|paperwork|warranty|newsletter|slides|presentation|attachment|readme|wiki)"
)
_OCCASION = (
    r"(?:trips?|weddings?|party|parties|holidays?|conferences?|visits?|concerts?|appointments?|meetings?|exams?|events?"
    r"|interviews?|funerals?|reunions?|deadlines?|games?|match(?:es)?|workshops?|lessons?|trains?|flights?|accidents?"
    r"|complaints?|incidents?|arguments?|calls?|birthday party|delivery|deliveries|check-?ups?|surgery|operation"
    r"|festivals?"
    r"|races?|fights?|quarrels?|break-?ups?|training|webinars?|performances?|rehearsals?|viewings?|dinner)"
)
_BY_HAND = (
    r"(?:make|cook|bake|prepare|clean|fix|repair|build|brew|grow|season|roast|prune|remove|install|sharpen|sew"
    r"|knit|fold"
    r"|wash|store|keep (?:the|his|her|their)|get (?:the|his|her|their|it|them)(?! (?:job|idea))|cut|mix|set up"
    r"|pickle|smoke|fry"
    r"|grill|polish|paint|tie|train|iron|dry|freeze|marinate|reset|unlock|calibrate|configure|deploy)"
)
_DONE_BY_HAND = (
    r"(?:got|made|make|fixed|fix|cooked|baked|removed|remove|cleaned|repaired|repair|built|build|solved|solve"
    r"|set up|did (?:it"
    r"|that|the)|do (?:it|that|the)|stopped|stop|unblocked|cured|installed|configured|reset|unlocked|grew|brewed"
    r"|prepare|prepared"
    r"|sharpened|managed to|got rid of|get rid of|restored|recovered|patched|sealed|adjusted|seasoned|pickled|cleaned)"
)
_PARTICIPLE = (
    r"(?<!got )(?:given|taken|sent|paid|bought|brought|told|left|lost|found|sold|moved|come|gone|written|broken"
    r"|returned"
    r"|booked|called|finished|started|cancelled|replied|arrived|happened|won|eaten|drunk|flown|driven|begun"
    r"|chosen|stolen"
    r"|hurt|met|seen|made|signed|agreed|fixed|repaired|ordered|collected|picked up|handed in)"
)
_ASKED_KINDS: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    (
        "document",
        late(
            rf"\b(?:in|of|from|to|under|according to|per|read) (?:the|my|our|this"
            rf"|that) (?:[\w'-]+ ){{0,3}}{_DOCUMENT}\b(?!['’]s? \w+ (?:name|number))"
            rf"|\b(?:the|my|our) (?:[\w'-]+ ){{0,3}}{_DOCUMENT}(?: (?:of|for|with|from) .{{1,40}})? (?:say|says|said"
            rf"|state|states|mention"
            r"|mentions|specify|specifies|read|cover|covers|contain|contains|include|includes|require|requires|allow"
            r"|allows)\b"
            rf"|\b(?:find|show|open|read|pull up|get|give|bring)(?: me| us)?(?: up| out)? (?:the|my"
            rf"|our) (?:[\w'-]+ ){{0,2}}{_DOCUMENT}\b"
        ),
    ),
    (
        "instruction",
        late(
            r"\b(?:instructions?|rules?|guidelines?) (?:have|did|do|that) i\b|\bhow (?:should|are|must"
            r"|do) you (?:supposed to |meant to )?"
            r"(?:answer|address|call|reply|write|format|talk|respond|speak|sign)|(?:told|asked|instructed|want"
            r"|wanted) you (?:not )?to\b"
            r"|\b(?:standing|my) (?:standing )?(?:instructions|rules|guidelines)\b|\b(?:ask|tell|told"
            r"|asked) you (?:always|never|not)\b"
            r"|\bwhat (?:are|were) you (?:not )?(?:supposed|meant|allowed) to\b"
        ),
    ),
    (
        "fact",
        late(
            r"^(?:and |so |do you (?:happen to )?know |tell me |remind me )*(?:what|which)(?:'s| is| was| were"
            r"| are) (?!.*\b(?:favou?rite|preferred"
            r"|budget|deadline|number of|usual)\b)(?:\S+ ){1,4}?(?:names?|numbers?|address|price|colou?r|title|size"
            r"|code|password|age|birthday"
            r"|extension|job|salary|job title|phone|e-?mail|postcode|surname|username|capacity|model|brand|height"
            r"|weight|blood type|rent"
            r"|plate|policy|username|maiden name|hours|cost|interest rate|pin)\b(?! (?:on|of) the (?:trip|meeting))"
            r"|\bwhen(?:'s| is| was) .*\b(?:birthday|birth date|anniversary|name day)\b|\bhow old\b|\b(?:know|got"
            r"|have) \S+'s (?:\w+ )?"
            r"(?:names?|numbers?|address|extension|phone|e-?mail|birthday|code)\b"
        ),
    ),
    ("event", late(r"^(?:and |so |but )?when (?:did|was|were|had) ")),
    (
        "fact",
        late(
            r"^(?:and |so |but )?(?:since when|how long (?:has|have|had|is|are|was|were)|until when"
            r"|for how long (?:has|have))\b"
            r"|^(?:and |so )?(?:what|which|whose) (?:size|blood|nationality|make|model|brand)\b(?!.*\b(?:like"
            r"|prefer|favou?rite|rather|usual\w*)\b)"
            r"|^(?:and |so )?(?:what|which|whose) (?:grade|year|floor|row|bus|language"
            r"|school|hospital|company|platform|gate)\b(?!.*\b(?:like|prefer|favou?rite|rather|usual\w*|did (?:i"
            r"|we))\b)"
            r"|^(?:and |so )?(?:where|what|who|which|how many)\b.*\bdid (?:\S+ ){1,3}?(?:live|work|study|own|know"
            r"|belong"
            r"|weigh|believe|cost|earn)\b(?! (?:on|in) (?:week|the week)\b)(?<!hours did i work)"
        ),
    ),
    (
        "event",
        late(
            r"^(?:and |so |but )?how (?:much|far|long) .*\bdid (?:\S+ ){1,4}?(?!want\b|cost\b|weigh\b|look\b"
            r"|know\b|earn\b|need\b"
            r"|like\b|say\b|said\b|have\b|own\b|measure\b|recommend\b|call\b)[a-z]+\b"
            r"|^(?:and |so |but )?what did (?:\S+ ){1,3}?(?:spend|pay|charge|give|bring|lend|send|buy|eat|drink"
            r"|wear|order|cook)\b"
        ),
    ),
    (
        "skill",
        late(
            rf"\bhow (?:i|we|you|one) (?:(?:last|finally|once|usually|first) )?{_DONE_BY_HAND}\b(?! (?:there|here"
            rf"|home|to|in touch"
            rf"|on|along|by)\b)|\bhow (?:does|do|did) (?:\S+ ){{1,5}}?{_BY_HAND}\b"
        ),
    ),
    ("fact", late(r"^(?:and |so |but )?(?:when|what time) (?:do|does) .*\b(?:expires?|open|close|run out)\b")),
    (
        "fact",
        late(
            rf"\b(?:did|has|have|had)\b.{{1,60}}\b{_SAID}\b(?! (?:prefer|like)\b)|\b(?:said|told|advised|warned"
            rf"|promised) "
            rf"|^(?:and |so )?what (?:do|does) \S+(?: \S+)? (?:think|say|mean|believe)\b"
        ),
    ),
    (
        "skill",
        late(
            r"\bhow (?:do|can|should|would|could|did|does) (?:i|we|you|one) (?!like|prefer|feel|know|meet|get to know"
            r"|want|pay|take my|get (?:there|to|home|here)|reach|contact|come to|end up|travel|celebrate|find out"
            r"|usually|normally|spend|sleep)|\bhow to (?!reach\b|contact\b|get (?:to|there|hold)\b)|\bhow (?:is"
            r"|are) .* (?:done|made|cleaned|used|cooked|set up"
            r"|installed|fixed)\b"
            r"|\b(?:steps?|procedure|process|recipe|method|technique|trick|exercises?|instructions?|best way|right way"
            r"|workflow|checklist)"
            r" (?:for|to|of|did|that|was|were|when)\b|\bexercises\b|\b(?:walk|talk|run) me through (?:how|the steps"
            r"|setting|the process)"
        ),
    ),
    (
        "preference",
        late(
            r"\b(?:like|likes|liked|prefer\w*|favou?rites?|love|loves|hate|hates|enjoy\w*|dislike\w*|allerg\w+"
            r"|diet(?:ary)?|vegetarian"
            r"|vegan|(?:my|our) (?:\w+ )?budget|budget for|tastes?|rather|intolerant|intoleranc\w+|can(?:'t|not"
            r"| not) (?:stand|eat|have|drink|bear"
            r"|tolerate|do|take)|(?:can|may|should|must) .{1,40} not (?:eat|drink|have|take|do)|usually"
            r"|normally|habits?|routine|comfortable with|fond|fan of|into|avoid|avoids|scared of|afraid of|phobia"
            r"|usual|regularly|typically"
            r"|preferences|not allowed to (?:eat|drink|have)|mustn't|restrictions|accessib\w+|pet peeves?|go-to"
            r"|hobb(?:y|ies)|dealbreakers?)\b"
            r"(?! to know)(?!.* like\?$)|\b(?:do|does) (?!.*\b(?:live|work|have|own|know)\b).{1,60}\b(?:eat|drink|wear"
            r"|sleep|smoke|listen|watch|read"
            r"|cook|take (?:in|their|his|her|my|with|sugar|milk|\w+ in))\b|\b(?:recommend"
            r"|suggest)\w*\b(?<!recommended)(?<!suggested)"
            r"|\bwhat should (?:i|we) (?:cook|eat|read|watch|give|get|buy|wear|order|make)\b|\bwant(?:s"
            r"|ed)? for (?:her|his|my|their|our)"
            r" (?:birthday|christmas|wedding)|\b(?:gift|present) ideas?\b|\bhow (?:do|does) .{1,30} (?:take"
            r"|like) (?:my|his|her|their|the|to)\b"
            r"|\bhow much (?:can|do) (?:i|we) (?:want to )?(?:spend|afford)\b|\b(?:doesn't|don't"
            r"|won't) (?:\w+ )?(?:eat|drink|enjoy|wear|smoke|touch|tolerate)\b"
            r"|\bwant(?:s|ed)? (?:for|from|out of|as an?|most|to (?:eat|have|drink|be|do|see|visit|become|learn|get))\b"
            r"|\bneeds? (?:a wheelchair|step-free"
            r"|to avoid)\b"
        ),
    ),
    (
        "fact",
        late(
            r"^(?:and |so )?(?:what|how|which|who)\b.*\b(?:did|has|have|had)\b.{1,60}\b(?:want|cost|recommend|call"
            r"|weigh|look like|know|pay|spend|earn"
            r"|charge)\b(?! for it\?$)"
            r"|\b(?:wants?|thinks?) |\bhow many .*\b(?:has|have) .*\bgot\b|\bhow (?:much|long|tall|big|far|heavy|wide"
            r"|high|deep|large)\b|\b\w+er than\b"
            r"|\b(?:cheaper|bigger|older|larger|faster|longer|better|lighter|closer)\b"
        ),
    ),
    (
        "event",
        late(
            r"^(?:and |so |but )?(?:was|were) (?:\S+ ){1,3}?(?:there|with (?:me|us|you|him|her|them)|at (?:the|my"
            r"|our)|present|invited"
            rf"|in attendance)\b|\b(?:have|has|had) (?:\S+ ){{1,5}}?{_PARTICIPLE}\b"
            r"|\bnumber of (?:times|days|nights|hours|people who)\b|\b(?:am|is|are) (?:[\w']+ ){0,3}(?:coming|going"
            r"|arriving|leaving|visiting|starting|meeting|joining"
            r"|bringing|attending"
            r"|flying|moving|planned|scheduled|due|booked|invited)\b|\bdid\b|\bhappen(?!\w* to\b)\w*\b"
            r"|\bhow (?:many times|often)\b|(?<!since )\bwhen (?:is|are|was|were|will"
            r"|am|do"
            r"|does|must|should) |\b(?:have|has|had) (?:i|we|he|she|they|my \w+|\w+) (?:\w+ )?(?:been|gone|seen|had"
            r"|met|done|taken|\w+ed)\b"
            r"|^(?:and )?who(?:'s| is| are) (?:\w+ )?(?!is\b)\w+ing\b|^(?:and |\w+ )*who (?:else )?(?:\w+ed|came|went"
            r"|gave"
            r"|took|lent|brought|won|lost|broke|sent|made|told|wrote|bought|sold|left|was|paid|sang|ran|met|got)\b"
            r"|\b(?:were|was) (?:born|\w+ed)\b|\bplaces .* we \b|\bwhere .* (?:we|i) \w+ed\b"
            rf"|\b{_OCCASION}\b|\b(?:plans?|on|schedule\w*|coming up|planned|going on|happening) (?:for|in|this|next"
            rf"|on|tomorrow|today|tonight)\b"
        ),
    ),
)
_IS_OCCASION = late(
    rf"^(?:(?:the|my|our|that|a|an|about) )+(?:[\w'-]+ ){{0,3}}{_OCCASION}(?: (?:on|in|with|at|for|to|last"
    rf"|next) .*)?\W*$"
)


def kinds_of(text: str, intent: Intent) -> tuple[Kind, ...]:
    """The kinds of memory that would answer, or that are stored, changed or removed; none: it does not say."""
    lower = to_the_point(text)
    if intent in ("remember", "update", "forget"):
        return _stored(lower, intent)
    if intent == "summarise" and _WHAT_SOMEBODY_SAID.search(lower):
        return ("fact",)
    if intent == "summarise":
        return ("event",) if re.search(rf"\b(?:happened|{_OCCASION})\b", lower) and not _CHATS.search(lower) else ()
    asked = _IS.sub(r"\1 is ", _LEADS_IN.sub("", _ASKS_FOR.sub("", lower)) or lower)
    for kind, form in _ASKED_KINDS:
        if form.search(asked) and not (intent == "compare" and kind == "event"):
            return (kind,)
    return ("event",) if intent != "compare" and is_past(asked) and not _WHAT_IS.match(asked) else ("fact",)


_WHAT_SOMEBODY_SAID = late(
    rf"\bwhat (?!(?:i|we|you)\b)(?:\S+ ){{1,4}}?{_SAID}\b|\b(?:advice|opinion|feedback|argument"
    rf"|instructions?) (?:of|from|by) "
)
_IS = late(r"\b(who|what|when|where|how|she|he|it|that|there)'s (?!been|got|had|done|gone|\w+ed\b)")
_WHAT_IS = late(r"(?:and |so )?(?:what|who|which)(?:'s| is| was| are| were) ")
_LEADS_IN = late(rf"^{POLITE}")
_CHATS = late(r"\b(?:chats?|conversations?|discuss\w*|talks?|messages|correspondence) (?:with|about|on)\b")
_ASKS_FOR = late(
    rf"^{POLITE}(?:(?:tell|show|give|remind|telling|reminding|showing)(?: me| us)?(?: again)?(?: about)?"
    rf"|do you (?:happen to )?(?:know|remember|recall)"
    r"|i(?:'m| am)? (?:forgot|forget|can't remember|don't remember|wonder|was wondering|not sure)|any idea"
    r"|i'd like to know|need to know)\b ?"
)


def _stored(lower: str, intent: Intent) -> tuple[Kind, ...]:
    if intent == "forget" and _TALK.search(lower):
        return ()
    if end := GONE_IN_THE_END.search(lower):
        lower = lower[end.start() + 2 :]
    said = _LEAD.sub("", _FOR_WHOM.sub("", lower)).strip() or lower
    if intent == "forget" and _NAMES_ONE.match(said) and not _IS_OCCASION.match(said):
        return ("preference",) if _LEANS.search(said) else ("fact",)
    if _IS_OCCASION.match(said):
        return ("event",)
    if intent == "update" and _MOVES.match(said) and (_TO_A_TIME.search(said) or re.search(rf"\b{_OCCASION}\b", said)):
        return ("event",)
    if intent == "update" and _NEW_DATA.search(lower):
        return ("fact",)
    return (kind_of_statement(said, said_by_user=True),)


_MOVES = late(
    r"(?:move|shift|push|postpone|reschedule|delay|bump|bring|put|set|switch|extend) (?:it|that|this|them|the|my"
    r"|our|her|his"
    r"|their|\w+'s)\b"
)
_TO_A_TIME = late(
    r"\b(?:to|till|until|by|on|for) (?:the )?(?:\d{1,2}(?:st|nd|rd|th)|\d{1,2}(?:[:.]\d\d)? ?[ap]m|\d{1,2}:\d\d"
    r"|\d{1,2} [a-z]{3,9}\b|(?:mon|tues|wednes|thurs|fri|satur|sun)day|next|tomorrow|noon|(?:an?|two|three|\d+) (?:hour"
    r"|day|week|month)s?|(?:january|february|march|april|may|june|july|august|september|october|november|december)\b)"
)
_NAMES_ONE = late(
    r"^(?:the|my|our|that|this|his|her|their|all|any|\w+'s) (?!.*\b(?:is|are|was|were|am|has|have|had|does|do|did|will"
    r"|can|i|we|he|she|they|\w+ed)\b)"
)
_LEANS = late(
    r"\b(?:allerg\w+|diet\w*|favou?rites?|preferences?|budget|tastes?|habits?|dislikes|likes|intoleranc\w+)\b"
)
_NEW_DATA = late(
    r"\b(?:address|number|phone|e-?mail|name|code|password|price|rent|salary|employer|job|surname) (?:has|have|is|are"
    r"|'s) (?:now"
    r"|changed|gone|been changed|different)\b|"
    r"\b(?:update|change|correct|fix) (?:my|our|his|her|their) (?:\w+ )?(?:address|number|phone|e-?mail|name|job"
    r"|employer|records?|details|profile)\b"
    r"|\b(?:lives?|works?|worked|living|working) (?:in|at|for|on)\b.*\b(?:any ?more|no longer|now|change|update"
    r"|correct)\b|\bno longer (?:lives?|works?)\b"
)


_GROUP = r"(?:team|family|household|group|department|club|crew|committee)"
_PRIVATE = late(
    r"\b(?:(?:just |only )?between us|only (?:for )?me|for my eyes|keep (?:it|this|that) (?:private"
    r"|secret|to yourself)"
    r"|don't tell (?:any|the)\w*|privately|confidential\w*|my (?:own |private |personal )(?:notes?"
    r"|memor\w+)|in private)\b"
)
_SHARED = late(
    r"\b(?:with|for|among|within|in|to|everyone in|everybody in|whole|entire|all of) (?:the |our |my "
    rf"|whole |entire )+{_GROUP}\b"
    rf"|\b(?:our|the (?:whole|entire)) (?:\w+ )?{_GROUP}\b|\bshared?\b(?! (?:a|an|the|my)\b)|\bteam's\b"
    r"|\bamong us\b"
)
_GLOBAL = late(
    r"\b(?:(?:for|to|with|tell|by|let|among|remind) (?:absolutely )?(?:everyone|everybody|anyone)|all users"
    r"|the whole (?:company|organi[sz]ation|world)|company-wide"
    r"|public(?:ly)?|globally)\b"
)


def scope_of(text: str) -> Layer | None:
    """The layer that a sentence names, if it names one."""
    lower = plain(text)
    if _PRIVATE.search(lower):
        return "private"
    if _SHARED.search(lower):
        return "shared"
    return "global" if _GLOBAL.search(lower) else None
