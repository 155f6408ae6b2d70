"""Memories as questions and answers to train on, with others held out: by templates, or by an author. Pure.

A model that has only seen a sentence cannot be asked about it: what is trained are answers to questions. Each pair has
the memory that says so; a held-out question is worded as no trained one is. What two memories answer differently is
asked of neither.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from memos_mcp.cube import MemCube, Ref
from memos_mcp.errors import MemosError
from memos_mcp.late import late
from memos_mcp.operation.entities import read
from memos_mcp.operation.entity_values import Relation
from memos_mcp.operation.pair_forms import ABOUT, ALLERGY, FORMS, GOES_ON, KIN, UNDER, WHAT, WHEN, WHERE, Form
from memos_mcp.parametric import Pair

logger = logging.getLogger(__name__)

_MOST_SENTENCES, _MOST_TRAINED, _MOST_HELD, _MOST_NAMED = 8, 16, 6, 4
_LONGEST = 400  # characters of an answer
_SENTENCES = late(r"(?<=[.!?])\s+|\n+")
_COPULA = late(
    r"^(?P<s>(?:The|My|Our|A|An|[A-Z][\w’'-]*)(?: [\w’'-]+){0,7}?) "
    r"(?P<v>is|are|was|were|lies|lie|stands|costs|opens|closes|begins|starts|ends|leaves) (?P<o>.+?)[.!]?$"
)
_TIME = late(
    r"^(?:on|at|in|from|until|before|after|every|since)? ?(?:\d|(?:mon|tues|wednes|thurs|fri|satur|sun)day|noon"
    r"|midnight|january|february|march|april|may|june|july|august|september|october|november|december)", 2
)  # fmt: skip
_PLACE = late(r"^(?:in|at|on|under|behind|beside|near|above|below|between|next to|inside|outside) ", 2)
_COPULAS = frozenset({"is", "are", "was", "were"})
_ARTICLE = late(r"^(?:the|a|an) ")
_WORD = late(r"[^\W_]+")
_OF_NO_WEIGHT = frozenset("a an and are as at by for from in is it its of on or the to was were with yes no".split())


@dataclass(frozen=True, slots=True)
class Written:
    """Pairs, and the memories of which there are none that could be trained and examined, each with why."""

    pairs: tuple[Pair, ...]
    left_out: tuple[tuple[Ref, str], ...] = ()


class Author(Protocol):
    """Writes questions and answers about a text, at best with some held out. May fail: templates stand in."""

    async def write(self, text: str, source: Ref) -> Sequence[Pair]:
        """Pairs of this source. Raises MemosError."""
        ...


def written(cubes: Sequence[MemCube]) -> Written:
    """Pairs of memories with words, by templates: the same for the same memories in the same order.

    Cost: about a millisecond for a memory.
    """
    said = _Said(cubes)
    return settled(_refs(cubes), [pair for cube in cubes for pair in _of(cube, said)], said.disputed)


async def authored(cubes: Sequence[MemCube], author: Author) -> Written:
    """Pairs by an author, with those of the templates beside them; what a memory does not say is not taken over."""
    said = _Said(cubes)
    found: list[Pair] = []
    for cube in cubes:
        found += _of(cube, said)
        if not cube.text.strip():
            continue
        try:
            given = await author.write(cube.text, cube.ref)
        except MemosError as exc:
            logger.warning("no questions were written about a memory", extra={"memory": cube.id, "why": str(exc)})
            continue
        found += [replace(each, source=cube.ref) for each in given if supported(each, cube.text)]
    return settled(_refs(cubes), found, said.disputed)


def supported(pair: Pair, text: str) -> bool:
    """Is the answer made of words of the text, and the question not empty?"""
    said = set(_words(text))
    answer = [word for word in _words(pair.answer) if word not in _OF_NO_WEIGHT]
    return bool(answer and pair.question.strip()) and all(word in said for word in answer)


def settled(sources: Sequence[Ref], pairs: Iterable[Pair], disputed: Collection[Ref] = ()) -> Written:
    """Each question once for a source, and none that is answered in two ways, or both trained and held out.

    Of `disputed` memories, which contradict others, there are none.
    """
    answers: dict[str, set[str]] = defaultdict(set)
    trained: set[str] = set()
    given = list(pairs)
    for pair in given:
        answers[_plain(pair.question)].add(_bare(pair.answer))
        if not pair.held_out:
            trained.add(_plain(pair.question))
    kept: dict[tuple[Ref, str], Pair] = {}
    for pair in given:
        asked = _plain(pair.question)
        if pair.source not in disputed and len(answers[asked]) == 1 and not (pair.held_out and asked in trained):
            kept.setdefault((pair.source, asked), pair)
    return _examinable(sources, given, list(kept.values()))


def _refs(cubes: Sequence[MemCube]) -> list[Ref]:
    return [cube.ref for cube in cubes]


def _examinable(sources: Sequence[Ref], given: Sequence[Pair], kept: Sequence[Pair]) -> Written:
    its: dict[Ref, list[Pair]] = defaultdict(list)
    for pair in kept:
        its[pair.source].append(pair)
    said = dict.fromkeys(pair.source for pair in given)
    pairs: list[Pair] = []
    left_out: list[tuple[Ref, str]] = []
    for ref in dict.fromkeys(sources):
        learnt = [pair for pair in its[ref] if not pair.held_out][:_MOST_TRAINED]
        asked = [pair for pair in its[ref] if pair.held_out][:_MOST_HELD]
        if learnt and asked:
            pairs += [*learnt, *asked]
        elif ref in said:
            left_out.append((ref, "another memory says otherwise: settle which one holds"))
        else:
            left_out.append((ref, "it has no words that could be asked for"))
    return Written(tuple(pairs), tuple(left_out))


def _of(cube: MemCube, said: _Said) -> Iterator[Pair]:
    text = cube.text.strip()
    if not text:
        return
    if cube.key:
        yield from _asked(UNDER, _short(text), cube.ref, key=cube.key.replace("_", " "))
    if cube.meaning.strip() and _plain(cube.meaning) != _plain(text):
        yield from _asked(ABOUT, _short(text), cube.ref, meaning=cube.meaning.strip(" ."))
    for relation in said.relations[cube.ref]:
        yield from _related(relation, said, cube.ref)
    sentences = [each.strip() for each in _SENTENCES.split(text) if len(each.split()) > 2]
    for sentence in sentences[:_MOST_SENTENCES]:
        yield from _stated(sentence, cube, {_plain(each.source.name) for each in said.relations[cube.ref]})


def _relations(cube: MemCube) -> list[Relation]:
    found = read(cube.text, speaker=cube.origin.speaker or "").relations
    return [each for each in found if not each.ended and (each.kind in FORMS or _is_kin(each))]


def _is_kin(relation: Relation) -> bool:
    return relation.kind == "kin" and bool(relation.detail) and "'s " not in relation.source.name


class _Said:
    """What is said of each subject, of all memories together, and which of them contradict each other."""

    def __init__(self, cubes: Sequence[MemCube]) -> None:
        self.relations = {cube.ref: _relations(cube) for cube in cubes}
        self.names: dict[tuple[str, str], list[str]] = defaultdict(list)
        by: dict[tuple[str, str], set[Ref]] = defaultdict(set)
        single: set[tuple[str, str]] = set()
        for ref, relations in self.relations.items():
            for each in relations:
                group = _group(each)
                by[group].add(ref)
                if each.target.name not in self.names[group]:
                    self.names[group].append(each.target.name)
                if each.kind != "kin" and _form(each).one:
                    single.add(group)
        self.disputed = frozenset(ref for group in single if len(self.names[group]) > 1 for ref in by[group])


def _group(relation: Relation) -> tuple[str, str]:
    return relation.source.name, "allergy" if _is_allergy(relation) else relation.kind


def _related(relation: Relation, said: _Said, ref: Ref) -> Iterator[Pair]:
    s, t = _called(relation.source.name), _called(relation.target.name)
    if relation.kind == "kin":
        yield from _asked((KIN.asks, KIN.held), s, ref, s=s, t=t, d=relation.detail)
        yield from _asked((KIN.who, KIN.held_who), t, ref, s=s, t=t, d=relation.detail)
        return
    form = _form(relation)
    names = [_called(name) for name in said.names[_group(relation)]]
    if form.one:
        yield from _asked((form.asks, form.held), t, ref, s=s)
    elif len(names) <= _MOST_NAMED:
        yield from _asked((form.asks, form.held), _together(names), ref, s=s)
    yield from _asked((form.who, form.held_who), s, ref, t=t)


def _form(relation: Relation) -> Form:
    return ALLERGY if _is_allergy(relation) else FORMS[relation.kind]


def _is_allergy(relation: Relation) -> bool:
    return relation.detail.startswith("allergic")


def _stated(sentence: str, cube: MemCube, subjects: Collection[str]) -> Iterator[Pair]:
    found = _COPULA.match(sentence)
    if found and _plain(found["s"]) not in subjects:
        s, v, o = _owned(found["s"], cube.origin.speaker or ""), found["v"], found["o"].strip()
        forms = WHEN if _TIME.match(o) else WHERE if _PLACE.match(o) else WHAT
        if v in _COPULAS or forms is not WHAT:
            yield from _asked(forms, o, cube.ref, s=s, v=v)
    words = sentence.split()
    half = max(2, (len(words) + 1) // 2)
    if len(words) > half:
        yield from _asked(GOES_ON, " ".join(words[half:]), cube.ref, first=" ".join(words[:half]))


def _asked(forms: tuple[tuple[str, ...], tuple[str, ...]], answer: str, ref: Ref, **words: str) -> Iterator[Pair]:
    for held, its in zip((False, True), forms, strict=True):
        for form in its:
            yield Pair(form.format(**words), answer, ref, held)


def _owned(subject: str, speaker: str) -> str:
    first, _, rest = subject.partition(" ")
    if first in ("My", "Our"):
        return f"{_called(speaker or 'user')}'s {rest}"
    return f"the {rest}" if first == "The" else subject


def _called(name: str) -> str:
    return f"the {name}" if name == "user" or name.startswith("user's ") else name


def _together(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else text[:_LONGEST].rsplit(" ", 1)[0]


def _bare(answer: str) -> str:
    return _ARTICLE.sub("", _plain(answer))


def _plain(text: str) -> str:
    return " ".join(_words(text))


def _words(text: str) -> list[str]:
    return [found.casefold() for found in _WORD.findall(text)]
