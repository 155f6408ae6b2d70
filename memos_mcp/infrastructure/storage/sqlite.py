"""The default vault: cubes, versions and their log in one SQLite file, written in one transaction."""

from __future__ import annotations

import json
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from anyio import CapacityLimiter, to_thread

from memos_mcp.cube import Governance, MemCube, Ref, State
from memos_mcp.infrastructure.storage import descent, past
from memos_mcp.infrastructure.storage.branching import SqliteBranching
from memos_mcp.infrastructure.storage.database import Database
from memos_mcp.infrastructure.storage.entry import Entry
from memos_mcp.infrastructure.storage.keeping import SqliteKeeping
from memos_mcp.infrastructure.storage.ledger import SqliteLedger, noted
from memos_mcp.infrastructure.storage.namespaces import SqliteNamespaces
from memos_mcp.infrastructure.storage.rows import cube_of, event_of, governed, micros, revision_of
from memos_mcp.infrastructure.storage.segments import Segments
from memos_mcp.ledger import Noted
from memos_mcp.ports import MAIN, Caller, Change, Event, Name, Permit, Revision, Where, Which

T = TypeVar("T")
_MOST = (1 << 63) - 1
_ALL = Which()
_OPEN = Governance()
_FRESH = 1.0  # seconds that it is not asked again who was let in
_HOT = 2048  # activated memories that stay made, 3 kB each
_WITHOUT_DATA = '"data":null}'  # the end of a payload of words alone
_KEPT = 1024  # callers of whom this is known
_PAGE = 50  # memories that are asked for together by somebody who waits
_FEW = 20  # paths with less than a twentieth of all memories are browsed by an index, others backwards from the end


def _now() -> datetime:
    return datetime.now(UTC)


class SqliteAdapter:
    """MemoryAdapter over one SQLite file, shared safely by any number of processes (WAL, one writer at a time).

    Opens at the first call. Writes are durable when `commit` returns. `clock` gives the time of log lines.
    Raises Corrupt, Misconfigured, Unavailable besides what the protocol names.
    """

    def __init__(self, file: Path, *, read_only: bool = False, clock: Callable[[], datetime] = _now) -> None:
        self.database = Database(file, read_only=read_only)
        self.segment_store = Segments(self.database)
        self.ledger = SqliteLedger(self.database)
        self.keeping = SqliteKeeping(self.database, clock=clock)
        self.namespaces = SqliteNamespaces(self.database, clock=clock)
        self.branching = SqliteBranching(self.database, clock=clock)
        self._clock = clock
        self._rules: dict[str, Governance] = {}
        self._hot = lru_cache(_HOT)(self._made)
        self._reading = CapacityLimiter(4)
        self._writing = CapacityLimiter(1)
        self._erasing = False
        self._granted: dict[Hashable, tuple[float, list[tuple[str, int | None]]]] = {}

    async def commit(self, changes: Sequence[Change], *, caller: Caller, notes: Sequence[Noted] = ()) -> list[Event]:
        """Write all changes in one transaction. Cost: about 25 µs a change and one disk sync."""
        return await to_thread.run_sync(self._commit, changes, caller, notes, limiter=self._writing)

    async def get(self, refs: Sequence[Ref | Name], *, branch: str = MAIN, at: int | None = None) -> list[MemCube]:
        """The cubes that exist, in order. Cost: about 25 µs each."""
        if at is not None:
            return await self._read(lambda db: [self._cube(row) for row in past.rows_of(db, refs, branch, at)])
        return await self._read(lambda db: self._get(db, refs, branch), "get" if len(refs) <= _PAGE else "")

    async def scan(
        self, where: Where, which: Which = _ALL, *, after: int = 0, limit: int = 100
    ) -> list[tuple[int, MemCube]]:
        """Current cubes under the paths, newest first."""
        given: dict[str, object] = {
            "branch": where.branch,
            "before": min(after, _MOST) or _MOST,
            "paths": json.dumps(where.paths),
            "kinds": json.dumps(which.kinds),
            "tags": json.dumps(which.tags),
            "source": which.source,
            "session": which.session,
            "class": which.source_class or "",
            "states": json.dumps(which.states),
            "limit": limit,
            "at": where.at,
            "without": _ids(where.fork.without if where.fork else ()),
        }

        def ask(db: sqlite3.Connection) -> list[tuple[int, MemCube]]:
            if where.at is not None:
                sql = _SCAN_THEN
            elif which.quarantined:
                sql = _SCAN_HELD
            elif which.states:
                sql = _SCAN_IN
            else:
                held, of = db.execute(_SHARE, given).fetchone()
                sql = _SCAN_FEW if held * _FEW < of else _SCAN
            permit, rows = where.permit, db.execute(sql, given if where.permit is None else given | {"limit": -1})
            found = rows if permit is None else (row for row in rows if self._allowed(permit, row))
            asked = islice(found, limit)
            return [(row[16], self._cube(row if where.at is None else past.then(row))) for row in asked]

        return await self._read(ask)

    async def count(
        self,
        paths: Sequence[str],
        *,
        quarantined: bool = False,
        permit: Permit | None = None,
        at: int | None = None,
        without: Collection[str] = (),
    ) -> Mapping[str, int]:
        """Memories by path, from maintained counters; those in quarantine, of then, or under own rules, are counted."""
        given = json.dumps(list(paths))

        def ask(db: sqlite3.Connection) -> Mapping[str, int]:
            if at is not None:
                now = micros(permit.now) if permit else 0
                then = past.counted(db, given, at, now, _ids(without))
                return _summed((path, n) for path, rules, n in then if _may(permit, path, rules, self._rules))
            if quarantined:
                seen = {"paths": given, "now": micros(permit.now) if permit else 0}
                rows = db.execute(_COUNT_HELD, seen).fetchall()
                return _summed((path, n) for path, rules, n in rows if _may(permit, path, rules, self._rules))
            live = dict[str, int](db.execute(_COUNT, (given,)).fetchall())
            return live if permit is None else self._visible(db, live, given, permit)

        return await self._read(ask, "count")

    async def places(self, paths: Sequence[str]) -> Sequence[str]:
        """The paths that hold memories, counted or not. Cost: 3 µs each."""
        given = json.dumps(list(paths))
        return await self._read(lambda db: [path for (path,) in db.execute(_PLACES, (given,))])

    async def position(self, moment: datetime) -> int:
        """The last line of the log by then. Cost: 0.1 ms."""
        return await self._read(lambda db: past.position(db, micros(moment)))

    async def changed(
        self, where: Where, since: int, *, after: int = 0, limit: int = 100
    ) -> list[tuple[int, Ref | None, Ref | None]]:
        """What has another version. Cost: 10 µs for each change between the positions."""
        upto = _MOST if where.at is None else where.at
        given = {"since": since, "upto": upto, "after": min(after, _MOST), "branch": where.branch}

        def ask(db: sqlite3.Connection) -> list[tuple[int, Ref | None, Ref | None]]:
            rows = db.execute(past.CHANGED, given | {"paths": json.dumps(where.paths)})
            found = (row for row in rows if where.permit is None or self._open(where.permit, *row[2:5]))
            return list(islice(((row[0], *past.versions(row)) for row in found), limit))

        return await self._read(ask)

    async def revisions(
        self, *, subject: str | None = None, paths: Sequence[str] = (), limit: int = 1000
    ) -> list[Revision]:
        """Changes of rules, oldest first. Cost: 10 µs each."""
        given = {"subject": subject, "paths": json.dumps(list(paths)), "limit": limit}
        sql = _REVISIONS_UNDER if subject is None else _REVISIONS_OF
        return await self._read(lambda db: [revision_of(row, self._rules) for row in db.execute(sql, given)])

    async def granted(self, names: Sequence[str], *, permit: Permit | None = None) -> Sequence[str]:
        """Private paths with memories whose rules let any of these names read. Cost: 1 µs for each memory that does.

        What another process grants may be seen a second later; what it takes back is gone at once, as rows have rules.
        """
        key, now = (tuple(names), permit and permit.key), time.monotonic()
        known = self._granted.get(key)
        if known is None or now > known[0]:
            given = json.dumps(names)
            rows = await self._read(lambda db: db.execute(_GRANTED, (given,)).fetchall())
            found = [(path, ends) for path, rules, ends in rows if _may(permit, path, rules, self._rules)]
            known = self._granted[key] = (now + _FRESH, found)
            while len(self._granted) > _KEPT:
                del self._granted[next(iter(self._granted))]
        at = micros(permit.now) if permit else 0
        return list(dict.fromkeys(path for path, ends in known[1] if ends is None or ends > at))

    async def made_from(self, ids: Sequence[str]) -> Sequence[str]:
        """The memories that name one of these. Cost: 10 µs for each version that names any memory."""
        return await self._read(lambda db: descent.made_from(db, ids))

    async def events(
        self,
        *,
        after: int = 0,
        limit: int = 1000,
        subject: str | None = None,
        root: str | None = None,
        branch: str = MAIN,
    ) -> list[Event]:
        """Log lines after `after`, each checked against the chain, with the cube it wrote. Cost: 35 µs a line."""
        forth, back = _LINES_OF if subject is not None else _LINES_IN if root is not None else _LINES
        last = after < 0
        given = {
            "after": 0 if last else min(after, _MOST),
            "limit": min(limit, -after) if last else limit,
            "subject": subject,
            "root": root,
            "branch": branch,
        }
        rows = await self._read(
            lambda db: [event_of(r, self._rules) for r in db.execute(back if last else forth, given)], "events"
        )
        return rows[::-1] if last else rows

    async def aclose(self) -> None:
        """Close the file."""
        await to_thread.run_sync(self.database.close, limiter=self._writing)

    async def _read(self, ask: Callable[[sqlite3.Connection], T], kind: str = "") -> T:
        def looked(db: sqlite3.Connection) -> T:
            self.namespaces.look(db)
            return ask(db)

        return await self.database.asked(looked, self._reading, kind)

    def _get(self, db: sqlite3.Connection, refs: Sequence[Ref | Name], branch: str) -> list[MemCube]:
        found: list[MemCube] = []
        for ref in refs:
            if isinstance(ref, Name):
                row = db.execute(_BY_NAME, (branch, ref.key, ref.path)).fetchone()
            elif ref.version is None:
                row = db.execute(_NEWEST, (branch, ref.id)).fetchone()
            else:
                row = db.execute(_BY_ID, (branch, ref.id, min(ref.version, _MOST))).fetchone()
            if row is not None:
                found.append(self._cube(row))
        return found

    def _visible(self, db: sqlite3.Connection, live: dict[str, int], paths: str, permit: Permit) -> Mapping[str, int]:
        """Of those that live at each path, how many may be read: rules of their own and their end are looked at.

        Where a namespace has rules, every memory is: what it inherits may mean another thing to its owner.
        """
        given = {"now": micros(permit.now), "paths": paths}
        ruled = {path for path in live if self.namespaces.known.above(path)}
        open_ = {path for path in live if path not in ruled and permit.allows(path, _OPEN)}
        seen = Counter({path: live[path] for path in open_})
        rows = [row for row in db.execute(_UNDER_RULES, given) if row[0] not in ruled] if len(ruled) < len(live) else []
        rows += db.execute(_COUNT_RULED, given | {"paths": json.dumps(list(ruled))}) if ruled else []
        for path, rules, expired, number in rows:
            seen[path] -= number if path in open_ else 0
            seen[path] += number if not expired and _may(permit, path, rules, self._rules) else 0
        return {path: number for path, number in seen.items() if number}

    def _allowed(self, permit: Permit, row: Sequence[Any]) -> bool:
        return self._open(permit, row[2], row[11], row[15])

    def _open(self, permit: Permit, path: str, rules: str, expires: int | None) -> bool:
        return (expires is None or expires > micros(permit.now)) and _may(permit, path, rules, self._rules)

    def _cube(self, row: Sequence[Any]) -> MemCube:
        """The cube of a row. What is activated stays made, unless it has data: who is given that may change it."""
        columns = tuple(row[:16])
        stays = row[4] == State.ACTIVATED and str(row[9]).endswith(_WITHOUT_DATA)
        return self._hot(columns) if stays else self._made(columns)

    def _made(self, columns: Sequence[Any]) -> MemCube:
        return cube_of(columns, self._rules)

    def _commit(self, changes: Sequence[Change], caller: Caller, notes: Sequence[Noted]) -> list[Event]:
        with self.database.write() as db:
            for note in notes:
                noted(db, note)
            events = Entry.begin(db, caller.user, micros(self._clock())).write(changes)
        if any(change.action == "govern" for change in changes):
            self._granted.clear()
        if self._erasing or any(change.action in ("forget", "compact", "drop") for change in changes):
            # Forgotten words are overwritten in the file, but still stand in the log beside it until that is emptied.
            self._erasing = not self.database.checkpoint()
        return events


def _may(permit: Permit | None, path: str, rules: str, known: dict[str, Governance]) -> bool:
    return permit is None or permit.allows(path, governed(rules, None, known))


def _ids(of: Collection[str]) -> str:
    return json.dumps(sorted(of))


def _summed(counts: Iterable[tuple[str, int]]) -> Mapping[str, int]:
    found = Counter[str]()
    for path, number in counts:
        found[path] += number
    return found


_BY_ID = "SELECT * FROM cube WHERE branch = ? AND id = ? AND version = ?"
_NEWEST = "SELECT * FROM cube WHERE branch = ? AND id = ? AND version = newest"
_BY_NAME = """SELECT * FROM cube WHERE branch = ? AND key = ? AND version = newest
    AND place = (SELECT place FROM place WHERE path = ?)"""
# '0' follows '/': everything beneath a path sorts between the two.
_SCAN = """SELECT * FROM cube
    WHERE +branch = :branch AND version = newest AND forgotten IS NULL AND quarantined IS NULL AND memory < :before
    AND state NOT IN ('archived', 'expired')
    AND +place IN (SELECT p.place FROM json_each(:paths) j CROSS JOIN place p
        WHERE p.path = j.value OR (p.path > j.value || '/' AND p.path < j.value || '0'))
    AND (:kinds = '[]' OR coalesce(json_extract(content, '$.kind'), 'fact') IN (SELECT value FROM json_each(:kinds)))
    AND (:tags = '[]' OR EXISTS (SELECT 1 FROM json_each(content, '$.tags') t
        WHERE t.value IN (SELECT value FROM json_each(:tags))))
    AND (:source = '' OR json_extract(content, '$.origin.source') = :source)
    AND (:session = '' OR json_extract(content, '$.origin.session') = :session)
    AND (:class = '' OR coalesce(json_extract(content, '$.origin.source_class'), 'user') = :class)
    ORDER BY memory DESC LIMIT :limit"""
_SCAN_FEW = _SCAN.replace("+place", "place")
_RECALLED = "state NOT IN ('archived', 'expired')"
_SCAN_THEN = (
    _SCAN_FEW.replace("SELECT * FROM cube", past.SELECT)
    .replace("version = newest", past.CURRENT)
    .replace(_RECALLED, past.RECALLED)
    .replace("ORDER BY", "AND id NOT IN (SELECT value FROM json_each(:without)) ORDER BY")
)
_SCAN_IN = _SCAN.replace(_RECALLED, "state IN (SELECT value FROM json_each(:states))")
_SCAN_HELD = _SCAN_FEW.replace("quarantined IS NULL", "quarantined IS NOT NULL").replace(_RECALLED, "true")
_SHARE = """SELECT coalesce(sum(p.live), 0), (SELECT coalesce(max(memory), 0) FROM memory)
    FROM json_each(:paths) j CROSS JOIN place p
    WHERE p.path = j.value OR (p.path > j.value || '/' AND p.path < j.value || '0')"""
_COUNT = """SELECT p.path, p.live FROM json_each(?) j CROSS JOIN place p
    WHERE p.live > 0 AND (p.path = j.value OR (p.path > j.value || '/' AND p.path < j.value || '0'))"""
_PLACES = """SELECT p.path FROM json_each(?) j CROSS JOIN place p
    WHERE (p.path = j.value OR (p.path > j.value || '/' AND p.path < j.value || '0'))
    AND EXISTS (SELECT 1 FROM memory m WHERE m.place = p.place AND m.forgotten IS NULL)"""
_COUNT_HELD = """SELECT p.path, r.rules, count(*) FROM json_each(:paths) j CROSS JOIN place p
    JOIN memory m INDEXED BY memory_quarantined ON m.place = p.place JOIN policy r ON r.policy = m.policy
    WHERE (p.path = j.value OR (p.path > j.value || '/' AND p.path < j.value || '0'))
    AND m.quarantined IS NOT NULL AND m.forgotten IS NULL AND (m.expires IS NULL OR m.expires > :now)
    GROUP BY p.path, r.rules"""
_UNDER_RULES = """SELECT p.path, r.rules, m.expires <= :now, count(*)
    FROM (SELECT memory FROM policy r CROSS JOIN memory m INDEXED BY memory_policy ON m.policy = r.policy
            WHERE r.restricted AND m.forgotten IS NULL
        UNION SELECT memory FROM memory INDEXED BY memory_expires WHERE expires <= :now AND forgotten IS NULL) f
    JOIN memory m ON m.memory = f.memory JOIN place p ON p.place = m.place JOIN policy r ON r.policy = m.policy
    WHERE m.quarantined IS NULL AND m.state NOT IN ('archived', 'expired') AND EXISTS (SELECT 1 FROM json_each(:paths) j
        WHERE p.path = j.value OR (p.path > j.value || '/' AND p.path < j.value || '0'))
    GROUP BY p.path, r.rules, m.expires <= :now"""
_COUNT_RULED = """SELECT p.path, r.rules, m.expires <= :now, count(*) FROM json_each(:paths) j
    CROSS JOIN place p ON p.path = j.value JOIN memory m INDEXED BY memory_place ON m.place = p.place
    JOIN policy r ON r.policy = m.policy
    WHERE m.forgotten IS NULL AND m.quarantined IS NULL AND m.state NOT IN ('archived', 'expired')
    GROUP BY m.place, m.policy, m.expires <= :now"""
_REVISIONS_OF = """SELECT e.seq, e.at, m.id, p.path, e.caller, e.reason, o.rules, v.old_expires, n.rules, v.new_expires,
    r.rules, m.expires FROM revision v JOIN event e ON e.seq = v.seq JOIN memory m ON m.memory = v.memory
    JOIN place p ON p.place = m.place JOIN policy o ON o.policy = v.old JOIN policy n ON n.policy = v.new
    JOIN policy r ON r.policy = m.policy WHERE m.branch = 'main' AND m.id = :subject ORDER BY e.seq LIMIT :limit"""
_REVISIONS_UNDER = _REVISIONS_OF.replace(
    "m.id = :subject",
    """EXISTS (SELECT 1 FROM json_each(:paths) j
    WHERE p.path = j.value OR (p.path > j.value || '/' AND p.path < j.value || '0'))""",
)
_GRANTED = """SELECT p.path, r.rules, CASE count(*) WHEN count(m.expires) THEN max(m.expires) END
    FROM (SELECT DISTINCT g.policy FROM json_each(?) n JOIN guest g ON g.name = n.value) g
    JOIN memory m INDEXED BY memory_policy ON m.policy = g.policy JOIN place p ON p.place = m.place
    JOIN policy r ON r.policy = m.policy
    WHERE m.forgotten IS NULL AND p.path >= 'user/' AND p.path < 'user0' GROUP BY p.path, m.policy ORDER BY p.path"""
_LINES = (
    "SELECT * FROM line WHERE seq > :after ORDER BY seq LIMIT :limit",
    "SELECT * FROM line WHERE seq > :after ORDER BY seq DESC LIMIT :limit",
)
_LINES_OF = (
    """SELECT * FROM line WHERE seq > :after AND memory = (SELECT memory FROM memory WHERE branch = :branch
    AND id = :subject) ORDER BY seq LIMIT :limit""",
    """SELECT * FROM line WHERE seq > :after AND memory = (SELECT memory FROM memory WHERE branch = :branch
    AND id = :subject) ORDER BY seq DESC LIMIT :limit""",
)
# The lines are chosen first, by what the index holds: sorting whole rows would cost ten times as much.
_LINES_IN = (
    """SELECT * FROM line WHERE seq IN (SELECT e.seq FROM place p JOIN event e ON e.place = p.place
        WHERE p.root = :root AND e.seq > :after ORDER BY e.seq LIMIT :limit) ORDER BY seq""",
    """SELECT * FROM line WHERE seq IN (SELECT e.seq FROM place p JOIN event e ON e.place = p.place
        WHERE p.root = :root ORDER BY e.seq DESC LIMIT :limit) ORDER BY seq DESC""",
)
