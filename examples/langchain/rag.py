"""A chain that answers from what is remembered, and says where that is from.

python examples/langchain/rag.py
"""

from __future__ import annotations

from langchain_core.documents import Document
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableParallel, RunnablePassthrough
from stand_in import StandIn

from langchain_memos import MemosRetriever
from memos_mcp import sync

NOTES = (
    "The harbour master is Ines Duarte.",
    "The ferry to the island leaves at 7:40, but not on Sundays.",
)
PROMPT = ChatPromptTemplate.from_messages([("system", "Answer from this alone:\n{context}"), ("user", "{question}")])


def quoted(documents: list[Document]) -> str:
    return "\n".join(f"[{each.metadata['source']}] {each.page_content}" for each in documents)


def main() -> None:
    with sync.open() as memos:
        for note in NOTES:
            memos.remember(note, source="harbour.md", source_class="document", path="shared/harbour")
        retriever = MemosRetriever(memos=memos, k=2, path="shared/harbour", where="source:harbour.md")
        given = RunnableParallel({"context": retriever | quoted, "question": RunnablePassthrough[str]()})
        chain = given | PROMPT | StandIn() | StrOutputParser()
        for question in ("When does the ferry leave?", "Who is the harbour master?"):
            print(f"{question}\n  {chain.invoke(question)}")


if __name__ == "__main__":
    main()
