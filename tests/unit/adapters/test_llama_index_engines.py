"""Agents and chat engines of LlamaIndex with MemOS: they remember across sessions, users and kinds of memory system."""

# LlamaIndex says of many values not what they are, and calls the only way to give a run a memory old.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false, reportDeprecated=false

from __future__ import annotations

from collections.abc import Generator, Sequence
from pathlib import Path

import pytest
from llama_index.core.agent.workflow import AgentWorkflow, FunctionAgent
from llama_index.core.base.llms.types import ChatMessage, MessageRole
from llama_index.core.chat_engine import CondensePlusContextChatEngine, SimpleChatEngine
from llama_index.core.workflow import Context, JsonSerializer

import memos_mcp
from llama_index_memos import MemosMemory, MemosRetriever, MemosToolSpec
from memos_mcp import Caller, sync
from tests.served import Served, served
from tests.talker import Chats, Talker, calling, chatting

pytestmark = [
    pytest.mark.anyio,
    # An agent is a workflow and a pydantic model: workflows look at all attributes, also at those deprecated.
    pytest.mark.filterwarnings("ignore::pydantic.PydanticDeprecationWarning:inspect"),
]


@pytest.fixture
def chats() -> Generator[Chats]:
    with chatting() as kept:
        yield kept


@pytest.fixture
def memos(tmp_path: Path) -> Generator[sync.Memos]:
    with sync.open(home=tmp_path, user="ada") as opened:
        yield opened


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[Served]:
    with served(tmp_path_factory.mktemp("served")) as running:
        yield running


def noted(messages: Sequence[ChatMessage]) -> str:
    return "Noted."


def once(tool: str, **arguments: str) -> Talker:
    """A model that calls a tool, then says what it answered."""

    def answer(messages: Sequence[ChatMessage]) -> ChatMessage | str:
        last = messages[-1]
        return f"It says: {last.content}" if last.role == MessageRole.TOOL else calling(tool, **arguments)

    return Talker(answer=answer)


async def test_an_agent_remembers_from_one_session_to_the_next(memos: sync.Memos, chats: Chats) -> None:
    model = Talker(answer=noted)
    agent = FunctionAgent(llm=model, system_prompt="Be kind.")
    await agent.run(user_msg="I only drink green tea.", memory=chats.memory(memos, session_id="monday"))
    await agent.run(user_msg="Which tea do I drink?", memory=chats.memory(memos, session_id="tuesday"))
    assert "I only drink green tea." in model.prompt
    assert "Be kind." in model.prompt
    said = {(cube.origin.session, cube.origin.speaker, cube.text) for cube in memos.browse().cubes}
    assert said == {
        ("monday", "user", "I only drink green tea."),
        ("monday", "assistant", "Noted."),
        ("tuesday", "user", "Which tea do I drink?"),
        ("tuesday", "assistant", "Noted."),
    }


async def test_an_agent_does_so_on_an_asynchronous_memos(tmp_path: Path, chats: Chats) -> None:
    model = Talker(answer=noted)
    async with memos_mcp.open(home=tmp_path, user="ada") as memos:
        for session, words in (("monday", "I only drink green tea."), ("tuesday", "Which tea do I drink?")):
            memory = chats.memory(memos, session_id=session)
            await AgentWorkflow.from_tools_or_functions([], llm=model).run(user_msg=words, memory=memory)
    assert "I only drink green tea." in model.prompt


async def test_an_agent_does_so_on_a_server(server: Served, chats: Chats) -> None:
    model = Talker(answer=noted)
    async with memos_mcp.connect(server.url, token=server.secret) as memos:
        for session, words in (("monday", "I only drink green tea."), ("tuesday", "Which tea do I drink?")):
            await FunctionAgent(llm=model).run(user_msg=words, memory=chats.memory(memos, session_id=session))
    assert "I only drink green tea." in model.prompt


async def test_users_do_not_share_what_their_agents_remember(memos: sync.Memos, chats: Chats) -> None:
    model = Talker(answer=noted)
    agent = FunctionAgent(llm=model)
    of = {name: memos.acting_as(Caller(name)) for name in ("ada", "ben")}
    await agent.run(user_msg="My PIN hint is a dragon.", memory=chats.memory(of["ada"]))
    await agent.run(user_msg="What is my PIN hint?", memory=chats.memory(of["ben"]))
    assert "dragon" not in model.prompt
    await agent.run(user_msg="What is my PIN hint?", memory=chats.memory(of["ada"]))
    assert "dragon" in model.prompt


async def test_an_agent_uses_the_tools_and_what_they_answer_is_not_remembered_again(
    memos: sync.Memos, chats: Chats
) -> None:
    memos.remember("The spare key lies under the third flowerpot.")
    model = once("recall", question="Where is the spare key?")
    agent = FunctionAgent(llm=model, tools=MemosToolSpec(memos).to_tool_list())
    answer = await agent.run(user_msg="Look it up, please.", memory=chats.memory(memos, scope="session"))
    assert "third flowerpot" in str(answer)
    assert sorted(cube.origin.source_class for cube in memos.browse().cubes) == ["assistant", "user", "user"]


async def test_a_run_can_be_saved_with_a_url_and_says_what_it_needs_with_an_open_memos(
    memos: sync.Memos, server: Served, chats: Chats
) -> None:
    agent = FunctionAgent(llm=Talker(answer=noted))
    context = Context(agent)
    await agent.run(user_msg="Hello.", ctx=context, memory=chats.memory(server.url, token=server.secret))
    again = Context.from_dict(agent, context.to_dict(JsonSerializer()), JsonSerializer())
    assert isinstance(await again.store.get("memory"), MemosMemory)
    context = Context(agent)
    await agent.run(user_msg="Hello.", ctx=context, memory=chats.memory(memos))
    with pytest.raises(ValueError, match="an open Memos is not saved"):
        await Context.from_dict(agent, context.to_dict(JsonSerializer()), JsonSerializer()).store.get("memory")


async def test_a_chat_engine_remembers_from_one_session_to_the_next(memos: sync.Memos, chats: Chats) -> None:
    model = Talker(answer=noted)
    engine = SimpleChatEngine.from_defaults(llm=model, memory=chats.memory(memos), system_prompt="Be kind.")
    engine.chat("My sister Eve lives in Porto.")
    await engine.achat("And my brother in Oslo.")
    engine.reset()
    assert engine.chat_history == []
    again = SimpleChatEngine.from_defaults(llm=model, memory=chats.memory(memos))
    again.chat("Where does my sister Eve live?")
    assert "My sister Eve lives in Porto." in model.prompt
    for _ in again.stream_chat("And my brother?").response_gen:
        pass
    assert [message.content for message in again.chat_history][2:] == ["And my brother?", "Noted."]
    assert memos.browse().total == 6


def test_a_chat_engine_answers_from_the_retriever_and_remembers(memos: sync.Memos, chats: Chats) -> None:
    memos.remember("The office is in Utrecht.", source="handbook")
    model = Talker(answer=noted)
    engine = CondensePlusContextChatEngine.from_defaults(
        MemosRetriever(memos, where="source:handbook"), llm=model, memory=chats.memory(memos)
    )
    answer = engine.chat("Where is the office?")
    assert [node.get_content() for node in answer.source_nodes] == ["The office is in Utrecht."]
    assert "The office is in Utrecht." in model.prompt
    assert memos.browse().total == 3
