"""What a sentence asks for, by what its signs weigh together; which rule fits is a sign among others. Pure, English.

The weights are hundredths of a logistic regression, learnt from labelled sentences by tools/weights.py and written so
that they can be read: a sign (`features.py`), and what it speaks for or against.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Literal, cast

from memos_mcp.cube import Kind
from memos_mcp.interface.commands import rule_of
from memos_mcp.interface.features import features
from memos_mcp.interface.pronouns import Rewritten
from memos_mcp.interface.wanted import kinds_of
from memos_mcp.search import Intent, Turn

Slot = Literal["intent", "kind"]


def signs_of(sentence: str, rewritten: Rewritten, turns: Sequence[Turn]) -> frozenset[str]:
    """The signs of a sentence said after turns, and the rule that fits it. Cost: 150 µs."""
    text, filled = rewritten.text, bool(rewritten.filled)
    signs = {*features(sentence, text, turns), f"r:{rule_of(text, goes_on=filled)[1]}"}
    if filled:
        signs.add("c:filled")
    if asked := next((turn.text for turn in reversed(turns) if turn.by_user), ""):
        signs.add(f"c:before {rule_of(asked)[0]}")
    return frozenset(signs)


def weighed_intent(signs: Collection[str]) -> Intent:
    """What is to be done.

    That no memory is concerned must outweigh the rest clearly: to look for nothing costs more than to look in vain.
    """
    return cast("Intent", _likeliest("intent", signs, none=-_IN_DOUBT))


def weighed_kinds(signs: Collection[str], rewritten: Rewritten, intent: Intent) -> tuple[Kind, ...]:
    """The kinds of memory that would answer, or that are stored, changed or removed."""
    kind = _likeliest("kind", kind_signs(signs, rewritten, intent))
    return () if kind == "none" else (cast("Kind", kind),)


def kind_signs(signs: Collection[str], rewritten: Rewritten, intent: Intent) -> frozenset[str]:
    """The signs that weigh for kinds: what is done with them, and what the rules say they are."""
    stored = intent in ("remember", "update", "forget")
    rule = next(iter(kinds_of((stored and rewritten.about) or rewritten.text, intent)), "none")
    done = intent if stored or intent == "summarise" else "asked"
    own = (f"{done} {sign}" for sign in signs if sign[0] in "sq")
    return frozenset((*signs, *own, f"i:{intent}", f"k:{rule}", f"k:{rule} {done}"))


_IN_DOUBT = 50


def _likeliest(slot: Slot, signs: Collection[str], **beforehand: int) -> str:
    """The reading for which the signs weigh most together. Cost: 30 µs; the first one reads the table, 6 ms."""
    sums: defaultdict[str, int] = defaultdict(int, beforehand)
    for sign in signs:
        for reading, weight in _weights(slot, sign):
            sums[reading] += weight
    return max(sorted(sums), key=lambda reading: sums[reading])


@lru_cache(maxsize=8192)
def _weights(slot: Slot, sign: str) -> Sequence[tuple[str, int]]:
    words = _table(slot).get(sign, "").split()
    return [(reading, int(weight)) for reading, weight in zip(words[::2], words[1::2], strict=True)]


@lru_cache(maxsize=2)
def _table(slot: Slot) -> Mapping[str, str]:
    """What stands of each sign, as it stands: a sentence has few of all the signs."""
    text = Path(__file__).with_name(f"weights_{slot}.txt").read_text("utf-8")
    return dict(line.split("\t", 1) for line in text.splitlines() if not line.startswith("#"))
