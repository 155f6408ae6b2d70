"""What is near and what lies between agree, from whichever end they are asked."""

from __future__ import annotations

import tempfile
from pathlib import Path

import anyio
from hypothesis import given, settings
from hypothesis import strategies as st

from memos_mcp import NotFound
from tests.graphs import EachWord, system

WORDS = ("tea", "ferry", "violin", "rum", "perth", "zoe")
texts = st.lists(st.sampled_from(WORDS), min_size=1, max_size=3, unique=True).map(" ".join)
told = st.lists(st.tuples(texts, st.sampled_from(("user/ada", "shared/team"))), min_size=2, max_size=6)
links = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=3)


@settings(max_examples=12)
@given(told, links, st.integers(1, 6))
def test_the_shortest_way_is_as_long_as_the_other_end_is_far(
    told: list[tuple[str, str]], links: list[tuple[int, int]], hops: int
) -> None:
    async def run() -> None:
        with tempfile.TemporaryDirectory() as home:
            async with system(Path(home), mentions=EachWord()) as memos:
                ids = [(await memos.put(path, f"key{n}", text=text)).id for n, (text, path) in enumerate(told)]
                for one, other in links:
                    if max(one, other) < len(ids) and one != other:
                        await memos.graph.link(ids[one], ids[other], "supports")
                start, *others = [*ids, "perth"]
                near = await memos.graph.neighbourhood(start, hops=hops, limit=200)
                away = {node.memory or node.label: node.hops for node in near.nodes}
                edges = set(near.edges)
                for end in others:
                    try:
                        forth = await memos.graph.paths(start, end, hops=hops)
                        back = await memos.graph.paths(end, start, hops=hops)
                    except NotFound:
                        assert end not in away
                        continue
                    assert {len(way.edges) for way in forth.ways} == ({away[end]} if end in away else set())
                    assert {len(way.edges) for way in back.ways} == {len(way.edges) for way in forth.ways}
                    assert all(edge in edges for way in forth.ways for edge in way.edges[:-1])

    anyio.run(run)
