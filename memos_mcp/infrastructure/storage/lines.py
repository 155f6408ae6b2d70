"""Rows ⇄ lines of the access log, and the chain that guards them."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json, to_json

from memos_mcp.accesses import Access, Item, Stage, Verified
from memos_mcp.infrastructure.storage.rows import micros, moment

_FIRST = 11  # columns that every line has


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
        "" if access.request == access.id else access.request,
        to_json([_plain(each) for each in access.stages]).decode() if access.stages else "",
    )


def _plain(stage: Stage) -> list[str | int]:
    return [stage.name, stage.number, int(stage.ok), stage.seq, stage.upto]


def line_chained(previous: bytes, line: Sequence[int | str], said: bytes | None) -> bytes:
    """The chain value of a line: none can be changed, removed or moved without breaking it.

    One without request and stages has that of the time before there were any.
    """
    whole = line if any(line[_FIRST:]) else line[:_FIRST]
    return hashlib.sha256(previous + (said or b"") + to_json(whole)).digest()


def anchor_chained(previous: bytes, seq: int, at: int, lines: int, tip: bytes) -> bytes:
    """The chain value of an anchor."""
    return hashlib.sha256(previous + tip + to_json((seq, at, lines))).digest()


def access_tip(db: sqlite3.Connection) -> tuple[int, bytes]:
    """Where the log ends; after a rotation of all lines that is the anchor."""
    return db.execute("SELECT seq, chain FROM access_tip").fetchone() or (0, b"")


def access_of(row: Sequence[Any]) -> Access:
    """The access of a row, with what was said as far as it is kept."""
    key, at, user, roles, context, verb, path, outcome, rule, served, request, stages, said = row
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
        request=request or key,
        stages=tuple(Stage(name, number, bool(ok), *seqs) for name, number, ok, *seqs in from_json(stages or "[]")),
    )


def _items(served: str) -> Iterator[Item]:
    by_path: dict[str, list[tuple[str, int, str]]] = from_json(served)
    for path, those in by_path.items():
        for key, version, rule in those:
            yield Item(key, version, path, rule)


def verified(db: sqlite3.Connection, known: str = "") -> Verified:
    """Is every line what was written, and does one still have the chain value that somebody noted?"""
    anchors, met, broken = _anchors(db, known)
    end, tip = access_tip(db)
    number, cut, seq, before, passed = 0, 0, 0, b"", 0
    for *line, said, chain in db.execute(_WHOLE):
        if broken:
            break
        number, seq = number + 1, line[0]
        while passed < len(anchors) and anchors[passed].seq < seq:
            before, cut, passed = anchors[passed].tip, cut + anchors[passed].lines, passed + 1
        if number + cut != seq or line_chained(before, line, said) != chain:
            broken = f"the chain breaks at line {seq}: it or the one before was changed, removed or moved"
        before = chain
        met = met or chain.hex() == known
    if passed < len(anchors):
        seq, before = anchors[-1].seq, anchors[-1].tip
    gone = sum(anchor.lines for anchor in anchors)
    if not broken and (before, seq, number + gone) != (tip, end, end):
        broken = f"the end of the log is missing: the last line should be {end}"
    if not broken and known and not met:
        broken = f"no line has the chain value {known}: the log was written anew, or that line was removed"
    last = moment(max(anchor.at for anchor in anchors)) if anchors else None
    return Verified(not broken, number, tip.hex(), broken, gone, last)


@dataclass(frozen=True, slots=True)
class Anchor:
    """Where so many lines in a row were removed, of which this was the last."""

    seq: int
    at: int
    lines: int
    tip: bytes


def _anchors(db: sqlite3.Connection, known: str) -> tuple[list[Anchor], bool, str]:
    """Where lines are missing, whether one of the chain values there is the known one, and what is wrong with them."""
    chain, met, found = b"", False, list[Anchor]()
    for *row, stated in db.execute("SELECT seq, at, lines, tip, chain FROM access_anchor ORDER BY seq"):
        anchor = Anchor(*row)
        chain = anchor_chained(chain, anchor.seq, anchor.at, anchor.lines, anchor.tip)
        found.append(anchor)
        met = met or anchor.tip.hex() == known
        if chain != stated:
            return found, met, f"the anchor at line {anchor.seq} is not what was written"
    return found, met, ""


_WHOLE = """SELECT seq, id, at, user, roles, context, verb, path, outcome, rule, served, request, stages, said,
    chain FROM access ORDER BY seq"""
