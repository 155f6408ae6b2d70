"""What kind of memory a statement is, by how it is put together (docs/reference/words.md). Pure, English.

What orders something, what somebody is like, and what happens once each have forms of their own; the rest states
facts. How often it is right: docs/reference/understanding.md.
"""

from __future__ import annotations

import re

from memos_mcp.cube import Kind
from memos_mcp.interface.shorthand import LONGEST, written_out
from memos_mcp.late import late

_LEAD = late(
    r"^(?>(?:hey|hi|hello|ok|okay|well|oh|ah|also|and|but|so|btw|by the way|fyi|honestly|to be honest|tbh|actually"
    r"|basically"
    r"|just so you know|you should know(?: that)?|as you know|for the record|please note(?: that)?|note that"
    r"|(?:please )?remember that|one more thing|another thing|i think|i guess|i mean|i must say|i have to say"
    r"|to be fair"
    r"|listen|sadly|luckily|unfortunately|fortunately|just a heads-up|heads-up|heads up|quick note|it turns out"
    r"|turns out"
    r"|good news|bad news|great news|in case you wonder|for your information|because|the thing is|as it happens|anyway"
    r"|i am afraid|afraid|lol|ugh|yay|argh|phew|haha|no(?=[,.!]))\b[,:;.! –-]*(?:that )?)++(?=\S)"
)
_ASKS = late(r"^(?:what|who|whom|whose|which|when|where|why|how|do|does|did|is|are|was|were|have|has)\b")


def kind_of_statement(text: str, *, said_by_user: bool) -> Kind:
    """The kind of a statement; `fact` if nothing speaks for another. Only a user gives instructions. Cost: 100 µs."""
    # Their many forms, which take 70 ms to compile, load with the first statement, not at start.
    from memos_mcp.interface.happenings import is_event
    from memos_mcp.interface.leanings import is_leaning, is_strong_leaning
    from memos_mcp.interface.orders import order_of

    plain = written_out(text, LONGEST)
    plain = _LEAD.sub("", plain) or plain
    if plain.endswith("?") and _ASKS.match(plain):
        return "fact"
    if _DOCUMENT.match(text) or _is_laid_out(text):
        return "document"
    order = order_of(text, plain, said_by_user=said_by_user)
    if order is not None and not (order == "instruction" and _OWN.search(plain) and " you " not in plain):
        return order
    if is_strong_leaning(plain):
        return "preference"
    if is_event(plain):
        return "event"
    return "preference" if is_leaning(plain) else "fact"


_DOCUMENT = late(
    r"^\s*(?:#{1,3} \S|dear [^\n]{1,60},|subject: |from: \S+.*\n?to: |minutes of |re: |whereas\b|abstract:"
    r"|executive summary"
    r"|terms (?:and conditions|of (?:use|service))|(?:section|clause|article|chapter|§) ?\d+(?:\.\d+)*[.:) ]"
    r"|this (?:\w+ )?(?:agreement"
    r"|contract|policy|document|lease) (?:is|was|between|sets|describes|applies)|(?:here is|here's|this is|attached is"
    r"|below is|keep|store|save) (?:the |my |our "
    r"|a )?(?:full |whole |complete |entire )?(?:text|copy|wording|transcript|contract|letter|document|article|minutes"
    r"|report|manual|essay|chapter)\b"
    r"|(?:[\w'-]+ ){0,3}(?:contract|agreement|policy|minutes|transcript|terms|invoice|press release|memo|cv|résumé"
    r"|resume|abstract"
    r"|read ?me|release notes|meeting notes|essay|cover letter|lease)(?: \w+){0,5}: .{40})",
    re.IGNORECASE,
)


def _is_laid_out(text: str) -> bool:
    """Is it a text with a title and lines in a form: paragraphs with numbers, entries, amounts?"""
    lines = [line.strip() for line in text[:LONGEST].splitlines() if line.strip()]
    if (
        len(lines) < _FEW_LINES
        or _TITLE.fullmatch(lines[0]) is None
        or (_FIRST_STEP.match(lines[1]) and not _RULES.search(lines[0]))
    ):
        return False
    return sum(_ENTRY.search(line) is not None for line in lines[1:]) * 2 >= len(lines) - 1


_FEW_LINES = 4
_TITLE = late(r".{2,90}[^.:,;?!]")
_FIRST_STEP = late(r"(?:step )?1[.):] ", re.IGNORECASE)
_RULES = late(
    r"\b(?:rules|terms|conditions|agenda|programme|program|minutes|bylaws|statutes|policy|regulations|contents)\b",
    re.IGNORECASE,
)
_ENTRY = late(
    r"^(?:[-*•–] |§ ?\d|\(?(?:\d{1,2}|[a-z])[.)] |(?:19|20)\d\d\b|\d{1,2}[:.]\d\d\b|[A-Z][\w /-]{1,30}: \S|\|)"
    r"|[:\t ] ?[$€£]?\d+[.,]\d\d\W*$"
)
_OWN = late(r" for me\W*$| over .* any (?:day|time)\b")
