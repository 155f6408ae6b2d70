"""Nobody ever learns what he may not read: not from results, counts, scores, errors or the log."""

from __future__ import annotations

import contextlib
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import memos_mcp
from memos_mcp import Caller, Denied, InvalidInput, Memos, MemosError
from memos_mcp.cube import Governance, SourceClass
from memos_mcp.infrastructure.decisions import Act, Decision, decided, owned_by
from memos_mcp.namespaces import Defaults
from tests.refusals import refuse_alike

NOW = datetime.now(UTC)
USERS = ("ada", "ben", "eve")
PATHS = ("user/ada", "user/ada/work", "user/ben", "shared/team", "global")
WORDS = ("tea", "ferry", "violin", "rain")
NAMES = st.sampled_from(("ada", "ben", "eve", "role:nurse", "role:guest", "*"))
Step = tuple[Any, ...]
SOME = st.lists(NAMES, max_size=2).map(tuple)
CONTEXTS = st.lists(st.sampled_from(("app:desk", "app:bed", "purpose:care")), max_size=2).map(tuple)
CLASSES = ("user", "web", "tool")
_ASKED = ("app:desk", "app:bed", "purpose:care", "from-web:ben", "from-web:role:nurse", "from-tool:ada", "from-user:*")
CONDITIONS = st.lists(st.sampled_from(_ASKED), max_size=2).map(tuple)

rules = st.fixed_dictionaries(
    {},
    optional={
        "readers": SOME,
        "writers": SOME,
        "denied": SOME,
        "contexts": CONDITIONS,
        "read_only": st.booleans(),
        "expires_at": st.sampled_from((NOW - timedelta(days=1), NOW + timedelta(days=1))),
    },
)
callers = st.builds(
    Caller,
    user=st.sampled_from(USERS),
    roles=st.lists(st.sampled_from(("nurse", "guest")), max_size=2, unique=True).map(tuple),
    context=CONTEXTS,
)
remembered = st.tuples(st.just("remember"), st.sampled_from(PATHS), st.sampled_from(WORDS), st.sampled_from(CLASSES))
governed = st.tuples(st.just("govern"), st.integers(0, 30), rules.filter(bool))
updated = st.tuples(st.just("update"), st.integers(0, 30), st.sampled_from(CLASSES))
repeated = st.tuples(st.just("repeat"), st.integers(0, 30), callers)
ruled = st.tuples(
    st.just("rule"),
    st.sampled_from(PATHS),
    st.fixed_dictionaries(
        {},
        optional={
            "readers": SOME,
            "writers": SOME,
            "denied": SOME,
            "contexts": CONDITIONS,
            "read_only": st.booleans(),
        },
    ).filter(bool),
)
moved = st.tuples(st.just("move"), st.integers(0, 30), st.sampled_from(("archive", "restore")))
migrated = st.tuples(st.just("migrate"), callers, st.sampled_from(PATHS), st.sampled_from((*PATHS, "shared/new/x")))
looked = st.tuples(st.just("look"), callers, st.sampled_from(WORDS))


def _then(first: list[Step], then: list[Step]) -> list[Step]:
    return [*first, *then]


steps = st.builds(
    _then,
    st.lists(remembered, min_size=6, max_size=6),
    st.lists(
        st.one_of(
            governed,
            ruled,
            ruled,
            looked,
            looked,
            remembered,
            repeated,
            updated,
            moved,
            migrated,
            st.tuples(st.just("forget"), st.integers(0, 30)),
        ),
        min_size=12,
        max_size=24,
    ),
)


@dataclass
class Held:
    id: str
    path: str
    owner: str
    text: str
    rules: Governance = field(default_factory=Governance)
    stored: datetime = field(default_factory=lambda: datetime.now(UTC))
    moves: list[tuple[datetime, bool]] = field(default_factory=list[tuple[datetime, bool]])
    came: datetime = datetime(2020, 1, 1, tzinfo=UTC)
    changed: datetime = datetime(2020, 1, 1, tzinfo=UTC)
    above: dict[str, Governance] = field(default_factory=dict[str, Governance])

    @property
    def archived(self) -> bool:
        return self.archived_at(datetime.now(UTC))

    def archived_at(self, moment: datetime) -> bool:
        return next((to for at, to in reversed(self.moves) if at <= moment), False)

    def moved(self, *, archived: bool) -> None:
        self.moves.append((datetime.now(UTC), archived))

    @property
    def keeper(self) -> Caller:
        """Who decides about it."""
        return Caller(owner_of(self.path, self.rules.owner))


def owner_of(path: str, otherwise: str = "ada") -> str:
    return path.split("/")[1] if path.startswith("user/") else otherwise


def decision(caller: Caller, act: Act, held: Held) -> Decision:
    return decided(caller, act, held.path, held.rules, NOW, Defaults("", held.above).above(held.path))


def may_govern(caller: Caller, held: Held, path: str) -> bool:
    return decided(caller, "govern", path, held.rules, NOW, Defaults("", held.above).above(path)).allowed


def may_read(caller: Caller, held: Held) -> bool:
    return decision(caller, "read", held).allowed


def may_store(caller: Caller, path: str, above: dict[str, Governance]) -> bool:
    return decided(caller, "write", path, Governance(), NOW, Defaults("", above).above(path)).allowed


@pytest.mark.claim("5.5.1-01", "5.5.1-02")
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=steps)
def test_nobody_ever_learns_what_he_may_not_read(steps: list[Step]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        anyio.run(live, Path(folder), steps)


async def live(folder: Path, steps: list[Step]) -> None:
    held: list[Held] = []
    above: dict[str, Governance] = {}
    number = 0
    async with memos_mcp.open(
        home=folder, user="ada", embedder={"kind": "none"}, consolidation={"mode": "off"}
    ) as memos:
        for step in steps:
            match step:
                case ("remember", path, word, source):
                    number += 1
                    by, text = memos.acting_as(Caller(owner_of(path))), f"{word} number {number}."
                    await store(by, held, above, path, text, source)
                case ("rule", path, changed):
                    await rule(memos, above, path, changed)
                case ("repeat", at, caller) if held:
                    await repeat(memos.acting_as(caller), held, held[int(at) % len(held)])
                case ("govern" | "update" | "move", at, _) if held:
                    await change(memos, held[int(at) % len(held)], step)
                case ("migrate", caller, path, to):
                    await migrate(memos.acting_as(caller), held, path, to)
                case ("forget", at) if held:
                    one = held.pop(int(at) % len(held))
                    await memos.acting_as(one.keeper).forget(one.id)
                case ("look", caller, word):
                    await look(memos.acting_as(caller), held, word)
                case _:
                    pass


async def change(memos: Memos, one: Held, step: Step) -> None:
    match step:
        case ("govern", _, changed):
            await memos.acting_as(one.keeper).acl.change([one.id], **changed)
            one.rules = one.rules.model_copy(update=changed)
        case ("update", _, source):
            await update(memos, one, source)
        case _:
            await move_on(memos, one, archived=step[2] == "archive")


async def move_on(memos: Memos, one: Held, *, archived: bool) -> None:
    if one.archived != archived:
        await memos.acting_as(one.keeper).lifecycle.move([one.id], "archive" if archived else "restore")
        one.moved(archived=archived)


async def migrate(memos: Memos, held: list[Held], path: str, to: str) -> None:
    """What he decides about here and there goes; of the rest he is told only what he may read."""
    here = [each for each in held if each.path == path or each.path.startswith(f"{path}/")]
    there = {each.id: to + each.path[len(path) :] for each in here}
    going = {each.id for each in here if all(may_govern(memos.caller, each, at) for at in (each.path, there[each.id]))}
    try:
        done = await memos.lifecycle.migrate(path, to)
    except (Denied, InvalidInput):
        return
    assert set(done.ids) == going
    assert set(done.left) == {each.id for each in here if each.id not in going and may_read(memos.caller, each)}
    for each in here:
        if each.id in going:
            each.path, each.came = there[each.id], datetime.now(UTC)
            each.owner = each.path.split("/")[1] if each.path.startswith("user/") else each.rules.owner


async def update(memos: Memos, one: Held, source: SourceClass) -> None:
    """Its earlier versions are still there: it comes from where each of them comes from."""
    with contextlib.suppress(MemosError):  # archived, read-only, over, or for others
        cube = await memos.acting_as(one.keeper).update(one.id, f"{one.text} {source}", source_class=source)
        came = tuple(sorted({*one.rules.came_from, source}))
        one.text, one.rules = cube.text, one.rules.model_copy(update={"came_from": came})
        one.changed = datetime.now(UTC)


async def store(
    memos: Memos, held: list[Held], above: dict[str, Governance], path: str, text: str, source: SourceClass
) -> None:
    """Also in a namespace of one's own, which may be for another context, or read-only."""
    if not may_store(memos.caller, path, above):
        with pytest.raises(Denied):
            await memos.remember(text, path=path, source_class=source)
        return
    (id,) = (await memos.remember(text, path=path, source_class=source)).ids
    rules = Governance(owner=memos.caller.user, came_from=(source,))
    held.append(Held(id, path, memos.caller.user, text, rules, above=above))


async def rule(memos: Memos, above: dict[str, Governance], path: str, changed: dict[str, Any]) -> None:
    await memos.acting_as(Caller(owner_of(path))).acl.set_rules(path, **changed)
    above[path] = above.get(path, Governance()).model_copy(update=changed)


async def repeat(memos: Memos, held: list[Held], one: Held) -> None:
    """Who says what a memory says is told of it only if he may know it; else he has what he said himself."""
    try:
        said = await memos.remember(one.text, path=one.path)
    except Denied:
        assert not may_store(memos.caller, one.path, one.above)
        return
    assert may_store(memos.caller, one.path, one.above)
    known = {each.id: each for each in held}
    for id in said.ids:
        if id not in known:
            user = memos.caller.user
            held.append(Held(id, one.path, user, one.text, Governance(owner=user), above=one.above))
        elif known[id].owner != memos.caller.user:
            assert may_read(memos.caller, known[id])
        if id in known:
            known[id].moved(archived=False)  # what is said again is in use again


async def look(memos: Memos, held: list[Held], word: str) -> None:
    """Everything a caller can ask must answer as if what he may not read were not there."""
    open_ = {each.id: each for each in held if may_read(memos.caller, each)}
    here = {key: each for key, each in open_.items() if not each.archived}
    texts = {each.text for each in here.values()}
    page = await memos.browse(limit=100)
    assert {cube.id for cube in page.cubes} == here.keys()
    assert page.total == len(here)
    counted = {each.path: each.memories for each in await memos.namespaces()}
    assert counted == Counter(each.path for each in here.values())
    assert (await memos.status()).memories == len(here)
    found = await memos.recall(word, limit=100)
    assert {cube.id for cube in found.cubes} == {each.id for each in here.values() if word in each.text}
    assert found.searched == len(here)
    named = {each.id for each in here.values() if word in each.text}
    listed = await memos.browse(where=f"text:{word}", limit=100)
    assert {cube.id for cube in listed.cubes} == named
    sifted = await memos.recall("zeppelin", where=f"text:{word} OR text:zeppelin", limit=100)
    assert {cube.id for cube in sifted.cubes} == named
    assert not sifted.stopped
    owned = {each.id for each in held if may_govern_his_own(memos.caller, each)}
    shelved = {cube.id for cube in (await memos.lifecycle.list(limit=100)).cubes}
    assert shelved == {each.id for each in held if each.archived and each.id in open_.keys() | owned}
    hidden_texts = {each.text for each in held} - texts
    assert not any(text in found.context for text in hidden_texts)
    news = await memos.log.news(0, limit=1000)
    alive = {each.id for each in held}
    assert {event.subject for event in news.events} & alive <= open_.keys()
    await look_back(memos, held, word)
    for each in held:
        if each.id not in open_:
            await refuse_alike(memos, each.id, owned=may_govern_his_own(memos.caller, each))
    await look_at_the_access_log(memos, held, open_)


async def look_at_the_access_log(memos: Memos, held: list[Held], open_: Mapping[str, Held]) -> None:
    """It tells of one's own accesses, and of others' only to one's own memories; of what is hidden, not that it is."""
    home = f"user/{memos.caller.user}"
    own = {each.id for each in held if owned_by(memos.caller.user, each.path, each.rules)}
    known = open_.keys() | own
    alive = {each.id for each in held}
    lines = (await memos.audit.query(limit=1000)).lines
    for line in lines:
        for item in line.items:
            assert item.id in known or (item.id not in alive and item.path.startswith(home))
        if line.user != memos.caller.user:
            assert line.items or line.path.startswith(home)
            assert all(item.id in own or item.id not in alive for item in line.items)
        elif line.outcome == "missing":
            assert (line.rule, line.items) == ("", ())
    for each in held:
        if each.id not in known:
            assert (await memos.audit.query(id=each.id)).lines == ()
            assert await memos.audit.usage([each.id]) == {}
    hot = await memos.audit.hotspots(limit=100)
    assert {each.id for each in hot.memories} <= own
    told: list[str] = []
    await memos.audit.export(told.append)
    assert not any(each.id in text for each in held if each.id not in known for text in told)


async def look_back(memos: Memos, held: list[Held], word: str) -> None:
    """Who may read a memory now decides about the past of it."""
    then = held[: len(held) // 2 + 1]
    moment = then[-1].stored
    open_ = {each.id: each for each in held if may_read(memos.caller, each)}
    old = {each.id: each for each in then if each.id in open_ and not each.archived_at(moment)}
    new = open_.keys() - {each.id for each in then}
    moved = {
        each.id
        for each in then
        if each.id in open_ and (each.archived != each.archived_at(moment) or each.changed > moment)
    }
    page = await memos.timeline.browse(moment, limit=100)
    assert {cube.id for cube in page.cubes} == old.keys()
    assert page.total == len(old)
    found = await memos.recall(word, limit=100, at=moment)
    came = {key: each for key, each in old.items() if each.came <= moment}
    assert {cube.id for cube in found.cubes} == {each.id for each in came.values() if word in each.text}
    assert found.searched == len(came)
    seen = await memos.timeline.diff(moment, limit=100)
    assert {cube.id for cube in seen.added} == new
    assert {each.cube.id for each in seen.changed} == moved
    assert not set(seen.forgotten) & {each.id for each in held}
    assert await memos.timeline.snapshots() == ()


def may_govern_his_own(caller: Caller, held: Held) -> bool:
    return decision(caller, "govern", held).rule == "owner"
