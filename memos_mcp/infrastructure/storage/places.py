"""Memories that come to another path: with their key, and with their duplicate key if nobody states the same there."""

from __future__ import annotations

import sqlite3

from memos_mcp.errors import Conflict


def migrated(db: sqlite3.Connection, memory: int, place: int, path: str) -> None:
    """Put a memory at another place, in the open transaction. Raises Conflict: its key is in use there."""
    once, key = db.execute("SELECT once, key FROM memory WHERE memory = ?", (memory,)).fetchone()
    try:
        db.execute("UPDATE memory SET place = ?, once = NULL WHERE memory = ?", (place, memory))
    except sqlite3.IntegrityError as exc:
        raise Conflict(f"{path} holds the key {key!r} already; rename one of the two") from exc
    # Another memory may already state the same there: then this one goes on without a duplicate key.
    db.execute("UPDATE OR IGNORE memory SET once = ? WHERE memory = ?", (once, memory))
