"""Does a statement tell the assistant how to act, or anybody how something is done? By imperatives. Pure, English.

An imperative whose verb or object belongs to answering is for the assistant; one of things that hands do, in steps,
towards an end or upon a condition of a thing, is a how-to. Texts are as `shorthand.written_out` gives them.
"""

from __future__ import annotations

import re
from typing import Literal

from memos_mcp.late import late

Order = Literal["instruction", "skill"]

_ASSIST = frozenset(
    "be answer reply respond speak talk write call address explain show give list cite quote avoid stop ask tell let "
    "remind suggest format translate skip include refer treat assume mention limit sign recommend default convert sort "
    "order group label highlight summarise summarize shorten omit pick choose follow switch greet hide present provide "
    "double double-check spare focus send read offer spell round warn say prefer confirm end begin remember flag ping "
    "notify "
    "alert prioritise prioritize capitalise capitalize abbreviate proofread correct criticise criticize challenge "
    "praise encourage push motivate pretend act behave respect consider schedule book check verify use keep put add "
    "start make change leave try stick be lead finish break bear interrupt repeat rephrase paraphrase draft word "
    "phrase "
    "share disclose reveal store save log track record count calculate express describe discuss argue judge lecture "
    "moralise moralize joke tease flatter apologise apologize thank wish congratulate wait pause hold honour honor "
    "respect note tag link attach copy cc forward post publish delete archive pay buy accept decline reject cancel "
    "propose compare rank rate weigh drop lay get bring look search find fetch pull wake nudge help stay go cut bold "
    "bullet structure organise organize split divide tailor adapt adjust match mirror mind watch insist resist "
    "refrain cease quit point walk guess infer presume ignore disregard forget comment test type render output print "
    "return emphasise emphasize stress clarify define illustrate introduce open close speak prompt reference "
    "state".split()
)
_HANDS = frozenset(
    "boil mix stir whisk fold bake fry grill roast simmer drain rinse wash soak dry peel chop slice dice grate knead "
    "roll press hold turn twist push pull lift lower unscrew screw tighten loosen drill hammer sand paint glue clamp "
    "saw cut trim prune plant water dig sow mulch fill empty pour blot dab rub scrub wipe clean polish sweep mop iron "
    "steam sew stitch knit thread tie untie tuck wrap unwrap insert remove replace plug unplug switch tap click select "
    "drag scroll swipe type restart reboot reset install uninstall deploy merge commit squash rebase compile build "
    "export import back connect disconnect charge pump inflate deflate flatten bend stretch breathe inhale exhale lie "
    "kneel crouch melt freeze thaw chill heat preheat warm cool season marinate sear toss toast spread sprinkle strain "
    "scrape hone sharpen grind squeeze shake tip rotate flip slide lever pry prise wedge align line measure mark score "
    "soften ssh run stop start open close lock unlock feed brush comb apply smooth massage leave let add put take make "
    "use keep set check place lay drop dip cover beat crack crush blend bring allow give knock wet weigh wait hang "
    "stand sit lean attach detach store swap wind unwind light aim steer shift brake reverse park indicate".split()
)
VERBS = _ASSIST | _HANDS
"""Verbs that begin an order to an assistant, or one of what hands do."""
_NO_VERB = frozenset(
    "i you he she it we they the a an my our your his her its their this that these those there here who what which "
    "when where why how if whether because since although though while and or but so as of in on at by to for from "
    "with "
    "without about into over under after before during until not no yes is are was were been am do does did has "
    "have "
    "had will would can could shall should may might must all any every each some most many much few both either one "
    "two "
    "three four five six seven eight nine ten everyone everybody someone somebody nobody anyone anything everything "
    "something nothing people kids children mum mom dad mother father grandma grandpa today tomorrow yesterday tonight "
    "monday tuesday wednesday thursday friday saturday sunday january february april june july august september "
    "october "
    "november december last next first second third finally then now just also only still even too very really maybe "
    "perhaps usually sometimes often rarely mostly normally generally apparently sadly love hate like dislike enjoy "
    "prefer adore detest crave need want got went met saw lost found bought sold took came had made left ate drank "
    "told said heard ran won broke fell gave sent paid flew drove began became brought caught kept knew felt anything "
    "more less fewer such other another same half part according due thanks thank hello hi hey ok okay please sorry "
    "work home school dinner lunch breakfast coffee tea wine beer food milk bread water_the dear re".split()
)
_OBJECT = (
    r"(?:me|us|my|our|your|the|a|an|any|all|every|everything|anything|it|them|this|that|these|those|no|only|at least|at"
    r" most|one|two|three|things|to me|as|in|with|for me|when|whenever|if|before|after|from|about|on|up|out|down|like"
    r"|more|less|fewer|short|shorter|plain|simple|some|each|both|what|whatever|how|where|who|\w+s|\w+ing|until|by|off)"
)
_POLITE = (
    r"^(?>(?:please|kindly|and|but|so|also|then|just|simply|in general|as a rule|by default|from now on|from today"
    r"|going"
    r" forward|from here on(?: out)?|henceforth|in future|in the future|starting (?:today|now|tomorrow|next week)|for"
    r" (?:all )?(?:future|new|any|every|my) \w+|as of now|as of today|for the record|one thing|always|never"
    r"|do not(?: ever| you)?|please do not|make"
    r" sure (?:to|you|that you)|be sure to|try (?:not )?to|remember (?:not )?to|feel free to|under no circumstances"
    r"|at no point|where possible|if possible|whenever possible|when possible|only|ever|when in doubt|if in doubt"
    r"|in (?:code|tables|lists|letters|emails?|summaries|reports|messages|translations|answers|replies)|unless i say"
    r" otherwise|unless told otherwise|unless i ask|no matter what)\b[,:]? ?)++"
)
_LED = late(_POLITE)
_FIRM = late(
    r"\b(?:from now on|going forward|henceforth|in (?:the )?future|from here on|under no circumstances|please|never"
    r"|always"
    r"|do not|by default|make sure|be sure|at no point|unless told otherwise|unless i say)\b"
)
_TO_YOU = late(
    r"\bi (?:\w+ ){0,2}(?:want|expect|would like|need|prefer|wish|trust|'d like|ask|forbid|require) (?:that )?you(?:r"
    r"| to"
    r"| not|"
    r" never| always| would| could| do)?\b|\bi (?:\w+ )?(?:want|expect|would like|need"
    r"|prefer) (?:\w+ ){0,3}?(?:answers?"
    r"|replies|responses?|summaries|explanations?|reports|messages) (?:in|to be|that|as|with|without|short|from you)\b"
    r"|\b(?:would|'d) (?:really )?(?:be (?:great|nice|good|better|helpful|lovely|best|ideal|useful)|appreciate|help"
    r"|love|like|prefer"
    r"|rather)(?: it)?(?: if| that)? you\b|\b(?:happy|glad|grateful) if you\b"
    r"|\byour (?:\w+ )?(?:answers?|repl(?:y|ies)|responses?|tone|messages?|summar(?:y|ies)|explanations?|wording"
    r"|language"
    r"|suggestions?|job is|task is|role is|recommendations?|reminders?|emails?|drafts?) (?:should|must|can|need|are|is"
    r"|may"
    r"|have to|ought)\b|^(?:answers|replies|responses|summaries|reminders|messages|prices|dates|amounts|times|quotes"
    r"|explanations|emails|drafts) (?:should|must|need to|have to|only|always|never|in|as|to be)\b"
    r"|^(?:please )?no (?:more |need (?:to|for) (?:greet|apolog|explain|repeat|ask|tell|remind|mention|thank|be|say"
    r"|add|write|a |you)|"
    r"(?:\w+ )?(?:emojis?|lists?|bullets?|bullet points?|jokes?|small talk|jargon|slang|exclamation marks?|greetings?|"
    r"apologies|disclaimers?|lectures?|preamble|spoilers?|flattery|filler|markdown|abbreviations|acronyms|headings?"
    r"|hashtags|links|tables|smileys|follow-up questions?|chit-?chat|sugar-?coating|swearing|sarcasm|politics)\b)"
    r"|^(?:less|fewer|more|shorter|longer|only|just) (?:\w+ ){0,2}(?:please|emojis?|answers?|replies|detail|jargon"
    r"|words"
    r"|bullets?|examples?|headings?)\b|^(?:\w+ ){1,4}(?:only|instead),? please\W*$|^(?:from now on|going forward"
    r"|henceforth|from today),? (?:my|you|your|all|every|no|only|answers|use)\b"
    r"|^[\w -]{2,30} (?:instead of|rather than|over|not) [\w -]{2,30},? please\W*$|^let us (?:speak|talk|use|stick"
    r"|switch|write|keep|skip|chat|call|agree|go with)\b"
    r"|^(?:do )?you (?:should|must|may|can (?!not\b)(?:swear|joke|disagree|interrupt|tease|laugh|push|challenge"
    r"|contradict|be|call|use|skip|always|stop|just|drop|assume|say|speak|talk)"
    r"|shall"
    r"|ought to|need to|have to|are (?:not )?(?:to|allowed|supposed|free|my)|need not|do not (?:need|have) to"
    r"|will (?:always"
    r"|never|not)|never|had better|can not)\b"
    r"|^(?:can|could|would|will) you (?:please |kindly |just |also )?(?:always|never|stop|start|keep|use|not|in future"
    r"|from now"
    r"|make sure|be (?:more|less|a bit)|call me|address me|speak|talk to me|answer (?:me )?in|reply (?:to me )?in)\b.*"
    r"|\bit is (?:fine|ok|okay|alright|all right) to \w+ .*\b(?:me|my)\b|\bit is (?:important|essential|fine|ok|okay"
    r"|not ok|not okay) (?:that|if|for) you\b|^call me\b"
)
_ANSWERS_THAT = late(
    r"\bi (?:would |'d )?(?:appreciate|want|would like|need|expect) (?:\w+ ){0,2}(?:answers|replies|responses|feedback"
    r"|explanations|summaries)\b"
)
_WHEN_ASKED = late(
    r"^(?:when|whenever|wherever|if|every time|each time|(?:the )?next time|any ?time|the moment|as soon as|before"
    r"|after|unless|once"
    r"|in case|while|until)"
    r" (?P<clause>[^,:]{3,90}), (?P<then>.+)"
)
_ASKS = late(
    r"^(?:i|you|we|my|somebody|someone|anyone|anybody|people|he|she|they)\b(?! (?:was|were|had|went|got) )|^(?:it is"
    r"|there"
    r" is|there are|something|nothing|in doubt)\b|^(?:\w+ly )?(?:summari[sz]|answer|reply|respond|writ|quot|suggest"
    r"|recommend|book|schedul|draft|translat|cod|explain|show|list|plan|describ|compar|search|offer|giv|discuss|speak"
    r"|talk|address|mention|citing|cit|sending|send|convert|calculat|edit|review|proofread|creat|present|shar"
    r"|mak)ing?\b"
)
_SUBJECT = late(
    r"^(?:then )?(?:i|we|my|our|he|she|it|they|there|the|a|an|his|her|their|everyone|everybody|this|that|these|those"
    r"|what"
    r"|who|\w+ (?:is|are|was|were|will|would|can|has|have|had|said|came|went|got|gets|goes|makes)) ?\b"
)
_STEPS = late(r"(?:^|\n)\s{0,8}(?:step )?1[.):] [^\n]+\n+\s{0,8}(?:step )?2[.):] ", re.IGNORECASE)
_GERUND = r"(?!during\b|nothing\b|something\b|anything\b|everything\b|evening\b|morning\b|spring\b|king\b)\w+ing"
_SKILL = late(
    r"^(?:here is |this is |that is )?how (?:to|(?:we|i|you|one|they) (?!like|feel|know|met|got to|are"
    r"|am)\w+ [^?]*[:,])"
    r"|^(?!.*\b(?:i|we|he|she|they) (?:\w+ed|went|had|was|were|got|met|saw)\b).*\bfirst\b(?! time| of all| met| name"
    r"|\w* (?:floor|class)).+"
    r"\b(?:then|finally|after that|next|afterwards|last)\b|\bstep (?:1|one)\b.*\bstep (?:2|two)\b|\b1[.)] .+ 2[.)] "
    r"|^(?:in order )?to (?!be\b|me\b|us\b|my\b|the\b|our\b|date\b|this\b|whom\b|make matters\b)\w+\b[^.:;]*[,:;] "
    r"(?!i\b|we\b|my\b|he\b|she\b|they\b|it\b|our\b)\w+"
    r"|^(?:in order )?to (?!be\b|me\b|us\b|my\b|the\b|our\b)\w+\b[^.]*\b(?:you|one) (?:need|have|must|should|just|can"
    r"|simply)\b"
    r"|\b(?:the|my|our|one|a|another) (?:\w+ )?(?:trick|secret|method|technique|knack|tip|hack|art|shortcut) (?:to|of"
    r"|for|with|when|is)\b|\b(?:the|a) (?:\w+ )?key (?:to (?!the\b|my\b|our\b)|is to)\b"
    r"|^(?!.*\bmy (?:favou?rite|preferred)\b)(?:.*(?<!on )\b)?(?:the|a|one) (?:[\w-]+ )?ways? (?:to|of|we"
    r"|you) [^.]*\b(?:is|was|are)\b"
    r"|^(?:you|one|we|i|they) (?:can |have to |should |must |may |need to |usually |always |just |simply )?(?!not\b"
    r"|am\b|are\b"
    r"|have\b|had\b|was\b|were\b|went\b|got\b|met\b|lost\b|\w+ed\b)\w+ .*\bby (?:first )?(?!being\b|the\b)\w+ing\b"
    r"|\b(?:works|goes|is done|are done|is made|are made) (?:like this|as follows|best (?:if|when|with|by))\b"
    r"|^(?:the|a|an|our|your) [\w -]{2,40} (?:is|are|gets?|should be|must be|has to be|have to be|needs to be"
    r"|need to be|can be)"
    r" (?:best |first |always |only )?(?:\w+ed|made|done|cut|fed|kept|hung|taken|put|set|built|reset|sewn|shut|worn"
    r"|drawn)"
    r" (?:.*\b(?:by \w+ing|using|until|overnight|clockwise)\b|with (?!me|us|my|our|the \w+ from)|in (?:cold|warm|hot"
    r"|salted|small|thin)|before \w+ing|after \w+ing|at \d+ degrees|for \d+ (?:min|hour|sec))"
    rf"|^{_GERUND} (?:the |a |an |your |up |out |with |in |new |my )?[^.:]{{0,40}}(?: is (?:easy|simple|best|easiest"
    rf"|straightforward|done)|works best|goes like|involves|takes three|means)\b|^{_GERUND} [^.:]{{0,40}}: \w+"
    r"|^(?:in [\w' -]{2,30},? )?[\w -]{2,40} (?:is|are|gets?|should be|must be|can be|need to be) (?:best "
    r"|always |only |first |usually )?"
    r"[a-z]{2,}(?:ed|ne|ut|de|wn|pt|ken|ng|lt) by (?:first )?(?!the\b)\w+ing\b"
    r"|\blike (?:this|so): \w+ [^.]*, |^(?:if|when) (?:the|a|an|your) [^,]{3,50}? (?:you (?:have to|need to|must"
    r"|should|can just|just)|just|simply) \w+"
    r"|^[a-z-]+ (?:the|a|an|your|any|it) (?!.*\b(?:me|us|my)\b)[^,.]{2,40} by (?!the\b|being\b)\w+ing\b"
    r"|^(?:it helps to|it is (?:best|easiest|easier|safest) to|it works (?:best|better) (?:if|when))\b"
    r"|^(?:steps?|instructions|procedure|recipe|method|checklist|process|routine|workflow|quick fix|fix|directions"
    r"|guide)"
    r" (?:for|to|of|when|how)\b.*[:,]|^(?:recipe|procedure|how-?to|method|tip|trick|workaround|pro tip)\W*[:–-]"
    r"|^(?:in|on|with|for|using|from|under) [^,]{2,40}, (?:you (?!are|have|were|was|look|told|said)\w+|(?:go to|click"
    r"|tap|press"
    r"|select|choose|type|hit|hold|run|open|press)\b)"
    r"|^you (?:can |have to |should |must |need to |just |simply |first )?(?!not\b|are\b|be\b|told\b"
    r"|said\b)\w+ .*\b(?:if you"
    r"|before (?:you|\w+ing)|after \w+ing|until|once|via|then|while (?:you|\w+ing)|using|with an?|so that|overnight"
    r"|clockwise|through)\b"
    r"|^for (?:a|an|the|best|good|fluffy|crisp\w*|perfect|\w+er) [^,]*, (?!i\b|we\b|my\b|he\b|she\b|they\b|it\b"
    r"|the\b)\w+ "
    r"(?:the|a|it|them|your|up|in|with|for|only)\b"
)
_STEPWISE = late(
    r"\b(?:by \w+ing|then|until|overnight|clockwise|gently|slowly|firmly|afterwards|evenly|thoroughly|(?:twice"
    r"|three times"
    r"|once) and"
    r"|at \d+ degrees|for (?:\d+|an?|one|two|three|five|six|ten|half|thirty|twenty|at least) (?:\w+ )?(?:minutes?"
    r"|hours?"
    r"|seconds?|mins?|secs?|days?|nights?)|with (?:cold|warm|hot|lukewarm|soapy|salted|a (?:damp|dry|sharp|wet|soft"
    r"|clean)))\b"
)
_OF_ANSWERS = late(
    r"\b(?:answers?|repl(?:y|ies)|responses?|summar(?:y|ies)|conclusions?|lists?|links?|sources?|units?|prices?|dates?"
    r"|temperatures?|english|german|french|spanish|tone|emojis?|bullet\w*|code|examples?|detail|sentences?|words?"
    r"|paragraphs?"
    r"|tables?(?! salt)|headings?|greetings?|jokes?|opinions?|questions?|suggestions?|recommendations?|formats?"
    r"|spelling"
    r"|currency|metric|style|e-?mails?|messages?|drafts?|tags?|calendar|reminders?|appointments?|meetings?|me|us|my|i"
    r"|we"
    r"|jargon|slang|abbreviations|markdown|language|names?|formal|informal|polite|brief|short|options|percentages?"
    r"|numbers?"
    r"|figures|decimals?|totals?|invoices?|files?|anything|advice|topic|subject|feedback|text|notes?|celsius"
    r"|kilometres)\b"
)
_PURPOSE = late(r"\bto (?!me\b|us\b|my\b|the\b|an?\b|you\b|your\b)\w+|\bso (?:that|it|the)\b")


def order_of(text: str, plain: str, *, said_by_user: bool) -> Order | None:
    """Which order a statement gives, if it gives one; instructions only by a user. `plain` is the text written out."""
    if _STEPS.search(text[:_LOOKED_AT]):
        return "skill"
    found = _by_condition(plain) or (None if plain.endswith("?") else _by_skill(plain))
    found = found or ("instruction" if _TO_YOU.search(plain) or _ANSWERS_THAT.search(plain) else _by_imperative(plain))
    return found if said_by_user or found != "instruction" else None


_LOOKED_AT = 400


def _by_skill(plain: str) -> Order | None:
    if not _SKILL.search(plain):
        return None
    verb = _first(plain)
    if _TO_YOU.search(plain) and (not plain.startswith("you ") or _FOR_ME.search(plain)):
        return "instruction"
    if plain.startswith(("you should always", "you should never", "you must", "you are")):
        return None
    firm = _LED.match(plain) is not None and verb in _ASSIST and verb not in _HANDS
    return "instruction" if firm else "skill"


_FOR_ME = late(r"\b(?:me|us)\b")


def _by_condition(plain: str) -> Order | None:
    """When that, then do this: by what is said in the condition, and how the consequence begins."""
    lead = re.match(r"(?:please|and|but|so|also)[, ]+", plain)
    found = _WHEN_ASKED.match(plain[lead.end() :] if lead else plain)
    if found is None:
        return None
    then = found["then"]
    if found["clause"].startswith("i ") and _MEANS.match(then):
        return "instruction"
    if re.match(r"(?:then )?you (?:should|must|can|may|need|have to|are to|will)\b", then):
        return "skill" if not _ASKS.match(found["clause"]) or found["clause"].startswith("you ") else "instruction"
    if _SUBJECT.match(then):
        return None
    led = _LED.match(then)
    then = then[led.end() :] if led else then
    verb = _first(then)
    if verb not in _ASSIST and verb not in _HANDS and not _is_imperative(then):
        return None
    if found["clause"].startswith("you "):
        return (
            "instruction"
            if _ABOUT_TALK.search(found["clause"])
            or re.search(r"\b(?:me|my|us)\b", then)
            or (verb not in _HANDS and verb in _ASSIST)
            else "skill"
        )
    if _ASKS.match(found["clause"]):
        return "instruction"
    return (
        "skill"
        if (verb in _HANDS or verb not in _ASSIST) and not re.search(r"\b(?:me|my answers|to us)\b", then)
        else "instruction"
    )


_MEANS = late(r"(?:i (?:mean|am talking about|am referring to)|that means|it means|that is)\b")
_ABOUT_TALK = late(
    r"\b(?:know|sure|answer|reply|write|say|tell|ask|quote|find|remember|suggest|recommend|show|give|list|book|mention"
    r"|explain|send|translate|summari[sz]e|disagree|agree|need more|can not|speak|cite|use|add|make|draft|forget)\b"
)


def _by_imperative(plain: str) -> Order | None:
    led = _LED.match(plain)
    core = plain[led.end() :] if led else plain
    firm = led is not None and _FIRM.search(led[0]) is not None
    verb = _first(core)
    if not verb or not (
        _is_imperative(core) or (firm and verb not in _NO_VERB and not verb.endswith(("s", "ed", "ing")))
    ):
        return None
    if _of_hands(core, verb):
        return "skill"
    if verb in _ASSIST or firm:
        return "instruction"
    if any(word in _HANDS for word in _NEXT.findall(core)):
        return "skill"
    return "instruction" if re.search(r"\b(?:me|us)\b", core) else None


_NEXT = late(r"(?:[,;:] |\band (?:then )?)([a-z]+)")


def _of_hands(core: str, verb: str) -> bool:
    """Is it done with hands or a machine: in steps, towards an end, and not about answers?"""
    if verb not in _HANDS or re.search(r"\b(?:me|us|to me|i|your)\b", core):
        return False
    if _STEPWISE.search(core):
        return True
    if _OF_ANSWERS.search(core):
        return False
    others = [word for word in _NEXT.findall(core) if word in _HANDS]
    return bool(others) or verb not in _ASSIST or _PURPOSE.search(core) is not None


def _is_imperative(core: str) -> bool:
    """Does a clause begin with a verb in its base form, and what it is done to?"""
    words = core.split(" ", 2)
    verb = _first(core)
    if verb in _NO_VERB or not verb:
        return False
    if len(words) < 2:
        return verb in _ASSIST
    if verb in _ASSIST or verb in _HANDS:
        return not re.match(
            rf"{re.escape(words[0])} (?:is|was|are|were|had|has|will|of|and (?!\w+ (?:me|my|the|it))|[–-])", core
        )
    if verb.endswith(("s", "ed", "ing", "ly")) and verb not in ("press", "stress", "discuss", "address"):
        return False
    return _DONE_TO.match(core[len(words[0]) + 1 :]) is not None


_DONE_TO = late(
    r"(?:(?:up|down|out|off|on|in|back|over|away) )?(?:me|us|my|the|a|an|any|all|every|it|them|your|everything"
    r"|anything)\b"
)


def _first(core: str) -> str:
    found = re.match(r"[a-z]+(?:-[a-z]+)*", core)
    return found[0] if found else ""
