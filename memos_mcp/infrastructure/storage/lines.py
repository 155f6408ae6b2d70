"""Rows ⇄ lines of the access log, and the chain that guards them."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

from pydantic_core import from_json, to_json

from memos_mcp.accesses import Access, Item, Verified
from memos_mcp.infrastructure.storage.rows import micros, moment


def line_of(seq: int, access: Access) -> tuple[int | str, ...]:
    """What is chained: the columns of the table, without the digest of what was said and the chain."""
    served: dict[str, list[list[str | int]]] = {}
    for item in access.items:
        served.setdefault(item.path, []).append([item.id, item.version, item.rule])
    return (
        seq,
        access.id,
        micros(access.at),
        access.user,
        to_json(access.roles).decode(),
        to_json(access.context).decode(),
        access.verb,
        access.path,
        access.outcome,
        access.rule,
        to_json(served).decode(),
    )


def line_chained(previous: bytes, line: Sequence[int | str], said: bytes | None) -> bytes:
    """The chain value of a line: none can be changed, removed or moved without breaking it."""
    return hashlib.sha256(previous + (said or b"") + to_json(line)).digest()


def anchor_chained(previous: bytes, seq: int, at: int, lines: int, tip: bytes) -> bytes:
    """The chain value of an anchor."""
    return hashlib.sha256(previous + tip + to_json((seq, at, lines))).digest()


def access_tip(db: sqlite3.Connection) -> tuple[int, bytes]:
    """Where the log ends; after a rotation of all lines that is the anchor."""
    return db.execute("SELECT seq, chain FROM access_tip").fetchone() or (0, b"")


def access_of(row: Sequence[Any]) -> Access:
    """The access of a row, with what was said as far as it is kept."""
    key, at, user, roles, context, verb, path, outcome, rule, served, said = row
    return Access(
        key,
        moment(at),
        user,
        verb,
        outcome,
        roles=tuple(from_json(roles)),
        context=tuple(from_json(context)),
        path=path,
        rule=rule,
        items=tuple(_items(served)),
        said=said or "",
    )


def _items(served: str) -> Iterator[Item]:
    by_path: dict[str, list[tuple[str, int, str]]] = from_json(served)
    for path, those in by_path.items():
        for key, version, rule in those:
            yield Item(key, version, path, rule)


def verified(db: sqlite3.Connection, known: str = "") -> Verified:
    """Is every line what was written, and does one still have the chain value that somebody noted?"""
    before, met, broken = _anchors(db, known)
    end, tip = access_tip(db)
    number, seq = 0, end
    for *line, said, chain in db.execute(_WHOLE):
        if broken:
            break
        number, seq = number + 1, line[0]
        if line_chained(before, line, said) != chain:
            broken = f"the chain breaks at line {seq}: it or the one before was changed, removed or moved"
        before = chain
        met = met or chain.hex() == known
    if not broken and (before, seq) != (tip, end):
        broken = f"the end of the log is missing: the last line should be {end}"
    if not broken and known and not met:
        broken = f"no line has the chain value {known}: the log was written anew, or that line was removed"
    return Verified(not broken, number, tip.hex(), broken)


def _anchors(db: sqlite3.Connection, known: str) -> tuple[bytes, bool, str]:
    """The chain value that the first line hangs on, whether one is the known one, and what is wrong with them."""
    chain, last, met = b"", b"", False
    for seq, at, lines, tip, stated in db.execute("SELECT seq, at, lines, tip, chain FROM access_anchor ORDER BY seq"):
        chain, last, met = anchor_chained(chain, seq, at, lines, tip), tip, met or tip.hex() == known
        if chain != stated:
            return last, met, f"the anchor at line {seq} is not what was written"
    return last, met, ""


_WHOLE = """SELECT seq, id, at, user, roles, context, verb, path, outcome, rule, served, said, chain
    FROM access ORDER BY seq"""
