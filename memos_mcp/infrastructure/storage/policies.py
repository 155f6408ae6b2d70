"""Rules as they are interned, and the classes of sources in them, which follow from the versions of a memory."""

from __future__ import annotations

import sqlite3

from memos_mcp.cube import Governance, MemCube
from memos_mcp.infrastructure.storage import statements as sql
from memos_mcp.infrastructure.storage.rows import rules_of

_USER = Governance().came_from


def interned(db: sqlite3.Connection, governance: Governance, known: dict[str, int]) -> int:
    """The number of rules, a new one if need be; `known` are those of this commit."""
    rules, restricted = rules_of(governance)
    number = known.get(rules)
    if number is None:
        db.execute("INSERT OR IGNORE INTO policy (rules, restricted) VALUES (?, ?)", (rules, restricted))
        number = known[rules] = int(db.execute("SELECT policy FROM policy WHERE rules = ?", (rules,)).fetchone()[0])
        guests = {*governance.readers, *governance.writers}
        db.executemany("INSERT OR IGNORE INTO guest VALUES (?, ?)", [(name, number) for name in guests])
    return number


def sourced(cube: MemCube) -> MemCube:
    """A first version with rules that say where it comes from; one of a branch brings what it came from there."""
    own = () if cube.governance.came_from == _USER else cube.governance.came_from
    return cube.model_copy(update={"governance": _of(cube.governance, {*own, cube.origin.source_class})})


def ruled_as(db: sqlite3.Connection, memory: int, given: Governance) -> Governance:
    """Other rules for a memory: where it comes from stays."""
    return _of(given, set(_known(db, memory).came_from))


def sourced_anew(db: sqlite3.Connection, memory: int, cube: MemCube, known: dict[str, int]) -> None:
    """Give a memory the class of a further version as well: its earlier ones are still there to be read."""
    old = _known(db, memory)
    own = () if cube.governance.came_from == _USER else cube.governance.came_from
    new = _of(old, {*old.came_from, *own, cube.origin.source_class})
    if new != old:
        db.execute("UPDATE memory SET policy = ? WHERE memory = ?", (interned(db, new, known), memory))


def _of(rules: Governance, classes: set[str]) -> Governance:
    ordered = tuple(sorted(classes))
    return rules if ordered == rules.came_from else rules.model_copy(update={"came_from": ordered})


def _known(db: sqlite3.Connection, memory: int) -> Governance:
    return Governance.model_validate_json(db.execute(sql.RULES_OF, (memory,)).fetchone()[0])
