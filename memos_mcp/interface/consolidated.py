"""What consolidation did to two memories, as the ledger keeps it; and the changes that do it, or undo it.

A deed is written in the commit that does it: ids, times and the rule that decided, never a word of the memories.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import cast

from pydantic import JsonValue

from memos_mcp.cube import SHELVED, Interval, Link, MemCube, Ref, State
from memos_mcp.errors import Corrupt
from memos_mcp.late import late
from memos_mcp.ledger import Note, Noted
from memos_mcp.operation.consolidation import RELATIONS, Decision, Relation, follows
from memos_mcp.operation.lifecycle import moved
from memos_mcp.operation.statements import Statement
from memos_mcp.ports import Change, MemoryAdapter

KIND = "consolidated"
"""Of the ledger's notes about deeds."""
_MOST_LINKS = 32  # a memory that is linked to so many tells nothing by one more
_WORDS = late(r": [^;]*")
_VALUES = late(r"cosine [\d.]+")


@dataclass(frozen=True, slots=True)
class Deed:
    """What was done to `old` when `new` came, and why; `seq` is the line of the log that `new` stood in.

    `links` were added (by memory), `joined` says that `new` was archived, `ended` which memory ended, when, and
    what its validity was before. `undone` says by whom.
    """

    old: str
    new: str
    path: str
    relation: Relation
    sure: bool
    reason: str
    seq: int
    at: datetime
    links: tuple[tuple[str, Link], ...] = ()
    joined: bool = False
    ended: tuple[str, datetime, Interval | None] | None = None
    undone: str = ""

    @property
    def key(self) -> str:
        """Under which it is kept."""
        return key_of(self.path, self.new, self.old)

    def noted(self) -> Noted:
        """As it is kept."""
        return Noted(KIND, self.key, self._value())

    def _value(self) -> JsonValue:
        links: list[JsonValue] = [[holder, link.kind, link.target] for holder, link in self.links]
        ended: JsonValue = None
        if self.ended:
            id, end, before = self.ended
            ended = [id, end.isoformat(), None if before is None else before.model_dump(mode="json")]
        return {
            "relation": self.relation,
            "sure": self.sure,
            "reason": self.reason,
            "seq": self.seq,
            "at": self.at.isoformat(),
            "links": links,
            "joined": self.joined,
            "ended": ended,
            "undone": self.undone,
        }


def key_of(path: str, new: str, old: str) -> str:
    """The key of what was done to two memories at a path."""
    return f"{path}\n{new}\n{old}"


def deed_of(note: Note) -> Deed:
    """A deed from the ledger. Raises Corrupt."""
    try:
        path, new, old = note.key.split("\n")
        value = cast("Mapping[str, JsonValue]", note.value)
        relation = str(value["relation"])
        return Deed(
            old,
            new,
            path,
            next(each for each in RELATIONS if each == relation),
            bool(value["sure"]),
            str(value["reason"]),
            int(str(value["seq"])),
            datetime.fromisoformat(str(value["at"])),
            tuple(_links(value["links"])),
            bool(value["joined"]),
            _ended(value["ended"]),
            str(value["undone"]),
        )
    except (KeyError, ValueError, TypeError, StopIteration) as exc:
        raise Corrupt("what consolidation did cannot be read in the ledger: bring the vault's file back") from exc


def _links(value: JsonValue) -> Iterator[tuple[str, Link]]:
    for holder, kind, target in cast("Sequence[tuple[str, str, str]]", value):
        yield holder, Link.model_validate({"kind": kind, "target": target})


def _ended(value: JsonValue) -> tuple[str, datetime, Interval | None] | None:
    if value is None:
        return None
    id, end, before = cast("tuple[str, str, JsonValue]", tuple(cast("Sequence[JsonValue]", value)))
    return id, datetime.fromisoformat(end), None if before is None else Interval.model_validate(before)


async def stands_for(vault: MemoryAdapter, cube: MemCube) -> bool:
    """Is there another memory, in use, that this one was joined with? Then what it says is in use already."""
    deeds = [deed_of(note) for note in await vault.ledger.list(KIND, f"{cube.path}\n{cube.id}\n")]
    olds = await vault.get([Ref(id=each.old) for each in deeds if each.joined and not each.undone])
    return any(old.state not in SHELVED and not old.quarantined for old in olds)


def wordless(reason: str) -> str:
    """The rule that decided, without the values that it was about: a log keeps no words of memories."""
    return _VALUES.sub("cosine", _WORDS.sub("", reason))


@dataclass(frozen=True, slots=True)
class Stated:
    """A memory and what it states, at the time it was stated."""

    cube: MemCube
    statement: Statement

    @property
    def since(self) -> datetime:
        """When it began to hold, as far as is known."""
        start = self.cube.valid.start if self.cube.valid else None
        return start or self.statement.said_at or self.cube.created_at


def part_of_more(cube: MemCube) -> bool:
    """A turn of a conversation: it is evidence of what was said there, and is never put away."""
    return bool(cube.origin.session) and not cube.origin.model


def deed(decision: Decision, one: Stated, other: Stated, *, seq: int, at: datetime, may_join: bool) -> Deed | None:
    """What is to be done to an old memory and a new one after a decision; None if nothing is."""
    old, new = one.cube, other.cube
    if decision.relation == "update" and not decision.sure and (part_of_more(old) or part_of_more(new)):
        return None  # of turns that say several things at once, few are about the same
    earlier, later = (one, other) if decision.ends == "old" else (other, one)
    done = follows(decision, old.id, new.id, at=later.since)
    cubes = {old.id: old, new.id: new}
    links = tuple(
        (id, link) for id, link in done.links if link not in cubes[id].links and len(cubes[id].links) < _MOST_LINKS
    )
    joined = done.joined is not None and may_join and not part_of_more(new)
    ended = (earlier.cube.id, done.ended[1], earlier.cube.valid) if done.ended else None
    if not links and not joined and not ended:
        return None
    reason = wordless(decision.reason)
    return Deed(old.id, new.id, new.path, decision.relation, decision.sure, reason, seq, at, links, joined, ended)


def together(deeds: Sequence[Deed], most: int) -> tuple[Deed, ...]:
    """Of what could be done when one memory came, what is done: one that joins it alone, else the weightiest."""
    joins = [each for each in deeds if each.joined]
    if joins:
        return (min(joins, key=lambda each: each.relation != "duplicate"),)
    weight = {"update": 0, "contradiction": 1, "duplicate": 2, "paraphrase": 2, "refine": 3}
    ordered = sorted(deeds, key=lambda each: weight.get(each.relation, 4))[:most]
    ends_new = [each for each in ordered if each.ended and each.ended[0] == each.new]
    late = set(map(id, ends_new[1:]))  # it ends once
    return tuple(replace(each, ended=None) if id(each) in late else each for each in ordered)


def changes_of(deeds: Sequence[Deed], cubes: Mapping[str, MemCube]) -> list[Change]:
    """What does them in one commit; `cubes` are the memories as they are now."""
    now = dict(cubes)
    why: dict[str, str] = {}
    for each in deeds:
        for holder, link in each.links:
            now[holder] = now[holder].model_copy(update={"links": (*now[holder].links, link)})
            why.setdefault(holder, _why(each, holder))
        if each.ended:
            id, end, before = each.ended
            now[id] = now[id].model_copy(update={"valid": _until(now[id], before, end)})
            why.setdefault(id, _why(each, id))
    changes = [_update(cubes[id], now[id], reason) for id, reason in why.items()]
    for each in deeds:
        if each.joined:
            new, old = now[each.new], now[each.old]
            archived = new.model_copy(update={"state": moved(new.state, "archive")})
            changes.append(Change("move", new.id, archived, reason=_why(each, new.id), was=new.state))
            seen = old.model_copy(update={"origin": new.origin})
            changes.append(Change("sight", old.id, seen, expect=old.version, reason=_why(each, old.id)))
    return changes


def undoing(each: Deed, cubes: Mapping[str, MemCube], reason: str) -> list[Change]:
    """What undoes it, as far as it still stands: its links go, what ended holds as before, what was put away is back.

    That the statement was made once more stays counted: it was.
    """
    now = dict(cubes)
    for holder, link in each.links:
        if holder in now:
            kept = tuple(one for one in now[holder].links if one != link)
            now[holder] = now[holder].model_copy(update={"links": kept})
    if each.ended and each.ended[0] in now:
        id, end, before = each.ended
        valid = now[id].valid
        if valid is not None and valid.end == end:
            now[id] = now[id].model_copy(update={"valid": before})
    changes = [_update(cubes[id], now[id], reason) for id in cubes if now[id] != cubes[id]]
    new = now.get(each.new)
    if each.joined and new is not None and new.state is State.ARCHIVED:
        back = new.model_copy(update={"state": moved(new.state, "restore")})
        changes.insert(0, Change("move", new.id, back, reason=reason, was=new.state))
    return changes


def _update(was: MemCube, cube: MemCube, reason: str) -> Change:
    written = cube.model_copy(update={"version": was.version + 1})
    return Change("update", was.id, written, expect=was.version, reason=reason)


def _until(cube: MemCube, before: Interval | None, end: datetime) -> Interval:
    """It held when it was said, at the latest from then on, and until now."""
    start = before.start if before else cube.origin.said_at or cube.created_at
    return Interval(start=start if start and start < end else None, end=end)


def _why(each: Deed, of: str) -> str:
    """For the log, in words for people."""
    return f"consolidation: {each.relation} with {each.old if of == each.new else each.new}: {each.reason}"
