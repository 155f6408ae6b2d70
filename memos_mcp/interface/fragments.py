"""The question before, asked again of another time, person or thing: what a fragment fills in. Pure, English."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from datetime import datetime
from itertools import pairwise

from memos_mcp.interface.mentions import Mention, mentions_in, things_in
from memos_mcp.interface.times import found_in
from memos_mcp.late import late

_ABOUT = late(r"^(?:(?:and|n|but|ok(?:ay)?|so|then|or)[, ]+)*(?:what|how) about |what of ", re.IGNORECASE)
_BEFORE = late(r"\b(?:in|on|at|during|from|for|with|to|of|by|about|near) (?:the )?$", re.IGNORECASE)
_OWNED = late(
    r"(?:(?:ok(?:ay)?|so|then|right|well)[, ]+)*(?:(?:and|n|or|but)[, ]+)(?:the|my|our|his|her|their) ", re.IGNORECASE
)
_PREPOSITION = late(r"^(?:in|on|at|during|from|for|with|to|of|by|after|before|about|near|without) ", re.IGNORECASE)
_RELATIVE = late(r"(?:last|this|next|today|yesterday|tomorrow|the)\b", re.IGNORECASE)


def with_time(base: str, rest: str, now: datetime, *, step: bool = False) -> str:
    """The question again, at another time; `step`: the one next to the one it named."""
    spans = [each.span for each in found_in(base, now)]
    if not spans:
        return f"{base.rstrip(' ?.!')} {rest}{_mark(base)}"
    start, end = spans[-1]
    if step:  # the week before last week
        rest = f"{rest} {base[start:end]}"
    if (led := _PREPOSITION.match(base[start:end])) and not _PREPOSITION.match(rest) and not _RELATIVE.match(rest):
        start += led.end()
    if _PREPOSITION.match(rest) and (said := _BEFORE.search(base[:start])):
        start = said.start()
    return base[:start] + rest + base[end:]


def with_phrase(base: str, rest: str) -> str | None:
    """The question again, with another "about the chimney"."""
    led = _PREPOSITION.match(rest)
    either = (
        "(?:with|without) " if led and led[0].lower() in ("with ", "without ") else re.escape(led[0]) if led else ""
    )
    old = re.search(rf"\b{either}[^?.!,]+", base, re.IGNORECASE) if led else None
    return base[: old.start()] + rest + base[old.end() :] if old else None


def with_one(base: str, rest: str, named: Sequence[Mention], now: datetime, people: Collection[str]) -> str:
    """The question again, of somebody else: of the first of the same sort."""
    spans = [each.span for each in found_in(base, now)]
    old = mentions_in(base, people=people, times=spans)
    alike = [each for each in old if (each.sort == "place") == (named[0].sort == "place")] or old
    if not alike:
        return f"{base.rstrip(' ?.!')}, {rest}{_mark(base)}"
    out = alike[0]
    if _PREPOSITION.match(rest) and not _BEFORE.search(base[: out.start]):
        return f"{base.rstrip(' ?.!')} {rest}{_mark(base)}"
    new = _ONE.sub(r"\1", rest)
    if _PREPOSITION.match(rest) and _BEFORE.search(base[: out.start]):
        new = _PREPOSITION.sub("", rest)
    start = out.start
    owner = [a for a, b in pairwise(old) if b is out and base[a.end : b.start] in ("'s ", "’s ")]
    start = owner[0].start if owner else start
    owned = [b for a, b in pairwise(old) if a is out and base[a.end : b.start] in ("'s ", "’s ")]
    of_the_same = owned and new.startswith((f"{out.name}'s ", f"{out.name}’s "))
    ends = base[owned[0].end if of_the_same else out.end :]
    if new.endswith(("'s", "’s")) and ends.startswith(("'s", "’s")):
        ends = ends[2:]
    return base[:start] + new + ends


def with_kind(base: str, rest: str) -> str | None:
    """The question again, of another kind of the same: "egg allergies" for "nut allergies"."""
    kind, _, head = rest.rpartition(" ")
    if not kind or " " in kind or _DETERMINER.match(kind):
        return None
    old = next(
        (each for each in re.finditer(rf"\b([\w-]+) {re.escape(head)}\b", base) if not _DETERMINER.match(each[1])), None
    )
    return base[: old.start()] + rest + base[old.end() :] if old else None


_DETERMINER = late(r"(?:the|my|our|your|his|her|their|an?|any|all|which|what|of|many|some|no|this|that|[A-Z].*)$")


def with_thing(base: str, rest: str, text: str) -> str | None:
    """The question again, of another thing, if the fragment says that it is one."""
    things = things_in(base)
    if not things or not (_ABOUT.match(text) or _OWNED.match(text)) or len(rest.split()) > 6:
        return None
    if one := _ONE.fullmatch(rest):
        rest = f"the {one[1]} {things[0].name.rsplit(' ', 1)[-1]}"
    alike = [each for each in things if base[each.start :].split(" ", 1)[0].lower() == rest.split(" ", 1)[0].lower()]
    old = (alike or things)[0]
    return base[: old.start] + rest + base[old.end :]


def with_deed(base: str, rest: str) -> str | None:
    """The question again, of another deed or matter in a word or two: "and swimming?"."""
    if not _BARE.fullmatch(rest):
        return None
    matter = None if rest.split(" ", 1)[0].endswith("ing") else _MATTER.search(base)
    found = matter or _DONE.search(base)
    if found is None:
        return None
    did = matter is None and found["verb"] is not None
    start, end = found.span("verb" if did else "old")
    goes = "go " if did and not base[:start].endswith("go ") else ""
    return f"{base[:start]}{goes}{rest}{base[end:]}"


_BARE = late(
    r"(?!(?:the|my|our|your|his|her|their|a|an|that|this|it|them|more|else|again|now|then|not|no|yes)\b)"
    r"[a-z-]+(?: [a-z-]+)?"
)
_WHO = r"(?:i|we|you|he|she|they|my [a-z-]+|[A-Z]\w*)"
_DONE = late(
    rf"\b(?:am|is|are|was|were|been|be) (?:{_WHO} )?(?P<old>(?:at|in|on) (?:the |my |our )?[a-z-]+|[a-z]+ing)\b"
    rf"|\b(?:did|do|does) {_WHO} (?:go )?(?P<verb>[a-z]+)\b"
)
_MATTER = late(
    r"\b(?:on|for|about|of|with|eat|drink|like|play|speak|take|have|buy|prefer|enjoy|against|to) "
    r"(?P<old>(?!the\b|my\b|our\b|it\b|me\b|us\b|him\b|her\b|them\b|an?\b|i\b|in\b|at\b|on\b|of\b|for\b|to\b"
    r"|last\b|this\b)[a-z-]+)\b"
)
_ONE = late(r"the (.+?) ones?$", re.IGNORECASE)


def _mark(base: str) -> str:
    return "?" if base.rstrip().endswith("?") else ""
