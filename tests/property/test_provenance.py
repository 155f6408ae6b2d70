"""Nobody learns what he may not read from a trace, a document or the register of deliveries."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import memos_mcp
from memos_mcp import Caller, Memos, NotFound
from memos_mcp.cube import Governance, MemCube, Origin, Plaintext, Ref, new_id
from memos_mcp.infrastructure.decisions import decided, owned_by
from memos_mcp.interface.deliveries import Receipt
from memos_mcp.interface.lineage import Direction
from memos_mcp.ports import SCOPES, Change

NOW = datetime.now(UTC)
USERS = ("ada", "ben", "eve")
PATHS = ("user/ada", "user/ben/work", "shared/team", "global")
SOME = st.lists(st.sampled_from((*USERS, "*")), max_size=2, unique=True).map(tuple)
CALLERS = [Caller(user, scopes=SCOPES[:number]) for user in USERS for number in (2, 3)]


@dataclass(frozen=True)
class Node:
    path: str
    owner: str
    readers: tuple[str, ...]
    denied: tuple[str, ...]
    later: tuple[str, ...]
    forgotten: bool
    sources: tuple[int, ...]

    @property
    def rules(self) -> Governance:
        return Governance(owner=self.owner, readers=self.readers, denied=self.denied)


def a_node(path: str, owner: str, **rest: object) -> Node:
    return Node(path, path.split("/")[1] if path.startswith("user/") else owner, **rest)  # pyright: ignore[reportArgumentType]


nodes = st.lists(
    st.builds(
        a_node,
        path=st.sampled_from(PATHS),
        owner=st.sampled_from(USERS),
        readers=SOME,
        denied=SOME,
        later=SOME,
        forgotten=st.sampled_from((False, False, False, True)),
        sources=st.lists(st.integers(0, 7), max_size=3, unique=True).map(tuple),
    ),
    min_size=3,
    max_size=8,
)


@pytest.mark.claim("5.5.1-01", "5.3.2-06")
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(nodes=nodes, depth=st.integers(1, 4))
def test_nobody_learns_from_a_trace_what_he_may_not_read(nodes: list[Node], depth: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        anyio.run(traced, Path(folder), nodes, depth)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(nodes=nodes)
def test_nobody_learns_from_the_register_what_he_may_not_read(nodes: list[Node]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        anyio.run(delivered, Path(folder), nodes)


async def stored(memos: Memos, nodes: list[Node]) -> list[str]:
    """The memories, each with what it was made from; in circles too."""
    ids = [new_id() for _ in nodes]
    cubes = [
        MemCube(
            id=id,
            path=node.path,
            created_at=NOW,
            updated_at=NOW,
            governance=node.rules,
            origin=Origin(derived_from=tuple(Ref(id=ids[at % len(ids)]) for at in node.sources if at % len(ids) != n)),
            payload=Plaintext(text=f"words {n}"),
        )
        for n, (id, node) in enumerate(zip(ids, nodes, strict=True))
    ]
    await memos._on.commit(*(Change("remember", cube.id, cube) for cube in cubes))  # pyright: ignore[reportPrivateUsage]
    return ids


async def traced(folder: Path, nodes: list[Node], depth: int) -> None:
    async with memos_mcp.open(
        home=folder, user="ada", embedder={"kind": "none"}, consolidation={"mode": "off"}
    ) as memos:
        ids = await stored(memos, nodes)
        gone = [id for id, node in zip(ids, nodes, strict=True) if node.forgotten]
        if gone:
            await memos._on.commit(*(Change("forget", id) for id in gone))  # pyright: ignore[reportPrivateUsage]
        named = {id: [ids[at % len(ids)] for at in node.sources] for id, node in zip(ids, nodes, strict=True)}
        sources = {id: [] if id in gone else [each for each in named[id] if each != id] for id in ids}
        for caller in CALLERS:
            open_ = {
                id
                for id, node in zip(ids, nodes, strict=True)
                if decided(caller, "read", node.path, node.rules, NOW).allowed
            }
            for id in ids:
                await look(memos.acting_as(caller), id, depth, open_, sources)


async def look(memos: Memos, id: str, depth: int, open_: set[str], sources: dict[str, list[str]]) -> None:
    provenance = memos.provenance
    if id not in open_:
        for ask in (provenance.trace(id), provenance.prov([id])):
            with pytest.raises(NotFound, match=f"has no memory '{id}'; recall"):
                await ask
        return

    def made_from(at: str) -> Iterable[str]:
        return (other for other in open_ if at in sources[other])

    up, down = reached(id, depth, open_, lambda at: sources[at]), reached(id, depth, open_, made_from)
    directions: tuple[tuple[Direction, dict[str, int]], ...] = (("up", up), ("down", down))
    for direction, expected in directions:
        found = await provenance.trace(id, direction, depth=depth)
        assert {each.id: abs(each.away) for each in found.memories} == expected
        named = {source for each in expected for source in sources[each]}
        assert set(found.unknown) <= named - open_
        assert {each.source for each in found.descents} <= named
        known = expected.keys() | set(found.unknown)
        assert {(each.id, each.source) for each in found.descents} == {
            (each, source) for each in expected for source in sources[each] if source in known
        }
        beyond = len(reached(id, depth + 1, open_, made_from)) > len(expected)
        assert found.more == (beyond if direction == "down" else bool(named - known))
        document = json.dumps(await provenance.prov([id], direction=direction, depth=depth))
        assert not any(each in document for each in sources.keys() - open_ - named)


def reached(start: str, depth: int, open_: set[str], following: Callable[[str], Iterable[str]]) -> dict[str, int]:
    """What is reached over what is open, in how many steps."""
    found, front = {start: 0}, [start]
    for step in range(1, depth + 1):
        near = dict.fromkeys(each for at in front for each in following(at))
        front = [each for each in near if each in open_ - found.keys()]
        found |= dict.fromkeys(front, step)
    return found


async def delivered(folder: Path, nodes: list[Node]) -> None:
    async with memos_mcp.open(
        home=folder, user="ada", embedder={"kind": "none"}, consolidation={"mode": "off"}
    ) as memos:
        ids = await stored(memos, nodes)
        by: dict[str, list[str]] = {}
        for user in USERS:
            seen = [
                id
                for id, node in zip(ids, nodes, strict=True)
                if decided(Caller(user), "read", node.path, node.rules, NOW).allowed
            ]
            if seen:
                await memos.acting_as(Caller(user)).deliveries.deliver(seen, to=f"friend of {user}")
                by[user] = seen
        rules: dict[str, Governance] = {}
        for id, node in zip(ids, nodes, strict=True):
            rules[id] = node.rules.model_copy(update={"denied": node.later})
            owner = memos.acting_as(Caller(node.owner))
            await owner.acl.change([id], denied=node.later)
            if node.forgotten:
                await owner.forget(id)
        paths = dict(zip(ids, (node.path for node in nodes), strict=True))
        for caller in CALLERS:
            own = {id for id in ids if owned_by(caller.user, paths[id], rules[id])}
            may = own | {id for id in ids if decided(caller, "read", paths[id], rules[id], NOW).allowed}
            told = {each.by: [one.id for one in each.memories] for each in await register(memos.acting_as(caller))}
            assert told.get(caller.user, []) == [id for id in by.get(caller.user, []) if id in may]
            others = {user: [id for id in given if id in own] for user, given in by.items() if user != caller.user}
            admin = "admin" in caller.scopes
            assert {user: given for user, given in told.items() if user != caller.user} == {
                user: given for user, given in others.items() if given and admin
            }


async def register(memos: Memos) -> tuple[Receipt, ...]:
    return (await memos.deliveries.list()).receipts
