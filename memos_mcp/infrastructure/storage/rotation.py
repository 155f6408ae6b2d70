"""Lines that leave the access log: which, and the anchors that stand where they stood."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from memos_mcp.infrastructure.storage.lines import Anchor, anchor_chained

_MOST = (1 << 63) - 1
_WORTH = 100  # lines, before they are removed by themselves


def removed(db: sqlite3.Connection, before: int | None, last: int | None, now: int) -> tuple[int, bytes]:
    """Remove, in the open transaction, the lines older than `before` that are not among the `last` ones.

    Those about a memory that is held or frozen stay. How many went, and the chain value of the last one that is gone.
    Cost: 10 µs a line that goes, 2 µs an earlier one that stays.
    """
    number, end = _going(db, before, last)
    if not number:
        return 0, b""
    anchors = list(_anchored(db, end, now if before is None else before))
    for sql in _REMOVE:
        db.execute(sql)
    later = db.execute("SELECT seq, at, lines, tip FROM access_anchor WHERE seq > ? ORDER BY seq", (end,)).fetchall()
    db.execute("DELETE FROM access_anchor")
    chain = b""
    for run in (*anchors, *(Anchor(*row) for row in later)):
        chain = anchor_chained(chain, run.seq, run.at, run.lines, run.tip)
        db.execute("INSERT INTO access_anchor VALUES (?, ?, ?, ?, ?)", (run.seq, run.at, run.lines, run.tip, chain))
    return number, anchors[-1].tip


def wordless(db: sqlite3.Connection, before: int | None, last: int | None) -> int:
    """Remove only what was said in the same lines, with the salts of the digests; how many had something."""
    _going(db, before, last)
    return db.execute("DELETE FROM access_said WHERE seq IN (SELECT seq FROM temp.going)").rowcount


def is_worth_it(db: sqlite3.Connection, before: int | None, last: int | None) -> bool:
    """Would so many lines go that an anchor is worth it? Cost: 0.1 ms."""
    return len(db.execute(_SOME, _which(db, before, last) | {"limit": _WORTH}).fetchall()) == _WORTH


def _going(db: sqlite3.Connection, before: int | None, last: int | None) -> tuple[int, int]:
    """Note the lines that go; how many they are, and the last of them."""
    db.execute("CREATE TEMP TABLE IF NOT EXISTS going (seq INTEGER PRIMARY KEY)")
    db.execute("DELETE FROM temp.going")
    db.execute(_GOING, _which(db, before, last))
    return db.execute("SELECT count(*), coalesce(max(seq), 0) FROM temp.going").fetchone()


def _which(db: sqlite3.Connection, before: int | None, last: int | None) -> dict[str, int]:
    upto = _MOST
    if last is not None:
        row = db.execute("SELECT seq FROM access ORDER BY seq DESC LIMIT 1 OFFSET ?", (min(last, _MOST),)).fetchone()
        upto = row[0] if row else 0
    return {"before": _MOST if before is None else before, "upto": upto}


def _anchored(db: sqlite3.Connection, end: int, at: int) -> Iterator[Anchor]:
    """The runs of lines up to one that will be gone: those of earlier rotations are joined with what lies beside."""
    run: Anchor | None = None
    for seq, going, since, lines, tip in db.execute(_UPTO, {"end": end, "at": at}):
        if going:
            run = Anchor(seq, max(since, run.at if run else 0), lines + (run.lines if run else 0), tip)
        elif run is not None:
            yield run
            run = None
    if run is not None:
        yield run


# Numbers grow with time, but for a clock that was set back: before the first line that is young enough.
_SOME = """SELECT seq FROM access
    WHERE seq <= :upto AND seq < (SELECT coalesce(min(seq), 9223372036854775807) FROM access WHERE at >= :before)
    AND seq NOT IN (SELECT o.seq FROM memory m JOIN policy p ON p.policy = m.policy JOIN access_of o ON o.id = m.id
        WHERE m.forgotten IS NULL AND (m.state = 'frozen' OR json_extract(p.rules, '$.held')))
    ORDER BY seq LIMIT :limit"""
_GOING = "INSERT INTO temp.going " + _SOME.removesuffix(" LIMIT :limit")
_UPTO = """SELECT seq, seq IN (SELECT seq FROM temp.going) AS going, :at, 1, chain FROM access WHERE seq <= :end
    UNION ALL SELECT seq, 1, at, lines, tip FROM access_anchor WHERE seq <= :end ORDER BY seq"""
_REMOVE = (
    "DELETE FROM access_of WHERE seq IN (SELECT seq FROM temp.going)",
    "DELETE FROM access_at WHERE seq IN (SELECT seq FROM temp.going)",
    "DELETE FROM access_said WHERE seq IN (SELECT seq FROM temp.going)",
    "DELETE FROM access WHERE seq IN (SELECT seq FROM temp.going)",
)
