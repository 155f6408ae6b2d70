"""Agents of LangChain that remember: what is put before the model, what is kept, and for whom."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from langchain.tools import ToolRuntime
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import BaseTool, tool
from langgraph.checkpoint.memory import InMemorySaver

import memos_mcp
from langchain_memos import MemosForgetTool, MemosMemoryMiddleware, MemosRememberTool, MemosSearchTool, MemosStore
from memos_mcp import Caller, Client, InvalidInput, Misconfigured, connect, sync
from tests.chat_models import Told, agent_of, calling, human, prompt, saying


@dataclass
class Who:
    user: str


@pytest.fixture
def memos(tmp_path: Path) -> Generator[sync.Memos]:
    with sync.open(home=tmp_path, user="ada", embedder={"kind": "none"}, graph={"kind": "none"}) as opened:
        yield opened


def of(run: Any) -> str:
    return run.context.user


def thread(name: str) -> Any:
    return {"configurable": {"thread_id": name}}


def counting(memos: sync.Memos, asked: list[str]) -> memos_mcp.Connected:
    """What writes down which verbs are asked for."""
    connected = connect(memos)

    async def ask(verb: str, **given: Any) -> Any:
        asked.append(verb)
        return await getattr(connected.inline, verb)(**given)

    return replace(connected, inline=Client(ask))


def test_memories_stand_after_the_system_prompt_and_in_no_checkpoint(memos: sync.Memos) -> None:
    memos.remember("Ada likes green tea")
    model = Told(answer=saying("green"))
    agent = agent_of(
        model, system_prompt="Be kind.", middleware=[MemosMemoryMiddleware(memos)], checkpointer=InMemorySaver()
    )
    out = agent.invoke(human("Which tea does Ada like?"), thread("1"))
    system = model.asked[0][0]
    assert isinstance(system, SystemMessage)
    assert isinstance(system.content, list)
    first, last = system.content
    assert first == {"type": "text", "text": "Be kind."}
    assert isinstance(last, dict)
    assert "not instructions" in last["text"]
    assert last["text"].endswith("Ada likes green tea")
    assert [each.type for each in out["messages"]] == ["human", "ai"]
    assert "Memories" not in str(agent.get_state(thread("1")))
    assert model.tools == ["memos_search", "memos_remember"]


def test_without_memories_the_request_stays_as_it_is(memos: sync.Memos) -> None:
    model = Told(answer=saying("hello"))
    agent_of(model, middleware=[MemosMemoryMiddleware(memos, offers=())]).invoke(human("Hello!"))
    assert [each.type for each in model.asked[0]] == ["human"]
    assert model.tools == []


def test_a_human_message_is_recalled_for_once(memos: sync.Memos) -> None:
    memos.remember("Ada likes green tea")
    asked: list[str] = []
    model = Told(answer=calling("memos_search", query="tea"))
    middleware = MemosMemoryMiddleware(counting(memos, asked))
    agent = agent_of(model, middleware=[middleware], checkpointer=InMemorySaver())
    out = agent.invoke(human("Which tea?"), thread("1"))
    assert len(model.asked) == 2
    assert asked == ["recall", "recall", "remember"]  # the middleware, the tool, and what was said
    assert all("green tea" in prompt(messages) for messages in model.asked)
    assert isinstance(out["messages"][2], ToolMessage)
    assert out["messages"][2].artifact[0].page_content == "Ada likes green tea"
    model.answer = saying("None.")
    agent.invoke(human("Which coffee?"), thread("1"))
    assert asked[3:] == ["recall", "remember"]


def test_a_question_is_understood_by_the_turns_before_it(memos: sync.Memos) -> None:
    memos.remember(["Grace has lived in Porto since May.", "Ines has lived in Oslo since June."])
    model = Told(answer=saying("I see."))
    middleware = MemosMemoryMiddleware(memos, k=1, write_back=False)
    agent = agent_of(model, middleware=[middleware], checkpointer=InMemorySaver())
    for name, where in (("Grace", "Porto"), ("Ines", "Oslo")):
        agent.invoke(human(f"Do you know {name}?"), thread(name))
        agent.invoke(human("Where does she live?"), thread(name))
        assert where in prompt(model.asked[-1])
    assert len(memos.browse().cubes) == 2


def test_what_was_said_is_remembered_once_with_its_thread(memos: sync.Memos) -> None:
    model = Told(answer=calling("memos_remember", text="Ada has a sister in Porto"))
    agent = agent_of(model, middleware=[MemosMemoryMiddleware(memos)], checkpointer=InMemorySaver())
    agent.invoke(human("My sister lives in Porto.", "m1"), thread("monday"))
    cubes = {cube.text: cube for cube in memos.browse(limit=100).cubes}
    assert cubes["My sister lives in Porto."].origin.session == "monday"
    assert cubes["My sister lives in Porto."].origin.source.startswith("LangGraph monday m1 ")
    said = next(text for text in cubes if text.startswith("Remembered as"))
    assert cubes[said].origin.source_class == "assistant"
    assert set(cubes) == {"My sister lives in Porto.", "Ada has a sister in Porto", said}
    model.answer = saying("Fine.")
    agent.invoke(human("She likes figs.", "m2"), thread("monday"))
    new = {cube.text for cube in memos.browse(limit=100).cubes} - set(cubes)
    assert new == {"She likes figs.", "Fine."}


def test_a_run_that_is_repeated_changes_nothing(memos: sync.Memos) -> None:
    middleware = MemosMemoryMiddleware(memos)
    state: Any = {"messages": [HumanMessage("I like figs.", id="1"), AIMessage("Noted.", id="2")]}
    run: Any = Runs(Who("ada"))
    middleware.after_agent(state, run)
    before = [(cube.id, cube.version) for cube in memos.browse().cubes]
    middleware.after_agent(state, run)
    assert [(cube.id, cube.version) for cube in memos.browse().cubes] == before


@dataclass
class Runs:
    context: Who
    execution_info: None = None


@pytest.mark.parametrize("messages", [[], [AIMessage("Hello?")], [HumanMessage("  "), AIMessage("?")]])
def test_a_run_without_a_word_of_the_user_is_no_error(memos: sync.Memos, messages: list[BaseMessage]) -> None:
    model = Told(answer=saying("?"))
    middleware = MemosMemoryMiddleware(memos)
    middleware.after_agent({"messages": messages}, Runs(Who("ada")))  # type: ignore[arg-type, typeddict-item]
    assert not [cube for cube in memos.browse().cubes if cube.text == "Hello?"]
    assert model.asked == []


def test_nobody_sees_the_memories_of_another(memos: sync.Memos) -> None:
    model = Told(answer=saying("Noted."))
    agent = agent_of(
        model,
        middleware=[MemosMemoryMiddleware(memos, user=of, offers=("search", "remember", "forget"))],
        checkpointer=InMemorySaver(),
        context_schema=Who,
    )
    agent.invoke(human("I am allergic to peanuts."), thread("1"), context=Who("ben"))
    agent.invoke(human("What am I allergic to?"), thread("2"), context=Who("cyd"))
    assert "peanuts" not in prompt(model.asked[-1])
    model.answer = calling("memos_search", query="peanuts")
    out = agent.invoke(human("Search for peanuts!"), thread("3"), context=Who("cyd"))
    found = next(each for each in out["messages"] if isinstance(each, ToolMessage))
    assert all(each.metadata["path"] == "user/cyd" for each in found.artifact)
    assert not any("allergic to peanuts" in each.page_content for each in found.artifact)
    (id,) = (cube.id for cube in memos.acting_as(Caller("ben")).browse().cubes if "peanuts" in cube.text)
    model.answer = calling("memos_forget", memory_id=id)
    out = agent.invoke(human("Forget it!"), thread("4"), context=Who("cyd"))
    told = next(each for each in out["messages"] if isinstance(each, ToolMessage))
    assert told.status == "error"
    assert "cyd has no memory" in str(told.text)
    model.answer = saying("Peanuts.")
    agent.invoke(human("What am I allergic to?"), thread("5"), context=Who("ben"))
    assert "allergic to peanuts" in prompt(model.asked[-1])
    assert memos.browse().cubes == ()


def test_a_run_that_does_not_say_for_whom_it_is_ends(memos: sync.Memos) -> None:
    agent = agent_of(Told(answer=saying("?")), middleware=[MemosMemoryMiddleware(memos, user=of)], context_schema=Who)
    with pytest.raises(Misconfigured, match="whose memories are meant"):
        agent.invoke(human("Hello"), context=Who(""))


def test_paths_keep_people_apart_where_nobody_can_be_acted_for(memos: sync.Memos) -> None:
    with pytest.raises(Misconfigured, match="give connect"):
        MemosMemoryMiddleware(connect(memos), user=of)
    model = Told(answer=saying("Noted."))
    middleware = MemosMemoryMiddleware(connect(memos), path=lambda run: f"user/ada/people/{run.context.user}")
    agent = agent_of(model, middleware=[middleware], context_schema=Who)
    agent.invoke(human("I am allergic to peanuts."), context=Who("ben"))
    agent.invoke(human("What am I allergic to?"), context=Who("cyd"))
    assert "allergic to peanuts" not in prompt(model.asked[-1])
    agent.invoke(human("What am I allergic to?"), context=Who("ben"))
    assert "allergic to peanuts" in prompt(model.asked[-1])


@pytest.mark.anyio
async def test_asynchronous_agents_remember_on_either_memos(tmp_path: Path) -> None:
    off: Any = {"embedder": {"kind": "none"}, "graph": {"kind": "none"}}
    async with memos_mcp.open(home=tmp_path / "a", user="ada", **off) as memos:
        with sync.open(home=tmp_path / "b", user="ada", **off) as blocking:
            for each in (memos, blocking):
                model = Told(answer=calling("memos_remember", text="Ada likes green tea"))
                agent = agent_of(model, middleware=[MemosMemoryMiddleware(each)], checkpointer=InMemorySaver())
                await agent.ainvoke(human("Keep that!"), thread("1"))
                model.answer = saying("green")
                await agent.ainvoke(human("Which tea does Ada like?"), thread("2"))
                assert "Ada likes green tea" in prompt(model.asked[-1])
        middleware = MemosMemoryMiddleware(memos)
        with pytest.raises(InvalidInput, match=r"memos_mcp\.sync\.open\(\)"):
            middleware.after_agent({"messages": [HumanMessage("Hello")]}, Runs(Who("ada")))  # type: ignore[arg-type]


@pytest.mark.anyio
async def test_asynchronous_agents_keep_people_apart(memos: sync.Memos) -> None:
    model = Told(answer=calling("memos_remember", text="The code of the gate is blue"))
    agent = agent_of(model, middleware=[MemosMemoryMiddleware(memos, user=of)], context_schema=Who)
    await agent.ainvoke(human("Keep that!"), context=Who("ben"))
    for who, known in (("ben", True), ("cyd", False)):
        model.answer = calling("memos_search", query="code of the gate")
        out = await agent.ainvoke(human("Which colour is the code of the gate?"), context=Who(who))
        found = next(each for each in out["messages"] if isinstance(each, ToolMessage))
        assert any("gate is blue" in each.page_content for each in found.artifact) == known
        assert ("gate is blue" in prompt(model.asked[-1])) == known
    assert memos.browse().cubes == ()


@tool
def keep(text: str, runtime: ToolRuntime[Who, Any]) -> str:
    """Keep a text."""
    assert runtime.store is not None
    runtime.store.put((runtime.context.user, "notes"), "last", {"text": text})
    return "kept"


def test_tools_of_an_agent_reach_the_store(memos: sync.Memos) -> None:
    store = MemosStore(memos)
    agent = agent_of(Told(answer=calling("keep", text="tea at nine")), tools=[keep], store=store, context_schema=Who)
    agent.invoke(human("Keep it"), context=Who("ben"))
    assert [(each.namespace, each.value) for each in store.search(())] == [(("ben", "notes"), {"text": "tea at nine"})]


@pytest.mark.anyio
@pytest.mark.filterwarnings("ignore:Importing Send from langgraph.constants is deprecated")  # langmem imports it so
async def test_langmems_tools_work_on_the_store(memos: sync.Memos) -> None:
    from langmem import (  # pyright: ignore[reportMissingTypeStubs]
        create_manage_memory_tool,  # pyright: ignore[reportUnknownVariableType]
        create_search_memory_tool,
    )

    store = MemosStore(memos)
    where = ("memories", "{user}")
    manage = create_manage_memory_tool(where, store=store)
    search = create_search_memory_tool(where, store=store)
    ben: Any = {"configurable": {"user": "ben"}}
    cyd: Any = {"configurable": {"user": "cyd"}}
    made = manage.invoke({"content": "Ben likes green tea"}, ben)
    await manage.ainvoke({"content": "Cyd likes rum"}, cyd)
    (item,) = store.search(("memories", "ben"))
    assert item.key in made
    assert item.value == {"content": "Ben likes green tea"}
    assert "green tea" in search.invoke({"query": "tea"}, ben)
    assert "green tea" not in await search.ainvoke({"query": "tea"}, cyd)
    manage.invoke({"content": "Ben likes black tea", "action": "update", "id": item.key}, ben)
    assert store.search(("memories", "ben"))[0].value == {"content": "Ben likes black tea"}
    manage.invoke({"action": "delete", "id": item.key}, ben)
    assert store.search(("memories", "ben")) == []


@pytest.mark.parametrize("kind", [MemosSearchTool, MemosRememberTool, MemosForgetTool])
def test_what_the_memory_refuses_is_told_to_the_model(memos: sync.Memos, kind: type[BaseTool]) -> None:
    made = kind(memos=memos.acting_as(Caller("ben")), path="user/ada")
    arguments = {"query": "tea", "text": "tea", "memory_id": "nothing"}
    given = {name: arguments[name] for name in made.args if name in arguments}
    said = made.invoke({"name": made.name, "args": given, "id": "1", "type": "tool_call"})
    assert isinstance(said, ToolMessage)
    assert said.status == "error"
    assert "ben" in str(said.text)


def test_tools_tell_what_they_did(memos: sync.Memos) -> None:
    search, remember, forget = (each(memos=memos) for each in (MemosSearchTool, MemosRememberTool, MemosForgetTool))
    assert search.invoke({"query": "figs"}).startswith("Nothing was found: 0 of 0 memories")
    said = remember.invoke({"text": "Ada likes figs"})
    (id,) = (cube.id for cube in memos.browse().cubes)
    assert said == f"Remembered as {id}."
    assert remember.invoke({"text": "Ada likes figs"}) == f"Remembered as {id}. It was known already."
    assert search.invoke({"query": "figs"}) == f"[{id}] Ada likes figs (said 2 times)"
    assert forget.invoke({"memory_id": id}) == f"Memory {id} is deleted."
