"""Orders to the assistant in a text that has none to give (docs/reference/words.md, Hostile content). Pure.

A text is searched for cues. Some are enough alone; the others count together with a second one nearby: an address to
the assistant and an order, a lasting rule and what it binds, something that is sent, what, and where to. A cue that is
quoted or reported in a text about attacks does not count.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Literal, NamedTuple

from memos_mcp.interface.cues import SIGNS, Role
from memos_mcp.interface.leaks import LEAKS
from memos_mcp.interface.tongues import TONGUES
from memos_mcp.late import late

Kind = Literal["injection", "persistent_instruction", "exfiltration", "secret"]
_NEAR = 260  # characters between two cues that belong together
_LONGEST = 700  # characters of a cue
_SQUEEZED = late(
    r"(?:ignore|disregard|forget)(?:all|any|the|your|previous|prior){1,3}(?:instruction|rule|guideline)|systemprompt"
)
_ALL_SIGNS = (*SIGNS, *LEAKS)
_WORD = late("[a-z]+")
_STOP = late(r"[.!?。]\s|\n\s*\n")
_WISH = late(r"\b(?:asks?|asked|wants?|told|prefers?|would like|wishes) (?:me|us|that i)\b[^.!?\n]{0,200}")
_QUOTED = late(r"\"[^\"\n]{1,500}\"|(?<!\w)'[^'\n]{1,500}'(?!\w)|`[^`\n]{1,500}`|«[^»\n]{1,500}»")
_ABOUT = late(
    r"\b(?:attack(?:s|er|ers|ed)?|injections?|jailbreaks?|jailbreaking|phish\w*|malicious|hostile|research\w*"
    r"|papers?|vulnerab\w*|exploit\w*"
    r"|security (?:issue|guide|team|article)|owasp|red[- ]team\w*|phrases?|such as|test (?:suite|case|set)s?"
    r"|defend\w*|flagged|blocked"
    r"|poisoning|adversar\w*|messages like|texts like|by typing|scam\w*|malware|detect\w*)\b"
)
_REPORTED = late(
    r"(?:\b(?:got|gets?|getting|mak(?:es?|ing)|made|trick\w*|ask(?:s|ed|ing)?|caus\w+|tell(?:s|ing)?|told"
    r"|forc\w+|convinc\w+|lets?|persuad\w+)"
    r"(?: [\w']+){1,4}(?: to)?|\b(?:attackers?|attacks?|that|which|who|it|they|he|she) (?:can|could|may|might"
    r"|would|tr(?:y|ies|ied) to)"
    r"|\binstructions? to)(?: [^.!?:;,\n\"]{1,60} (?:and|or))? $"
)


class Cue(NamedTuple):
    """Characters [start, end) of the folded text and what they are a sign of."""

    start: int
    end: int
    role: Role


class Hostile(NamedTuple):
    """A finding in characters [start, end) of the folded text."""

    kind: Kind
    start: int
    end: int
    why: str


_ALONE: dict[Role, tuple[Kind, str]] = {
    "override": ("injection", "tells the assistant to drop its rules or to show them"),
    "plant": ("persistent_instruction", "writes into the assistant's memory"),
    "leak": ("exfiltration", "an address or a command that carries data away"),
}


class _Pair(NamedTuple):
    """Cues that count together; `joined`: only in one sentence."""

    some: frozenset[Role]
    others: frozenset[Role]
    joined: bool
    kind: Kind
    why: str


def _pair(some: Role, others: tuple[Role, ...], kind: Kind, why: str, *, joined: bool = False) -> _Pair:
    return _Pair(frozenset({some}), frozenset(others), joined, kind, why)


_LATER: Kind = "persistent_instruction"
_PAIRS = (
    _pair("address", ("order", "conceal", "fake", "hidden"), "injection", "gives the assistant orders"),
    _pair("call", ("bid", "order", "conceal", "fake", "hidden"), "injection", "gives the assistant orders"),
    _pair("fake", ("order", "conceal"), "injection", "pretends to come from the system"),
    _pair("hidden", ("order", "conceal"), "injection", "gives orders where nobody reads them"),
    _pair("conceal", ("order",), "injection", "wants something done behind the user's back"),
    _pair("lasting", ("conceal", "address"), _LATER, "gives the assistant a lasting rule"),
    _pair("lasting", ("duty", "order"), _LATER, "gives the assistant a lasting rule", joined=True),
    _pair("sessions", ("bid",), _LATER, "gives the assistant a lasting rule", joined=True),
    _pair("habit", ("conceal", "address"), _LATER, "gives the assistant a habit"),
    _pair("habit", ("duty", "trigger"), _LATER, "gives the assistant a habit", joined=True),
    _pair("trigger", ("conceal", "address"), _LATER, "tells the assistant what to do later"),
    _pair("trigger", ("order", "steer"), _LATER, "tells the assistant what to do later", joined=True),
    _pair("claim", ("licence",), _LATER, "claims a permission of the user", joined=True),
)


def hostile_in(text: str, *, own: bool = False) -> list[Hostile]:
    """What a folded text in lower case orders the assistant, by its place.

    `own`: the assistant said it, so what it tells of the user's wishes is no order. Cost: 30 µs if nothing is
    suspicious.
    """
    cues = _cues(text)
    if not cues:
        return []
    counted = sorted(_counted(text, cues))
    if own:
        counted = [cue for cue in counted if not _is_wish(text, cue)]
    found = _merged([*_alone(counted), *_together(text, counted), *_sent(text, counted)])
    return sorted(found, key=lambda each: (each.start, each.end, each.kind))


def squeezed(text: str) -> bool:
    """Is this an order to the assistant once all spaces are gone?"""
    return _SQUEEZED.search(text.replace(" ", "").lower()) is not None


def _cues(text: str) -> list[Cue]:
    words = set(_WORD.findall(text))
    cues: list[Cue] = []
    roles: set[Role] = set()
    for sign in _ALL_SIGNS:
        if (sign.needed and sign.needed.isdisjoint(words)) or (sign.after and sign.after.isdisjoint(roles)):
            continue
        found = [Cue(*match.span(), sign.role) for match in sign.form.finditer(text)]
        if found:
            cues += found
            roles.add(sign.role)
    for hints, form in TONGUES:
        if any(hint in text for hint in hints):
            cues += [Cue(*match.span(), "override") for match in form.finditer(text)]
    return cues


def _counted(text: str, cues: list[Cue]) -> list[Cue]:
    """The cues that are meant, not mentioned."""
    quotes = [match.span() for match in _QUOTED.finditer(text)]
    if not _ABOUT.search(_QUOTED.sub(" ", text)):
        return cues
    return [
        cue
        for cue in cues
        if not any(start <= cue.start and cue.end <= end for start, end in quotes)
        and not _REPORTED.search(text[max(0, cue.start - 140) : cue.start])
    ]


def _is_wish(text: str, cue: Cue) -> bool:
    return any(wish.start() <= cue.start and cue.end <= wish.end() for wish in _WISH.finditer(text))


def _alone(cues: list[Cue]) -> Iterator[Hostile]:
    for cue in cues:
        if cue.role in _ALONE:
            kind, why = _ALONE[cue.role]
            yield Hostile(kind, cue.start, cue.end, why)


def _together(text: str, cues: list[Cue]) -> Iterator[Hostile]:
    for pair in _PAIRS:
        some, others = ([cue for cue in cues if cue.role in roles] for roles in (pair.some, pair.others))
        for start, end in _near(some, others):
            if not pair.joined or not _STOP.search(text, start, end):
                yield Hostile(pair.kind, start, end, pair.why)


def _near(some: list[Cue], others: list[Cue]) -> Iterator[tuple[int, int]]:
    """From the first of each two neighbours to the end of the second, unless one lies in the other."""
    for cue in some:
        first = bisect_left(others, (cue.start - _NEAR - _LONGEST,))
        for other in islice(others, first, None):
            if other.start > cue.end + _NEAR:
                break
            start, end = min(cue.start, other.start), max(cue.end, other.end)
            nested = end - start in (cue.end - cue.start, other.end - other.start)
            if not nested and other.end >= cue.start - _NEAR:
                yield start, end


def _sent(text: str, cues: list[Cue]) -> Iterator[Hostile]:
    sends, data, targets = ([c for c in cues if c.role == role] for role in ("send", "data", "target"))
    for start, end in _near(sends, data):
        first = bisect_left(targets, (start - _NEAR,))
        target = targets[first] if first < len(targets) else None
        if target and target.start <= end + _NEAR and not _STOP.search(text, start, end):
            yield Hostile("exfiltration", min(start, target.start), max(end, target.end), "sends data of the user away")


def _merged(found: Iterable[Hostile]) -> Iterator[Hostile]:
    """One finding for those of a kind that overlap or are neighbours; the first says why."""
    last: dict[Kind, Hostile] = {}
    for each in sorted(found, key=lambda each: (each.start, each.end)):
        before = last.get(each.kind)
        if before and each.start <= before.end + 1:
            last[each.kind] = before._replace(end=max(before.end, each.end))
        else:
            if before:
                yield before
            last[each.kind] = each
    yield from last.values()
