"""The schema scripts, and how they are run: all or none, in the transaction that is open."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from importlib.resources import files

from memos_mcp.infrastructure.storage.files import APPLICATION_ID


def migrations() -> list[str]:
    """The schema scripts in order; script n brings a file from version n-1 to n."""
    folder = files("memos_mcp.infrastructure.storage") / "schema"
    scripts = sorted((entry for entry in folder.iterdir() if entry.name.endswith(".sql")), key=lambda e: e.name)
    return [script.read_text("utf-8") for script in scripts]


def version_of(db: sqlite3.Connection) -> int:
    """The schema version of the open file; 0 before the first script."""
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def migrate(db: sqlite3.Connection, scripts: Sequence[str]) -> None:
    """Run the scripts that the file has not seen. Whoever opened the transaction commits it or rolls it back."""
    known = version_of(db)
    for number, script in enumerate(scripts[known:], start=known + 1):
        for statement in _statements(script):
            db.execute(statement)
        db.execute("INSERT INTO migration VALUES (?, ?)", (number, time.time_ns() // 1000))
    db.execute(f"PRAGMA application_id={APPLICATION_ID:d}")
    db.execute(f"PRAGMA user_version={len(scripts):d}")


def _statements(script: str) -> list[str]:
    found: list[str] = []
    part = ""
    for line in script.splitlines(keepends=True):
        part += line
        if sqlite3.complete_statement(part):
            found.append(part)
            part = ""
    return found
