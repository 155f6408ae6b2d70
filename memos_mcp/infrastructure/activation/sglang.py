"""KV caches on an SGLang server: a block of memories is a prefix that the server has computed once and keeps.

The server holds the bytes, this holds the keys. What a server cannot do, it is not said to do: see `CANNOT`.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace

import anyio
from pydantic import JsonValue

from memos_mcp.activation import Progress, Reply, Room, Source
from memos_mcp.capacity import Capacity
from memos_mcp.cube import Activation
from memos_mcp.errors import Corrupt, InvalidInput, MemosError, Misconfigured, NotFound, Unavailable
from memos_mcp.infrastructure.activation.answers import CANNOT, STILL_PINNED, Counts
from memos_mcp.infrastructure.activation.prompts import Form, Template, joined, version_of
from memos_mcp.infrastructure.activation.sglang_blocks import Block, demand, kept, left
from memos_mcp.infrastructure.activation.sglang_shapes import Measures, Said, measured, read
from memos_mcp.infrastructure.activation.sglang_texts import Wording
from memos_mcp.infrastructure.activation.sglang_turns import Turns
from memos_mcp.infrastructure.activation.sglang_workers import Crew, Worker
from memos_mcp.infrastructure.activation.sharing import Key, Keys, Sharing, session_of

logger = logging.getLogger(__name__)

LEAST = "0.5.21"
"""The first version whose caches of all tiers are kept apart by both keys."""

PREFACE = "What is remembered:"
_FOR_BLOCKS = 0.8  # of a cache: the rest is for questions and answers
_STEP = 2048  # tokens after which somebody who wants to know is told
_TELLING = 64  # tokens: reading fewer says nothing about the pace
_PAUSE_S = 0.2


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
        self._blocks: dict[str, Block] = {}
        self._plain: tuple[str, Form, tuple[int, ...]] | None = None
        self._owed: set[str] = set()
        self.counts = Counts()

    @property
    def model(self) -> str:
        """What the server calls its model; empty before it was first asked."""
        return self._crew.model

    @property
    def sharing(self) -> Sharing:
        """What the last test of the server found: blocks are used while it is `on`."""
        return self._crew.sharing

    async def start(self) -> Sharing:
        """Test the server now instead of at the first call. Raises Unavailable, Misconfigured."""
        await self._crew.serving()
        return self.sharing

    async def room(self) -> Room:
        """The cache of the smallest server, on one of its devices; a part of it is left to questions and answers."""
        abouts = [worker.about for worker in await self._crew.serving()]
        if not all(about.capacity for about in abouts):
            raise Unavailable(f"{self._crew.front.name} does not say how many tokens it keeps: is it SGLang {LEAST}?")
        per_token = max(about.per_token for about in abouts)
        tokens = min(about.capacity for about in abouts)
        return Room(per_token, int(per_token * tokens * _FOR_BLOCKS), self.counts.pace)

    async def capacity(self) -> Capacity | None:
        """As the servers say; None if none of them does in a second."""
        return await self._crew.capacity()

    async def warm(
        self, sources: Sequence[Source], *, tenant: str = "", pinned: bool = False, told: Progress | None = None
    ) -> Activation:
        """A block of memories, computed on every worker; one that another process warmed is found there.

        Pins are soft: a pinned block goes last when room is needed, and stays pinned until it is dropped. Raises
        Unavailable, Misconfigured (the server keeps no prefixes, or not apart), InvalidInput (none, or more than fit).
        """
        if not sources:
            raise InvalidInput("a block is made of memories: give at least one")
        workers = await self._crew.serving()
        if self.sharing.state != "on":
            raise Misconfigured(f"{self._crew.front.name} gets no block: {self.sharing.why}")
        form = await self._wording.form(workers[0])
        key = self._key(tenant, form, sources)
        block = self._blocks.get(key.fingerprint) or await self._laid(tenant, form, sources, workers)
        if pinned:
            self._owed.discard(key.session)
            if not block.pinned:
                block.pinned = True
                block.workers.clear()
        await self._warmed(block, workers, told)
        return block.activation

    async def generate(
        self, activation: Activation | None, prompt: str, *, tenant: str = "", limit: int = 256
    ) -> Reply:
        """The model's answer to a prompt after a block, or after the preface alone: the likeliest words.

        A block that the server lost is computed on the way and warmed again. Raises Unavailable, Misconfigured,
        NotFound (dropped, of another tenant, or warmed by another process or before a restart: warm it again),
        InvalidInput (of another model; too long), Corrupt. That another process dropped it is not known here.
        """
        block, workers = await self._ready(activation, tenant)
        ids, body = await self._asking(block, prompt, limit, workers)
        reply = self._counted(block, len(ids), *await self._turns.whole(workers, block.workers, body))
        await self._again(block)
        return reply

    async def stream(
        self, activation: Activation | None, prompt: str, *, tenant: str = "", limit: int = 256
    ) -> AsyncGenerator[str]:
        """The same, word by word; who leaves the loop ends the generation (`aclosing`). Raises as `generate`."""
        block, workers = await self._ready(activation, tenant)
        ids, body = await self._asking(block, prompt, limit, workers)
        text, last = "", None
        async with aclosing(self._turns.pieces(workers, block.workers, body)) as pieces:
            async for worker, said in pieces:
                new = said.text if worker.about.incremental_streaming_output else said.text[len(text) :]
                text, last = text + new, (worker, said)
                if new:
                    yield new
        if last is None:
            raise Unavailable(f"{self._crew.front.name} gave no answer: ask again")
        self._counted(block, len(ids), last[0], last[1].model_copy(update={"text": text}))
        await self._again(block)

    async def verify(self, activation: Activation) -> None:
        """Ask every worker for the block, as none can be looked into: what one had lost it has read again then.

        Raises as `generate`; NotFound also for what was lost.
        """
        block, workers = await self._ready(activation, None)
        lost = 0
        async with block.lock:
            for worker in workers:
                cached = await self._asked(block, worker, len(block.ids))
                if not kept(cached, len(block.ids) - 1, worker):  # the last token is read anew in any case
                    lost = max(lost, len(block.ids) - cached)
                block.workers.add(worker.id)
        if lost:
            raise NotFound(f"SGLang had lost {lost:,} tokens of this block, and has read them again")

    async def drop(self, activation: Activation) -> str:
        """Never answer with this block again, whatever the server does, and end its pin, whoever warmed it.

        An answer that has begun goes on, and another process that warmed it answers with it until it drops it too.
        """
        session = session_of(activation.fingerprint)
        if session is None:
            return ""
        block = self._blocks.pop(activation.fingerprint, None)
        self._owed.add(session)
        async with block.lock if block else anyio.Lock():
            self._owed.add(session)  # another drop may have ended it while this block was read
            return CANNOT if await self._settled() else f"{CANNOT} {STILL_PINNED}"

    async def flush(self, within_s: float = 60) -> None:
        """Clear the caches of all workers, of all tenants; a storage tier keeps what it has.

        A server does so only while it is idle: asked again until then. Raises Unavailable, Misconfigured.
        """
        until = anyio.current_time() + within_s
        for worker in await self._crew.serving():
            while True:
                rest = max(until - anyio.current_time(), _PAUSE_S)
                query = {"timeout": f"{min(rest, 5):.1f}"}
                answer = await worker.link.ask("POST", "flush_cache", query=query, within_s=rest + _PAUSE_S)
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

    async def _ready(self, activation: Activation | None, tenant: str | None) -> tuple[Block, Sequence[Worker]]:
        block = self._found(activation, tenant) if activation else None
        workers = await self._crew.serving()
        if block is None:
            block = await self._without(tenant or "", workers)
        block.demand(workers)
        return block, workers

    def _found(self, activation: Activation, tenant: str | None) -> Block:
        block = self._blocks.get(activation.fingerprint)
        if block is None or tenant not in {None, block.tenant}:
            raise NotFound("this block was dropped, or warmed by another process: warm its memories again")
        if block.activation.sources != activation.sources:
            raise Corrupt("this block is not of the memories that the cube names: warm them again")
        return block

    async def _without(self, tenant: str, workers: Sequence[Worker]) -> Block:
        """The preface alone, under keys of its own."""
        known = self._plain
        if known is None or known[0] != workers[0].id:
            form = await self._wording.form(workers[0])
            known = self._plain = (workers[0].id, form, await self._wording.prefix(workers[0].link, form, ()))
        return Block.of(tenant, known[1], (), known[2], self._key(tenant, known[1], ()))

    def _key(self, tenant: str, form: Form, sources: Sequence[Source]) -> Key:
        return self._keys.of(tenant, version_of(form.model, form.template, self._wording.preface, sources))

    async def _laid(self, tenant: str, form: Form, sources: Sequence[Source], workers: Sequence[Worker]) -> Block:
        ids = await self._wording.prefix(workers[0].link, form, sources)
        left(len(ids), workers)
        block = Block.of(tenant, form, sources, ids, self._key(tenant, form, sources))
        return self._blocks.setdefault(block.key.fingerprint, block)

    async def _warmed(self, block: Block, workers: Sequence[Worker], told: Progress | None = None) -> None:
        """Compute and pin the block where it is not; what was dropped meanwhile is left alone."""
        async with block.lock:
            trouble: Unavailable | None = None
            cold = [worker for worker in workers if worker.id not in block.workers]
            for at, worker in enumerate(cold):
                if self._blocks.get(block.key.fingerprint) is not block:
                    return
                try:
                    await self._read_by(worker, block, at, len(cold), told)
                except Unavailable as exc:
                    self._crew.doubt()
                    trouble = exc
                    logger.warning("a worker of SGLang was not warmed", extra={"worker": worker.link.url})
            if trouble is not None and block.workers.isdisjoint(worker.id for worker in workers):
                raise trouble

    async def _read_by(self, worker: Worker, block: Block, at: int, of: int, told: Progress | None) -> None:
        whole = len(block.ids)
        found = before = 0
        for end in [*(range(_STEP, whole, _STEP) if told else ()), whole]:
            started = anyio.current_time()
            cached = await self._asked(block, worker, end)
            if (anew := end - cached) >= _TELLING:
                seconds = self.counts.seconds + anyio.current_time() - started
                self.counts = replace(self.counts, read=self.counts.read + anew, seconds=seconds)
            found, before = found + max(0, cached - before), end
            if told:
                told(at * whole + end, of * whole)
        block.workers.add(worker.id)
        self.counts = replace(self.counts, warmed=self.counts.warmed + 1, found=self.counts.found + found)

    async def _asked(self, block: Block, worker: Worker, end: int) -> int:
        """Has the worker read the first tokens of a block; how many it had already."""
        body = block.request(block.ids[:end], 0)
        if block.pinned and worker.about.enable_session_radix_cache:
            body["session_id"] = block.key.session
        said = read(worker.link, Said, worker.link.accepted(await worker.link.ask("POST", "generate", body)))
        demand(end, worker, said)
        return said.cached

    async def _again(self, block: Block) -> None:
        """Warm what was lost, and whoever is new. That fails no answer, unless it came from another model."""
        try:
            workers = await self._crew.serving()
            if self.sharing.state == "on" and block.is_for(workers):
                await self._warmed(block, workers)
        except MemosError as exc:
            logger.warning("a block could not be warmed again", extra={"why": str(exc)})
            return
        block.demand(workers)

    async def _settled(self) -> bool:
        """Ends the pins of what was dropped, those too that could not be ended before."""
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

    async def _asking(
        self, block: Block, prompt: str, limit: int, workers: Sequence[Worker]
    ) -> tuple[Sequence[int], dict[str, JsonValue]]:
        if not prompt.strip():
            raise InvalidInput("an empty question has no answer: ask something")
        if limit < 1:
            raise InvalidInput(f"an answer needs at least one token, not {limit}")
        ids = joined(block.ids, await self._wording.question(workers[0].link, block.form, prompt))
        return ids, block.request(ids, min(limit, left(len(ids), workers)))

    def _counted(self, block: Block, asked: int, worker: Worker, said: Said) -> Reply:
        reply = block.reply(asked, worker, said)
        self.counts = replace(self.counts, answers=self.counts.answers + 1, cold=self.counts.cold + int(reply.cold))
        if reply.cold:
            block.workers.discard(worker.id)
            logger.info("a block was cold", extra={"tokens": len(block.ids), "cached": said.cached})
        if reply.cold or not said.cached:
            self._crew.doubt()
        return reply
