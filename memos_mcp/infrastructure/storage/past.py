"""The vault as it was at a position of its log: which versions were current then, and what changed since.

What was forgotten is gone at every position, and what is in quarantine now is hidden at every one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

from memos_mcp.cube import Ref
from memos_mcp.ports import Name

CURRENT = "seq <= :at AND (until IS NULL OR until > :at)"
"""Of the rows of view `past`, those that were current at a position."""

STATE = """coalesce((SELECT CAST(e.digest AS TEXT) FROM event e WHERE e.memory = past.memory
    AND e.action IN ('move', 'freeze', 'thaw') AND e.seq <= :at ORDER BY e.seq DESC LIMIT 1),
    CASE past.branch WHEN 'main' THEN 'generated' ELSE past.state END)"""
"""The state of a memory at a position: that of its last move by then. A copy in a branch begins in another one."""
RECALLED = STATE + " NOT IN ('archived', 'expired')"
"""Of these rows, those that were recalled then."""
SELECT = "SELECT *, (then) FROM past".replace("(then)", STATE)
"""Columns as in view `past`, and the state of then."""


def then(row: Sequence[Any]) -> Sequence[Any]:
    """The columns of view `cube`, with the state of then, of a row of SELECT."""
    return *row[:4], row[-1], *row[5:16]


def position(db: sqlite3.Connection, at: int) -> int:
    """The last line of the log that is not younger than a moment; time never runs backwards there."""
    first, last = 0, db.execute("SELECT coalesce(max(seq), 0) FROM event").fetchone()[0]
    while first < last:
        middle = (first + last + 1) // 2
        seq, written = db.execute(_LINE_BY, (middle,)).fetchone() or (1, at)
        first, last = (middle, last) if written <= at else (first, seq - 1)
    return first


def rows_of(db: sqlite3.Connection, refs: Sequence[Ref | Name], branch: str, at: int) -> Iterator[Sequence[Any]]:
    """The rows of view `past` of these memories; a version that is named must have been written by then."""
    for ref in refs:
        given: dict[str, object] = {"branch": branch, "at": at}
        if isinstance(ref, Name):
            row = db.execute(_BY_NAME, given | {"path": ref.path, "key": ref.key}).fetchone()
        elif ref.version is None:
            row = db.execute(_BY_ID, given | {"id": ref.id}).fetchone()
        else:
            row = db.execute(_VERSION, given | {"id": ref.id, "version": ref.version}).fetchone()
        if row is not None:
            yield then(row)


def counted(db: sqlite3.Connection, paths: str, at: int, now: int, without: str) -> list[tuple[str, str, int]]:
    """Path, rules and number of the memories that had a version at a position and have not expired since."""
    return db.execute(_COUNT, {"paths": paths, "at": at, "now": now, "without": without}).fetchall()


def versions(row: Sequence[Any]) -> tuple[Ref | None, Ref | None]:
    """The versions of a row of CHANGED: at the first position, and at the second."""
    key, old, new, forgotten = row[1], row[5], row[6], row[7]
    return old and Ref(id=key, version=old), None if forgotten or not new else Ref(id=key, version=new)


_LINE_BY = "SELECT seq, at FROM event WHERE seq <= ? ORDER BY seq DESC LIMIT 1"
_BY_ID = SELECT + " WHERE branch = :branch AND id = :id AND " + CURRENT
_VERSION = SELECT + " WHERE branch = :branch AND id = :id AND version = :version AND seq <= :at"
_THERE = " WHERE branch = :branch AND key = :key AND place = (SELECT place FROM place WHERE path = :path) AND "
_BY_NAME = SELECT + _THERE + CURRENT
# '0' follows '/': everything beneath a path sorts between the two.
_COUNT = """SELECT p.path, r.rules, count(*) FROM memory m
    JOIN version v ON v.memory = m.memory JOIN place p ON p.place = m.place JOIN policy r ON r.policy = m.policy
    WHERE m.place IN (SELECT p.place FROM json_each(:paths) j CROSS JOIN place p
        WHERE p.path = j.value OR (p.path > j.value || '/' AND p.path < j.value || '0'))
    AND (m.branch = 'main' OR (p.path > 'branch/' AND p.path < 'branch0'))
    AND m.forgotten IS NULL AND m.quarantined IS NULL AND m.id NOT IN (SELECT value FROM json_each(:without))
    AND (m.expires IS NULL OR m.expires > :now) AND (recalled)
    AND v.content IS NOT NULL AND v.seq <= :at AND (v.until IS NULL OR v.until > :at)
    GROUP BY p.path, r.rules""".replace("(recalled)", RECALLED.replace("past.", "m."))
_RESTED = RECALLED.replace("past.", "m.").replace("NOT IN", "IN")
CHANGED = (
    """SELECT * FROM (
    SELECT m.memory, m.id, p.path, r.rules, m.expires,
        (SELECT v.version FROM version v WHERE v.memory = m.memory AND v.seq <= :since
            AND (v.until IS NULL OR v.until > :since)) AS old,
        (SELECT v.version FROM version v WHERE v.memory = m.memory AND v.seq <= :upto
            AND (v.until IS NULL OR v.until > :upto)) AS new,
        m.forgotten, (rested since) AS was, (rested upto) AS now
    FROM memory m JOIN place p ON p.place = m.place JOIN policy r ON r.policy = m.policy
    WHERE m.memory IN (SELECT e.memory FROM event e
            WHERE e.place IN (SELECT p.place FROM json_each(:paths) j CROSS JOIN place p
                WHERE p.path = j.value OR (p.path > j.value || '/' AND p.path < j.value || '0'))
            AND e.seq > :since AND (e.action = 'arrive' OR (e.seq <= :upto
                AND e.action IN ('remember', 'put', 'update', 'forget', 'move', 'freeze', 'thaw'))))
        AND m.memory > :after AND m.branch = :branch AND m.quarantined IS NULL
        AND EXISTS (SELECT 1 FROM json_each(:paths) j
            WHERE p.path = j.value OR (p.path > j.value || '/' AND p.path < j.value || '0'))
        AND (m.forgotten IS NULL OR (m.forgotten > :since AND m.forgotten <= :upto)))
    WHERE (forgotten IS NULL OR old IS NOT NULL) AND (old IS NOT new OR was IS NOT now)
    ORDER BY memory""".replace("(rested since)", _RESTED.replace(":at", ":since"))
).replace("(rested upto)", _RESTED.replace(":at", ":upto"))
"""Memories with another version at the position `upto` than at `since`, or recalled at one of them alone.

Whoever may read them now is asked after.
"""
