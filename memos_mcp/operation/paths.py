"""MemoryPathResolver: what to search for a question, where, and in what order (long paper §5.4.1). Pure.

A question is taken apart into topic, concept and fact; the plan is made from that and from what MemReader understood,
before anything is searched, and recall follows it step by step.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Literal

from memos_mcp.cube import Interval
from memos_mcp.late import late
from memos_mcp.search import Goal, MemoryCall, Plan, Step

EPISODE = 20
"""Memories among which the event is looked for on which a question hangs."""
DEEPER = 1_000
"""What each lane gives when too few of its best fulfil the conditions."""
NEWEST = 5_000
"""Memories that are looked through, one by one, when that is not enough either."""

_FACTS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (fact, late(form))
    for fact, form in (
        ("summary", r"\b(?:summar\w+|overview|recap|gist)\b"),
        ("duration", r"\b(?:how long|how much time|since when)\b"),
        ("number", r"\b(?:how many|how often|number of)\b"),
        ("amount", r"\b(?:how much|how far|how old|how tall|how big)\b"),
        ("time", r"\b(?:what time|how late)\b"),
        ("date", r"\b(?:when|what (?:day|date|year|month)|which (?:day|date|year|month))\b"),
        ("place", r"\b(?:where|what (?:place|address|city|town|country))\b"),
        ("person", r"\b(?:who|whom|whose)\b"),
        ("reason", r"\b(?:why|what for|how come|for what reason)\b"),
        ("name", r"\bwhat(?:'s| is| was| are| were) (?:\S+ ){1,4}?(?:called|names?|titles?)\b"),
        (
            "statement",
            r"\bwhat (?:did|does|do|has|have|had) .{1,60}?\b(?:say|said|tell|told|think|advise|write|mean)\b",
        ),
        ("statement", r"\b(?:remind|tell) me (?:about )?what .{1,60}?\b(?:said|told|thought|advised|wrote|meant)\b"),
        ("manner", r"\bhow (?:do|does|did|can|should|to|was|were|is)\b"),
    )
)
_NAMED = late(
    r"\b(?:what|which)(?: kinds? of| sorts? of| other)? (?!(?:is|was|are|were|do|does|did|has|have|had|will|would|can"
    r"|could|should|shall|may|might|must|else|about|if|i|we|you|he|she|they|it|the|my|our|your|his|her|of|one)\b)"
    r"(?P<noun>[^\W\d_]{3,})"
)
_WHETHER = late(r"^(?:and |so |but )?(?:is|was|are|were|do|does|did|has|have|had|will|would|can|could|should) ")


class MemoryPathResolver:
    """Makes the plan of a recall; `topics_in` names the topics of a text, best first: by words, if none is given."""

    def __init__(self, topics_in: Callable[[str], Sequence[str]] | None = None) -> None:
        self._topics_in = topics_in or _by_words

    def goal(self, call: MemoryCall) -> Goal:
        """What a question is after: its topics, the names and words of content in it, and what it wants to know."""
        meaning = call.understanding
        text = meaning.alone if meaning else call.query
        concepts = (*meaning.entities, *meaning.topics) if meaning else ()
        return Goal(tuple(self._topics_in(text)), tuple(dict.fromkeys(concepts)), fact_of(call))

    def plan(
        self,
        call: MemoryCall,
        *,
        paths: Sequence[str],
        lanes: Sequence[str],
        most: int,
        event: str = "",
        within: Interval | None = None,
        only: str = "",
    ) -> Plan:
        """First the time of the `event` that the question hangs on, then the question, then what conditions leave.

        `most` is asked of each lane, the event lies `within` an interval, and `only` what holds is wanted.
        """
        where, by = tuple(paths), tuple(lanes)
        steps: list[Step] = []
        if event:
            steps.append(Step("episode", event, where, by, EPISODE, preferred=_of(within)))
        steps.append(Step("rank", call.query, where, by, most, preferred(call), only))
        if only:
            steps += [Step(kind, call.query, where, by, n, (), only) for kind, n in _FURTHER]
        return Plan(self.goal(call), tuple(steps))


def _by_words(text: str) -> Sequence[str]:
    from memos_mcp.operation.topics import topics_in  # words and stems load with a question, not at start

    return topics_in(text)


_FURTHER: tuple[tuple[Literal["deepen", "scan"], int], ...] = (("deepen", DEEPER), ("scan", NEWEST))


def preferred(call: MemoryCall) -> tuple[str, ...]:
    """What moves a memory up beside the scores of the lanes, in words."""
    by = tuple(f"said by {name}" for name in call.subject)
    leaning = "statements of preference" if call.question_kind == "request" else "what shares rare words with the best"
    return (*by, *_of(call.during), leaning)


def fact_of(call: MemoryCall) -> str:
    """What a question wants to know: `date`, `place`, `person`, `reason`, …, or the noun it asks for; else `any`."""
    meaning = call.understanding
    text = " ".join((meaning.alone if meaning else call.asked).lower().replace("’", "'").split())
    if meaning and meaning.intent in ("list", "compare", "count"):
        return {"list": "list", "compare": "comparison", "count": "number"}[meaning.intent]
    found = next((fact for fact, form in _FACTS if form.search(text)), "")
    if found:
        return found
    if named := _NAMED.search(text):
        return named["noun"]
    return "whether" if _WHETHER.match(text) else "any"


def _of(during: Interval | None) -> tuple[str, ...]:
    if during is None:
        return ()
    start, end = (
        f"{each:%Y-%m-%d %H:%M}".removesuffix(" 00:00") if each else "" for each in (during.start, during.end)
    )
    return (f"of {start or '…'} to {end or '…'}",)
