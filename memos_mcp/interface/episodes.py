"""From the event on which a question hangs to the time that is asked about. Pure, English.

"Before last year's wedding" is not before last year: the wedding is looked for in that year, and what is asked about
ends with it.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Literal

from memos_mcp.cube import Interval
from memos_mcp.interface.anchors import anchor_in
from memos_mcp.interface.times import found_in, interval_of
from memos_mcp.late import late
from memos_mcp.search import MemoryCall

_SIDE = late(r"\b(?P<side>before|after|since|until|till|during|throughout|at|on|in|when|while|by)\b", re.IGNORECASE)
_ASIDE = late(r"\b(?:before|after|since|until|till)\b", re.IGNORECASE)
_NEAR = 60  # characters between the word that says which side, and the event

Side = Literal["during", "before", "after", "since", "until"]


def hangs_on(call: MemoryCall, now: datetime) -> str:
    """The event whose time is worth looking for before the question; empty if there is none.

    Only where the question says a time as well: that keeps the search for the event to its year, and from events that
    are only named, as in "when was the wedding?".
    """
    meaning = call.understanding
    if meaning is None or call.during is None or meaning.intent not in ("retrieve", "summarise", "list", "count"):
        return ""
    if meaning.anchor or not _ASIDE.search(meaning.alone):
        return meaning.anchor
    within = _ASIDE.sub("during", meaning.alone)  # in "before last year's wedding" the time takes the word for itself
    return anchor_in(within, [each.span for each in found_in(within, now)])


def looked_for_in(call: MemoryCall, event: str, now: datetime) -> Interval | None:
    """Where in time the event itself lies, as far as the question says: None if it does not."""
    meaning = call.understanding
    if meaning is None or side_of(meaning.alone, event) == "during":
        return call.during
    return interval_of(_ASIDE.sub("in", meaning.alone), now)


def asked_about(call: MemoryCall, event: str, episode: Interval, now: datetime) -> Interval | None:
    """The time that a question asks about, once it is known when its event was. None: there is no such time."""
    meaning = call.understanding
    match side_of(meaning.alone, event) if meaning else "during":
        case "during":
            return episode
        case "before":
            return Interval(end=episode.start) if episode.start else None
        case "until":
            return Interval(end=episode.end) if episode.end else None
        case "after":
            return Interval(start=episode.end) if episode.end else None
        case "since":
            return Interval(start=episode.start, end=now) if episode.start and episode.start < now else None


def side_of(text: str, event: str) -> Side:
    """On which side of its event a question asks: by the last word before it that says so."""
    at = text.find(event) if event in text else text.find(event.split(" ", 1)[0])
    said = [each["side"].lower() for each in _SIDE.finditer(text[max(0, at - _NEAR) : max(0, at)])]
    match said[-1] if said else "during":
        case "before" | "after" | "since" | "until" as side:
            return side
        case "till" | "by":
            return "until"
        case _:
            return "during"
