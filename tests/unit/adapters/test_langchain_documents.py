"""The retriever and the history of messages; and what is said without LangChain."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Generator
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread

import pytest
from langchain_core.messages import AIMessage, HumanMessage

import langchain_memos
import memos_mcp
from langchain_memos import MemosChatMessageHistory, MemosRetriever
from memos_mcp import Caller, Denied, InvalidInput, sync
from tests.imports import IMPORTS


@pytest.fixture
def memos(tmp_path: Path) -> Generator[sync.Memos]:
    with sync.open(home=tmp_path, user="ada", embedder={"kind": "none"}, graph={"kind": "none"}) as opened:
        yield opened


def test_a_document_says_where_it_is_from(memos: sync.Memos) -> None:
    when = datetime(2026, 3, 2, tzinfo=UTC)
    (id,) = memos.remember(
        "I like green tea", speaker="Ada", said_at=when, source="diary.md", kind="preference", tags=["drinks"]
    ).ids
    (document,) = MemosRetriever(memos=memos).invoke("What does Ada like?")
    assert (document.id, document.page_content) == (id, "I like green tea")
    told = document.metadata
    assert (told["memory_id"], told["version"], told["path"], told["kind"]) == (id, 1, "user/ada", "preference")
    assert (told["source"], told["speaker"], told["said_at"]) == ("diary.md", "Ada", when.isoformat())
    assert told["tags"] == ["drinks"]
    assert 0 < told["score"] <= 1


def test_conditions_and_paths_are_of_the_retriever_or_of_a_call(memos: sync.Memos) -> None:
    memos.remember("green tea at home", tags=["home"])
    memos.remember("black tea at work", tags=["work"])
    memos.remember("mint tea for all", path="shared/team")
    retriever = MemosRetriever(memos=memos, where="tag:home")
    assert [each.page_content for each in retriever.invoke("tea")] == ["green tea at home"]
    assert [each.page_content for each in retriever.invoke("tea", where="tag:work")] == ["black tea at work"]
    assert [each.page_content for each in retriever.invoke("tea", where="", path="shared")] == ["mint tea for all"]
    assert len(retriever.invoke("tea", where="", k=2)) == 2
    with pytest.raises(InvalidInput):
        retriever.invoke("tea", where="no:field")
    with pytest.raises(Denied):
        MemosRetriever(memos=memos.acting_as(Caller("ben")), path="user/ada").invoke("tea")


def test_a_value_without_words_is_read_as_json(memos: sync.Memos) -> None:
    memos.put(None, "tea", data={"cups": 2})
    found = MemosRetriever(memos=memos, where="kind:document").invoke("anything put lately")
    assert [each.page_content for each in found] in ([], ['{"cups": 2}'])


@pytest.mark.anyio
async def test_a_retriever_shows_neither_its_memory_nor_its_token(tmp_path: Path, memos: sync.Memos) -> None:
    retriever = MemosRetriever(memos=memos)
    memos.remember("Ada likes tea")
    assert "memos=" not in repr(retriever)
    assert "memos" not in retriever.model_dump()
    assert [each.page_content for each in await retriever.ainvoke("tea")] == ["Ada likes tea"]
    async with memos_mcp.open(home=tmp_path / "b", embedder={"kind": "none"}, graph={"kind": "none"}) as other:
        assert await MemosRetriever(memos=other).ainvoke("tea") == []
        with pytest.raises(InvalidInput, match=r"memos_mcp\.sync\.open\(\)"):
            MemosRetriever(memos=other).invoke("tea")


@pytest.mark.anyio
async def test_a_history_keeps_messages_in_order(memos: sync.Memos) -> None:
    history, other = MemosChatMessageHistory("a/b", memos), MemosChatMessageHistory("other", memos)
    history.add_messages([HumanMessage("Hello", id="1"), AIMessage("Hi", id="2")])
    await history.aadd_messages([HumanMessage("Hello")])
    other.add_user_message("elsewhere")
    assert [(each.type, each.content) for each in history.messages] == [
        ("human", "Hello"),
        ("ai", "Hi"),
        ("human", "Hello"),
    ]
    assert history.messages[1] == AIMessage("Hi", id="2")
    assert await history.aget_messages() == history.messages
    history.clear()
    assert history.messages == []
    assert [each.content for each in other.messages] == ["elsewhere"]
    await other.aclear()
    assert memos.browse().cubes == ()


def test_two_that_write_a_history_at_once_lose_nothing(memos: sync.Memos) -> None:
    def write(who: str) -> None:
        history = MemosChatMessageHistory("s", memos)
        for number in range(20):
            history.add_messages([HumanMessage(f"{who} {number}")])

    threads = [Thread(target=write, args=(who,)) for who in "abc"]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    said = [str(each.content) for each in MemosChatMessageHistory("s", memos).messages]
    assert sorted(said) == sorted(f"{who} {number}" for who in "abc" for number in range(20))
    for who in "abc":
        assert [each for each in said if each.startswith(who)] == [f"{who} {number}" for number in range(20)]


@pytest.mark.parametrize("missing", ["langchain", "langchain_core", "langgraph"])
def test_without_langchain_one_line_names_the_extra(missing: str) -> None:
    code = (
        f"import sys\nsys.modules[{missing!r}] = None\nimport memos_mcp\n"
        "try: import langchain_memos\nexcept memos_mcp.MissingExtra as exc: print(exc)\n"
    )
    env = {**os.environ, "PYTHONPATH": IMPORTS}
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == "this needs the extra 'langchain': pip install 'memcube-mcp[langchain]'\n", done.stderr


def test_a_name_that_there_is_not_is_no_name() -> None:
    with pytest.raises(AttributeError, match="langchain_memos has no 'Memory'; it has MemosChatMessageHistory"):
        _ = langchain_memos.Memory
