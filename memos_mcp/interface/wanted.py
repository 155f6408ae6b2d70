"""Which kinds of memory and which layer a sentence is about, by its words. Pure, English."""

from __future__ import annotations

import re

from memos_mcp.cube import Kind
from memos_mcp.interface.commands import POLITE, plain
from memos_mcp.interface.statements import is_past, kind_of_statement
from memos_mcp.search import Intent, Layer

_LEAD = re.compile(
    rf"^{POLITE}(?:(?:remember|note|keep in mind|bear in mind|don't forget|make (?:a )?note"
    r"|take (?:a )?note|save|store|record|log|forget"
    r"|delete|erase|remove|tell (?:everyone|everybody|them|the \w+)(?: in (?:the|our) \w+)?|no|wait"
    r"|actually|correction|sorry|fyi"
    r"|for the record|write|jot)(?: down)?\b[,: ]*)+(?:(?:that|this|of)\b[,: ]*)?",
    re.IGNORECASE,
)
_FOR_WHOM = re.compile(r"^for (?:our|the|my|everyone|everybody)[^:]{0,40}: ")
_TALK = re.compile(r"\b(?:everything|anything|all|what) (?:about|that|i|you|we|on)\b")
_ASKED_KINDS: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    (
        "fact",
        re.compile(
            r"^(?:and |so )?what(?:'s| is| was| were| are) (?:\S+ ){1,3}?(?:names?|numbers?|address|price|colou?r"
            r"|title|size|code)\b"
        ),
    ),
    (
        "document",
        re.compile(
            r"\b(?:in|of|from) (?:the|my|our) (?:\w+ ){0,2}(?:contract|document|letter|file|pdf|report|e-?mail"
            r"|article|manual|policy|paper|minutes|will)\b"
            r"|\b(?:the|my|our) (?:\w+ )?(?:contract|document|letter|manual|policy|report|article) says?\b"
        ),
    ),
    (
        "instruction",
        re.compile(
            r"\b(?:instructions?|rules?) (?:have|did|do) i|how (?:should|are) you (?:supposed to )?(?:answer"
            r"|address|call|reply|write)|(?:told|asked) you to\b"
            r"|how (?:do|did) i want you to|my (?:standing )?instructions"
        ),
    ),
    (
        "fact",
        re.compile(
            r"\b(?:did|has|have|had)\b.{1,60}\b(?:say|said|tell|told|think|thought|mean|advise|advised|promise)\b"
            r"|\b(?:said|told|advised) "
        ),
    ),
    (
        "skill",
        re.compile(
            r"\bhow (?:do|can|should|would|could|did|does) (?:i|we|you|one) (?!like|prefer|feel|know|meet"
            r"|get to know|want|pay)|\bhow to\b|\b(?:steps?|procedure|recipe"
            r"|method|technique|trick|exercises?|instructions?) (?:for|to|of|did|that|was|were)\b|\bexercises\b"
        ),
    ),
    (
        "preference",
        re.compile(
            r"\b(?:like|likes|liked|prefer\w*|favou?rites?|love|loves|hate|hates|enjoy\w*|dislike\w*|allerg\w+"
            r"|diet(?:ary)?|vegetarian|vegan|budget|taste|rather"
            r"|intolerant|can't stand|cannot stand|usually|habits?|comfortable with|fond)\b(?! to know)|\b(?:do"
            r"|does) .{1,60}\b(?:eat|drink|wear|take (?:in|their|his|her))\b"
            r"|\b(?:recommend|suggest)\w*\b(?<!recommended)(?<!suggested)|\bwhat should (?:i|we) (?:cook|eat|read"
            r"|watch|give|get|buy|wear)\b"
        ),
    ),
    (
        "fact",
        re.compile(
            r"\b(?:did|has|have|had)\b.{1,60}\b(?:say|said|tell|told|think|thought|mean|want|cost|advise"
            r"|advised|promise|recommend|call|weigh|look like|know)\b"
            r"|\b(?:said|told|wants?|advised|thinks?) |\bhow (?:much|long|old|tall|big|far)\b|\b\w+er than\b"
            r"|\b(?:cheaper|bigger|older|larger|faster|longer|better)\b"
        ),
    ),
    (
        "event",
        re.compile(
            r"\bdid\b|\bhappen\w*\b|\bhow (?:many times|often)\b|(?<!since )\bwhen (?:is|are|was|were|will|am|do"
            r"|does|must|should) (?!.*\b(?:birthday|birth date)\b)|\b(?:have|has|had) (?:i|we|he|she|they"
            r"|\w+) (?:\w+ )?(?:been|gone|\w+ed)\b"
            r"|^(?:and )?who(?:'s| is| are) (?:\w+ )?\w+ing\b|^(?:and )?who (?:else )?(?:\w+ed|came|went|gave"
            r"|took|lent|brought|won|lost|broke|sent|made|told|wrote|bought"
            r"|sold|left|was|paid|sang)\b"
            r"|\b(?:were|was) (?:born|\w+ed)\b|\b(?:trip|wedding|party|holiday|conference|visit|concert"
            r"|appointment|meeting|places .* we) \b"
            r"|\bwhere .* (?:we|i) \w+ed\b|\b(?:appointments?|exams?|meetings?|trips?|events?|concerts?|visits?)\b"
        ),
    ),
)


def kinds_of(text: str, intent: Intent) -> tuple[Kind, ...]:
    """The kinds of memory that would answer, or that are stored, changed or removed; none: it does not say."""
    lower = plain(text)
    if intent in ("remember", "update", "forget"):
        if intent == "forget" and _TALK.search(lower):
            return ()
        return (kind_of_statement(_LEAD.sub("", _FOR_WHOM.sub("", lower)).strip() or lower, said_by_user=True),)
    if intent == "summarise":
        return ("event",) if re.search(r"\b(?:happened|trip|holiday|wedding|visit|party|conference)\b", lower) else ()
    for kind, form in _ASKED_KINDS:
        if form.search(lower):
            return (kind,)
    return ("event",) if is_past(lower) else ("fact",)


_GROUP = r"(?:team|family|household|group|department|club|crew|committee)"
_PRIVATE = re.compile(
    r"\b(?:(?:just |only )?between us|only (?:for )?me|for my eyes|keep (?:it|this|that) (?:private"
    r"|secret|to yourself)"
    r"|don't tell (?:any|the)\w*|privately|confidential\w*|my (?:own |private |personal )(?:notes?"
    r"|memor\w+)|in private)\b"
)
_SHARED = re.compile(
    r"\b(?:with|for|among|within|in|to|everyone in|everybody in|whole|entire|all of) (?:the |our |my "
    rf"|whole |entire )+{_GROUP}\b"
    rf"|\b(?:our|the (?:whole|entire)) (?:\w+ )?{_GROUP}\b|\bshared?\b(?! (?:a|an|the|my)\b)|\bteam's\b"
    r"|\bamong us\b"
)
_GLOBAL = re.compile(
    r"\b(?:everyone|everybody|all users|anyone|the whole (?:company|organi[sz]ation|world)|company-wide"
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
