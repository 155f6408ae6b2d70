"""MemOperator, consolidation: how a new memory stands to an old one, and what follows (long paper §5.4.1). Pure.

A wrong merge is worse than a missed one: what ends or joins a memory needs a rule that is certain; two statements that
are merely alike stay two. Classes are those of docs/reference/consolidation.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from memos_mcp.cube import Link
from memos_mcp.operation.consolidation_endings import over
from memos_mcp.operation.consolidation_rules import (
    RELATIONS,
    RULES,
    Decision,
    Pair,
    Relation,
    ended_before,
    numbers_of,
)
from memos_mcp.operation.consolidation_sameness import paraphrase, refinement, same
from memos_mcp.operation.consolidation_values import valued
from memos_mcp.operation.statements import Reading, Statement, read

__all__ = ["RELATIONS", "Decision", "Follows", "Relation", "comparable", "decide", "follows"]

_ALIKE = 0.92  # cosine of sentence vectors from which two statements are likely to mean the same; it merges nothing
_CLAUSES = 12  # of a longer text the first ones are compared
_ALL = (paraphrase, *RULES, valued, over, refinement)  # the most certain first; the first that decides counts
_UNRELATED = "they speak of different things"


@dataclass(frozen=True, slots=True)
class Follows:
    """What is to be done: links to add (by memory), and which memory is joined into which or ends, and when.

    The one in `joined` is archived, and is one more sighting of the other. Nothing is removed.
    """

    links: tuple[tuple[str, Link], ...] = ()
    joined: tuple[str, str] | None = None
    ended: tuple[str, datetime] | None = None
    flagged: tuple[str, ...] = ()


def decide(old: Statement, new: Statement, *, similarity: float | None = None) -> Decision:
    """How the new statement stands to the old one.

    `similarity` is the cosine of their vectors, where there are any. Never raises. Cost: 0.25 ms for two
    sentences, 2 ms for two turns of several clauses.
    """
    a, b = read(old.normal, old.speaker, new.speaker), read(new.normal, new.speaker, old.speaker)
    if _over(old, new):
        return Decision("unrelated", "what the old one says was over before the new one was said")
    if old.normal == new.normal:
        return _repeated(old, a, b)
    if reason := _apart(old, new, a, b):
        return Decision("unrelated", reason)
    whole = Pair(old, new, a, b)
    pairs = [pair for pair in _pairs(whole) if pair.whole or _is_about_one(pair)]
    for pair in pairs:
        for rule in _ALL:
            if (decision := rule(pair)) is not None:
                return decision
    if len(new.clauses) > 1 and any(same(pair) for pair in pairs if not pair.partial):
        return Decision("refine", "the new one says what the old one says, and more")
    return _likely(whole, similarity)


def _repeated(old: Statement, a: Reading, b: Reading) -> Decision:
    if a.words != b.words:
        return Decision("unrelated", "the words are the same, but each speaker speaks of himself")
    if a.empty:
        return Decision("unrelated", "it leans on what was said before it")
    return Decision("duplicate", "it is the same statement but for its notation") if old.normal else _nothing()


def _nothing() -> Decision:
    return Decision("unrelated", "there is nothing to compare")


def _over(old: Statement, new: Statement) -> bool:
    end = None if old.valid is None else old.valid.end
    return ended_before(end, new.said_at)


def _apart(old: Statement, new: Statement, a: Reading, b: Reading) -> str:
    """Why these two are not to be compared any further; empty if they are."""
    if old.key is not None and new.key is not None and old.key != new.key:
        return "each is kept under a name of its own"
    if "document" in (old.kind, new.kind) or "skill" in (old.kind, new.kind):
        return "texts and instructions for doing something are joined only when they are the same"
    if any(not comparable(reading) and not of.clauses for reading, of in ((a, old), (b, new))):
        return "one of them asks, or does not name whom or what it is about"
    if ({"if", "unless"} & a.reserve) ^ ({"if", "unless"} & b.reserve):
        return "one of them holds only under a condition"
    one, other = old.valid, new.valid
    if one and other and (ended_before(one.end, other.start) or ended_before(other.end, one.start)):
        return "each holds in a time of its own"
    return ""


def comparable(reading: Reading) -> bool:
    """Does a clause say something by itself, of somebody or something that it names?"""
    return len(reading.words) > 1 and not (reading.vague or reading.empty or "?" in reading.reserve)


def _pairs(whole: Pair) -> Iterator[Pair]:
    """The two as they are, then the new one clause by clause, then each clause of the old one with each of the new."""
    old, new = whole.old, whole.new
    clauses = [read(clause, new.speaker, old.speaker) for clause in new.clauses[:_CLAUSES]]
    parts = [read(clause, old.speaker, new.speaker) for clause in old.clauses[:_CLAUSES]]
    if comparable(whole.a) and comparable(whole.b):
        yield whole
    for a in filter(comparable, (whole.a, *parts)):
        for b in filter(comparable, clauses or [whole.b]):
            if a is not whole.a or b is not whole.b:
                yield Pair(old, new, a, b, whole=False, partial=a is not whole.a)


def _is_about_one(pair: Pair) -> bool:
    """Does one name what the other is about, and share a word with it? No rule decides on others."""
    a, b = pair.a, pair.b
    return (a.who in b.words or b.who in a.words) and not a.stems.isdisjoint(b.stems)


def _likely(pair: Pair, similarity: float | None) -> Decision:
    a, b = pair.a, pair.b
    if not (comparable(a) and comparable(b)):
        return Decision("unrelated", _UNRELATED)
    alike = (a.when, a.denied, a.reserve, a.past) == (b.when, b.denied, b.reserve, b.past) and not b.changed
    if alike and a.who == b.who and numbers_of(a) == numbers_of(b) and similarity is not None and similarity >= _ALIKE:
        return Decision(
            "paraphrase", f"they are alike (cosine {similarity:.2f}), and no number or denial differs", False
        )
    return Decision("unrelated", _UNRELATED)


def follows(decision: Decision, old: str, new: str, *, at: datetime) -> Follows:
    """What follows for the memories with these ids; `at` is when the later one of them began to hold.

    What is not sure joins and ends nothing: it is linked at most.
    """
    relation = decision.relation
    if relation in ("duplicate", "paraphrase"):
        link = (new, Link(kind="supports", target=old))
        return Follows((link,), (new, old) if decision.sure else None)
    if relation == "update":
        ended, stays = (old, new) if decision.ends == "old" else (new, old)
        if not decision.sure:
            return Follows(_both(old, new), flagged=(old, new))
        return Follows(((stays, Link(kind="supersedes", target=ended)),), ended=(ended, at))
    if relation == "contradiction":
        return Follows(_both(old, new), flagged=(old, new))
    if relation == "refine":
        return Follows(((new, Link(kind="supports", target=old)),))
    return Follows()


def _both(old: str, new: str) -> tuple[tuple[str, Link], ...]:
    return (old, Link(kind="contradicts", target=new)), (new, Link(kind="contradicts", target=old))
