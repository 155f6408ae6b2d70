"""KV caches on an SGLang server: a block of memories is a prefix that the server has computed once and keeps.

The server holds the bytes, this holds the keys. What a server cannot do, it is not said to do: see `Dropped`.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

import anyio
from pydantic import JsonValue

from memos_mcp.activation import Source
from memos_mcp.cube import Activation
from memos_mcp.errors import InvalidInput, MemosError, Misconfigured, NotFound, Unavailable
from memos_mcp.infrastructure.activation.answers import Counts, Dropped, Generated, Piece
from memos_mcp.infrastructure.activation.prompts import Template, joined, ordered, version_of
from memos_mcp.infrastructure.activation.sglang_shapes import Measures, Reply, measured, read
from memos_mcp.infrastructure.activation.sglang_texts import Form, Wording
from memos_mcp.infrastructure.activation.sglang_turns import Turns
from memos_mcp.infrastructure.activation.sglang_workers import Crew, Worker
from memos_mcp.infrastructure.activation.sharing import Key, Keys, Sharing

logger = logging.getLogger(__name__)

LEAST = "0.5.21"
"""The first version whose caches of all tiers are kept apart by both keys."""

PREFACE = "What is remembered:"
_WARM = 0.99  # of the prefix: less than this was computed anew
_PAUSE_S = 0.2


@dataclass(slots=True)
class _Block:
    name: tuple[str, str]
    form: Form
    ids: tuple[int, ...]
    key: Key
    activation: Activation
    pinned: bool
    workers: set[str] = field(default_factory=set[str])
    lock: anyio.Lock = field(default_factory=anyio.Lock)


class _AnotherModel(NotFound):
    """A block of tokens that mean something else by now."""


class SGLang:
    """Prefixes of memories on one server, or on those behind a router. Safe to call from several tasks at once."""

    def __init__(
        self,
        url: str,
        secret: str,
        key: str | None = None,
        *,
        template: Template | None = None,
        preface: str = PREFACE,
        least: str = LEAST,
        timeout_s: float = 120,
        brief_s: float = 10,
        backoff_s: float = 0.5,
        follow_s: float = 10,
    ) -> None:
        """`secret` keeps tenants apart, and blocks are found again as long as it stays; `key` is that of the server.

        A prompt may take `timeout_s`, anything else `brief_s`; who serves is looked at every `follow_s`. A lower
        `least` is for measuring old servers with one tenant. Raises Misconfigured.
        """
        self._keys = Keys(secret)
        self._crew = Crew(
            url, key, least=least, timeout_s=timeout_s, brief_s=brief_s, backoff_s=backoff_s, follow_s=follow_s
        )
        self._wording = Wording(self._crew, template, preface)
        self._turns = Turns(self._crew, timeout_s)
        self._blocks: dict[str, _Block] = {}
        self._epochs: dict[tuple[str, str], int] = {}
        self._owed: set[str] = set()
        self.counts = Counts()

    @property
    def sharing(self) -> Sharing:
        """What the last test of the server found: blocks are used while it is `on`."""
        return self._crew.sharing

    async def start(self) -> Sharing:
        """Test the server now instead of at the first call. Raises Unavailable, Misconfigured."""
        await self._crew.serving()
        return self.sharing

    async def warm(self, sources: Iterable[Source], *, tenant: str = "", pin: bool = True) -> Activation:
        """A block of memories, computed on every worker and pinned there; the same block if it is there already.

        Pins are soft: a pinned block goes last when room is needed. Raises Unavailable, Misconfigured (the server keeps
        no prefixes, or not apart), InvalidInput (no memories, or more than fit).
        """
        chosen = ordered(sources)
        workers = await self._crew.serving()
        if self.sharing.state != "on":
            raise Misconfigured(f"{self._crew.front.name} gets no block: {self.sharing.why}")
        form = await self._wording.form(workers[0].link, workers[0].model)
        block = self._known(tenant, form, chosen) or await self._laid(tenant, form, chosen, workers)
        if pin and not block.pinned:
            block.pinned = True
            block.workers.clear()
            self._owed.discard(block.key.session)
        await self._warmed(block, workers)
        return block.activation

    async def generate(self, activation: Activation, prompt: str, *, limit: int = 256) -> Generated:
        """The model's answer to a question after a block, up to `limit` tokens, the likeliest ones.

        A block that the server lost is computed on the way and warmed again. Raises Unavailable, Misconfigured,
        NotFound (dropped, or of another process or model: warm it again), InvalidInput (too long).
        """
        block, workers = await self._ready(activation)
        body = await self._body(block, prompt, limit, workers)
        answer = self._answer(block, *await self._turns.whole(workers, block.workers, body))
        await self._again(activation, answer)
        return answer

    async def stream(self, activation: Activation, prompt: str, *, limit: int = 256) -> AsyncGenerator[Piece]:
        """The same as `generate`, word by word. Whoever leaves early ends the generation. Raises as `generate`."""
        block, workers = await self._ready(activation)
        body = await self._body(block, prompt, limit, workers)
        said, last = "", None
        async with aclosing(self._turns.pieces(workers, block.workers, body)) as pieces:
            async for worker, reply in pieces:
                new = reply.text if worker.about.incremental_streaming_output else reply.text[len(said) :]
                said, last = said + new, (worker, reply)
                if new:
                    yield Piece(new)
        if last is None:
            raise Unavailable(f"{self._crew.front.name} gave no answer: ask again")
        answer = self._answer(block, last[0], last[1].model_copy(update={"text": said}))
        await self._again(activation, answer)
        yield Piece("", answer)

    async def unpin(self, activation: Activation) -> None:
        """Let the block go when room is needed; until then it stays warm. Raises Unavailable, NotFound."""
        block = self._found(activation)
        async with block.lock:
            block.pinned = False
            if not await self._closed(block):
                raise Unavailable(
                    "not every worker of SGLang was told that a block is no longer pinned: unpin it again"
                )

    async def drop(self, activation: Activation) -> Dropped:
        """Make a block unreachable, at once and whatever the server does: its keys are never used again.

        An answer that has begun goes on.
        """
        block = self._blocks.pop(activation.fingerprint, None)
        if block is None:
            return Dropped(known=False, unpinned=False)
        self._epochs[block.name] = self._epochs.get(block.name, 0) + 1
        async with block.lock:
            return Dropped(known=True, unpinned=await self._closed(block))

    async def flush(self, within_s: float = 60) -> None:
        """Clear the caches of all workers, of all tenants; a storage tier keeps what it has.

        A server does so only while it is idle: asked again until then. Raises Unavailable, Misconfigured.
        """
        until = anyio.current_time() + within_s
        for worker in await self._crew.serving():
            while True:
                left = max(until - anyio.current_time(), _PAUSE_S)
                query = {"timeout": f"{min(left, 5):.1f}"}
                answer = await worker.link.ask("POST", "flush_cache", query=query, within_s=left + _PAUSE_S)
                if answer.status != 400:
                    worker.link.accepted(answer)
                    break
                if anyio.current_time() + _PAUSE_S >= until:
                    raise Unavailable(f"{worker.link.name} is busy and flushes nothing: try again when it is idle")
                await anyio.sleep(_PAUSE_S)
        for block in self._blocks.values():
            block.workers.clear()

    async def measures(self) -> Measures:
        """What the workers counted. Raises Unavailable, Misconfigured (a server without --enable-metrics)."""
        pages = [
            (await self._crew.brief(worker.link, "GET", "metrics")).decode("utf-8", "replace")
            for worker in await self._crew.serving()
        ]
        return measured(pages)

    async def aclose(self) -> None:
        """Close the connections. Blocks stay on the server, pinned as they are."""
        await self._crew.aclose()

    async def _ready(self, activation: Activation) -> tuple[_Block, Sequence[Worker]]:
        """The block and who serves it; one of another model is dropped, as its tokens mean nothing there."""
        block, workers = self._found(activation), await self._crew.serving()
        if block.form.model != workers[0].model:
            self._blocks.pop(activation.fingerprint, None)
            raise _AnotherModel("SGLang runs another model than this block was made for: warm its memories again")
        return block, workers

    def _found(self, activation: Activation) -> _Block:
        block = self._blocks.get(activation.fingerprint)
        if block is None:
            raise NotFound("this block was dropped, or warmed by another process: warm its memories again")
        return block

    def _named(self, form: Form, sources: Sequence[Source], epoch: int) -> str:
        return version_of(form.model, form.template, sources, epoch)

    def _known(self, tenant: str, form: Form, sources: Sequence[Source]) -> _Block | None:
        name = (tenant, self._named(form, sources, 0))
        return self._blocks.get(self._fingerprint(self._key(name, form, sources)))

    def _key(self, name: tuple[str, str], form: Form, sources: Sequence[Source]) -> Key:
        return self._keys.of(name[0], self._named(form, sources, self._epochs.get(name, 0)))

    def _fingerprint(self, key: Key) -> str:
        return f"sglang:{key.extra}"

    async def _laid(self, tenant: str, form: Form, sources: Sequence[Source], workers: Sequence[Worker]) -> _Block:
        ids = await self._wording.prefix(workers[0].link, form, sources)
        _fitting(len(ids), 0, workers)
        name = (tenant, self._named(form, sources, 0))
        key = self._key(name, form, sources)
        activation = Activation(
            sources=tuple(source.ref for source in sources), fingerprint=self._fingerprint(key), tokens=len(ids)
        )
        return self._blocks.setdefault(activation.fingerprint, _Block(name, form, ids, key, activation, pinned=False))

    async def _warmed(self, block: _Block, workers: Sequence[Worker]) -> None:
        """Compute and pin the block where it is not; what was dropped meanwhile is left alone."""
        async with block.lock:
            trouble: Unavailable | None = None
            for worker in workers:
                if worker.id in block.workers or self._blocks.get(block.activation.fingerprint) is not block:
                    continue
                body = self._prompt(block, block.ids, 0)
                if block.pinned and worker.about.enable_session_radix_cache:
                    body["session_id"] = block.key.session
                try:
                    data = worker.link.accepted(await worker.link.ask("POST", "generate", body))
                    found = read(worker.link, Reply, data).cached
                except Unavailable as exc:
                    self._crew.doubt()
                    trouble = exc
                    logger.warning("a worker of SGLang was not warmed", extra={"worker": worker.link.url})
                    continue
                block.workers.add(worker.id)
                self.counts = self.counts.with_(warmed=1, found=found)
            if trouble is not None and block.workers.isdisjoint(worker.id for worker in workers):
                raise trouble

    async def _again(self, activation: Activation, answer: Generated) -> None:
        """Warm what was lost, and whoever is new. That fails no answer, unless it came from another model."""
        try:
            if answer.cold:
                self._crew.doubt()
            block, workers = await self._ready(activation)
            if self.sharing.state == "on":
                await self._warmed(block, workers)
        except _AnotherModel:
            raise
        except NotFound:
            pass  # dropped meanwhile
        except MemosError as exc:
            logger.warning("a block could not be warmed again", extra={"why": str(exc)})

    async def _closed(self, block: _Block) -> bool:
        """Ends the pins of the block, and those that could not be ended before."""
        self._owed.add(block.key.session)
        try:
            workers = await self._crew.serving()
            for session in tuple(self._owed):
                for worker in workers:
                    if worker.about.enable_session_radix_cache:
                        await self._crew.brief(worker.link, "POST", "close_session", {"session_id": session})
                self._owed.discard(session)
        except MemosError as exc:
            self._crew.doubt()
            logger.warning("a block could not be unpinned", extra={"why": str(exc)})
            return False
        return True

    async def _body(self, block: _Block, prompt: str, limit: int, workers: Sequence[Worker]) -> dict[str, JsonValue]:
        if not prompt.strip():
            raise InvalidInput("an empty question has no answer: ask something")
        ids = joined(block.ids, await self._wording.question(workers[0].link, block.form, prompt))
        _fitting(len(ids), limit, workers)
        return self._prompt(block, ids, limit)

    def _prompt(self, block: _Block, ids: Sequence[int], limit: int) -> dict[str, JsonValue]:
        return {
            "input_ids": list[JsonValue](ids),
            "sampling_params": {"max_new_tokens": limit, "temperature": 0},
            "cache_salt": block.key.salt,
            "extra_key": block.key.extra,
        }

    def _answer(self, block: _Block, worker: Worker, reply: Reply) -> Generated:
        meta, page = reply.meta_info, worker.about.page_size
        ended = meta.finish_reason.type if meta.finish_reason else "abort"
        if ended == "abort":
            raise Unavailable(f"{worker.link.name} gave up in the middle of its answer: ask again")
        cold = reply.cached < len(block.ids) // page * page * _WARM
        self.counts = self.counts.with_(answers=1, cold=int(cold))
        if cold:
            block.workers.discard(worker.id)
            logger.info("a block was cold", extra={"tokens": len(block.ids), "cached": reply.cached})
        return Generated(
            reply.text, meta.prompt_tokens, reply.cached, meta.completion_tokens, cold, whole=ended != "length"
        )


def _fitting(tokens: int, limit: int, workers: Sequence[Worker]) -> None:
    limits = [worker.about.max_req_input_len for worker in workers if worker.about.max_req_input_len]
    if limits and tokens + limit > min(limits):
        raise InvalidInput(
            f"{tokens + limit:,} tokens are more than the {min(limits):,} that SGLang takes: choose fewer memories"
        )
