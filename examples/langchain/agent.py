"""An agent that remembers across threads, and keeps people apart.

python examples/langchain/agent.py
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from langchain.agents import create_agent  # pyright: ignore[reportUnknownVariableType] LangChain leaves a type open
from langgraph.checkpoint.memory import InMemorySaver
from stand_in import StandIn

from langchain_memos import MemosMemoryMiddleware, MemosStore
from memos_mcp import sync


@dataclass
class Who:
    user: str


def main() -> None:
    with sync.open() as memos:
        agent: Any = create_agent(
            StandIn(),
            system_prompt="You are kind.",
            middleware=[MemosMemoryMiddleware(memos, user=lambda run: run.context.user)],
            store=MemosStore(memos),
            checkpointer=InMemorySaver(),
            context_schema=Who,
        )

        def say(user: str, thread: str, words: str) -> None:
            asked = {"messages": [{"role": "user", "content": words}]}
            answer = agent.invoke(asked, {"configurable": {"thread_id": thread}}, context=Who(user))
            print(f"{user}, {thread}: {words}\n  {answer['messages'][-1].text}")

        say("ada", "monday", "I am allergic to peanuts.")
        say("ben", "tuesday", "What am I allergic to?")
        say("ada", "friday", "What am I allergic to?")


if __name__ == "__main__":
    main()
