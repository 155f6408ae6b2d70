"""A Neo4j server that is killed and started again while a graph is written."""

from __future__ import annotations

import time
from collections.abc import Generator
from pathlib import Path

import anyio
import pytest
from anyio import to_thread

from memos_graph import Edge, GraphUnavailable, Node, Seen
from memos_graph.neo4j import Neo4jGraph
from tests.graph_server import Server

pytestmark = [pytest.mark.anyio, pytest.mark.no_cover]
SPACE = "user/ada"
SEEN = Seen((SPACE,))
LEAST = 40


@pytest.fixture
def server(tmp_path: Path) -> Generator[Server]:
    """One of its own: others must not see it fall."""
    server = Server(tmp_path / "neo4j")
    server.start()
    yield server
    server.stop(at_once=True)


class Writer:
    """Writes a chain, node by node, until it is told that it is enough; knows what was acknowledged."""

    def __init__(self, graph: Neo4jGraph) -> None:
        self.graph = graph
        self.acknowledged = 0
        self.enough = False
        self._more = anyio.Condition()

    async def run(self) -> None:
        while not self.enough:
            n = self.acknowledged + 1
            node = Node(f"n{n}", "thing", f"label {n}", props={"n": n})
            edges = [Edge(f"n{n - 1}", f"n{n}", "follows")] if n > 1 else []
            await self.graph.upsert(SPACE, [node], edges, seq=n)
            async with self._more:
                self.acknowledged = n
                self._more.notify_all()

    async def reach(self, more: int) -> None:
        """Wait until so many more were acknowledged."""
        until = self.acknowledged + more
        async with self._more:
            while self.acknowledged < until:
                await self._more.wait()


async def test_nothing_acknowledged_is_lost_and_what_was_in_flight_is_repeated(server: Server) -> None:
    graph, other = server.graph(patience=300), server.graph(timeout=10)
    writer = Writer(graph)
    with anyio.fail_after(300):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(writer.run)
            for at_once in (True, False):
                await writer.reach(LEAST)
                assert await other.position(SPACE) >= LEAST
                await to_thread.run_sync(lambda at_once=at_once: server.stop(at_once=at_once))
                start = time.monotonic()
                with pytest.raises(GraphUnavailable, match="is it running"):
                    await other.get(SEEN, ["n1"])
                assert time.monotonic() - start < 10
                await to_thread.run_sync(server.start)
                assert [near.node.label for near in await other.get(SEEN, ["n1"])] == ["label 1"]
            await writer.reach(LEAST)
            writer.enough = True
        last = await graph.position(SPACE)
        assert last == writer.acknowledged > 3 * LEAST
        names = [f"n{n}" for n in range(1, last + 1)]
        assert [near.node.props for near in await graph.get(SEEN, names)] == [{"n": n} for n in range(1, last + 1)]
        around = await graph.neighbours(SEEN, names)
        assert sorted(int(edge.target[1:]) for edge in around.edges) == list(range(2, last + 1))
        await graph.aclose()
        await other.aclose()
