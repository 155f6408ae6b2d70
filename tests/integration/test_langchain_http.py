"""LangChain's classes on a server behind a URL: one connection, the rights of a token, both ways of calling."""

from __future__ import annotations

from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import anyio
import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.store.base import GetOp, PutOp, SearchOp

from langchain_memos import MemosMemoryMiddleware, MemosRetriever, MemosStore
from memos_mcp import Connected, Denied, InvalidInput, connect, sync
from memos_mcp.settings import Settings
from tests.chat_models import Told, agent_of, calling, human, prompt, saying
from tests.client_kinds import FREE, plain, secret_of, served
from tests.http_server import token

ADA = ("ada", "memories")


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return plain(tmp_path_factory.mktemp("served"), http=FREE)


@pytest.fixture(scope="module")
def url(settings: Settings) -> Generator[str]:
    with served(settings) as address:
        yield address


@pytest.fixture
def user(request: pytest.FixtureRequest) -> str:
    """Everybody for himself: the server is shared."""
    return request.node.name.replace("_", "-")


@pytest.fixture
def connected(settings: Settings, url: str, user: str) -> Generator[Connected]:
    with connect(url, token=secret_of(settings, user=user)) as memos:
        yield memos


def test_a_store_behind_a_url_is_a_store(connected: Connected, user: str) -> None:
    store = MemosStore(connected)
    store.put(ADA, "tea/1", {"text": "Ada likes green tea", "n": [1, {"ü": None}]}, ttl=60)
    store.put(ADA, "tea/1", {"text": "Ada likes black tea", "n": [2, {"ü": None}]})
    first, found, _ = store.batch([GetOp(ADA, "tea/1"), SearchOp(("ada",), query="tea"), PutOp(ADA, "b", {"n": 1})])
    assert first is not None
    assert getattr(first, "value", None) == {"text": "Ada likes black tea", "n": [2, {"ü": None}]}
    assert isinstance(found, list)
    assert len(found) == 1
    assert connected.blocking.get(path=f"user/{user}/store/ada/memories", key="tea/1").governance.expires_at is None
    assert [each.key for each in store.search((), filter={"n": {"$gte": 1}})] == ["b"]
    assert store.list_namespaces(suffix=("memories",)) == [ADA]
    store.delete(ADA, "tea/1")
    assert [each.key for each in store.search(())] == ["b"]
    cube = connected.blocking.get(path=f"user/{user}/store/ada/memories", key="b")
    assert (cube.governance.owner, cube.governance.expires_at) == (user, None)


@pytest.mark.anyio
async def test_a_token_opens_what_is_its_users(settings: Settings, url: str) -> None:
    tokens = [await token(settings, user=user) for user in ("ann", "bob")]
    ada, ben = (connect(url, token=each) for each in tokens)
    async with ada, ben:
        await MemosStore(ada).aput(ADA, "tea", {"text": "green tea"})
        assert await MemosStore(ben).asearch((), query="tea") == []
        with pytest.raises(Denied):
            await MemosStore(ben, "user/ann/store").aget(ADA, "tea")
        with pytest.raises(InvalidInput):
            await MemosRetriever(memos=ada, where="no:field").ainvoke("tea")
        (found,) = await MemosRetriever(memos=ada).ainvoke("tea")
        assert found.metadata["path"] == "user/ann/store/ada/memories"


def test_an_agent_remembers_on_a_server(connected: Connected) -> None:
    model = Told(answer=calling("memos_remember", text="Ada is allergic to peanuts"))
    agent = agent_of(
        model, middleware=[MemosMemoryMiddleware(connected)], store=MemosStore(connected), checkpointer=InMemorySaver()
    )
    one: Any = {"configurable": {"thread_id": "1"}}
    agent.invoke(human("Keep that!"), one)
    model.answer = saying("Peanuts.")

    async def ask() -> None:
        await agent.ainvoke(human("What is Ada allergic to?"), {"configurable": {"thread_id": "2"}})

    anyio.run(ask)
    assert "Ada is allergic to peanuts" in prompt(model.asked[-1])


@pytest.mark.parametrize("kind", ["url", "memos"])
def test_threads_and_a_loop_at_once_lose_no_write(connected: Connected, tmp_path: Path, kind: str) -> None:
    if kind == "url":
        _at_once(MemosStore(connected))
        return
    with sync.open(plain(tmp_path)) as memos:
        _at_once(MemosStore(memos))


def _at_once(store: MemosStore) -> None:
    def write(who: int) -> None:
        for number in range(10):
            store.put(("threads", str(who)), str(number), {"n": number})

    async def loop() -> None:
        with anyio.move_on_after(0.001):
            await store.asearch((), query="tea")  # cancelled in the middle
        for number in range(10):
            await store.aput(("loop",), str(number), {"n": number})

    with ThreadPoolExecutor(8) as threads:
        work = [threads.submit(write, who) for who in range(8)]
        anyio.run(loop)
        for each in work:
            each.result(60)
    assert len(store.search(("threads",), limit=200)) == 80
    assert len(store.search(("loop",), limit=200)) == 10


def test_a_store_closes_the_connection_that_it_opened(tmp_path: Path) -> None:
    with served(plain(tmp_path, http={**FREE, "open_on_loopback": True})) as address, MemosStore(address) as store:
        store.put(ADA, "a", {"n": 1})
        assert store.get(ADA, "a")
