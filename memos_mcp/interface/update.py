"""Update API: append, merge or overwrite the payload of a cube, edit passages, merge what two did (long paper §5.3.2).

Pure but for `Rewrite.change`, which has the words screened.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from anyio import to_thread
from pydantic import JsonValue

from memos_mcp.cube import FIXED, Kind, MemCube, Plaintext, SourceClass, State
from memos_mcp.errors import Dispute, InvalidInput, MergeConflict
from memos_mcp.interface import checks
from memos_mcp.interface.cubes import from_class
from memos_mcp.interface.duplicates import normalise, statement_key
from memos_mcp.interface.guard import Guard, less_trusted
from memos_mcp.interface.mentioned import reworded
from memos_mcp.interface.merging import ABSENT, DataConflict, Field, merged, merged_data
from memos_mcp.interface.moving import by_hand, changes_of, check_move
from memos_mcp.interface.reader import check_text
from memos_mcp.operation.lifecycle import Move
from memos_mcp.ports import Change, How

_MOST_EDITS = 100
_SHORT = 4_000  # characters that are merged faster than another thread is reached
_QUOTED = 40
_NAMED = 8


@dataclass(frozen=True, slots=True)
class Edit:
    """A passage, which must stand in the text exactly once, and what comes in its place.

    Without `new` it is removed; without `old`, `new` is added as a line at the end.
    """

    old: str = ""
    new: str = ""


@dataclass(frozen=True, slots=True)
class Rewrite:
    """What is asked of an update. Raises InvalidInput if its parts do not go together."""

    text: str | None = None
    data: JsonValue = None
    how: How = "overwrite"
    edits: Sequence[Edit] = ()
    base: int | None = None
    kind: Kind | None = None
    tags: Sequence[str] | None = None
    source_class: SourceClass = "user"
    move: Move | None = None

    def check(self) -> None:
        """Can this be done at all? Raises InvalidInput."""
        if self.move is not None:
            check_move(self.move)
        elif self.text is None and self.data is None and self.kind is None and self.tags is None and not self.edits:
            raise InvalidInput("there is nothing to update: give text, edits, data, kind, tags or a move")
        if self.base is not None and self.how != "merge":
            raise InvalidInput("a base is the version that a change was made from: it takes how='merge'")
        if self.edits and self.text is not None:
            raise InvalidInput("give either the whole text or edits of it")
        if self.edits and self.base is None and self.how != "overwrite":
            raise InvalidInput(f"edits say themselves what becomes of the text: leave out how={self.how!r}")
        if len(self.edits) > _MOST_EDITS:
            raise InvalidInput(f"at most {_MOST_EDITS} edits are made at once, not {len(self.edits)}")

    async def changes(self, guard: Guard, old: MemCube, then: MemCube, reason: str, now: datetime) -> Sequence[Change]:
        """The new version, if it is another, and the moves: what is merged in makes a merged memory.

        Raises as `change`, and IllegalMove, Denied.
        """
        change = await self.change(guard, old, then, reason)
        joined = change is not None and self.how == "merge" and old.state in (State.GENERATED, State.ACTIVATED)
        moves = changes_of(old, "merge", "", now) if joined and self.move is None else []
        if self.move is not None:
            moves = by_hand(old, self.move, reason, now)
        written = [change] if change else []
        return [*moves, *written] if old.state in FIXED else [*written, *moves]

    async def change(self, guard: Guard, old: MemCube, then: MemCube, reason: str) -> Change | None:
        """The change of a memory as it is, made from what it was `then`; None if it changes nothing.

        Raises InvalidInput, MergeConflict.
        """
        whole = self.how == "overwrite" and not self.edits
        said_by = self.source_class if whole else less_trusted(self.source_class, old.origin.source_class)
        payload, doubts = await guard.payload(await self._payload(old, then), said_by, old.key or "")
        cube = from_class(reworded(old, payload), said_by, doubts) if payload != old.payload else old
        tags = old.tags if self.tags is None else tuple(self.tags)
        cube = cube.model_copy(update={"kind": self.kind or old.kind, "tags": tags})
        if guard.labelled(cube) == old:
            return None
        stated = old.key is None and old.origin.session is None
        once = statement_key(payload.text, old.origin.speaker) if stated else None
        cube = cube.model_copy(update={"version": old.version + 1})
        return Change("update", old.id, cube, expect=old.version, once=once, reason=reason)

    async def _payload(self, old: MemCube, then: MemCube) -> Plaintext:
        text = self.text
        if self.edits:
            text = edited(then, self.edits)
        if text is not None:
            text = check_text(text, "the new text", empty=old.key is not None)
        if self.base is None:
            return updated(old, text, self.data, self.how)
        if old.quarantined or then.quarantined:
            raise InvalidInput(f"memory {old.id} is in quarantine: release it first")
        if len(old.text) + len(then.text) + len(text or "") < _SHORT:
            return brought_together(then, old, text, self.data)
        return await to_thread.run_sync(brought_together, then, old, text, self.data)


def edited(cube: MemCube, edits: Sequence[Edit]) -> str:
    """The text of a memory after the edits, one after the other. Raises InvalidInput: a passage is not there once."""
    text = cube.text
    for edit in edits:
        old, new = checks.check_note(edit.old, "a passage"), checks.check_note(edit.new, "a passage")
        if not old and not new:
            raise InvalidInput("an edit has a passage that goes, one that comes, or both")
        if not old:
            text = _joined(text, new)
            continue
        found = text.count(old)
        if found != 1:
            passage = old if len(old) <= _QUOTED else f"{old[:_QUOTED]}…"
            there = f"is there {found} times: give more of it" if found else "is not there: read it again"
            raise InvalidInput(f"the passage {passage!r} of memory {cube.id} (version {cube.version}) {there}")
        text = text.replace(old, new)
    return text


def brought_together(then: MemCube, now: MemCube, text: str | None, data: JsonValue) -> Plaintext:
    """The caller's text and data, made from what a memory was `then`, with what became of it since.

    Raises MergeConflict with all that both changed differently; InvalidInput if it is not plaintext.
    """
    base, theirs = then.payload, now.payload
    if not isinstance(base, Plaintext) or not isinstance(theirs, Plaintext):
        raise InvalidInput(f"memory {now.id} is {now.payload.kind}: only plaintext can be updated")
    words = merged(base.text, base.text if text is None else text, theirs.text)
    value = merged_data(base.data, base.data if data is None else data, theirs.data)
    disputes = [Dispute(f"line {each.line}", each.base, each.ours, each.theirs) for each in words.conflicts]
    disputes += _of_data(value.conflicts)
    if disputes or words.text is None:
        where = ", ".join(each.at for each in disputes[:_NAMED]) + (", …" if len(disputes) > _NAMED else "")
        said = (
            f"your change of version {then.version} of memory {now.id} and what became of it since do not go together"
        )
        raise MergeConflict(f"{said}: {where}", now.version, tuple(disputes))
    return Plaintext(text=words.text, data=value.value)


def _of_data(conflicts: Sequence[DataConflict]) -> Iterator[Dispute]:
    for each in conflicts:
        yield Dispute(each.at or "data", *(_json(value) for value in (each.base, each.ours, each.theirs)))


def _json(value: Field) -> str:
    return "" if value is ABSENT else json.dumps(value, ensure_ascii=False)


def updated(cube: MemCube, text: str | None, data: JsonValue, how: How) -> Plaintext:
    """The payload after the change. Raises InvalidInput if this memory cannot be changed that way."""
    old = cube.payload
    if not isinstance(old, Plaintext):
        raise InvalidInput(f"memory {cube.id} is {old.kind}: only plaintext can be updated; change its sources instead")
    match how:
        case "overwrite":
            return Plaintext(text=old.text if text is None else text, data=old.data if data is None else data)
        case "append":
            return Plaintext(text=_joined(old.text, text), data=_extended(old.data, data))
        case "merge":
            return Plaintext(text=_merged(old.text, text), data=_patched(old.data, data))
        case _:
            raise InvalidInput(f"an update is overwrite, append or merge, not {how!r}")


def _joined(old: str, more: str | None) -> str:
    return old if more is None else f"{old}\n{more}" if old else more


def _merged(old: str, more: str | None) -> str:
    """The old text and, below, the lines that it does not state yet."""
    if more is None:
        return old
    known = {normalise(line) for line in old.splitlines()}
    fresh = [line for line in more.splitlines() if line.strip() and normalise(line) not in known]
    return _joined(old, "\n".join(dict.fromkeys(fresh)) if fresh else None)


def _extended(old: JsonValue, more: JsonValue) -> JsonValue:
    if more is None:
        return old
    if old is None:
        return more
    if isinstance(old, list):
        return [*old, *more] if isinstance(more, list) else [*old, more]
    raise InvalidInput("only a list can be appended to; use how='merge' to change the fields of an object")


def _patched(old: JsonValue, patch: JsonValue) -> JsonValue:
    """JSON Merge Patch (RFC 7396): objects merge field by field, null removes one, anything else replaces."""
    if patch is None:
        return old
    if not isinstance(patch, dict):
        return patch
    result = dict(old) if isinstance(old, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = _patched(result.get(name), value)
    return result
