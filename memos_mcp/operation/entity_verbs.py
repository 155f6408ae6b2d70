"""The verbs that state a relation, and how each wants its object. Pure tables."""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

from memos_mcp.operation.entity_values import EntityKind, RelationKind


class Verb(NamedTuple):
    """A verb in one of its forms: its words after the first, and what it states.

    `takes` are kinds of named objects; `phrase` is what an object in common words is taken for, if it may be one.
    `far`: the object may stand a few words on, behind `in` or `at`.
    """

    rest: tuple[str, ...]
    kind: RelationKind
    takes: frozenset[EntityKind]
    phrase: EntityKind | None
    ended: bool
    far: bool


_ANY: tuple[EntityKind, ...] = ("person", "place", "organisation", "thing")
_TABLE: tuple[tuple[RelationKind, tuple[EntityKind, ...], EntityKind | None, str], ...] = (
    (
        "likes", _ANY, "thing",
        "like|likes|liked|love|loves|loved|enjoy|enjoys|enjoyed|adore|adores|adored|prefer|prefers|preferred|a fan of"
        "|a big fan of|a huge fan of|fan of|fond of|keen on|crazy about|mad about",
    ),
    (
        "dislikes", _ANY, "thing",
        "hate|hates|hated|dislike|dislikes|disliked|detest|detests|avoid|avoids|can't stand|cannot stand|can not stand"
        "|couldn't stand|can't bear|allergic to|afraid of|scared of|intolerant to|terrified of",
    ),
    (
        "has", ("thing",), "thing",
        "have|has|own|owns|'ve got|has got|have got|'s got|bought|adopted|inherited|collect|collects|received|rescued",
    ),
    ("has", ("thing",), None, "drive|drives|ride|rides"),
    ("has", ("thing",), "thing", "got a|got an|got the|got my|got our|got her|got his|got two|got three|got some"),
    (
        "wants", _ANY, "thing",
        "want|wants|wanted|dream of|dreams of|dreaming of|hope for|hopes for|wish for|long for|wishes for|saving for",
    ),
    (
        "wants", ("place", "organisation", "thing"), None,
        "want to|wants to|hope to|hopes to|plan to|plans to|planning to|'d love to|would love to|would like to"
        "|'d like to|fly to|flying to|travel to|travelling to|traveling to|going to|moving to|a trip to",
    ),
    ("wants", _ANY, "thing", "would like|would love|'d like|'d love|'d love to see|would love to see|want to see"),
    (
        "made", ("thing",), "thing",
        "built|wrote|painted|makes|baked|bakes|designed|composed|invented|founded|created|knitted|sewed|brewed|brews"
        "|made|paints|builds|writes",
    ),
    ("does", ("thing",), "thing", "play|plays|playing|learn|learns|learning|practise|practises|practice|practices"),
    ("does", ("thing",), "thing", "study|studies|studying"),
    ("is", ("thing",), "thing", "work as|works as|working as|work as a|works as a|works as an|work as an|working as a"),
    ("from", ("place",), None, "come from|comes from|came from|born in|native of|is from|am from|are from|'m from"),
    ("from", ("place",), None, "was born in|were born in|'s from|originally from|hails from|is originally from"),
    ("kin", ("person",), None, "married to|engaged to|dating|married|in a relationship with|divorced from"),
    (
        "met", ("person",), None,
        "met|met with|saw|ran into|bumped into|had lunch with|had dinner with|had coffee with|had breakfast with"
        "|talked to|talked with|spoke to|spoke with|met up with|caught up with|had a call with|had a drink with",
    ),
)  # fmt: skip
_ENDED: tuple[tuple[RelationKind, tuple[EntityKind, ...], EntityKind | None, str], ...] = (
    ("lives-in", ("place",), None, "lived in|lived near|grew up in|raised in|moved from|moved away from"),
    ("works-at", ("organisation",), None, "left|quit"),
    (
        "works-at", ("organisation", "thing"), "organisation",
        "worked at|worked for|resigned from|retired from|quit my job at|left my job at|quit her job at|quit his job at"
        "|left his job at|left her job at|interned at|taught at",
    ),
    ("studies-at", ("organisation",), None, "graduated from|studied at|went to school at"),
    ("does", ("thing",), "thing", "studied"),
    ("has", ("thing",), None, "sold"),
)  # fmt: skip
_FAR: tuple[tuple[RelationKind, tuple[EntityKind, ...], EntityKind | None, str], ...] = (
    (
        "lives-in", ("place",), None,
        "live in|lives in|living in|live at|lives at|live near|lives near|moved to|moved into|moved back to|move to"
        "|relocated to|based in|resides in|settled in|moved in",
    ),
    (
        "visited", ("place", "organisation", "thing", "person"), None,
        "visited|went to|been to|travelled to|traveled to|flew to|stayed in|stayed at|drove to|took the train to"
        "|took a train to|took the bus to|took the ferry to|spent|on holiday in|went back to",
    ),
    (
        "works-at", ("organisation", "thing"), "organisation",
        "work at|work for|works at|works for|working at|working for|a job at|job at|a job with|employed by|employed at"
        "|hired by|interning at|teach at|teaches at|teaching at|volunteers at|volunteer at|an internship at|works in",
    ),
    ("works-at", ("organisation",), None, "joined"),
    ("studies-at", ("organisation",), None, "study at|studies at|studying at|enrolled at|a student at|goes to"),
)  # fmt: skip


def _table() -> dict[str, list[Verb]]:
    found: defaultdict[str, list[Verb]] = defaultdict(list)
    for rows, ended, far in ((_TABLE, False, False), (_ENDED, True, False), (_FAR, False, True)):
        for kind, takes, phrase, forms in rows:
            for form in forms.split("|"):
                first, *rest = form.split()
                found[first].append(Verb(tuple(rest), kind, frozenset(takes), phrase, ended, far))
    return {first: sorted(verbs, key=lambda verb: -len(verb.rest)) for first, verbs in found.items()}


VERBS = _table()
"""By the first word; the longest form first."""
STATES: frozenset[RelationKind] = frozenset({"has", "lives-in", "works-at", "studies-at", "does", "likes", "is", "kin"})
"""Relations that hold for a time, and may have ended."""
BROKEN_OFF = frozenset({"worked", "works", "work", "working", "runs", "run", "leads", "heads", "teaches", "teach"})
"""Words after which `at` or `for` names the employer, though other words stand between."""
EDUCATION = frozenset({"study", "studies", "studying"})
IMPLIED = frozenset(
    "met saw went moved visited bought adopted got had spent watched flew joined quit left love loved hate hated drove "
    "stayed enjoyed".split()
)
"""Verbs that begin a sentence which leaves out who did it: the speaker."""
LIGHT = frozenset(
    (
        "lot bit time fun look chance idea feeling question problem trouble lunch dinner breakfast talk chat "
        "meeting appointment call way point plan doubt to been it this that them him her us me one all more less "
        "there what how why where you everything something nothing anything job please life news care employees "
        "people place word words say luck sense"
    ).split()
)
"""What one has or likes without it being a thing to remember."""
