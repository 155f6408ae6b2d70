"""Is the vault what was written? A quick look at every opening, and the long one of `memos doctor`."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass

from memos_mcp.errors import MemosError
from memos_mcp.infrastructure.storage.copies import counts
from memos_mcp.infrastructure.storage.lines import verified
from memos_mcp.infrastructure.storage.rows import ADVICE, checksum, is_chained, is_sealed

# Measured at 2 to 50 thousand memories: integrity_check takes 3 ms per MB, as it compares indexes with their tables,
# quick_check 1 ms per MB.
_ALL = 8 * 1024 * 1024
_ALL_PAGES = 128 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was checked: is it as it should be, what was seen, and what to do about it."""

    name: str
    ok: bool
    detail: str


def problem_at_opening(db: sqlite3.Connection) -> str | None:
    """What is wrong with the pages of a file; of a big one with those of its small tables and its newest lines.

    What this does not see is found when it is read: every version has a digest, every line its chain. So one changed
    text does not keep anybody from the rest. Cost: 3 ms per MB up to 8 MB, 1 ms up to 128 MB, nothing beyond.
    """
    size = db.execute("PRAGMA page_count").fetchone()[0] * db.execute("PRAGMA page_size").fetchone()[0]
    for ask in _WHOLE if size <= _ALL else _PAGES if size <= _ALL_PAGES else _SMALL:
        found = db.execute(ask).fetchone()[0]
        if found != "ok":
            return str(found)
    db.execute(_NEWEST).fetchone()  # raises if a page that they need cannot be read
    return None


def findings(db: sqlite3.Connection) -> list[Finding]:
    """Everything that can be checked in an open vault, in one read transaction. Cost: about 15 µs a memory."""
    return [_found(name, check, db) for name, check in _CHECKS.items()]


def _found(name: str, check: Callable[[sqlite3.Connection], list[str] | str], db: sqlite3.Connection) -> Finding:
    try:
        said = check(db)
    except (sqlite3.Error, MemosError) as exc:
        said = [str(exc).split(" with text ")[0]]
    if isinstance(said, str):
        return Finding(name, True, said)
    more = f" and {len(said) - 3} more" if len(said) > 3 else ""
    return Finding(name, False, "; ".join(said[:3]) + more)


def _pages(db: sqlite3.Connection) -> list[str] | str:
    said = [str(row[0]) for row in db.execute("PRAGMA integrity_check(20)")]
    if said == ["ok"]:
        return f"{db.execute('PRAGMA page_count').fetchone()[0]} pages are whole"
    return [*said, ADVICE]


def _references(db: sqlite3.Connection) -> list[str] | str:
    lost = [f"{table} row {row} refers to no {parent}" for table, row, parent, _ in db.execute(_ORPHANS)]
    lost += [f"memory {key} has no version {version}" for key, version in db.execute(_WITHOUT_VERSION)]
    return lost or "every row refers to one that exists"


def _versions(db: sqlite3.Connection) -> list[str] | str:
    wrong: list[str] = []
    number = 0
    for key, version, created, at, salt, digest, payload, content, logged in db.execute(_VERSIONS):
        number += 1
        if not is_sealed(salt, (key, version, created, at), payload, content, digest) or digest != logged:
            wrong.append(f"memory {key} (version {version}) is not what was written")
    wrong += [f"memory {key} is forgotten and still has words" for (key,) in db.execute(_NOT_ERASED)]
    return [*wrong[:3], f"{len(wrong)} in all: {ADVICE}"] if wrong else f"{number} versions match their digests"


def _log(db: sqlite3.Connection) -> list[str] | str:
    before: object = b""
    number = 0
    for *line, digest, chain in db.execute(_LINES):
        number += 1
        if not is_chained(before, line, digest, chain):
            return [f"the chain breaks at line {line[0]}; {ADVICE}"]
        before = chain
    return f"the chain of {number} lines holds"


def _counters(db: sqlite3.Connection) -> list[str] | str:
    wrong = [f"{path} holds {real} memories, not {live}" for path, live, real in db.execute(_COUNTERS)]
    return wrong or f"{counts(db).memories} memories are counted at their paths"


def _sightings(db: sqlite3.Connection) -> list[str] | str:
    wrong = [f"memory {key} was seen {real} times, not {told}" for key, told, real in db.execute(_SEEN)]
    number = db.execute("SELECT count(*) FROM sighting").fetchone()[0]
    return wrong or f"{number} repeats are counted at their memories"


def _indexes(db: sqlite3.Connection) -> list[str] | str:
    wrong: list[str] = []
    number = 0
    for route, root, after, upto, digest, data in db.execute(_SEGMENTS):
        number += 1
        if not isinstance(data, bytes) or checksum(after, upto, data) != digest:
            wrong.append(f"the {route} index of {root} (log {after}…{upto}) is damaged: `memos rebuild {route}`")
    return wrong or f"{number} segments match their checksums"


def _accesses(db: sqlite3.Connection) -> list[str] | str:
    found = verified(db)
    return f"the chain of {found.lines} accesses holds" if found.ok else [found.why]


_WHOLE = ("PRAGMA integrity_check(1)",)
_PAGES = ("PRAGMA quick_check(1)",)
_SMALL = ("PRAGMA quick_check(place)", "PRAGMA quick_check(policy)", "PRAGMA quick_check(migration)")
_NEWEST = """SELECT sum(length(payload)), sum(length(content)), sum(length(rules)), sum(length(path))
    FROM (SELECT * FROM line ORDER BY seq DESC LIMIT 100)"""
_ORPHANS = """SELECT "table", rowid, parent, fkid FROM pragma_foreign_key_check LIMIT 20"""
_WITHOUT_VERSION = """SELECT m.id, m.version FROM memory m
    LEFT JOIN version v ON v.memory = m.memory AND v.version = m.version
    WHERE v.memory IS NULL OR (v.content IS NULL AND m.forgotten IS NULL) LIMIT 20"""
_VERSIONS = """SELECT c.id, c.version, c.created_at, c.at, c.salt, c.digest, c.payload, c.content, e.digest
    FROM cube c JOIN version v ON v.memory = c.memory AND v.version = c.version LEFT JOIN event e ON e.seq = v.seq"""
_NOT_ERASED = """SELECT m.id FROM memory m WHERE m.forgotten IS NOT NULL AND (m.key IS NOT NULL
    OR EXISTS (SELECT 1 FROM version v WHERE v.memory = m.memory
        AND coalesce(v.payload, v.packed, v.content, v.salt) IS NOT NULL)
    OR EXISTS (SELECT 1 FROM sighting s WHERE s.memory = m.memory)) LIMIT 20"""
_LINES = """SELECT seq, at, action, id, version, path, branch, caller, reason, digest, chain FROM line ORDER BY seq"""
_COUNTERS = """SELECT path, live, real FROM (SELECT p.path, p.live,
    (SELECT count(*) FROM memory m WHERE m.place = p.place AND m.forgotten IS NULL AND m.quarantined IS NULL
        AND m.state NOT IN ('archived', 'expired')) AS real
    FROM place p)
    WHERE live <> real LIMIT 20"""
_SEEN = """SELECT id, sightings, real FROM (SELECT m.id, m.sightings,
    1 + (SELECT count(*) FROM sighting s WHERE s.memory = m.memory) AS real FROM memory m WHERE m.forgotten IS NULL)
    WHERE sightings <> real LIMIT 20"""
_SEGMENTS = """SELECT route, root, after, upto, digest, data FROM segment"""

_CHECKS = {
    "pages": _pages,
    "references": _references,
    "versions": _versions,
    "log": _log,
    "counters": _counters,
    "sightings": _sightings,
    "indexes": _indexes,
    "accesses": _accesses,
}
