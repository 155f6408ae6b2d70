"""What kind of memory a text is, by its form (docs/reference/words.md). Pure; an LLM, where configured, knows better."""

from __future__ import annotations

import re

from memos_mcp.cube import Kind

_LOOKED_AT = 400  # characters: the stance of a statement shows at once
_INSTRUCTION = re.compile(
    r"(?:^|[.!?]\s+)(?:please |from now on,? |in (?:the )?future,? )?(?:always|never|don['’]t ever|make sure|call me|"
    r"address me|answer (?:me )?in|reply in|respond in|remember to|do not (?:use|call|ask|mention))\b|\bfrom now on\b",
    re.IGNORECASE,
)
_PREFERENCE = re.compile(
    r"\b(?:i|we|i['’]m|i['’]ve|my)\b(?:\W+\w+){0,3}?\W+(?:prefer|love|like|enjoy|hate|dislike|detest|loathe|adore|avoid|"
    r"favou?rites?|allergic|intolerant|vegetarian|vegan|usually|always|never|can['’]t stand|cannot stand|fond of|"
    r"fan of|rather)\b",
    re.IGNORECASE,
)
_SKILL = re.compile(
    r"\bhow to\b|(?:^|\n)\s*(?:step )?1[.)]\s.*\n\s*(?:step )?2[.)]\s|\bfirst,? .*\bthen\b.*\bfinally\b", re.IGNORECASE
)
_EVENT = re.compile(
    r"\b(?:yesterday|tomorrow|tonight|last (?:night|week|month|year|mon|tues|wednes|thurs|fri|satur|sun)\w*|"
    r"next (?:week|month|year|mon|tues|wednes|thurs|fri|satur|sun)\w*|\w+ ago|on (?:mon|tues|wednes|thurs|fri|satur|sun)day)\b|"
    r"\b(?:i|we)\W+(?:just |finally |also )?(?:went|met|visited|moved|bought|sold|started|finished|married|flew|drove|won|"
    r"lost|broke|got|saw|attended|celebrated|booked|am going to|are going to)\b|\b\d{4}-\d{2}-\d{2}\b",
    re.IGNORECASE,
)


def kind_of(text: str, *, said_by_user: bool) -> Kind:
    """The kind of a statement; `fact` when nothing speaks for another. Only a user gives instructions."""
    head = text[:_LOOKED_AT]
    if said_by_user and _INSTRUCTION.search(head):
        return "instruction"
    if _PREFERENCE.search(head):
        return "preference"
    if _SKILL.search(head):
        return "skill"
    return "event" if _EVENT.search(head) else "fact"
