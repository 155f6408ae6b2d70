"""A graph on Neo4j without a server: what is said, how soon, and what is never said."""

from __future__ import annotations

import gc
import subprocess
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import suppress

import anyio
import pytest
from anyio.abc import SocketAttribute, SocketStream
from anyio.lowlevel import checkpoint

from memos_graph import GraphInvalid, GraphUnavailable, Node, Seen
from memos_graph.neo4j import Neo4jGraph
from tools.neo4j_server import free_port

pytestmark = pytest.mark.anyio
PASSWORD = "hunter2-and-more"
SEEN = Seen(("s",))


@pytest.fixture
async def nowhere() -> AsyncGenerator[Neo4jGraph]:
    graph = Neo4jGraph(f"bolt://127.0.0.1:{free_port()}", password=PASSWORD, timeout=2, patience=0.5)
    yield graph
    await graph.aclose()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost:7687",
        "http://localhost",
        f"bolt://neo4j:{PASSWORD}@localhost",
        "bolt://[",
        "bolt://h:x",
        "bolt://",
    ],
)
def test_an_address_that_is_none_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(GraphInvalid, match="bolt://host:7687") as raised:
        Neo4jGraph(url, "neo4j", PASSWORD)
    assert PASSWORD not in str(raised.value)


async def test_a_question_to_a_server_that_is_down_is_told_at_once(nowhere: Neo4jGraph) -> None:
    start = time.monotonic()
    with pytest.raises(GraphUnavailable, match="is it running") as raised:
        await nowhere.get(SEEN, ["a"])
    assert time.monotonic() - start < 2
    assert PASSWORD not in str(raised.value)


async def test_a_write_waits_as_long_as_it_was_told_to(nowhere: Neo4jGraph) -> None:
    start = time.monotonic()
    with pytest.raises(GraphUnavailable, match="is it running"):
        await nowhere.upsert("s", [Node("a", "thing")])
    assert 0.5 < time.monotonic() - start < 10


async def test_a_server_that_says_nothing_is_given_up() -> None:
    async def hold(stream: SocketStream) -> None:
        async with stream:
            await anyio.sleep_forever()

    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, hold)
        port = listener.extra(SocketAttribute.local_port)  # noqa: S610 not Django's
        graph = Neo4jGraph(f"bolt://127.0.0.1:{port}", password=PASSWORD, timeout=0.5)
        with pytest.raises(GraphUnavailable):
            await graph.spaces()
        await graph.aclose()
        tasks.cancel_scope.cancel()


async def test_a_name_that_leads_nowhere_is_told() -> None:
    graph = Neo4jGraph("bolt://nowhere.invalid:7687", password=PASSWORD, timeout=5)
    with pytest.raises(GraphUnavailable, match=r"bolt://nowhere\.invalid:7687"):
        await graph.spaces()
    await graph.aclose()


async def test_who_is_cancelled_while_it_connects_leaves_no_socket(nowhere: Neo4jGraph) -> None:
    """The driver would: an open socket is a warning, and here an error."""

    async def ask() -> None:
        with suppress(GraphUnavailable):
            await nowhere.position("ada")

    for steps in range(30):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            for _ in range(steps):
                await checkpoint()
            tasks.cancel_scope.cancel()
    gc.collect()


async def test_a_closed_graph_says_so(nowhere: Neo4jGraph) -> None:
    await nowhere.aclose()
    with pytest.raises(GraphUnavailable, match="closed"):
        await nowhere.spaces()


def test_without_the_driver_one_is_told_what_to_install_and_the_embedded_graph_needs_none() -> None:
    code = "import sys; sys.modules['neo4j'] = None; import memos_graph; print('fine'); import memos_graph.neo4j"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("fine\n", 1)
    assert 'pip install "memcube-mcp[neo4j]"' in done.stderr
