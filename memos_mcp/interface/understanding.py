"""MemReader's understanding of a sentence by rules: what is to be done with which memories (long paper §5.3.1). Pure.

It reads the sentence as it stands alone (`rewriting.py`). English. How often it is right:
docs/reference/understanding.md.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from datetime import datetime

from memos_mcp.cube import Interval
from memos_mcp.interface.anchors import anchor_in
from memos_mcp.interface.commands import is_chat, plain
from memos_mcp.interface.happenings import is_past
from memos_mcp.interface.mentions import ROLES, mentions_in
from memos_mcp.interface.rewriting import LONGEST, Rewritten, alone
from memos_mcp.interface.times import found_in, interval_of
from memos_mcp.interface.wanted import scope_of
from memos_mcp.interface.weighing import signs_of, weighed_intent, weighed_kinds
from memos_mcp.late import late
from memos_mcp.search import Intent, Output, Turn, Understanding

__all__ = ["Understanding", "meant"]


def meant(sentence: str, turns: Sequence[Turn] = (), *, now: datetime, people: Collection[str] = ()) -> Understanding:
    """What a sentence said at `now` after `turns` asks for; `people` are names known to be those of persons.

    Never raises for what is written. Of a long text the first 2,000 characters are read. Cost: 600 µs, and 100 a turn.
    """
    chats = is_chat(sentence)
    rewritten = Rewritten(sentence) if chats else alone(sentence, turns, now=now, people=people)
    text = rewritten.text[:LONGEST]
    signs = signs_of(sentence, rewritten, turns)
    intent = "none" if chats else weighed_intent(signs)
    whole = rewritten.whole[:LONGEST]
    times = [each.span for each in found_in(whole, now)]
    mentions = mentions_in(whole, people=people, times=times)
    entities = tuple(dict.fromkeys(each.name for each in mentions))
    if intent == "none":
        return Understanding(
            sentence, rewritten.whole, "none", entities=entities, output="none", filled=rewritten.filled
        )
    return Understanding(
        asked=sentence,
        alone=rewritten.whole,
        intent=intent,
        topics=_topics(whole, times, entities),
        entities=entities,
        anchor=anchor_in(text, [each.span for each in found_in(text, now)]),
        during=_during(text, intent, now),
        kinds=weighed_kinds(signs, rewritten, intent),
        scope=scope_of(text),
        output=_OUTPUTS.get(intent, "answer"),
        filled=rewritten.filled,
    )


def _during(text: str, intent: Intent, now: datetime) -> Interval | None:
    """A statement that tells of nothing past speaks of what is to come: "it starts in April"."""
    lower = plain(text)
    told = intent in ("remember", "update")
    if (told and _TO.search(lower)) or ((told or _COMING.search(lower)) and not (is_past(lower) or _WAS.search(lower))):
        text = _SENTENCE.sub("it will be: ", text)
    return interval_of(text, now)


_WAS = late(
    r"\b(?:was|were|did|had|ago|since|last|been|(?:have|has|'ve) (?:just |already |never "
    r"|ever )?(?!(?:got )?(?:to|an?|my|our"
    r"|the|another|two|three|no|some|\d+|i|we|he|she|they|you|it)\b)\w+|(?:have|has) (?:i|we|he|she|they|you"
    r"|it) (?!got\b|an?\b|to\b|any\b))\b"
)
_TO = late(
    r"\b(?:moved|postponed|rescheduled|delayed|changed|brought forward|pushed back|put off) (?:to|until|till)\b"
    r"|\b(?:moved|pushed|postponed|rescheduled|delayed|shifted|brought|put|extended|changed) (?:the|my|our|it|her|his"
    r"|their)"
    r" .{0,40}\b(?:back|forward|to) "
)
_COMING = late(
    r"\b(?:when(?:'s| is| are| do| does)|what time|what day|do (?:i|we) have|have (?:i|we) got|am i|are we|is there"
    r"|on (?:my|our|the) (?:schedule|agenda|calendar|list)"
    r"|are there|(?:am|is|are|\w+'(?:s|re|m))\b.*\b\w+ing)\b"
    r".*\b(?:(?:mon|tues|wednes|thurs|fri|satur|sun)day|weekend|easter|christmas|the \d+(?:st|nd|rd|th))\b"
)
_SENTENCE = late(r"^|(?<=[.!?] )")
_OUTPUTS: dict[Intent, Output] = {
    "summarise": "summary",
    "list": "list",
    "remember": "none",
    "update": "none",
    "forget": "none",
    "none": "none",
}
_WORD = late(r"[^\W_]+(?:['’-][^\W_]+)*")
_FORM = frozenset(
    "a an the of to in on at for and or but is are was were be been being am do does did has have had will would "
    "can could should shall may might must i you he she it we they me us him them my your his her its our their "
    "mine this that these those there here with without by about as from into up out off over what who whom whose "
    "which when where why how if so not no then than again please tell give show list name remember forget remind "
    "note make find get let keep save know said say says told tell ask asked all every each any some everything "
    "anything something everyone everybody between just only also too again last next during before after since "
    "until much many often time times kind sort one two more most other another delete remove change update "
    "correct compare summarise summarize summary overview recap down now actually wait whole both thing things "
    "new ever still already".split()
)


def _topics(text: str, times: Sequence[tuple[int, int]], entities: Collection[str]) -> tuple[str, ...]:
    for start, end in reversed(times):
        text = f"{text[:start]} {text[end:]}"
    named = {part.lower() for name in entities for part in name.split()}
    words = [re.sub(r"['’]s$", "", word.lower()) for word in _WORD.findall(text)]
    return tuple(
        dict.fromkeys(
            w for w in words if len(w) > 1 and "'" not in w and w not in _FORM and w not in named and w not in ROLES
        )
    )
