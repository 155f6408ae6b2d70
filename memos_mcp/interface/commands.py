"""What a sentence that stands alone wants done with memories: its intent, by rules that `weighing.py` weighs. Pure.

A command says it in its first words; of questions the first form that is found decides. What is neither a command
nor a question is a statement, to be remembered.
"""

from __future__ import annotations

import re

from memos_mcp.interface.command_forms import (
    CHANGED,
    CHAT,
    COMPARE,
    CORRECTS,
    COUNT,
    FORGET,
    GENERAL,
    LIST,
    OURS,
    POLITE,
    REMEMBER,
    REMEMBER_THAT,
    REQUEST,
    STANDING,
    SUMMARISE,
    TO_AN_ASSISTANT,
    WRITE,
)
from memos_mcp.interface.mentions import mentions_in
from memos_mcp.late import late
from memos_mcp.search import Intent

__all__ = ["GONE_IN_THE_END", "POLITE", "Intent", "is_chat", "is_request", "plain", "rule_of"]

_LOOKED_AT = 1_000  # characters: what is wanted is said at once

_LONGEST_COURTESY = 80


def rule_of(text: str, *, goes_on: bool = False) -> tuple[Intent, str]:
    """What the first rule that fits says is to be done, and which rule it is.

    For a sentence that stands alone; one that `goes_on` speaks of what was said before.
    """
    lower = to_the_point(text)
    if is_chat(text):
        return "none", "chat"
    if TO_AN_ASSISTANT.match(lower) or WRITE.match(lower):
        return "none", "work"
    for intent, why, form in _COMMANDS:
        if form.search(lower):
            return intent, why
    if GONE_IN_THE_END.search(lower):
        return "forget", "gone"
    if not is_request(text):
        return "remember", "told"
    if not goes_on and GENERAL.match(lower) and not OURS.search(lower) and not _concerns_somebody(text):
        return "none", "general"
    for intent, form in _QUESTIONS:
        if form.search(lower):
            return intent, intent
    return "retrieve", "asked"


_COMMANDS: tuple[tuple[Intent, str, re.Pattern[str]], ...] = (
    ("forget", "forget", FORGET),
    ("remember", "remember that", REMEMBER_THAT),
    ("remember", "standing", STANDING),
    ("update", "corrects", CORRECTS),
    ("remember", "remember", REMEMBER),
    ("update", "changed", CHANGED),
)
_QUESTIONS: tuple[tuple[Intent, re.Pattern[str]], ...] = (
    ("summarise", SUMMARISE),
    ("compare", COMPARE),
    ("count", COUNT),
    ("list", LIST),
)


def _concerns_somebody(text: str) -> bool:
    acts = _DEED.match(plain(text)) is not None
    return any(
        each.sort == "person"
        and (acts or each.role or each.gender or "'s" in text or _KIN.match(each.name) is not None)
        for each in mentions_in(text)
    )


_KIN = late(r"(?:Uncle|Aunt|Auntie|Mum|Mom|Dad|Grandma|Grandpa|Granny|Nan)\b")
_DEED = late(r"(?:and |so |but )?(?:why|how) (?:did|does) ")


GONE_IN_THE_END = late(
    r"[.!;] (?:so |and |then )*(?:please |(?:can|could|would) you )*(?:forget|delete|erase|wipe|purge|unlearn|discard)"
    r" (?:it|that|this|them|him|her|his|my|our|their|\w+'s|what|everything|all|any)\b[^.!;]*[.!?]?$"
)


def to_the_point(text: str) -> str:
    """Plain, without the sentence of courtesy that leads to it: "That's fine. Where …"."""
    lower = plain(text)
    led = _SENTENCE.match(lower)
    return lower[led.end() :] if led and is_chat(led[0]) else lower


_SENTENCE = late(r"[^.!?]{1,80}[.!?]+ (?=\w)")


def is_request(text: str) -> bool:
    """Is it a question, or does it ask for something to be told?"""
    return REQUEST.search(to_the_point(text)) is not None


def is_chat(sentence: str) -> bool:
    """Is there nothing in it but courtesy?"""
    lower = plain(sentence)
    return len(lower) <= _LONGEST_COURTESY and CHAT.match(lower) is not None


def plain(text: str) -> str:
    """Lower case, single spaces, straight apostrophes, and chat shorthand as it is meant."""
    words = text[:_LOOKED_AT].lower().replace("’", "'").split()
    return " ".join([_SHORT.get(word, word) for word in words]).replace("e.g.", "eg")


_SHORT = {
    "u": "you", "ur": "your", "pls": "please", "plz": "please", "rmb": "remember", "tmrw": "tomorrow", "dont": "don't",
    "cant": "can't", "whats": "what's", "whos": "who's", "hows": "how's", "wheres": "where's", "im": "i'm",
    "ive": "i've", "thats": "that's", "doesnt": "doesn't", "isnt": "isn't", "didnt": "didn't", "abt": "about",
    "wanna": "want to", "gonna": "going to", "gimme": "give me", "lemme": "let me", "mins": "minutes", "w/": "with",
}  # fmt: skip
