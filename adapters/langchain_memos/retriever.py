"""A retriever on the vault of memos: what answers a question, as documents that say where they are from."""

from __future__ import annotations

from langchain_core.callbacks import AsyncCallbackManagerForRetrieverRun, CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever, LangSmithRetrieverParams
from pydantic import Field, InstanceOf, PrivateAttr
from typing_extensions import override

from langchain_memos.blocking import ended
from langchain_memos.documents import document_of
from memos_mcp import Client, Connected, Memos, connect, sync


class MemosRetriever(BaseRetriever):
    """The `k` memories that answer a question best, beneath `path` or of all that the caller may read.

    Only what `where` says is taken (docs/reference/query.md). `k`, `path` and `where` may be given with a call too. A
    document has the id of its memory, and in its metadata where it comes from and its score. An asynchronous Memos
    answers asynchronous calls alone. Raises InvalidInput, Denied.
    """

    memos: InstanceOf[Memos] | InstanceOf[sync.Memos] | InstanceOf[Connected] | str = Field(exclude=True, repr=False)
    k: int = Field(default=4, ge=1)
    path: str | None = None
    where: str = ""
    _connected: Connected = PrivateAttr()

    @override
    def model_post_init(self, context: object, /) -> None:
        super().model_post_init(context)
        self._connected = connect(self.memos)

    @override
    def _get_relevant_documents(
        self,
        query: str,
        *,
        run_manager: CallbackManagerForRetrieverRun,
        k: int | None = None,
        path: str | None = None,
        where: str | None = None,
    ) -> list[Document]:
        return ended(self._found(self._connected.inline, query, k, path, where))

    @override
    async def _aget_relevant_documents(
        self,
        query: str,
        *,
        run_manager: AsyncCallbackManagerForRetrieverRun,
        k: int | None = None,
        path: str | None = None,
        where: str | None = None,
    ) -> list[Document]:
        return await self._found(self._connected.asynchronous, query, k, path, where)

    @override
    def _get_ls_params(self, **kwargs: object) -> LangSmithRetrieverParams:
        return LangSmithRetrieverParams(ls_retriever_name="memos")

    async def _found(
        self, client: Client, query: str, k: int | None, path: str | None, where: str | None
    ) -> list[Document]:
        recall = await client.recall(
            query,
            path=path or self.path,
            limit=k or self.k,
            budget=1,
            where=self.where if where is None else where,
        )
        return [document_of(each) for each in recall.memories]
