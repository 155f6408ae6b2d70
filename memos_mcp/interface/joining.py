"""A memory as it was, as the original has it and as a branch has it, made one: three-way merge of cubes. Pure.

A change that one side made is taken, the same change of both is taken once, and what both changed differently clashes:
nothing is guessed. A side that is preferred decides what clashes, each part as a whole.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import JsonValue

from memos_mcp.answers import Clash
from memos_mcp.cube import CONTENT, MemCube, ModelMentions, Payload, Plaintext, State
from memos_mcp.interface.mentioned import reworded
from memos_mcp.interface.merging import ABSENT, Field, merged, merged_data
from memos_mcp.ports import Action

Side = Literal["original", "branch"]
_PARTS = (*sorted(CONTENT - {"payload", "mentions"}), "key")


@dataclass(frozen=True, slots=True)
class Sides:
    """Three versions of a memory; None where it was not, or is not any more.

    `moved`: the branch took it to another state; `was_moved`: so did the original since.
    """

    id: str
    base: MemCube | None
    original: MemCube | None
    branch: MemCube | None
    moved: bool = False
    was_moved: bool = False

    @property
    def differs(self) -> bool:
        """Does the branch say something else than the original said when it was made?"""
        if self.base is None or self.branch is None:
            return self.base is not self.branch
        return self.moved or any(
            getattr(self.base, part) != getattr(self.branch, part) for part in (*_PARTS, "payload")
        )


@dataclass(frozen=True, slots=True)
class Step:
    """One change of the original, and the memory as it writes it."""

    action: Action
    cube: MemCube


@dataclass(frozen=True, slots=True)
class Outcome:
    """The changes that a memory of the original needs, in order, or what clashes."""

    steps: tuple[Step, ...] = ()
    clashes: tuple[Clash, ...] = ()


def joined(sides: Sides, prefer: Side | None = None) -> Outcome:
    """What becomes of a memory. Cost: 1 ms for a page that both changed."""
    base, original, branch = sides.base, sides.original, sides.branch
    if not sides.differs:
        return Outcome()
    if original is None:
        return _born(branch) if base is None and branch else Outcome()
    if branch is None:
        return _forgotten(sides, original, prefer)
    if base is None and prefer is None:
        same = all(getattr(original, part) == getattr(branch, part) for part in (*_PARTS, "payload"))
        why = "what it said when the branch was made is kept no longer"
        return Outcome() if same else Outcome(clashes=(Clash(sides.id, "base", why=why),))
    if base is None:
        base = original if prefer == "branch" else branch
    return _changed(sides, (base, original, branch), prefer)


def _born(branch: MemCube | None) -> Outcome:
    if branch is None:
        return Outcome()
    return Outcome((Step("put" if branch.key else "remember", branch.model_copy(update={"version": 1})),))


def _forgotten(sides: Sides, original: MemCube, prefer: Side | None) -> Outcome:
    fixed = _fixed(original)
    changed = sides.base is None or original.version != sides.base.version
    if prefer == "original" and (fixed or changed):
        return Outcome()
    why = fixed or ("the branch forgot it, the original changed it" if changed and prefer is None else None)
    if why:
        return Outcome(clashes=(Clash(sides.id, "forgotten", original=original.text, why=why),))
    return Outcome((Step("forget", original),))


def _changed(sides: Sides, three: tuple[MemCube, MemCube, MemCube], prefer: Side | None) -> Outcome:
    original, branch = three[1:]
    new, clashes = _parts(sides.id, three, prefer)
    if original.payload != branch.payload:
        payload, found = _payload(sides.id, three, prefer)
        clashes += found
        if payload != original.payload:
            new |= {"payload": payload, "mentions": _mentions(original, branch, payload)}
    steps, stuck = _states(sides, original, branch, prefer)
    if new and original.state is State.FROZEN and not any(step.action == "thaw" for step in steps):
        stuck = [Clash(sides.id, "state", why="it is frozen in the original: thaw it there first")]
        if prefer == "original":
            return Outcome()
    if stuck or (clashes and prefer is None):
        return Outcome(clashes=(*clashes, *stuck))
    if new:  # its words may be of both
        came = tuple(sorted({*original.governance.came_from, *branch.governance.came_from}))
        new["governance"] = original.governance.model_copy(update={"came_from": came})
    said = [Step("update", original.model_copy(update=new))] if new else []
    first = [step for step in steps if step.action == "thaw"]
    return Outcome((*first, *said, *(step for step in steps if step not in first)))


def _parts(
    id: str, three: tuple[MemCube, MemCube, MemCube], prefer: Side | None
) -> tuple[dict[str, object], list[Clash]]:
    """What changes of everything but the payload."""
    new: dict[str, object] = {}
    clashes: list[Clash] = []
    for part in _PARTS:
        was, mine, theirs = (getattr(cube, part) for cube in three)
        if mine == theirs or theirs == was:
            continue
        if mine != was:
            clashes.append(Clash(id, part, *map(_told, (was, mine, theirs))))
        if mine == was or prefer == "branch":
            new[part] = theirs
    return new, clashes


def _payload(id: str, three: tuple[MemCube, MemCube, MemCube], prefer: Side | None) -> tuple[Payload, Sequence[Clash]]:
    base, original, branch = (cube.payload for cube in three)
    if not (isinstance(base, Plaintext) and isinstance(original, Plaintext) and isinstance(branch, Plaintext)):
        settled = original == base or branch == base
        found = () if settled else (Clash(id, "payload", why="both sides replaced it"),)
        return (branch if original == base or prefer == "branch" else original), found
    words = merged(base.text, original.text, branch.text)
    data = merged_data(base.data, original.data, branch.data)
    clashes = [Clash(id, f"text, line {c.line}", c.base, c.ours, c.theirs) for c in words.conflicts]
    clashes += [Clash(id, f"data{c.at}", *map(_field, (c.base, c.ours, c.theirs))) for c in data.conflicts]
    chosen = branch if prefer == "branch" else original
    text = chosen.text if words.text is None else words.text
    return Plaintext(text=text, data=chosen.data if data.conflicts else data.value), clashes


def _mentions(original: MemCube, branch: MemCube, payload: Payload) -> ModelMentions | None:
    """What a model found follows the words, from either side."""
    return reworded(branch, payload).mentions or reworded(original, payload).mentions


def _states(sides: Sides, original: MemCube, branch: MemCube, prefer: Side | None) -> tuple[list[Step], list[Clash]]:
    if not sides.moved or original.state == branch.state:
        return [], []
    if sides.was_moved and prefer != "branch":
        told = Clash(sides.id, "state", original=original.state, branch=branch.state, why="both sides moved it")
        return [], [] if prefer else [told]
    moved = original.model_copy(update={"state": branch.state})
    frozen = State.FROZEN
    action: Action = "freeze" if branch.state is frozen else "thaw" if original.state is frozen else "move"
    return [Step(action, moved)], []


def _fixed(original: MemCube) -> str | None:
    if original.state is State.FROZEN:
        return "it is frozen in the original"
    return "it is under legal hold in the original" if original.governance.held else None


def _field(value: Field) -> str:
    return "" if value is ABSENT else _told(value)


def _told(value: object) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, default=_plain) if value is not None else ""


def _plain(value: object) -> JsonValue:
    return str(value)
