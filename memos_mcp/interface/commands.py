"""What a sentence that stands alone wants done with memories: its intent, by rules. Pure, English.

A command says it in its first words; of questions the first form that is found decides. What is neither a command
nor a question is a statement, to be remembered.
"""

from __future__ import annotations

import re

from memos_mcp.interface.mentions import mentions_in
from memos_mcp.search import Intent

_LOOKED_AT = 1_000  # characters: what is wanted is said at once

POLITE = (
    r"(?:(?:please|kindly|ok|okay|hey|and|so|also|now|then|can you|could you|would you|will you"
    r"|i want you to|just between us|between us)[, ]+)*"
)
_CHAT = re.compile(
    r"(?:(?:ok(?:ay)?|cool|great|perfect|nice|lovely|wonderful|awesome|super|good|fine|alright|right|sure"
    r"|yes|yeah|yep|no|nope"
    r"|thanks?(?: you)?(?: (?:so|very) much| a lot)?|cheers|that(?:'s| was| is) (?:great|good|fine|nice"
    r"|helpful|it|all|perfect"
    r"|lovely)|got it|i see|never ?mind|hi|hello|hey|there|good (?:morning|evening|afternoon|night)|bye"
    r"|goodbye|see you(?: later)?"
    r"|how are you(?: doing)?(?: today)?|how(?:'s| is) it going|what's up|you(?:'re| are) (?:great"
    r"|welcome|funny)|no worries|wow"
    r"|haha|lol|well done|sounds good|have a (?:nice|good) \w+|who are you|what can you do|thank god"
    r"|indeed|really|brilliant|hilarious|funny|that(?:'s| is| was) (?:so |really |very |just )?"
    r"(?:brilliant|hilarious|amazing|awesome|funny|sweet|kind|lovely|cool|sad|terrible|right|true"
    r"|interesting))\b[\s,.!?]*)+$"
)
_WRITE = re.compile(
    rf"^{POLITE}(?:help me (?:to )?|help to )?(?:write(?! (?:down|that down|it down|dates?|numbers?"
    r"|to me))|compose|draft|translate"
    r"|rewrite|rephrase|proofread"
    r"|paraphrase|calculate|convert|solve|generate|draw|sing|spell|define|invent|brainstorm|tell me (?:a"
    r"|another|some) (?:joke|story|fun|poem"
    r"|riddle)|code|debug|how do you (?:say|spell))\b"
)
_GENERAL = re.compile(
    r"^(?:and |so )?(?:(?:what|who)(?:'s| is| are| was| were) (?:the |an? )?(?:capital|population|meaning"
    r"|definition|boiling|melting|speed|square root"
    r"|currency|formula|chemical|opposite|plural|largest|longest|highest|tallest|biggest|smallest|fastest"
    r"|president|king|queen"
    r"|prime minister|difference between|distance (?:from|between)|synonym|weather|inventor|author of"
    r"|origin|history of)"
    r"|why (?:is|are|do|does|can|can't|don't|did)\b|how (?:do|does|did|can) (?!(?:i|we|you|he|she|they|it)\b)"
    r"|how (?:far|tall|old|big|deep|high|fast|heavy) (?:is|are|was)|who (?:wrote|invented|discovered"
    r"|painted|composed|directed|founded)"
    r"|what (?:does|do) \S+ (?:mean|stand for)|what(?:'s| is) (?:\d|an? \w+\??$)|explain|when (?:did"
    r"|was) (?:the )?(?:world war|roman))"
)
_OURS = re.compile(
    r"\b(?:i|i'm|i've|me|my|mine|we|us|our|ours|you told|you said|remember|yesterday|last (?:week|month|year|time))\b"
)
_FORGET = re.compile(
    rf"^{POLITE}(?:forget(?! to\b)|delete|erase|wipe|unlearn|drop (?:what|everything|all|the (?:memory"
    r"|note))|clear (?:my|the|all|your)"
    r"|remove|get rid of|discard|don't (?:remember|keep|store)|stop (?:remembering|storing))\b"
    r"|\b(?:should|want you to|please) (?:forget|delete|erase)\b"
)
_UPDATE = re.compile(
    rf"^{POLITE}(?:update|change|correct|replace|rename|amend|edit|modify|fix|adjust|overwrite)\b"
    r"|^(?:no|wait|actually|correction|sorry|hold on|oh|hmm)\b[, :].*(?<!\?)$|\b(?:correct|update|change"
    r"|fix) (?:that|it|this)\b"
    r"|\b(?:no longer|not any ?more|isn't .* any ?more|don't .* any ?more)\b(?!.*\?)|\binstead$"
    r"|^(?!.*\?).* (?:has|have) changed\b"
    r"|^(?!.*\?).*\b(?:is now|are now|now is)\b.*\b(?:instead|not|rather than)\b|^(?!.*\?)(?!.*\bi'd\b).*\binstead of\b"
    r"|^(?!.*\?).*\b(?:has|have|was|is|were|are|got) (?:been )?(?:moved|postponed|rescheduled"
    r"|brought forward|delayed|put off|renamed"
    r"|called off|pushed back|corrected)\b|\b(?:that|this) (?:is|was) (?:wrong|incorrect|outdated"
    r"|no longer true|not right)\b"
    r"|\b(?:used to be|but now it is|but now it's)\b(?!.*\?)"
)
_REMEMBER = re.compile(
    rf"^{POLITE}(?:remember|note|keep in mind|bear in mind|don't forget|make (?:a |me a )?(?:mental )?note"
    r"|take (?:a )?note"
    r"|save|store|jot|write (?:that |it |this )?down|record|memori[sz]e|log|add|put|let (?:me"
    r"|it) be known|tell (?:everyone|everybody"
    r"|the (?:team|family|group))|remind me (?:to|in|on|at|tomorrow|next|that))\b(?! (?:when|what|where"
    r"|who|which|how)\b)"
    r"|^(?:for the record|fyi|just so you know|by the way)\b"
    r"|^(?:from now on|in future|in the future|always|never|call me|whenever|when i (?:say|ask|write))\b"
)
_REMEMBER_THAT = re.compile(
    rf"^{POLITE}(?:remember|note|make a note|don't forget)\b(?! (?:when|what|where|who|how|if)\b)"
)
_REQUEST = re.compile(
    r"\?\s*$|^(?:i'd like|i would like|i want|i need|i'm looking for|let's have) (?:to (?:know|see|hear"
    r"|find)|a (?:\w+ )?(?:summary|list"
    r"|overview|recap|comparison)|help|advice|ideas|an overview|the (?:list|summary))\b|^(?:i wonder|i was wondering"
    r"|i (?:forgot|forget|can't remember"
    r"|don't remember)) (?:what|who|where|when|which|how|if|why)\b"
    r"|^(?:and |so |but |please |can you |could you )*(?:who|whom|whose|what|which|when|where|why"
    r"|how|do|does|did|is|are"
    r"|was|were|can|could|will|would|should|have|has|had|tell|show|give|find|get|remind|look|list|name"
    r"|count|search|check"
    r"|recommend|suggest|help|plan|describe|read|bring|since when|in which|at what|with whom|summ\w+"
    r"|compare|recap|sum)\b"
)
_SUMMARISE = re.compile(
    r"\b(?:summar\w+|overview|recap|sum (?:it |this |that |everything )?up|gist|in a nutshell|tl;?dr"
    r"|catch me up|bring me up to (?:date|speed)"
    r"|main points|highlights|digest of|outline of|in (?:short|brief))\b"
)
_COMPARE = re.compile(
    r"\b(?:compar\w+|difference between|differ\w* from|versus|vs\.?|(?:pros and cons|in common))\b"
    r"|\b(?!rather|other)(?:\w{2,}er|worse|more|less)\b(?: \w+){0,6} than\b"
    r"|\bwhich (?:one |of (?:the (?:two|three)|them|\w.{2,40}) )(?:.* )?(?:better|worse|best|\w{3,}er"
    r"|more|less|most|least)\b"
    r"|^(?:and |so )?(?:which|what|who) .*\b(?:\w{3,}er|worse|more|first|most|\w{3,}est),? .+ or .+"
)
_COUNT = re.compile(
    r"\b(?:how many|how often|(?:the )?number of (?:times|days|people|\w+s)|count (?:the|my|all|how|our)"
    r"|how frequently)\b"
)
_LIST = re.compile(
    r"^(?:and |so )?(?:please |can you |could you )*(?:list|enumerate|name (?:all|every|the|three|five|some|each))\b"
    r"|\b(?:a list of|(?:what|which|who) (?:are|were|is|was) all|(?:give|show|tell|get|find|bring) (?:me "
    r"|us )?(?:all|every|each)\b)"
    r"|\b(?:which|what|what other|what kinds of|what sorts of) (?:(?!(?:is|was|does|has|were|are|did|do"
    r"|have|the|my|our)\b)\w+ ){0,2}?"
    r"(?!(?:is|was|does|has|happens|this|its|his|makes|goes|comes|us|times?|kinds?|sorts?"
    r"|news|looks|sounds|means|causes|smells|tastes|was|'s|needs|lives"
    r"|likes)\b)(?:\w{2,}(?<![su'])s(?<!is)|people|children|men|women|mice|feet)\b(?!')"
)


def intent_of(text: str) -> Intent:
    """What is to be done, of a sentence that stands alone."""
    lower = plain(text)
    if _CHAT.match(lower) or _WRITE.match(lower):
        return "none"
    for intent, form in _COMMANDS:
        if form.search(lower):
            return intent
    if not is_request(text):
        return "remember"
    if _GENERAL.match(lower) and not _OURS.search(lower) and not _concerns_somebody(text):
        return "none"
    for intent, form in _QUESTIONS:
        if form.search(lower):
            return intent
    return "retrieve"


_COMMANDS: tuple[tuple[Intent, re.Pattern[str]], ...] = (
    ("forget", _FORGET),
    ("remember", _REMEMBER_THAT),
    ("update", _UPDATE),
    ("remember", _REMEMBER),
)
_QUESTIONS: tuple[tuple[Intent, re.Pattern[str]], ...] = (
    ("summarise", _SUMMARISE),
    ("compare", _COMPARE),
    ("count", _COUNT),
    ("list", _LIST),
)


def _concerns_somebody(text: str) -> bool:
    acts = _DEED.match(plain(text)) is not None
    return any(each.sort == "person" and (acts or each.role or "'s" in text) for each in mentions_in(text))


_DEED = re.compile(r"(?:and |so |but )?(?:why|how) (?:did|does) ")


def is_request(text: str) -> bool:
    """Is it a question, or does it ask for something to be told?"""
    return _REQUEST.search(plain(text)) is not None


def is_chat(sentence: str) -> bool:
    """Is there nothing in it but courtesy?"""
    return _CHAT.match(plain(sentence)) is not None


def plain(text: str) -> str:
    """Lower case, single spaces, straight apostrophes."""
    return " ".join(text[:_LOOKED_AT].lower().replace("’", "'").split()).replace("e.g.", "eg")
