"""Names in a sentence, and whether they are of a person, a place, an organisation or a thing. Pure.

There is no model: a run of capitalised words is a name, its own words and those around it say of what. A word that is
capitalised only because a sentence begins with it needs evidence, since a name that is none does more harm than one
that is missed.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from memos_mcp.operation.entity_tokens import Token
from memos_mcp.operation.entity_values import EntityKind
from memos_mcp.operation.entity_words import (
    AMBIGUOUS,
    CALENDAR,
    DOES,
    FIRST_NAMES,
    GOING,
    HONORIFICS,
    KIN,
    KNOWN_AS,
    LANDSCAPE,
    NAMED_AFTER,
    ORGANISATIONS,
    PLACES,
    PREPOSITIONS,
    SMALL,
    STARTS,
    SURELY_DOES,
    WORDS_TOO,
    WORKING,
)

_HE_OR_SHE = frozenset({"he", "she", "his", "her"})
_LONGEST = 6  # words of a name
_NEAR = 7  # words before a name that say what it is of
_TO_PEOPLE = frozenset("ask tell call met meet invite thank remind told asked".split())
_DONE = frozenset("done written given recommended painted told taught invited interviewed treated".split())
_TOGETHER = frozenset(
    "lunch dinner breakfast coffee drinks met spoke talked call meeting weekend went holiday walk".split()
)
_AUX = frozenset("is was has will can had 's does did".split())
_FIRMS = frozenset("start-up startup company firm agency restaurant shop business bank organisation club team".split())
_HUMANS = frozenset("man woman boy girl guy somebody someone person lady kid baby student".split())
_ABOUT_HIM = frozenset("my from married our a an his her in getting".split())
_IS_HUMAN = frozenset(
    "off sick ill away late tired married pregnant vegetarian vegan left-handed blocked retired coming going getting "
    "working travelling staying leaving bringing afraid allergic happy sad worried my our his her".split()
)
_LOOKS = frozenset("look looks looked looking good bad better arrived".split())

_NAMES_ALONE = FIRST_NAMES - CALENDAR
_ACTS = DOES | _AUX
_GOES = frozenset({"moved", "went", "came", "goes", "comes", "flew", "returned", "relocated"})
_OF_THINGS = ("tion", "ment", "ness", "ing", "ity", "ance", "ence", "s")  # production moved to Mexico
_SHOUTED = STARTS | PREPOSITIONS
_PEOPLE = FIRST_NAMES | {"i"}
_BEFORE_PLACES = PREPOSITIONS - {"at", "for", "by"}


class Name(NamedTuple):
    """A name that begins at some token: the index behind it, what it is of, and how it is written."""

    end: int
    kind: EntityKind
    words: str


def run_at(tokens: Sequence[Token], start: int, stop: frozenset[int] = frozenset()) -> int:
    """The index behind the capitalised run that begins at a token; `start` if none does. `stop` belongs to others."""
    if not _begins(tokens, start, stop):
        return start
    end = start + 1
    first_of_calendar = tokens[start].lower in CALENDAR
    while end < len(tokens) and end - start < _LONGEST:
        last, step = tokens[end - 1], tokens[end]
        if end in stop or step.start - last.end > 1:
            break
        if first_of_calendar and not step.capital:
            break
        if _goes_on(step) or (step.lower in {"o", "e"} and step.capital):
            end += 1
        elif (small := _small_until(tokens, end)) and _begins(tokens, small, stop):
            end = small + 1
        else:
            break
    return end


def _begins(tokens: Sequence[Token], at: int, stop: frozenset[int]) -> bool:
    if at >= len(tokens) or at in stop:
        return False
    token = tokens[at]
    if len(token.text) == 1 and at + 1 < len(tokens) and not tokens[at + 1].capital and tokens[at + 1].text != ".":
        return False
    return token.capital and token.lower not in {"i", "i'm"} and "n't" not in token.lower


def _goes_on(token: Token) -> bool:
    return (token.capital and token.lower != "i") or (token.text.isdigit() and len(token.text) <= 3)


def _small_until(tokens: Sequence[Token], at: int) -> int:
    """The index behind small words such as `of the`; 0 if there are none, or `and`, which joins two names."""
    end = at
    while end < len(tokens) and end - at < 2 and tokens[end].lower in SMALL and tokens[end].lower != "and":
        end += 1
    return end if end > at else 0


def name_at(tokens: Sequence[Token], at: int, stop: frozenset[int], names: frozenset[str]) -> Name | None:
    """The name that begins at a token, if one does; `names` are words that are known to be names."""
    end = run_at(tokens, at, stop)
    if end == at:
        return None
    first = tokens[at]
    opening = not any(token.word for token in tokens[:at])
    if all(token.lower in CALENDAR for token in tokens[at:end]) and (
        first.lower not in FIRST_NAMES or not _acts(tokens, end)
    ):
        return None
    if _shouts(tokens, at, end):
        return None
    if opening and not _stands(tokens, at, end, names):
        return None
    if (
        not opening
        and end == at + 1
        and first.lower in STARTS
        and first.lower not in WORDS_TOO
        and first.lower not in names
    ):
        return None
    if end == at + 1 and len(first.text) <= 2 and (len(first.text) == 1 or (at and tokens[at - 1].text[-1].isdigit())):
        return None
    kind = _kind(tokens, at, end)
    return Name(end, kind, " ".join(token.text for token in tokens[at:end]))


def _stands(tokens: Sequence[Token], at: int, end: int, names: frozenset[str]) -> bool:
    """Is what opens a sentence a name, and not a word that is written with a capital there."""
    first = tokens[at].lower
    if first in names:
        return True
    if first in WORDS_TOO:
        return _acts(tokens, end) or (end > at + 1 and tokens[at + 1].lower not in FIRST_NAMES)
    if first in FIRST_NAMES or first.rstrip(".") in HONORIFICS or (first in PLACES and first not in AMBIGUOUS):
        return True
    if first in STARTS:
        return False
    if end > at + 1 and not tokens[at + 1].text.isdigit():
        return not first.endswith(("ed", "ing"))
    return _is_done_by(tokens, end)


def _shouts(tokens: Sequence[Token], at: int, end: int) -> bool:
    """Words in capitals alone, as in SQL: several of them, or one that is a common word."""
    run = tokens[at:end]
    if not all(token.text.isupper() or token.text.isdigit() for token in run):
        return False
    return sum(len(token.text) > 1 for token in run) > 1 or run[0].lower in _SHOUTED


def _acts(tokens: Sequence[Token], end: int) -> bool:
    """Does a verb in the third person follow, or a second name."""
    if end >= len(tokens):
        return False
    after = tokens[end]
    if after.lower in _ACTS:
        return True
    return after.lower == "and" and end + 1 < len(tokens) and tokens[end + 1].capital


def _is_done_by(tokens: Sequence[Token], end: int) -> bool:
    """Does somebody do here what people do."""
    if end >= len(tokens):
        return False
    after, then = tokens[end].lower, tokens[end + 1] if end + 1 < len(tokens) else None
    if after in SURELY_DOES or (after == "'s" and then is not None):
        return True
    if after in {"works", "worked", "runs"}:
        return then is not None and then.lower in {"at", "for", "as", "with", "in", "the"}
    if after == "and" and then is not None:
        return then.lower in _PEOPLE and then.capital
    if after in _GOES and then is not None and then.lower in {"to", "from", "into"}:
        return end + 2 < len(tokens) and tokens[end + 2].capital and not tokens[end - 1].lower.endswith(_OF_THINGS)
    return after in {"is", "was"} and then is not None and then.lower in {"my", "our", "from", "married", "his", "her"}


def _kind(tokens: Sequence[Token], at: int, end: int) -> EntityKind:
    words = [token.lower for token in tokens[at:end]]
    plain = words[0].rstrip(".")
    if plain in HONORIFICS and len(words) > 1:
        return "person"
    own = _by_its_words(words)
    if own:
        return own
    before = [token.lower for token in tokens[max(0, at - _NEAR) : at]]
    return _by_context(words, before, tokens, end)


def _by_its_words(words: Sequence[str]) -> EntityKind | None:
    if any(word in ORGANISATIONS or word == "&" or word.endswith(("museum", "bank", "universität")) for word in words):
        return "organisation"
    if len(words) > 1 and (words[-1] in LANDSCAPE or words[0] in {"lake", "mount", "river", "st.", "san", "new"}):
        return "place"
    if words[0] in PLACES and words[0] not in AMBIGUOUS and len(words) == 1:
        return "place"
    return None


def _by_context(words: Sequence[str], before: Sequence[str], tokens: Sequence[Token], end: int) -> EntityKind:
    last = before[-1] if before else ""
    if last == "the" and len(before) > 1:
        last = before[-2]
    if last in NAMED_AFTER:
        return _called(before)
    after = tokens[end].lower if end < len(tokens) else ""
    if last in _BEFORE_PLACES and (odd := _no_place(after, tokens[end - 1])):
        return odd
    if _of_work(words, last, before) or (last == "at" and _LOOKS.isdisjoint(before[-2:])):
        return "organisation"
    if words[0] in FIRST_NAMES and not (words[0] in AMBIGUOUS and last in {"in", "to", "near"}):
        return "person"
    if _of_place(words, last, before):
        return "place"
    if _to_somebody(last, before) or after in DOES or (after == "and" and _i_or_name(tokens, end + 1)):
        return "person"
    if after in _AUX:
        return _subject_kind(tokens, end, opening=not before)
    return "thing"


def _called(before: Sequence[str]) -> EntityKind:
    near = frozenset(before)
    if near & _FIRMS:
        return "organisation"
    return "person" if near & _HUMANS else "thing"


def _of_work(words: Sequence[str], last: str, before: Sequence[str]) -> bool:
    if last in {"joined", "left", "quit"}:
        return words[0] not in FIRST_NAMES
    if last in {"at", "for", "by"}:
        return not WORKING.isdisjoint(before)
    return (
        last == "from"
        and len(before) > 1
        and before[-2] not in {"is", "comes", "come", "are", "am", "'m", "was"}
        and (
            words[0] not in FIRST_NAMES
            and words[0] not in PLACES
            and GOING.isdisjoint(before)
            and "bought" not in before
        )
    )


def _of_place(words: Sequence[str], last: str, before: Sequence[str]) -> bool:
    if last in {"in", "near", "around"}:
        return True
    if last in {"to", "into"}:
        return not GOING.isdisjoint(before)
    if last == "from":
        return True
    if last in {"visited", "visit", "visiting"}:
        return True
    return last == "," and words[0] in PLACES


def _no_place(after: str, name: Token) -> EntityKind | None:
    """What stands behind `in` and is no place: in Amara's cellar, in UTC."""
    if after == "'s":
        return "person"
    return "thing" if name.text.isupper() and len(name.text) > 1 else None


def _to_somebody(last: str, before: Sequence[str]) -> bool:
    if last == "with":
        return not _TOGETHER.isdisjoint(before)
    if last in {"by", "for"} and len(before) > 1:
        return before[-2] in (_DONE if last == "by" else {"ask", "asked", "asking"})
    return last in _TO_PEOPLE


def _i_or_name(tokens: Sequence[Token], at: int) -> bool:
    return at < len(tokens) and tokens[at].lower in _PEOPLE


def _subject_kind(tokens: Sequence[Token], end: int, *, opening: bool) -> EntityKind:
    """Of what a name is that is, has or does something, or has something of his: a role is had by people alone."""
    then = tokens[end + 1].lower if end + 1 < len(tokens) else ""
    if tokens[end].lower == "'s" and (opening or then in KIN or then in KNOWN_AS):
        return "person"
    return "person" if then in (_ABOUT_HIM if opening else _IS_HUMAN) or then in _IS_HUMAN else "thing"


def spoken_of_again(split: Sequence[Sequence[Token]]) -> frozenset[str]:
    """Words that open a sentence, do something, and are he or she in what follows: names as well."""
    found = set[str]()
    for tokens, following in zip(split, [*split[1:], ()], strict=False):
        if len(tokens) < 3 or not tokens[0].capital or tokens[0].lower in STARTS:
            continue
        rest = [token.lower for token in (*tokens[1:], *following)]
        others = any(_is_somebody(before, token) for before, token in pairwise(tokens))
        if _predicates(tokens[1]) and not _HE_OR_SHE.isdisjoint(rest) and not others:
            found.add(tokens[0].lower)
    return frozenset(found)


def _is_somebody(before: Token, token: Token) -> bool:
    """May he or she be this one: a first name that is no part of a longer one, or a role."""
    if token.lower in KIN:
        return True
    return token.capital and token.lower in _NAMES_ALONE and not before.capital


def _predicates(token: Token) -> bool:
    return token.text.islower() and (token.lower in _AUX or token.lower.endswith(("s", "ed")))


def surely_names(split: Sequence[Sequence[Token]]) -> frozenset[str]:
    """Words that are written with a capital within a sentence: where one begins with them, they are names as well."""
    return frozenset(
        token.lower
        for tokens in split
        for before, token in pairwise(tokens)
        if token.capital and token.text[0].isalpha() and before.word and token.lower != "i"
    )
