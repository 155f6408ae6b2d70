"""Embeddings over real connections to a server that answers by script."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager

import anyio
import numpy as np
import pytest

from memos_mcp.errors import Misconfigured, Unavailable
from memos_mcp.infrastructure.models.openai import OpenAIEmbedder
from memos_mcp.models import Embedder
from tests.openai_server import Reply, Request, refused, serving

pytestmark = pytest.mark.anyio

KEY = "sk-not-to-be-seen-0123456789"
HELD = Reply(held=True)


def vectors(*rows: Sequence[float], order: Sequence[int] | None = None) -> Reply:
    places = order or range(len(rows))
    data = [{"object": "embedding", "index": at, "embedding": list(row)} for at, row in zip(places, rows, strict=True)]
    return Reply(json.dumps({"object": "list", "data": data}).encode())


def by_length(request: Request) -> Reply:
    return vectors(*([len(text), 1.0] for text in request.body["input"]))


@asynccontextmanager
async def embedding(
    *script: Reply | Callable[[Request], Reply], dimension: int | None = None, timeout_s: float = 5
) -> AsyncGenerator[tuple[OpenAIEmbedder, list[Request]]]:
    with serving(*script) as server:
        embedder = OpenAIEmbedder(server.url, "e", KEY, dimension=dimension, timeout_s=timeout_s, backoff_s=0.001)
        try:
            yield embedder, server.requests
        finally:
            await embedder.aclose()


async def test_texts_become_rows_of_unit_length_in_their_order() -> None:
    async with embedding(vectors([0, 2, 0], [3, 0, 4], order=[1, 0])) as (embedder, requests):
        rows = await embedder.embed(["one", "two"])
    assert rows.dtype == np.float32
    np.testing.assert_allclose(rows, [[0.6, 0, 0.8], [0, 1, 0]], atol=1e-7)
    assert requests[0].path == "/v1/embeddings"
    assert requests[0].body == {"model": "e", "input": ["one", "two"], "encoding_format": "float"}


async def test_one_word_tells_the_dimension_once() -> None:
    async with embedding(by_length) as (embedder, requests):
        assert await embedder.load() == await embedder.load() == ("openai:e", 2)
        assert (await embedder.embed([])).shape == (0, 2)
    assert len(requests) == 1


async def test_many_texts_go_in_batches_of_128() -> None:
    texts = ["x" * (1 + n % 50) for n in range(300)]
    async with embedding(by_length) as (embedder, requests):
        rows = await embedder.embed(texts)
    assert [len(request.body["input"]) for request in requests] == [128, 128, 44]
    np.testing.assert_allclose(rows[:, 0] / rows[:, 1], [len(text) for text in texts], rtol=1e-5)


async def test_long_texts_are_cut_and_empty_ones_have_a_vector_too() -> None:
    async with embedding(by_length) as (embedder, requests):
        await embedder.embed(["x" * 50_000, "", " \n"])
    assert [len(text) for text in requests[0].body["input"]] == [6000, 1, 1]
    assert all(text.strip() for text in requests[0].body["input"])


async def test_a_dimension_is_asked_for_and_part_of_the_id() -> None:
    async with embedding(by_length, dimension=2) as (embedder, requests):
        assert await embedder.load() == ("openai:e@2", 2)
    assert requests[0].body["dimensions"] == 2


async def test_another_dimension_than_asked_for_is_refused() -> None:
    async with embedding(by_length, dimension=3) as (embedder, _):
        with pytest.raises(Misconfigured, match="vectors of 2 numbers, not 3"):
            await embedder.load()


async def test_a_model_that_changes_its_dimension_is_found_out() -> None:
    async with embedding(vectors([1, 0]), vectors([1, 0, 0])) as (embedder, _):
        await embedder.load()
        with pytest.raises(Misconfigured, match="vectors of 3 numbers, not 2"):
            await embedder.embed(["tea"])


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (vectors([1, 0]), "1 vectors for 2 texts"),
        (vectors([1, 0], [0, 1], [1, 1]), "3 vectors for 2 texts"),
        (vectors([1, 0], [0, 1], order=[0, 0]), "wrong indexes"),
        (vectors([1, 0], [0, 1], order=[1, 2]), "wrong indexes"),
        (vectors([1, 0], [0, 0]), "without a direction"),
        (vectors([1, 0], [float("nan"), 0]), "without a direction"),
        (vectors([1, 0], [float("inf"), 0]), "without a direction"),
        (vectors([1, 0], [1e300, 1e300]), "without a direction"),
        (vectors([], []), "is its address right"),
        (Reply(b'{"data": [{"embedding": "AAAA"}]}'), "is its address right"),
        (Reply(b"Not Found"), "is its address right"),
    ],
)
async def test_vectors_that_cannot_be_compared_are_refused(reply: Reply, why: str) -> None:
    async with embedding(reply) as (embedder, _):
        with pytest.raises(Unavailable, match=why):
            await embedder.embed(["one", "two"])


async def test_vectors_of_unequal_length_are_refused() -> None:
    async with embedding(vectors([1, 0], [1, 0, 0])) as (embedder, _):
        with pytest.raises(Misconfigured, match="vectors of 2, 3 numbers"):
            await embedder.embed(["one", "two"])


async def test_embeddings_without_an_index_are_in_order() -> None:
    bare = Reply(b'{"data": [{"embedding": [1, 0]}, {"embedding": [0, 1]}]}')
    async with embedding(bare) as (embedder, _):
        assert (await embedder.embed(["one", "two"])).tolist() == [[1, 0], [0, 1]]


async def test_embeddings_follow_the_same_rules_for_a_server_in_trouble() -> None:
    async with embedding(refused(500), by_length) as (embedder, requests):
        assert (await embedder.embed(["tea"])).shape == (1, 2)
        assert len(requests) == 2
    async with embedding(refused(400, code="too_long")) as (embedder, requests):
        with pytest.raises(Unavailable, match="HTTP 400, too_long"):
            await embedder.embed(["tea"])
        assert len(requests) == 1
    async with embedding(refused(401)) as (embedder, _):
        with pytest.raises(Misconfigured, match=r"the embedding model 'e' at .*check the key"):
            await embedder.load()
    async with embedding(HELD, timeout_s=0.05) as (embedder, _):
        with pytest.raises(Unavailable, match=r"within 0.05 s"):
            await embedder.load()


async def test_several_tasks_embed_at_once() -> None:
    rows: dict[int, np.ndarray] = {}
    async with embedding(by_length) as (embedder, _):

        async def embed(size: int) -> None:
            rows[size] = await embedder.embed(["x" * size])

        async with anyio.create_task_group() as tasks:
            for size in range(1, 9):
                tasks.start_soon(embed, size)
    assert all(round(float(row[0, 0] / row[0, 1])) == size for size, row in rows.items())


def test_it_is_what_the_core_asks_for() -> None:
    embedder: Embedder = OpenAIEmbedder("http://127.0.0.1/v1", "m")
    assert embedder
