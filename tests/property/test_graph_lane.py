"""Whatever was done to memories, the graph is that of what there is, and shows nobody more than he may read."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import anyio
from hypothesis import given, settings
from hypothesis import strategies as st

from memos_graph import EmbeddedGraph
from memos_mcp.cube import SHELVED, Governance, Link, MemCube, Plaintext, State
from memos_mcp.infrastructure.governance import readable
from memos_mcp.infrastructure.graph import Graph
from memos_mcp.infrastructure.storage.sqlite import SqliteAdapter
from memos_mcp.ports import Action, Caller, Change, Where
from memos_mcp.testing.cubes import ADA, SOME_DAY, remember
from tests.graphs import Capitals, everything, found, said

PLACES = ("shared/team", "shared/team/inner", "user/ada", "shared/other")
RULES = (Governance(), Governance(denied=("eve",)), Governance(expires_at=SOME_DAY), Governance(priority=2))
NAMES = ("Ada", "Ben", "Eigg", "Perth", "Zoe")
TAGS = ("boats", "trains")
QUESTION = "Ada Ben Eigg boats"

texts = st.lists(st.sampled_from(NAMES), min_size=1, max_size=3).map(" likes ".join)
tags = st.lists(st.sampled_from(TAGS), max_size=2).map(tuple)
numbers = st.integers(0, 5)
steps = st.one_of(
    st.tuples(st.just("remember"), texts, tags, st.sampled_from(PLACES), st.sampled_from(RULES), numbers),
    st.tuples(st.just("update"), numbers, texts, tags),
    st.tuples(st.just("govern"), numbers, st.sampled_from(RULES)),
    st.tuples(st.just("move"), numbers, st.sampled_from((State.ARCHIVED, State.ACTIVATED, State.MERGED))),
    st.tuples(st.just("hold"), numbers),
    st.tuples(st.just("elsewhere"), numbers, st.sampled_from(PLACES)),
    st.tuples(st.just("forget"), numbers),
)


class World:
    """A vault, a graph that follows it, and what should be there."""

    def __init__(self, folder: Path) -> None:
        self.vault = SqliteAdapter(folder / "memos.db")
        self.store = EmbeddedGraph(folder / "graph.db")
        self.graph = Graph(self.vault, self.store, Capitals())
        self.cubes: dict[str, MemCube] = {}

    async def aclose(self) -> None:
        await self.vault.aclose()
        await self.store.aclose()

    async def do(self, step: tuple[object, ...], *, told: bool) -> None:
        cubes = list(self.cubes.values())
        if step[0] == "remember":
            _, text, tags, path, rules, number = step
            links = (Link(kind="follows", target=cubes[int(str(number)) % len(cubes)].id),) if cubes else ()
            cube = said(str(text), tags=tags, path=path, governance=rules, links=links)
            changes = [Change("remember", cube.id, cube)]
        elif not cubes:
            return
        else:
            old = cubes[int(str(step[1])) % len(cubes)]
            changes = _changes(old, step)
        for change in changes:
            self.cubes[change.subject] = change.cube or self.cubes[change.subject]
            if change.action == "forget":
                del self.cubes[change.subject]
        events = await self.vault.commit(changes, caller=ADA)
        if told:
            await self.graph.apply(events)


def _changes(old: MemCube, step: tuple[object, ...]) -> list[Change]:
    def one(action: Action, **update: object) -> list[Change]:
        return [Change(action, old.id, old.model_copy(update=update))]

    match step:
        case ("update", _, text, tags):
            if old.state in SHELVED:
                return []
            return one("update", version=old.version + 1, payload=Plaintext(text=str(text)), tags=tags)
        case ("govern", _, rules):
            return one("govern", governance=rules)
        case ("move", _, state):
            return one("move", state=state) if state != old.state else []
        case ("hold", _):
            held = bool(old.quarantined)
            return one("release" if held else "quarantine", quarantined=() if held else ("by-hand",))
        case ("elsewhere", _, path):
            if path == old.path:
                return []
            return [Change("depart", old.id, old), *one("arrive", path=path)]
        case _:
            return [Change("forget", old.id)]


async def _is_that_of_what_there_is(world: World, folder: Path) -> None:
    where = Where(("shared", "user/ada"))
    await world.graph.apply([])
    live = await found(world.graph, QUESTION, where)
    anew = EmbeddedGraph(folder / "anew.db")
    other = Graph(world.vault, anew, Capitals())
    await other.reset()
    assert await found(other, QUESTION, where) == live
    await anew.aclose()
    assert _bare(folder / "graph.db") == _bare(folder / "anew.db")


def _bare(file: Path) -> list[tuple[object, ...]]:
    """Without who drew it, and without nodes that only say where a link would lead."""
    rows = everything(file)
    stubs = {(row[0], row[5]) for row in rows if row[1] == "memory" and row[3] == "-"}
    return [
        row
        for row in rows
        if row[0] != "lane:graph" and (row[0], row[5]) not in stubs and (row[2], row[5]) not in stubs
    ]


async def _answers_as_if_the_rest_were_not_there(world: World, folder: Path) -> None:
    for name in ("eve", "ada"):
        where = replace(readable(Caller(name), "shared/team", SOME_DAY), paths=("shared/team",))
        permit = where.permit
        assert permit is not None
        open_to_him = [
            cube
            for cube in world.cubes.values()
            if (cube.path + "/").startswith("shared/team/")
            and permit.allows(cube.path, cube.governance)
            and cube.governance.expires_at is None
            and not cube.quarantined
            and cube.state not in SHELVED
        ]
        vault = SqliteAdapter(folder / f"{name}.db")
        store = EmbeddedGraph(folder / f"{name}-graph.db")
        await remember(vault, *(cube.model_copy(update={"version": 1}) for cube in open_to_him))
        alone = await found(Graph(vault, store, Capitals()), QUESTION, where)
        assert await found(world.graph, QUESTION, where) == alone
        await vault.aclose()
        await store.aclose()


@settings(max_examples=60)
@given(st.lists(st.tuples(steps, st.booleans()), min_size=2, max_size=14))
def test_the_graph_is_that_of_what_there_is_and_of_what_one_may_read(
    history: list[tuple[tuple[object, ...], bool]],
) -> None:
    async def run() -> None:
        with tempfile.TemporaryDirectory() as name:
            world = World(Path(name))
            try:
                await world.graph.apply([])
                await world.store.spaces()
                for step, told in history:
                    await world.do(step, told=told)
                await _is_that_of_what_there_is(world, Path(name))
                await _answers_as_if_the_rest_were_not_there(world, Path(name))
            finally:
                await world.aclose()

    anyio.run(run)
