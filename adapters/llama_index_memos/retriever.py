"""MemosRetriever: memories as nodes, for query engines, chat engines and agents."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.callbacks import CallbackManager
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode
from typing_extensions import override

from llama_index_memos.reaching import ended, reached
from memos_mcp import Client, MemCube, Plaintext, Recalled

_FOR_MODELS = frozenset({"said_at", "speaker", "source"})


class MemosRetriever(BaseRetriever):
    """The memories that answer a query, best first.

    `memos` is a `sync.Memos`, a `Memos` (`aretrieve` alone), what `memos_mcp.connect` gives, or the URL of a server.
    Searches beneath `path`, or everything that the caller may read; only what fulfils `where` is taken
    (docs/reference/query.md). The id of a node is that of the memory, and its metadata say where it comes from; a
    model is shown of these who said it, when, and the source. Raises as `Memos.recall`.
    """

    def __init__(
        self,
        memos: object,
        *,
        token: str | None = None,
        path: str | None = None,
        similarity_top_k: int = 10,
        where: str = "",
        callback_manager: CallbackManager | None = None,
        verbose: bool = False,
    ) -> None:
        self._on = reached(memos, token)
        self._path = path
        self._where = where
        self.similarity_top_k = similarity_top_k
        super().__init__(  # pyright: ignore[reportUnknownMemberType] says not what its map holds
            callback_manager=callback_manager, verbose=verbose
        )

    @override
    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return ended(self._found(self._on.inline, query_bundle))

    @override
    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return await self._found(self._on.asynchronous, query_bundle)

    async def _found(self, memos: Client, query: QueryBundle) -> list[NodeWithScore]:
        found = await memos.recall(query.query_str, path=self._path, limit=self.similarity_top_k, where=self._where)
        return [node_of(memory) for memory in found.memories]


def node_of(memory: Recalled) -> NodeWithScore:
    """A memory as LlamaIndex has it."""
    known = metadata_of(memory.cube)
    node = TextNode(
        id_=memory.cube.id,
        text=_words(memory.cube),
        metadata=known,
        excluded_llm_metadata_keys=[name for name in known if name not in _FOR_MODELS],
        excluded_embed_metadata_keys=list(known),
    )
    return NodeWithScore(node=node, score=memory.score)


def metadata_of(cube: MemCube) -> dict[str, Any]:
    """Which version this is and where it comes from, as JSON; what is not known is left out."""
    origin = cube.origin
    known: dict[str, object] = {
        "memory_id": cube.id,
        "version": cube.version,
        "path": cube.path,
        "key": cube.key,
        "kind": cube.kind,
        "tags": list(cube.tags),
        "source": origin.source,
        "source_class": origin.source_class,
        "session": origin.session,
        "speaker": origin.speaker,
        "said_at": origin.said_at,
        "created_at": cube.created_at,
    }
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in known.items()
        if value not in (None, "", [])
    }


def _words(cube: MemCube) -> str:
    data = cube.payload.data if isinstance(cube.payload, Plaintext) else None
    shown = "" if data is None else json.dumps(data, ensure_ascii=False)
    return " ".join(part for part in (cube.text, shown) if part)
