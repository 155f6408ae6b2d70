"""Nobody ever learns what he may not read: not from results, counts, scores, errors or the log."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import memos_mcp
from memos_mcp import Caller, Denied, InvalidInput, Memos, MemosError, NotFound
from memos_mcp.cube import Governance
from memos_mcp.infrastructure.decisions import decided, owned_by

NOW = datetime.now(UTC)
USERS = ("ada", "ben", "eve")
PATHS = ("user/ada", "user/ada/work", "user/ben", "shared/team", "global")
WORDS = ("tea", "ferry", "violin", "rain")
NAMES = st.sampled_from(("ada", "ben", "eve", "role:nurse", "role:guest", "*"))
Step = tuple[Any, ...]
SOME = st.lists(NAMES, max_size=2).map(tuple)
CONTEXTS = st.lists(st.sampled_from(("app:desk", "app:bed", "purpose:care")), max_size=2).map(tuple)

rules = st.fixed_dictionaries(
    {},
    optional={
        "readers": SOME,
        "writers": SOME,
        "denied": SOME,
        "contexts": CONTEXTS,
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
remembered = st.tuples(st.just("remember"), st.sampled_from(PATHS), st.sampled_from(WORDS))
governed = st.tuples(st.just("govern"), st.integers(0, 30), rules.filter(bool))
repeated = st.tuples(st.just("repeat"), st.integers(0, 30), callers)
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
            looked,
            looked,
            remembered,
            repeated,
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

    @property
    def archived(self) -> bool:
        return self.archived_at(datetime.now(UTC))

    def archived_at(self, moment: datetime) -> bool:
        return next((to for at, to in reversed(self.moves) if at <= moment), False)

    def moved(self, *, archived: bool) -> None:
        self.moves.append((datetime.now(UTC), archived))


def may_read(caller: Caller, held: Held) -> bool:
    return decided(caller, "read", held.path, held.rules, NOW).allowed


@pytest.mark.claim("5.5.1-01", "5.5.1-02")
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=steps)
def test_nobody_ever_learns_what_he_may_not_read(steps: list[Step]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        anyio.run(live, Path(folder), steps)


async def live(folder: Path, steps: list[Step]) -> None:
    held: list[Held] = []
    number = 0
    async with memos_mcp.open(home=folder, user="ada", embedder={"kind": "none"}) as memos:
        for step in steps:
            match step:
                case ("remember", path, word):
                    owner = path.split("/")[1] if path.startswith("user/") else "ada"
                    number += 1
                    text = f"{word} number {number}."
                    (id,) = (await memos.acting_as(Caller(owner)).remember(text, path=path)).ids
                    held.append(Held(id, path, owner, text, Governance(owner=owner)))
                case ("govern", at, changed) if held:
                    one = held[int(at) % len(held)]
                    await memos.acting_as(Caller(one.owner)).acl.change([one.id], **changed)
                    one.rules = one.rules.model_copy(update=changed)
                case ("repeat", at, caller) if held:
                    await repeat(memos.acting_as(caller), held, held[int(at) % len(held)])
                case ("move", at, move) if held:
                    one = held[int(at) % len(held)]
                    if one.archived == (move == "restore"):
                        await memos.acting_as(Caller(one.owner)).lifecycle.move(
                            [one.id], "restore" if move == "restore" else "archive"
                        )
                        one.moved(archived=move == "archive")
                case ("migrate", caller, path, to):
                    await migrate(memos.acting_as(caller), held, path, to)
                case ("forget", at) if held:
                    one = held.pop(int(at) % len(held))
                    await memos.acting_as(Caller(one.owner)).forget(one.id)
                case ("look", caller, word):
                    await look(memos.acting_as(caller), held, word)
                case _:
                    pass


async def migrate(memos: Memos, held: list[Held], path: str, to: str) -> None:
    """What he decides about here and there goes; of the rest he is told only what he may read."""
    here = [each for each in held if each.path == path or each.path.startswith(f"{path}/")]
    there = {each.id: to + each.path[len(path) :] for each in here}
    going = {
        each.id
        for each in here
        if all(decided(memos.caller, "govern", at, each.rules, NOW).allowed for at in (each.path, there[each.id]))
    }
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


async def repeat(memos: Memos, held: list[Held], one: Held) -> None:
    """Who says what a memory says is told of it only if he may know it; else he has what he said himself."""
    try:
        said = await memos.remember(one.text, path=one.path)
    except Denied:
        assert one.path == f"user/{one.owner}" or one.path.startswith(f"user/{one.owner}/")
        return
    known = {each.id: each for each in held}
    for id in said.ids:
        if id not in known:
            held.append(Held(id, one.path, memos.caller.user, one.text, Governance(owner=memos.caller.user)))
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
            await refuse_alike(memos, each)
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
    moved = {each.id for each in then if each.id in open_ and each.archived != each.archived_at(moment)}
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
    return decided(caller, "govern", held.path, held.rules, NOW).rule == "owner"


async def refuse_alike(memos: Memos, hidden: Held) -> None:
    """A hidden memory is refused in the very words that one is that never was."""
    owned = decided(memos.caller, "govern", hidden.path, hidden.rules, NOW).rule == "owner"

    async def let_in(id: str) -> object:
        return await memos.acl.change([id], readers=["eve"])

    async def hold(id: str) -> object:
        return await memos.quarantine.add([id])

    async def changed(id: str) -> object:
        return await memos.update(id, "x")

    async def then(id: str) -> object:
        return await memos.timeline.get(id, NOW)

    async def back(id: str) -> object:
        return await memos.timeline.restore(id, 1)

    async def freeze(id: str) -> object:
        return await memos.timeline.freeze([id])

    asked: list[Callable[[str], Awaitable[object]]] = [memos.get, memos.history, changed, then, back]
    asked += verbs_of_provenance(memos)
    if not owned:
        asked.append(freeze)
        asked += [memos.forget, memos.acl.show, memos.acl.explain, memos.acl.report, let_in, hold]
        asked += verbs_of_lifecycle(memos)
    for ask in asked:
        assert await refusal(ask, hidden.id) == (await refusal(ask, "nobody00")).replace("nobody00", hidden.id)


def verbs_of_provenance(memos: Memos) -> list[Callable[[str], Awaitable[object]]]:
    async def attached(id: str) -> object:
        return await memos.provenance.attach(id, trigger="t")

    async def document(id: str) -> object:
        return await memos.provenance.prov([id], direction="both")

    async def delivered(id: str) -> object:
        return await memos.deliveries.deliver([id], to="dan")

    return [memos.provenance.trace, attached, document, delivered]


def verbs_of_lifecycle(memos: Memos) -> list[Callable[[str], Awaitable[object]]]:
    life = memos.lifecycle

    async def archived(id: str) -> object:
        return await life.move([id], "archive")

    async def expired(id: str) -> object:
        return await life.move([id], "expire")

    async def kept(id: str) -> object:
        return await life.hold([id])

    async def released(id: str) -> object:
        return await life.unhold([id])

    async def erased(id: str) -> object:
        return await life.erase([id], reason="asked")

    return [life.state, archived, expired, kept, released, erased]


async def refusal(ask: Callable[[str], Awaitable[object]], id: str) -> str:
    try:
        await ask(id)
    except NotFound as error:
        return str(error)
    except MemosError as error:
        return f"{type(error).__name__}: {error}"
    return "answered"
