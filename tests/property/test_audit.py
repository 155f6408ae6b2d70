"""Whatever is done to a written access log, verifying finds it; and a line tells nobody what is not his to know."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memos_mcp.accesses import Access, Item, Outcome, Stage, Verified
from memos_mcp.cube import Governance, MemCube
from memos_mcp.infrastructure.decisions import decided, is_beneath, owned_by
from memos_mcp.infrastructure.storage.accesses import SqliteAccessLog
from memos_mcp.infrastructure.storage.database import Database
from memos_mcp.interface.lines import Onlooker
from memos_mcp.ports import SCOPES, Caller
from memos_mcp.testing import a_cube

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
COLUMNS = (
    *("id", "at", "user", "roles", "context", "verb", "path", "outcome", "rule", "served", "said", "chain"),
    *("request", "stages"),
)
Damage = Callable[[sqlite3.Connection], None]

texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
stages = st.builds(
    Stage,
    name=st.sampled_from(("lane.words", "searched", "committed", "applied")),
    number=st.integers(0, 9),
    ok=st.booleans(),
    seq=st.integers(0, 9),
    upto=st.integers(0, 9),
)
accesses = st.builds(
    Access,
    id=st.uuids().map(lambda found: found.hex),
    at=st.integers(0, 10_000).map(lambda seconds: NOON + timedelta(seconds=seconds)),
    user=texts,
    verb=st.sampled_from(("recall", "get", "forget")),
    outcome=st.sampled_from(("allowed", "denied")),
    roles=st.lists(texts, max_size=2).map(tuple),
    path=texts,
    items=st.lists(st.builds(Item, id=texts, version=st.integers(0, 9), path=texts), max_size=3).map(tuple),
    said=texts,
    request=texts,
    stages=st.lists(stages, max_size=2).map(tuple),
)
logs = st.lists(accesses, min_size=2, max_size=8, unique_by=lambda each: each.id)


def changed(draw: st.DrawFn, lines: int) -> Damage:
    seq, column = draw(st.integers(1, lines)), draw(st.sampled_from(COLUMNS))
    blob = column in ("said", "chain")
    new: Any = draw(st.binary(min_size=1, max_size=32) if blob else st.integers() if column == "at" else texts)
    if column == "at":
        new %= 1 << 62

    def damage(db: sqlite3.Connection) -> None:
        row = list(db.execute("SELECT * FROM access WHERE seq = ?", (seq,)).fetchone())
        old = row[1 + COLUMNS.index(column)]
        other = new if new != old else (new + 1 if column == "at" else new + (b"x" if blob else "x"))
        row[1 + COLUMNS.index(column)] = other
        db.execute("DELETE FROM access WHERE seq = ?", (seq,))
        db.execute("INSERT INTO access VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)

    return damage


def removed(draw: st.DrawFn, lines: int) -> Damage:
    first = draw(st.integers(1, lines))
    last = draw(st.integers(first, lines))
    return lambda db: db.execute("DELETE FROM access WHERE seq BETWEEN ? AND ?", (first, last)).close()


def closed_up(draw: st.DrawFn, lines: int) -> Damage:
    seq = draw(st.integers(1, lines))

    def damage(db: sqlite3.Connection) -> None:
        db.execute("DELETE FROM access WHERE seq = ?", (seq,))
        db.execute("UPDATE access SET seq = seq - 1 WHERE seq > ?", (seq,))
        db.execute("UPDATE access_tip SET seq = seq - 1")

    return damage


def swapped(draw: st.DrawFn, lines: int) -> Damage:
    first, second = draw(st.lists(st.integers(1, lines), min_size=2, max_size=2, unique=True))

    def damage(db: sqlite3.Connection) -> None:
        for old, new in ((first, -1), (second, first), (-1, second)):
            db.execute("UPDATE access SET seq = ? WHERE seq = ?", (new, old))

    return damage


@st.composite
def damaged(draw: st.DrawFn) -> tuple[list[Access], int, Damage]:
    lines = draw(logs)
    how = draw(st.sampled_from((changed, removed, closed_up, swapped)))
    return lines, draw(st.integers(1, len(lines))), how(draw, len(lines))


async def written(file: Path, lines: list[Access], at_once: int) -> Verified:
    database = Database(file)
    log = SqliteAccessLog(database)
    for number, line in enumerate(lines, start=1):
        await log.write(line)
        if number % at_once == 0:
            await log.used()
    found = await log.verify()
    await log.aclose()
    database.close()
    return found


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(found=damaged())
def test_every_line_changed_removed_or_moved_is_found(found: tuple[list[Access], int, Damage]) -> None:
    lines, at_once, damage = found
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "memos.db"
        before = anyio.run(written, file, lines, at_once)
        assert (before.ok, before.lines) == (True, len(lines))
        with closing(sqlite3.connect(file)) as db:
            damage(db)
            db.commit()
        after = anyio.run(written, file, list[Access](), 1)
        assert not after.ok
        assert after.why


USERS = ("ada", "ben", "eve")
PATHS = ("", "user/ada", "user/ada/work", "user/ben", "shared/team", "global")
callers = st.builds(
    Caller,
    user=st.sampled_from(USERS),
    roles=st.sampled_from(((), ("nurse",))),
    context=st.sampled_from(((), ("app:desk",))),
    scopes=st.sampled_from((SCOPES, SCOPES[:1])),
    within=st.sampled_from(("", "user/ada/work", "shared/team")),
)
some_rules = st.builds(
    Governance,
    owner=st.sampled_from(USERS),
    readers=st.sampled_from(((), ("eve",), ("role:nurse",))),
    denied=st.sampled_from(((), ("ben",), ("*",))),
    contexts=st.sampled_from(((), ("app:desk",))),
)


def governed(path: str, rules: Governance) -> MemCube:
    return a_cube("x", path=path).model_copy(update={"governance": rules})


some_cubes = st.builds(governed, st.sampled_from(PATHS[1:]), some_rules)


@settings(max_examples=500, deadline=None)
@given(
    st.data(),
    callers,
    st.lists(some_cubes, min_size=1, max_size=4),
    st.sampled_from(USERS),
    st.sampled_from(("allowed", "denied", "missing")),
    st.sampled_from(PATHS),
)
def test_a_line_looks_the_same_whatever_stands_in_it_that_one_may_not_know(
    data: st.DataObject, caller: Caller, cubes: list[MemCube], user: str, outcome: Outcome, path: str
) -> None:
    by_id = {cube.id: cube for cube in cubes}
    touched = data.draw(st.lists(st.sampled_from(cubes), max_size=3 if outcome == "allowed" else 1))
    items = tuple(Item(cube.id, 1, cube.path, "r") for cube in touched)
    line = Access("x", NOON, user, "get", outcome, path=path, rule="" if outcome == "allowed" else "why", items=items)
    through = data.draw(st.lists(stages, max_size=3).map(tuple))
    line = replace(line, stages=through)

    def known(item: Item) -> bool:
        cube = by_id[item.id]
        if caller.within and not is_beneath(cube.path, caller.within):
            return False
        if owned_by(caller.user, cube.path, cube.governance):
            return True
        reads = decided(caller, "read", cube.path, cube.governance, NOON).allowed
        return user == caller.user and reads

    kept = tuple(item for item in items if known(item))
    if outcome == "missing" and user == caller.user:
        kept = ()
    written = [each for each in through if each.name in ("committed", "applied")]
    fewer = tuple(
        replace(each, number=len(kept), seq=7) if each in written else each
        for each in through
        if kept or each not in written
    )
    other = replace(line, items=kept, rule=line.rule if kept or not items else "", stages=fewer)
    view = Onlooker(caller, NOON).view
    seen = view(line, by_id)
    assert seen == view(other, by_id)
    if seen is not None and user != caller.user:
        assert seen.stages == ()
        assert seen.items or ("admin" in caller.scopes and is_beneath(path, f"user/{caller.user}"))
        assert seen.path in ("", path)


@pytest.mark.anyio
async def test_a_lost_anchor_is_found(tmp_path: Path) -> None:
    file = tmp_path / "memos.db"
    line = Access("a", NOON, "ada", "get", "allowed")
    lines = [replace(line, id=f"a{number}", at=NOON + timedelta(days=number)) for number in range(6)]
    await written(file, lines, 2)
    database = Database(file)
    log = SqliteAccessLog(database)
    await log.rotate(NOON + timedelta(days=2))
    await log.rotate(NOON + timedelta(days=4))
    assert (await log.verify()).ok
    database.close()
    for damage in (
        "DELETE FROM access_anchor WHERE seq = (SELECT max(seq) FROM access_anchor)",
        "DELETE FROM access_anchor",
        "UPDATE access_anchor SET lines = lines + 1",
        "DELETE FROM access_tip",
        "DELETE FROM access",
    ):
        with closing(sqlite3.connect(file)) as db, closing(sqlite3.connect(tmp_path / "kept.db")) as kept:
            db.backup(kept)
            db.execute(damage)
            db.commit()
        assert not (await written(file, [], 1)).ok, damage
        with closing(sqlite3.connect(file)) as db, closing(sqlite3.connect(tmp_path / "kept.db")) as kept:
            kept.backup(db)
