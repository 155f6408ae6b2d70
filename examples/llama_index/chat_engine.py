"""A chat engine that answers from memories and remembers the chat: `python examples/llama_index/chat_engine.py`.

The model is LlamaIndex's mock, which repeats what it is sent: put your own in its place.
"""

# LlamaIndex says of many values not what they are.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

from llama_index.core.chat_engine import ContextChatEngine
from llama_index.core.llms import MockLLM

from llama_index_memos import MemosMemory, MemosRetriever
from memos_mcp import sync


def main() -> None:
    """Ask about a document, then about the chat of before."""
    with sync.open(user="ada") as memos:
        memos.remember("The office in Utrecht closes at six.", source="handbook.md")
        engine = ContextChatEngine.from_defaults(
            MemosRetriever(memos, where="source:handbook.md"),
            llm=MockLLM(is_chat_model=True),
            memory=MemosMemory.from_client(memos, session_id="monday"),
        )
        answer = engine.chat("When does the office close? I take the train at five.")
        for found in answer.source_nodes:
            print(f"{found.score:.2f} {found.get_content()} ({found.node.metadata['source']})")
        later = MemosMemory.from_client(memos, session_id="tuesday")
        print(later.get(input="When is my train?")[0].content)


if __name__ == "__main__":
    main()
