"""An agent that remembers from one session to the next, and a tool with which it looks things up.

`python examples/llama_index/agent.py`. The model is scripted, so no key is needed: put your own in its place.
"""

# LlamaIndex says of many values not what they are, and calls the only way to give a run a memory old.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false, reportDeprecated=false

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.llms import ChatMessage, MessageRole, MockFunctionCallingLLM

import memos_mcp
from llama_index_memos import MemosMemory, MemosToolSpec


def scripted(messages: Sequence[ChatMessage], **_: Any) -> ChatMessage:
    """Say what is known: the memories in the system message."""
    known = str(messages[0].content) if messages[0].role == MessageRole.SYSTEM else "nothing"
    return ChatMessage(role="assistant", content=f"I know: {' '.join(known.split())}")


async def main() -> None:
    """Two sessions of one user."""
    async with memos_mcp.open(user="ada") as memos:
        agent = FunctionAgent(
            llm=MockFunctionCallingLLM(response_generator=scripted),
            tools=MemosToolSpec(memos).to_tool_list(),
        )
        monday = MemosMemory.from_client(memos, session_id="monday")
        print(await agent.run(user_msg="I am allergic to shellfish.", memory=monday))
        tuesday = MemosMemory.from_client(memos, session_id="tuesday")
        print(await agent.run(user_msg="What am I allergic to?", memory=tuesday))


if __name__ == "__main__":
    asyncio.run(main())
