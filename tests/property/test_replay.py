"""The log alone tells what was at every position of it; lanes that are built from it answer alike; restore undoes."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memos_mcp import Memos, MemosError, NotFound
from memos_mcp.cube import Governance, MemCube, Ref, State
from memos_mcp.infrastructure.storage.sqlite import SqliteAdapter
from memos_mcp.interface.lifecycles import BY_HAND
from memos_mcp.operation.lifecycle import Policy
from memos_mcp.ports import MAIN, Event, MemoryAdapter, Where
from tests.worlds import Clock, opened

WORDS = ("tea", "ferry", "violin")
PATHS = ("user/ada", "user/ada/work", "shared/team")
ALL = Where(("user/ada", "shared/team"))
EVERY = tuple(State)
Step = tuple[Any, ...]

texts = st.lists(st.sampled_from(WORDS), min_size=1, max_size=3).map(" ".join)
which = st.integers(0, 30)
remembered = st.tuples(st.just("remember"), st.sampled_from(PATHS), texts)
changes = st.one_of(
    remembered,
    st.tuples(st.just("put"), st.sampled_from(PATHS), st.sampled_from(("a", "b")), texts),
    st.tuples(st.just("update"), which, texts),
    st.tuples(st.just("update"), which, texts),
    st.tuples(st.just("tag"), which, st.sampled_from(WORDS)),
    st.tuples(st.just("rename"), st.sampled_from(PATHS), st.sampled_from(("a", "b")), st.sampled_from(("b", "c"))),
    st.tuples(st.just("govern"), which, st.sampled_from(("ben", "eve"))),
    st.tuples(st.just("move"), which, st.sampled_from(BY_HAND)),
    st.tuples(st.sampled_from(("freeze", "thaw", "hold", "unhold", "quarantine", "release", "forget")), which),
    st.tuples(st.just("restore"), which, st.integers(1, 4)),
    st.tuples(st.sampled_from(("compact", "snapshot")), which),
)
steps = st.tuples(st.lists(remembered, min_size=2, max_size=4), st.lists(changes, min_size=6, max_size=18)).map(
    lambda both: [*both[0], *both[1]]
)


@dataclass
class Life:
    """What happened so far."""

    memos: Memos
    clock: Clock
    ids: list[str] = field(default_factory=list[str])
    labels: list[str] = field(default_factory=list[str])
    renamed_since: set[str] = field(default_factory=set[str])

    def one(self, which: int) -> str:
        return self.ids[which % len(self.ids)]

    async def take(self, step: Step) -> None:
        """One change; what its state or the like forbids changes nothing."""
        self.clock.tick()
        with contextlib.suppress(MemosError):
            if len(step) == 2:
                await self._decide(step[0], [self.one(step[1])])
            else:
                await self._write(step)

    async def _write(self, step: Step) -> None:
        memos = self.memos
        match step:
            case ("remember", path, text):
                self.ids += (await memos.remember(f"{text} {len(self.ids)}", path=path)).ids
            case ("put", path, key, text):
                self.ids.append((await memos.put(path, key, text=text)).id)
            case ("update", at, text):
                await memos.update(self.one(at), text)
            case ("tag", at, tag):
                await memos.update(self.one(at), tags=[tag])
            case ("rename", path, key, new):
                await memos.rename({key: new}, path=path)
                self.renamed_since |= set(self.labels)
            case ("restore", at, version):
                await memos.timeline.restore(self.one(at), version)
            case ("govern", at, user):
                await memos.acl.change([self.one(at)], readers=[user])
            case ("move", at, move):
                await memos.lifecycle.move([self.one(at)], move)
            case _:
                raise AssertionError(step)

    async def _decide(self, does: str, ids: list[str]) -> None:
        memos = self.memos
        verbs = {
            "freeze": memos.timeline.freeze,
            "thaw": memos.timeline.thaw,
            "hold": memos.lifecycle.hold,
            "unhold": memos.lifecycle.unhold,
            "quarantine": memos.quarantine.add,
            "release": memos.quarantine.release,
            "forget": memos.forget_all,
        }
        match does:
            case "compact":
                await memos.lifecycle.compact()
            case "snapshot":
                await self.label(f"label {len(self.labels)}")
            case _:
                await verbs[does](ids)

    async def label(self, label: str) -> None:
        for path in ("user/ada", "shared/team"):
            await self.memos.timeline.snapshot(label, path)
        self.labels.append(label)


async def lived(memos: Memos, clock: Clock, steps: Sequence[Step]) -> Life:
    life = Life(memos, clock)
    for path in ("user/ada", "shared/team"):
        await memos.lifecycle.set_policy(path, Policy(versions=2))
    for step in steps:
        await life.take(step)
    return life


@dataclass
class Replay:
    """A vault made of nothing but lines of its log."""

    versions: dict[str, int] = field(default_factory=dict[str, int])
    cubes: dict[Ref, MemCube | None] = field(default_factory=dict[Ref, MemCube | None])
    states: dict[str, State] = field(default_factory=dict[str, State])
    held: set[str] = field(default_factory=set[str])

    def follow(self, line: Event) -> None:
        key = line.subject
        match line.action:
            case "remember" | "put" | "update":
                self.versions[key] = line.version
                self.cubes[Ref(id=key, version=line.version)] = line.cube
                self.states.setdefault(key, State.GENERATED)
                if line.cube is None or not line.cube.quarantined:
                    self.held.discard(key)
            case "move" | "freeze" | "thaw":
                assert line.state is not None
                self.states[key] = line.state
            case "quarantine":
                self.held.add(key)
            case "release":
                self.held.discard(key)
            case "forget":
                del self.versions[key], self.states[key]
            case _:
                pass

    def shelved(self, key: str) -> bool:
        return self.states.get(key) in (State.ARCHIVED, State.EXPIRED)


@pytest.mark.claim("5.3.2-11", "4.3-19")
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=steps)
def test_the_log_tells_every_state_at_every_moment(steps: list[Step]) -> None:
    async def follow(home: Path) -> None:
        clock = Clock()
        async with opened(home, clock, "ada") as memos:
            await lived(memos, clock, steps)
            await replayed(memos)

    with tempfile.TemporaryDirectory() as folder:
        anyio.run(follow, Path(folder))


async def replayed(memos: Memos) -> None:
    vault = vault_of(memos)
    lines = await vault.events(limit=10_000)
    assert [line.seq for line in lines] == list(range(1, len(lines) + 1))
    now = Replay()
    for line in lines:
        now.follow(line)
    await is_now(memos, now)
    then = Replay()
    for line in lines:
        then.follow(line)
        await was_then(vault, line.seq, then, now)


async def is_now(memos: Memos, now: Replay) -> None:
    """What the verbs answer is what the log tells."""
    for key, state in now.states.items():
        assert (await memos.lifecycle.state(key)).state is state
        if state is State.EXPIRED:
            continue
        for version in range(1, now.versions[key] + 1):
            cube = now.cubes[Ref(id=key, version=version)]
            if cube is None:
                with pytest.raises(NotFound):
                    await memos.get(key, version=version)
            else:
                assert (await memos.get(key, version=version)).payload == cube.payload
    here = {key for key in now.versions if not now.shelved(key) and key not in now.held}
    assert {cube.id for cube in (await memos.browse(limit=100)).cubes} == here
    rules: dict[str, Governance] = {}
    for line in await memos.acl.report():
        assert rules.get(line.id, line.old) == line.old
        rules[line.id] = line.new
    assert {key: await memos.acl.show(key) for key in rules if key in now.states} == {
        key: each for key, each in rules.items() if key in now.states
    }


async def was_then(vault: MemoryAdapter, at: int, then: Replay, now: Replay) -> None:
    """At a position there is what the log told by then, but for what was forgotten, held or compacted since."""
    left = {
        Ref(id=key, version=version): cube
        for key, version in then.versions.items()
        if key in now.versions and key not in now.held and (cube := now.cubes[Ref(id=key, version=version)])
    }
    recalled = {ref: cube for ref, cube in left.items() if not then.shelved(ref.id)}
    shown = {cube.ref: cube for _, cube in await vault.scan(Where(ALL.paths, MAIN, at=at), limit=1000)}
    assert shown.keys() == recalled.keys()
    assert all(cube.payload == left[ref].payload and cube.tags == left[ref].tags for ref, cube in shown.items())
    assert sum((await vault.count(ALL.paths, at=at)).values()) == len(shown)
    for ref in left:
        (cube,) = await vault.get([Ref(id=ref.id)], at=at)
        assert (cube.ref, cube.state) == (ref, then.states[ref.id])
    absent = [Ref(id=key) for key in now.versions if key not in then.versions]
    assert await vault.get(absent, at=at) == []


@pytest.mark.claim("5.3.2-11")
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=steps)
def test_a_lane_that_is_built_from_the_log_answers_as_the_one_that_followed_it(steps: list[Step]) -> None:
    async def follow(home: Path) -> None:
        clock = Clock()
        async with opened(home, clock, "ada") as memos:
            life = await lived(memos, clock, steps)
            await life.label("the end")
            followed = await answers(memos, life)
            await memos.rebuild("words")
            assert await answers(memos, life) == followed
        async with opened(home, clock, "ada") as memos:
            assert await answers(memos, life) == followed

    with tempfile.TemporaryDirectory() as folder:
        anyio.run(follow, Path(folder))


async def answers(memos: Memos, life: Life) -> list[object]:
    """Hits with their scores, now and at every label; not the scores of before a key was changed: keys are of now."""
    found: list[object] = []
    for at in (None, *life.labels):
        for word in WORDS:
            answer = await memos.recall(word, limit=50, at=at)
            hits = [(each.cube.id, each.cube.version, round(each.score, 9)) for each in answer.memories]
            if at in life.renamed_since:
                hits = sorted((id, version, 0.0) for id, version, _ in hits)
            found.append((at, word, answer.searched, hits))
    return found


@pytest.mark.claim("4.3-19")
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(before=steps, after=st.lists(changes, max_size=10), erased=st.sets(which, max_size=2))
def test_bringing_back_what_was_and_then_what_is_changes_nothing(
    before: list[Step], after: list[Step], erased: set[int]
) -> None:
    async def follow(home: Path) -> None:
        clock = Clock()
        async with opened(home, clock, "ada") as memos:
            life = await lived(memos, clock, before)
            await life.label("then")
            for step in after:
                await life.take(step)
            await back_and_forth(life, erased)

    with tempfile.TemporaryDirectory() as folder:
        anyio.run(follow, Path(folder))


async def back_and_forth(life: Life, erased: set[int]) -> None:
    memos = life.memos
    await life.label("now")
    was = await pictured(memos)
    touched, gone = set[str](), set[str]()
    for label in ("then", "now"):
        life.clock.tick(timedelta(hours=1))
        for path in ("user/ada", "shared/team"):
            touched |= {cube.id for cube in (await memos.timeline.restore_all(label, path)).cubes}
        if label == "then":
            gone = {key for key in map(life.one, sorted(erased)) if key in was and await forgets(memos, key)}
    found = await pictured(memos)
    assert found.keys() == was.keys() - gone
    for key, (state, *rest) in found.items():
        state_was, *rest_was = was[key]
        assert rest == rest_was
        rested = key in touched and state_was in (State.MERGED, State.ARCHIVED)
        assert state == state_was or (rested and state is State.ACTIVATED)  # what is restored is in use again


async def forgets(memos: Memos, key: str) -> bool:
    try:
        await memos.lifecycle.erase([key], reason="asked")
    except MemosError:  # it is frozen, or held
        return False
    return True


async def pictured(memos: Memos) -> dict[str, tuple[object, ...]]:
    """All that is said of every memory but its version and times."""
    cubes = (await memos.lifecycle.list(EVERY, limit=1000)).cubes
    cubes += (await memos.quarantine.list(limit=100)).cubes
    return {
        c.id: (
            c.state,
            c.payload,
            c.key,
            c.path,
            c.kind,
            c.tags,
            c.links,
            c.valid,
            c.origin,
            c.governance,
            c.quarantined,
        )
        for c in cubes
    }


def vault_of(memos: Memos) -> SqliteAdapter:
    vault = memos._on.vault  # pyright: ignore[reportPrivateUsage]
    assert isinstance(vault, SqliteAdapter)
    return vault
