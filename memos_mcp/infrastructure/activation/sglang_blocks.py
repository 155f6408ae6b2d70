"""A block on a server as it is known here, and what can be said of it without asking: pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import anyio
from pydantic import JsonValue

from memos_mcp.activation import Reply, Source
from memos_mcp.cube import Activation
from memos_mcp.errors import InvalidInput, Unavailable
from memos_mcp.infrastructure.activation.prompts import Form
from memos_mcp.infrastructure.activation.sglang_shapes import Said
from memos_mcp.infrastructure.activation.sglang_workers import Worker
from memos_mcp.infrastructure.activation.sharing import Key

_WARM = 0.99  # of the prefix: less than this was computed anew


@dataclass(slots=True)
class Block:
    """A prefix: where it is warm changes. One without sources is of no memories, and is not kept."""

    tenant: str
    form: Form
    ids: tuple[int, ...]
    key: Key
    activation: Activation
    pinned: bool = False
    workers: set[str] = field(default_factory=set[str])
    lock: anyio.Lock = field(default_factory=anyio.Lock)

    @classmethod
    def of(cls, tenant: str, form: Form, sources: Sequence[Source], ids: tuple[int, ...], key: Key) -> Block:
        """A block that is warm nowhere yet."""
        refs = tuple(source.ref for source in sources)
        return cls(tenant, form, ids, key, Activation(sources=refs, fingerprint=key.fingerprint, tokens=len(ids)))

    def request(self, ids: Sequence[int], limit: int) -> dict[str, JsonValue]:
        """What a worker is sent to go on with the block, or to read a part of it."""
        return {
            "input_ids": list[JsonValue](ids),
            "sampling_params": {"max_new_tokens": limit, "temperature": 0},
            "cache_salt": self.key.salt,
            "extra_key": self.key.extra,
        }

    def reply(self, asked: int, worker: Worker, said: Said) -> Reply:
        """What a worker made of so many tokens, as an answer after the block. Raises Unavailable if it is none."""
        meta, known = said.meta_info, len(self.ids) if self.activation.sources else 0
        demand(asked, worker, said)
        if said.ended == "stop" and not said.text.strip():
            raise Unavailable(f"{worker.link.name} said nothing: ask in other words, or with other memories")
        reused = min(said.cached, known)
        cold = not kept(said.cached, known, worker)
        return Reply(said.text, reused, meta.prompt_tokens - reused, meta.completion_tokens, cold)

    def is_for(self, workers: Sequence[Worker]) -> bool:
        """Whether these run its model: to another one its tokens mean something else."""
        return self.form.model == workers[0].model.id

    def demand(self, workers: Sequence[Worker]) -> None:
        """Raises InvalidInput if these run another model; of a block without memories Unavailable."""
        if self.is_for(workers):
            return
        if self.activation.sources:
            raise InvalidInput("SGLang runs another model than this block was made for: warm its memories again")
        raise Unavailable("SGLang was started with another model meanwhile: ask again")


def demand(asked: int, worker: Worker, said: Said) -> None:
    """Raises Unavailable if that is not what comes of so many tokens."""
    if said.ended == "abort":
        raise Unavailable(f"{worker.link.name} gave up in the middle of its answer: ask again")
    if said.meta_info.prompt_tokens != asked or said.cached > asked:
        raise worker.link.nonsense()


def kept(cached: int, tokens: int, worker: Worker) -> bool:
    """Whether all whole pages of so many tokens were there, or as good as all."""
    page = worker.about.page_size
    return cached >= tokens // page * page * _WARM


def left(tokens: int, workers: Sequence[Worker]) -> int:
    """How many tokens an answer may have after so many. Raises InvalidInput if that is none."""
    most = min((worker.about.max_req_input_len for worker in workers if worker.about.max_req_input_len), default=2**31)
    if tokens >= most:
        raise InvalidInput(f"{tokens:,} tokens are more than the {most:,} that SGLang takes: choose fewer memories")
    return most - tokens
