"""Time Machine: what was at a moment, what changed since, the way back, and what stays as it is (long paper §5.4.3).

Who may read or change a memory now decides about every moment of it. What was forgotten is gone at every moment.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

from anyio import to_thread
from pydantic import JsonValue

from memos_mcp.answers import BroughtBack, Changed, Differences, Page, Snapshot
from memos_mcp.cube import CONTENT, FIXED, SHELVED, MemCube, Plaintext, Ref, State
from memos_mcp.errors import Conflict, IllegalMove, InvalidInput, NotFound
from memos_mcp.infrastructure.decisions import is_beneath
from memos_mcp.interface import checks
from memos_mcp.interface.bound import SNAPSHOT, Bound, When
from memos_mcp.interface.differences import compact, differences
from memos_mcp.interface.duplicates import statement_key
from memos_mcp.interface.mentioned import reworded
from memos_mcp.interface.recording import recorded
from memos_mcp.ledger import Note
from memos_mcp.operation.lifecycle import TRANSITIONS, Move, why_not
from memos_mcp.ports import Change

_MOST = 100
_PAGE = 1000
_SHORT = 4_000  # characters that are compared faster than another thread is reached


@recorded("timeline.")
class Timeline:
    """The past of memories. Hangs off `Memos.timeline`.

    A moment is a time, or the label of a snapshot: one of the path that is looked at, or of one above it.
    """

    def __init__(self, on: Bound) -> None:
        self._on = on

    async def get(self, id: str, at: When) -> MemCube:
        """The version of a memory that was current at a moment. Raises NotFound, InvalidInput."""
        now = await self._on.one(Ref(id=checks.check_id(id)))
        return await self._then(now, at)

    async def browse(self, at: When, path: str | None = None, *, limit: int = 20, after: int = 0) -> Page:
        """The memories of a moment, newest first; `after` of the last page continues. Raises as `recall`."""
        checks.check_range("limit", limit, _MOST)
        where = await self._on.readable(path, at)
        rows = await self._on.vault.scan(where, after=after, limit=limit + 1)
        total = sum((await self._on.vault.count(where.paths, permit=where.permit, at=where.at)).values())
        more = rows[limit - 1][0] if len(rows) > limit else 0
        shown = (self._on.shown(cube) for _, cube in rows[:limit])
        return Page(tuple(cube for cube in shown if cube and not cube.quarantined), where.paths, total, more)

    async def diff(
        self, before: When, after: When | None = None, path: str | None = None, *, limit: int = 50, start: int = 0
    ) -> Differences:
        """What changed between two moments, or since one; `after` of the answer, given as `start`, continues.

        Cost: 10 µs for each change between them. Raises NotFound, InvalidInput, Denied.
        """
        checks.check_range("limit", limit, _MOST)
        where, since = await self._on.readable(path, after), await self._on.position(before, path)
        if where.at is not None and where.at < since:
            raise InvalidInput("the first moment is later than the second: give the earlier one first")
        rows = await self._on.vault.changed(where, since, after=start, limit=limit + 1)
        olds = await self._seen([row[1] for row in rows[:limit] if row[1]], since)
        news = await self._seen([row[2] for row in rows[:limit] if row[2]], where.at)
        added: list[MemCube] = []
        changed: list[Changed] = []
        forgotten: list[str] = []
        for _, old, new in rows[:limit]:
            was, cube = old and olds.get(old), new and news.get(new)
            if old and not new:
                forgotten.append(old.id)
            elif cube and not old:
                added.append(cube)
            elif cube and was:
                changed.append(Changed(cube, was.version, await difference(was, cube)))
        more = rows[limit - 1][0] if len(rows) > limit else 0
        return Differences(tuple(added), tuple(changed), tuple(forgotten), where.paths, more)

    async def restore(self, id: str, to: int | When, *, reason: str = "") -> MemCube:
        """Let a memory say again what it said in a version or at a moment: a new version, so the way back stays open.

        Who may use it is not brought back. A merged, archived or expired one is active again; of what is archived, who
        decides about it decides that. Raises NotFound, Denied, IllegalMove (it is frozen), InvalidInput, Conflict.
        """
        why = checks.check_reason(reason)

        async def attempt() -> MemCube:
            now = await self._on.one(Ref(id=checks.check_id(id)))
            self._on.check("write", now)
            if now.quarantined:
                raise InvalidInput(f"memory {id} is in quarantine: release it first")
            then = checks.check_whole(await self._then(now, to))
            back = State.ACTIVATED if (now.state, "restore") in TRANSITIONS else now.state
            if now.state in SHELVED:
                self._on.check("govern", now)
            events = await self._on.commit(*await self._changes(now, then, back, why))
            return next((event.cube for event in reversed(events) if event.cube), now)

        return await self._on.repeated(attempt, None)

    async def restore_all(self, to: When, path: str | None = None, *, reason: str = "") -> BroughtBack:
        """Let all memories at or beneath a path say again what they said at a moment: in one commit, or not at all.

        Those that were archived since are in use again, and the other way round, if the caller decides about them;
        nothing is over again. What was forgotten stays gone, and what was added since stays: nothing is lost, and the
        moment before is a way back. Cost: 0.5 ms for each. Raises NotFound, Denied, InvalidInput, Conflict (repeat).
        """
        why, home = checks.check_reason(reason), self._on.writable(path)
        where, since = await self._on.readable(home), await self._on.position(to, home)
        changes: list[Change] = []
        newer: list[str] = []
        left: list[str] = []
        page = await self._on.vault.changed(where, since, limit=_PAGE)
        while page:
            olds = await self._seen([row[1] for row in page if row[1]], since)
            news = await self._seen([row[2] for row in page if row[2]])
            for _, old, new in page:
                now, then = new and news.get(new), old and olds.get(old)
                if now and not old:
                    newer.append(now.id)
                elif now and then and self._is_fixed(now, then):
                    left.append(now.id)
                elif now and then:
                    changes += await self._changes(now, then, _state_again(now.state, then.state), why)
            page = await self._on.vault.changed(where, since, after=page[-1][0], limit=_PAGE)
        events = await self._on.commit(*changes) if changes else ()
        back = {event.subject: event.cube for event in events if event.cube}
        return BroughtBack(home, tuple(back.values()), tuple(newer), tuple(left))

    async def snapshot(self, label: str, path: str | None = None) -> Snapshot:
        """Give what is at or beneath a path now a name to come back to: nothing is copied. Raises Conflict, Denied."""
        home, name = self._on.writable(path), checks.check_label(label)
        last = await self._on.vault.events(after=-1, limit=1)
        seq = last[-1].seq if last else 0
        value: dict[str, JsonValue] = {"seq": seq, "at": self._on.clock().isoformat(), "by": self._on.caller.user}
        try:
            await self._on.vault.ledger.write(SNAPSHOT, f"{home}\n{name}", value, expect=0)
        except Conflict as exc:
            raise Conflict(f"{home} has a snapshot {name!r} already: choose another label, or drop that one") from exc
        return _snapshot(Note(SNAPSHOT, f"{home}\n{name}", value, 1))

    async def snapshots(self, path: str | None = None) -> tuple[Snapshot, ...]:
        """The snapshots at or beneath a path, the oldest first. Raises InvalidInput, Denied."""
        places = (await self._on.readable(path)).paths
        notes = [note for place in places for note in await self._on.vault.ledger.list(SNAPSHOT, place)]
        found = {(each.path, each.label): each for each in map(_snapshot, notes)}
        beneath = (each for each in found.values() if any(is_beneath(each.path, place) for place in places))
        shown = (each for each in beneath if self._on.sees(each.path))
        return tuple(sorted(shown, key=lambda each: (each.at, each.path, each.label)))

    async def drop(self, label: str, path: str | None = None) -> None:
        """Remove a snapshot; the memories stay. Raises NotFound, Denied."""
        key = f"{self._on.writable(path)}\n{checks.check_label(label)}"
        if await self._on.vault.ledger.read(SNAPSHOT, key) is None:
            raise NotFound(f"there is no snapshot {label!r} at {self._on.writable(path)}")
        await self._on.vault.ledger.write(SNAPSHOT, key, None)

    async def freeze(self, ids: Sequence[str], *, reason: str = "") -> tuple[MemCube, ...]:
        """Keep memories as they are: until they are thawed nobody changes or forgets them. All of them or none.

        Who may use them can still be changed. Raises NotFound, Denied, IllegalMove.
        """
        return await self._move("freeze", ids, reason)

    async def thaw(self, ids: Sequence[str], *, reason: str = "") -> tuple[MemCube, ...]:
        """Let frozen memories change again, in the state they were frozen in. Raises as `freeze`."""
        return await self._move("thaw", ids, reason)

    async def _move(self, move: Move, ids: Sequence[str], reason: str) -> tuple[MemCube, ...]:
        why, olds = checks.check_reason(reason), await self._on.governed_ones(ids)
        for old in olds:
            if refused := why_not(old.state, move):
                raise IllegalMove(f"memory {old.id}: {refused}")
        action = "freeze" if move == "freeze" else "thaw"
        await self._on.commit(*(Change(action, old.id, old, reason=why) for old in olds))
        return tuple([await self._on.own(old.id) for old in olds])

    async def _then(self, now: MemCube, to: int | When) -> MemCube:
        """The version of a memory that he may read, by its number or at a moment. Raises NotFound, InvalidInput."""
        if isinstance(to, int):
            if to < 1:
                raise InvalidInput(f"versions begin at 1; there is no version {to}")
            return await self._on.one(Ref(id=now.id, version=to))
        found = await self._on.vault.get([Ref(id=now.id)], at=await self._on.position(to, now.path))
        cube = self._on.shown(found[0]) if found else None
        if cube is None:
            raise NotFound(
                f"memory {now.id} was not there at that moment: it was first stored {now.created_at:%Y-%m-%d %H:%M} UTC"
            )
        return cube

    async def _seen(self, refs: Sequence[Ref], at: int | None = None) -> dict[Ref, MemCube]:
        """Versions that he may read and that look harmless, as they were at a position."""
        cubes = (self._on.shown(cube) for cube in await self._on.vault.get(refs, at=at))
        return {cube.ref: cube for cube in cubes if cube and not cube.quarantined}

    def _is_fixed(self, now: MemCube, then: MemCube) -> bool:
        """Does it stay as it is? To put it away, or bring it back from there, is for who decides about it."""
        if then.hidden or now.state is State.FROZEN or not self._on.decided("write", now).allowed:
            return True
        moves = _state_again(now.state, then.state) is not now.state
        return moves and not self._on.decided("govern", now).allowed

    async def _changes(self, now: MemCube, then: MemCube, state: State, why: str) -> Sequence[Change]:
        """The changes that let a memory say what it said then, in this state; none if it does already."""
        back = f"back to version {then.version}{why and ': '}{why}"
        content = await self._content(now, then, back)
        moves: list[Change] = []
        if state is not now.state:
            moves.append(Change("move", now.id, now.model_copy(update={"state": state}), reason=back, was=now.state))
        return [*content, *moves] if state in FIXED else [*moves, *content]

    async def _content(self, now: MemCube, then: MemCube, why: str) -> Sequence[Change]:
        doubts = then.quarantined
        if isinstance(then.payload, Plaintext):
            guard, source = self._on.guard, then.origin.source_class
            payload, doubts = await guard.payload(then.payload, source, now.key or "")
            then = reworded(then, payload)
        cube = now.model_copy(update={name: getattr(then, name) for name in CONTENT})
        if cube == now:
            return ()
        cube = cube.model_copy(update={"version": now.version + 1, "quarantined": doubts, "vouched_by": ""})
        stated = cube.key is None and cube.origin.session is None
        once = statement_key(cube.text, cube.origin.speaker) if stated else None
        return [Change("update", now.id, cube, expect=now.version, once=once, reason=why)]


def _state_again(now: State, then: State) -> State:
    """The state of a memory that is as it was then: another one only if it is recalled now and was not, or was.

    What was over then is not over again: that has an end, which is a rule, and rules are not brought back.
    """
    if (now in SHELVED) == (then in SHELVED) or then is State.EXPIRED:
        return now
    return State.ACTIVATED if then is State.FROZEN else then


async def difference(was: MemCube, cube: MemCube) -> str:
    """What differs, in few words: of the texts or, if they are the same, of the states; off the loop if it is long."""
    old, new = words_of(was), words_of(cube)
    if old == new:
        return "" if was.state is cube.state else f"[-{was.state}-]{{+{cube.state}+}}"
    if len(old) + len(new) < _SHORT:
        return compact(differences(old, new))
    return await to_thread.run_sync(lambda: compact(differences(old, new)))


def words_of(cube: MemCube) -> str:
    """All that a memory says, as it is compared."""
    data = cube.payload.data if isinstance(cube.payload, Plaintext) else None
    return cube.text if data is None else f"{cube.text}\n{json.dumps(data, ensure_ascii=False, indent=1)}".lstrip("\n")


def _snapshot(note: Note) -> Snapshot:
    path, label = note.key.split("\n", 1)
    value = note.value if isinstance(note.value, dict) else {}
    at = datetime.fromisoformat(str(value["at"]))
    return Snapshot(label, path, int(str(value["seq"])), at, str(value["by"]))
