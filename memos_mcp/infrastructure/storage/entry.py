"""One commit: what the changes of a list do to the tables, and the lines they leave in the log."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import blake2b
from typing import Any

from pydantic_core import from_json

from memos_mcp.branching import is_over
from memos_mcp.cube import COLD, FIXED, SCHEMA, Governance, MemCube, Origin, State, Usage
from memos_mcp.errors import Conflict, Corrupt, Denied, IllegalMove, InvalidInput, NotFound
from memos_mcp.infrastructure.governance import root_of
from memos_mcp.infrastructure.storage import statements as sql
from memos_mcp.infrastructure.storage.cold import settled
from memos_mcp.infrastructure.storage.overlay import MIRRORED, Hand, Overlay, counts
from memos_mcp.infrastructure.storage.places import migrated
from memos_mcp.infrastructure.storage.policies import interned, ruled_as, sourced, sourced_anew
from memos_mcp.infrastructure.storage.rows import (
    ADVICE,
    chained,
    content_of,
    cube_of,
    is_sealed,
    micros,
    moment,
    sealed,
)
from memos_mcp.ports import MAIN, Action, Change, Event

_SALT = 16
_WHILE_FROZEN: frozenset[Action] = frozenset({"govern", "quarantine", "release", "thaw"})
_SEEN_ONCE = Usage()


@dataclass(slots=True)
class Entry:
    """A commit being written: the log's tip, interned ids, and the rows and counters that wait to be written."""

    db: sqlite3.Connection
    caller: str
    at: int
    stamp: datetime
    seq: int
    chain: bytes
    places: dict[str, int] = field(default_factory=dict[str, int])
    policies: dict[str, int] = field(default_factory=dict[str, int])
    live: dict[int, int] = field(default_factory=dict[int, int])
    versions: list[tuple[object, ...]] = field(default_factory=list[tuple[object, ...]])
    lines: list[tuple[object, ...]] = field(default_factory=list[tuple[object, ...]])

    @staticmethod
    def begin(db: sqlite3.Connection, caller: str, now: int) -> Entry:
        """At the end of the log. Time never runs backwards there, whatever the clock says."""
        seq, at, chain = tip(db)
        at = max(now, at)
        return Entry(db, caller, at, moment(at), seq, chain)

    def write(self, changes: Sequence[Change]) -> list[Event]:
        """All changes in order. Raises Conflict, NotFound; then the transaction is to be rolled back."""
        salts = os.urandom(_SALT * len(changes))
        events = [self._write(c, salts[i * _SALT : (i + 1) * _SALT]) for i, c in enumerate(changes)]
        self._flush()
        self.db.executemany("UPDATE place SET live = live + ? WHERE place = ?", [(n, p) for p, n in self.live.items()])
        return events

    def restored(self, after: int, reason: str) -> int:
        """The line that says that the whole log before it was brought back; its `seq` is beyond `after`."""
        self.seq = max(self.seq, after)
        self._log(Change("restore", "", reason=reason), None, 0, None, "", None)
        self._flush()
        return self.seq

    def ruled(self, path: str, reason: str) -> int:
        """The line that says that a namespace has other rules."""
        self._log(Change("govern", "", reason=reason), None, 0, self._place(path), path, None)
        self._flush()
        return self.seq

    def _write(self, change: Change, salt: bytes) -> Event:
        event = self._done(change, salt)
        if change.branch == MAIN and change.action in MIRRORED:
            for copy in self._overlay.followed(change):
                self._done(copy, b"")
        return event

    def _done(self, change: Change, salt: bytes) -> Event:
        if change.action == "drop":
            return self._event("drop", change, 0, self._overlay.drop(change))
        if change.cube is None:
            return self._forget(change)
        if change.action == "sight":
            return self._repeat(change, change.cube.origin)
        if change.action in ("quarantine", "release"):
            return self._hold(change, change.cube)
        if change.action == "govern":
            return self._govern(change, change.cube.governance)
        if change.action in ("freeze", "thaw"):
            return self._freeze(change)
        if change.action == "compact":
            return self._compact(change, change.cube.version)
        if change.action == "move":
            return self._move(change, change.cube.state)
        if change.action in ("depart", "arrive"):
            return self._migrate(change, change.cube.path)
        return self._put(change, change.cube, salt)

    def _put(self, change: Change, cube: MemCube, salt: bytes) -> Event:
        if cube.id != change.subject:
            raise InvalidInput(f"a change of memory {change.subject!r} cannot write {cube.id!r}")
        return self._create(change, cube, salt) if cube.version == 1 else self._update(change, cube, salt)

    def _create(self, change: Change, cube: MemCube, salt: bytes) -> Event:
        if change.expect:
            raise Conflict(f"there is no version {change.expect} of memory {cube.id}; read it again, then repeat")
        if is_over(cube.path):
            self._overlay.look_beneath(change, cube.path)
        place, cube = self._place(cube.path), sourced(cube)
        policy = self._policy(cube.governance)
        held = " ".join(cube.quarantined) or None
        expires = cube.governance.expires_at and micros(cube.governance.expires_at)
        row = (change.branch, cube.id, place, cube.key, change.once, cube.state.value, policy, held, expires, self.at)
        try:
            created = self.db.execute(sql.NEW_MEMORY, row)
        except sqlite3.IntegrityError as exc:
            what = f"the key {cube.key!r}" if cube.key else f"a memory {cube.id!r}"
            raise Conflict(f"{cube.path} holds {what} already; read it, then update it") from exc
        if created.rowcount == 0:
            apart = self._apart(change, place)
            return self._create(replace(change, once=apart), cube, salt) if apart else self._sight(change, cube, place)
        memory = created.lastrowid or 0
        self._count(place, counts(held, cube.state))
        self._version(change, cube, memory, place, self.at, salt)
        stamped = {"created_at": self.stamp, "updated_at": self.stamp, "usage": _SEEN_ONCE}
        return self._event(change.action, change, 1, cube.path, cube.model_copy(update=stamped))

    def _apart(self, change: Change, place: int) -> bytes | None:
        """Another duplicate key if the memory with this one has expired, or has rules of its own and another owner.

        Else who repeats its words would be told that it is there, and would find nothing of what he said himself.
        """
        self._flush()
        owner, restricted, expires = self.db.execute(sql.HELD_BY, (change.branch, place, change.once)).fetchone()
        ended = expires is not None and expires <= self.at
        if not ended and (not restricted or owner == self.caller):
            return None
        once = change.once or b""
        return blake2b(once + f"{self.caller}\0{expires if ended else ''}".encode(), person=b"apart").digest()[:16]

    def _update(self, change: Change, cube: MemCube, salt: bytes) -> Event:
        memory, version, place, path, created, was, state = self._current(change)
        if state in FIXED:
            raise IllegalMove(f"memory {change.subject} is {state}: {_FIRST_OF_ALL[state]}")
        held = " ".join(cube.quarantined) or None
        cube = cube.model_copy(update={"version": version + 1, "path": path})
        self.db.execute(
            "UPDATE version SET until = ? WHERE memory = ? AND version = ?", (self.seq + 1, memory, version)
        )
        try:
            self.db.execute(
                "UPDATE memory SET version = ?, quarantined = ?, vouched = NULL, key = coalesce(?, key)"
                " WHERE memory = ?",
                (cube.version, held, cube.key, memory),
            )
        except sqlite3.IntegrityError as exc:
            raise Conflict(f"{path} holds the key {cube.key!r} already; read it, then update it") from exc
        self._count(place, counts(held, state) - counts(was, state))
        if change.once is not None:
            # Another memory may already state this: then this one goes on without a duplicate key.
            self.db.execute("UPDATE memory SET once = NULL WHERE memory = ?", (memory,))
            self.db.execute("UPDATE OR IGNORE memory SET once = ? WHERE memory = ?", (change.once, memory))
        self._version(change, cube, memory, place, created, salt)
        sourced_anew(self.db, memory, cube, self.policies)
        self._flush()
        settled(self.db, memory, cold=state in COLD)
        row = self.db.execute("SELECT * FROM cube WHERE memory = ? AND version = ?", (memory, cube.version)).fetchone()
        return self._event(change.action, change, cube.version, path, cube_of(row[:16], {}))

    def _sight(self, change: Change, cube: MemCube, place: int) -> Event:
        self._flush()
        memory, key, version, state = self.db.execute(sql.KNOWN, (change.branch, place, change.once)).fetchone()
        seen = change if key == change.subject else replace(change, subject=key)
        origin = cube.origin
        if origin.source and self._said_there(memory, key, origin):
            return self._event("sight", seen, version, cube.path, news=False)
        return self._sighted(seen, memory, version, place, cube.path, origin, State(state))

    def _repeat(self, change: Change, origin: Origin) -> Event:
        memory, version, place, path, _, _, state = self._current(change)
        return self._sighted(change, memory, version, place, path, origin, state)

    def _sighted(
        self, change: Change, memory: int, version: int, place: int, path: str, origin: Origin, state: State
    ) -> Event:
        given = (self.seq + 1, memory, origin.source, origin.position, origin.model_dump_json(exclude_none=True))
        if self.db.execute(sql.SIGHTING, given).rowcount == 0:
            return self._event("sight", change, version, path, news=False)
        self.db.execute("UPDATE memory SET sightings = sightings + 1 WHERE memory = ?", (memory,))
        self._log(replace(change, action="sight"), memory, version, place, path, None)
        return self._event("sight", change, version, path, origin=origin, state=state)

    def _hold(self, change: Change, cube: MemCube) -> Event:
        memory, version, place, path, _, was, state = self._current(change)
        held = " ".join(cube.quarantined) or None
        decided = (held, cube.vouched_by or None, memory)
        self.db.execute("UPDATE memory SET quarantined = ?, vouched = ? WHERE memory = ?", decided)
        self._count(place, counts(held, state) - counts(was, state))
        self._log(change, memory, version, place, path, None)
        row = self.db.execute("SELECT * FROM cube WHERE memory = ? AND version = ?", (memory, version)).fetchone()
        return self._event(change.action, change, version, path, None if held else cube_of(row[:16], {}))

    def _govern(self, change: Change, governance: Governance) -> Event:
        memory, version, place, path, *_ = self._current(change)
        expires = governance.expires_at and micros(governance.expires_at)
        policy = self._policy(ruled_as(self.db, memory, governance))
        self._log(change, memory, version, place, path, None)
        self.db.execute(sql.REVISION, (self.seq, policy, expires, memory))
        self.db.execute("UPDATE memory SET policy = ?, expires = ? WHERE memory = ?", (policy, expires, memory))
        row = self.db.execute("SELECT * FROM cube WHERE memory = ? AND version = ?", (memory, version)).fetchone()
        return self._event(change.action, change, version, path, cube_of(row[:16], {}))

    def _freeze(self, change: Change) -> Event:
        memory, version, place, path, _, held, was = self._current(change)
        self.db.execute(sql.FREEZE if change.action == "freeze" else sql.THAW, (memory,))
        state = State(self.db.execute("SELECT state FROM memory WHERE memory = ?", (memory,)).fetchone()[0])
        self._count(place, counts(held, state) - counts(held, was))
        return self._stated(change, memory, version, place, path, state)

    def _move(self, change: Change, state: State) -> Event:
        """To another state. What has expired no longer stands in the way of the same statement said anew."""
        memory, version, place, path, _, held, was = self._current(change)
        if change.was is not None and change.was != was:
            raise Conflict(f"memory {change.subject} is {was}, no longer {change.was}: look again, then repeat")
        self.db.execute(sql.OVER if state is State.EXPIRED else sql.MOVED, (state.value, memory))
        self._count(place, counts(held, state) - counts(held, was))
        return self._stated(change, memory, version, place, path, state)

    def _stated(self, change: Change, memory: int, version: int, place: int, path: str, state: State) -> Event:
        """The line of a move is chained with the state it leads to: what was at a moment follows from the log."""
        settled(self.db, memory, cold=state in COLD)
        self._log(change, memory, version, place, path, state.value.encode())
        self._flush()
        row = self.db.execute("SELECT * FROM cube WHERE memory = ? AND version = ?", (memory, version)).fetchone()
        return self._event(change.action, change, version, path, cube_of(row[:16], {}), state=state)

    def _migrate(self, change: Change, path: str) -> Event:
        """To another path, with all versions: a line there, and before it one where the memory was."""
        memory, version, old, was, _, held, state = self._current(change)
        self._check_free(change, memory)
        if change.action == "depart":
            if was != path:
                raise Conflict(f"memory {change.subject} is no longer at {path}: look again, then repeat")
            self._log(change, memory, version, old, was, None)
            return self._event(change.action, change, version, was)
        place = self._place(path)
        migrated(self.db, memory, place, path)
        self._count(old, -counts(held, state))
        self._count(place, counts(held, state))
        return self._stated(change, memory, version, place, path, state)

    def _check_free(self, change: Change, memory: int) -> None:
        if self.db.execute(sql.IS_HELD, (memory,)).fetchone():
            raise Denied(f"memory {change.subject} is under legal hold: it stays until somebody lifts the hold")

    def _compact(self, change: Change, version: int) -> Event:
        """The words of an earlier version go, but for the first, which says where the memory is from."""
        memory, newest, place, path, _, _, state = self._current(change)
        if state is State.FROZEN or self.db.execute(sql.IS_HELD, (memory,)).fetchone():
            raise Denied(f"memory {change.subject} is frozen or under legal hold: all its versions stay")
        if not 1 < version < newest:
            raise InvalidInput(
                f"version {version} of memory {change.subject} is its first or its current one: it stays"
            )
        self.db.execute(sql.COMPACTED, (memory, version))
        self._log(change, memory, version, place, path, None)
        return self._event(change.action, change, version, path)

    def _forget(self, change: Change) -> Event:
        memory, version, place, path, _, held, state = self._current(change)
        self._check_free(change, memory)
        self._gone(change, memory, version, place, path)
        self._count(place, -counts(held, state))
        return self._event(change.action, change, version, path)

    def _gone(self, change: Change, memory: int, version: int, place: int, path: str) -> None:
        self._log(change, memory, version, place, path, None)
        self.db.execute(
            """UPDATE version SET payload = NULL, packed = NULL, content = NULL, salt = NULL, until = coalesce(until, ?)
            WHERE memory = ?""",
            (self.seq, memory),
        )
        self.db.execute("DELETE FROM sighting WHERE memory = ?", (memory,))
        self.db.execute("UPDATE memory SET key = NULL, once = NULL, forgotten = ? WHERE memory = ?", (self.seq, memory))

    @property
    def _overlay(self) -> Overlay:
        hand = Hand(self._log, self._place, self._count, self._flush, self._gone)
        return Overlay(self.db, self.seq + 1, hand)

    def _count(self, place: int, more: int) -> None:
        self.live[place] = self.live.get(place, 0) + more

    def _current(self, change: Change) -> tuple[int, int, int, str, int, str | None, State]:
        """Memory, version, place, path, birth, quarantine and state of what is to be changed, if that is expected."""
        self._flush()
        row = self.db.execute(sql.CURRENT, (change.branch, change.subject)).fetchone()
        if row is None and change.branch != MAIN and self._overlay.copy(change.branch, change.subject):
            row = self.db.execute(sql.CURRENT, (change.branch, change.subject)).fetchone()
        if row is None:
            raise NotFound(f"there is no memory {change.subject!r}; recall or browse to find its id")
        version = row[1]
        if change.expect is not None and change.expect != version:
            raise Conflict(
                f"memory {change.subject} is at version {version}, not {change.expect}: somebody changed it; "
                "read it again, then repeat"
            )
        frozen = row[6] == State.FROZEN.value
        if frozen and change.action not in _WHILE_FROZEN:
            raise IllegalMove(f"memory {change.subject} is frozen and stays as it is: thaw it first")
        if not frozen and change.action == "thaw":
            raise IllegalMove(f"memory {change.subject} is not frozen: it was thawed already")
        return *row[:6], State(row[6])

    def _said_there(self, memory: int, key: str, origin: Origin) -> bool:
        """Was the very first statement made at this place of this source?"""
        found = self.db.execute(sql.FIRST, (memory,)).fetchone() or self.db.execute(sql.FIRST_OF, (key,)).fetchone()
        created, at, salt, digest, payload, content = found
        if not is_sealed(salt, (key, 1, created, at), payload, content, digest):
            raise Corrupt(f"memory {key} (version 1) is not what was written; {ADVICE}")
        first: dict[str, Any] = from_json(content).get("origin", {})
        return first.get("source") == origin.source and first.get("position") == origin.position

    def _version(self, change: Change, cube: MemCube, memory: int, place: int, created: int, salt: bytes) -> None:
        payload, content = content_of(cube)
        digest = sealed(salt, (cube.id, cube.version, created, self.at), payload, content)
        self._log(change, memory, cube.version, place, cube.path, digest)
        self.versions.append((memory, cube.version, self.seq, self.at, SCHEMA, salt, digest, payload, content))

    def _log(
        self, change: Change, memory: int | None, version: int, place: int | None, path: str, digest: bytes | None
    ) -> None:
        self.seq += 1
        subject, branch, reason = change.subject, change.branch, change.reason
        line = (self.seq, self.at, change.action, subject, version, path, branch, self.caller, reason)
        self.chain = chained(self.chain, line, digest)
        self.lines.append(
            (self.seq, self.at, change.action, memory, version, place, branch, self.caller, reason, digest, self.chain)
        )

    def _flush(self) -> None:
        if self.versions:
            self.db.executemany("INSERT INTO version VALUES (?, ?, ?, NULL, ?, ?, ?, ?, ?, ?, NULL)", self.versions)
            self.versions.clear()
        if self.lines:
            self.db.executemany("INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", self.lines)
            self.lines.clear()

    def _event(
        self,
        action: Action,
        change: Change,
        version: int,
        path: str,
        cube: MemCube | None = None,
        *,
        origin: Origin | None = None,
        news: bool = True,
        state: State | None = None,
    ) -> Event:
        seq = self.seq if news else 0
        subject, reason, branch = change.subject, change.reason, change.branch
        rules = cube.governance if cube else None
        at, caller = self.stamp, self.caller
        return Event(seq, at, action, subject, version, path, caller, reason, branch, cube, origin, rules, state)

    def _place(self, path: str) -> int:
        known = self.places.get(path)
        if known is None:
            self.db.execute("INSERT OR IGNORE INTO place (path, root) VALUES (?, ?)", (path, root_of(path)))
            known = int(self.db.execute("SELECT place FROM place WHERE path = ?", (path,)).fetchone()[0])
            self.places[path] = known
        return known

    def _policy(self, governance: Governance) -> int:
        return interned(self.db, governance, self.policies)


def tip(db: sqlite3.Connection) -> tuple[int, int, bytes]:
    """Sequence number, time and chain value of the last line of the log."""
    return db.execute("SELECT seq, at, chain FROM event ORDER BY seq DESC LIMIT 1").fetchone() or (0, 0, b"")


_FIRST_OF_ALL = {State.EXPIRED: "restore it first", State.FROZEN: "thaw it first"}
